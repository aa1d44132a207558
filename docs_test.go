package allocation_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFirstProgramOfReadmeRuns runs the program that a newcomer copies first, and compares the output with the sentence
// behind the program.
func TestFirstProgramOfReadmeRuns(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, program, found := strings.Cut(string(readme), "```go\npackage main\n")
	require.True(t, found, "README.md has no program")
	program, text, _ := strings.Cut(program, "\n```\n")
	_, want, found := strings.Cut(text, "The program prints `")
	require.True(t, found, "README.md doesn't say what the program prints")
	want, _, _ = strings.Cut(want, "`")

	file := filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(file, []byte("package main\n"+program), 0o600))
	got, err := exec.CommandContext(t.Context(), "go", "run", file).CombinedOutput()
	require.NoError(t, err, "%s", got)
	assert.Equal(t, want, strings.TrimSpace(string(got)))
}

// TestContributingNamesEveryFile keeps the tables of the layout complete: the folders of packages, and the files of the
// two packages with many.
func TestContributingNamesEveryFile(t *testing.T) {
	page, err := os.ReadFile("CONTRIBUTING.md")
	require.NoError(t, err)
	_, layout, _ := strings.Cut(string(page), "## Layout")
	layout, _, found := strings.Cut(layout, "### Walls")
	require.True(t, found, "CONTRIBUTING.md has no layout")
	var names []string // of files, some with *
	for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(layout, -1) {
		names = append(names, name[1])
	}
	isNamed := func(file string) bool {
		for _, name := range names {
			if matches, err := filepath.Match(name, file); err == nil && matches {
				return true
			}
		}
		return false
	}
	for _, pattern := range []string{"*.go", "sqlstore/*.go"} {
		for _, file := range glob(t, pattern) {
			if !strings.HasSuffix(file, "_test.go") {
				assert.True(t, isNamed(filepath.Base(file)), "the layout in CONTRIBUTING.md names %s", file)
			}
		}
	}
	for _, pattern := range []string{"*/*.go", "internal/*/*.go", "internal/dbtest/*/*.go"} {
		for _, file := range glob(t, pattern) {
			folder := filepath.ToSlash(filepath.Dir(file)) + "/"
			assert.True(t, slices.Contains(names, folder), "the layout in CONTRIBUTING.md names %s", folder)
		}
	}
}

// TestTestsStandBesideWhatTheyTest holds that the name of a file of tests begins like the name of a file of the
// package, but for tests of the whole.
func TestTestsStandBesideWhatTheyTest(t *testing.T) {
	whole := []string{"bench", "broken", "docs", "example", "fuzz", "golden", "race", "recorder", "shop", "walls"}
	first := func(file string) string {
		name, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".go"), "_")
		return name
	}
	for _, folder := range []string{".", "bus", "memory", "outbox", "sqlstore", "storetest", "views"} {
		files := glob(t, folder+"/*.go")
		begin := slices.Clone(whole)
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				begin = append(begin, first(file))
			}
		}
		for _, file := range files {
			assert.True(t, slices.Contains(begin, first(file)), "no file of the package begins like %s", file)
		}
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, files, pattern)
	return files
}
