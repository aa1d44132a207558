package allocation_test

import (
	"os"
	"os/exec"
	"path/filepath"
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
