package recipes

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// longest is the greatest number of lines of a recipe.
const longest = 10

var (
	blocks  = regexp.MustCompile("(?s)```go\n(.*?)```")
	recipes = regexp.MustCompile(`(?ms)^(\t*)//recipe:begin\n(.*?)\n+\t*//recipe:end$`)
)

// TestPageHasTheRecipes compares the Go code of docs/transactions.md with the code of the tests between the comments
// recipe:begin and recipe:end, in both directions.
func TestPageHasTheRecipes(t *testing.T) {
	page, err := os.ReadFile("../docs/transactions.md")
	require.NoError(t, err)
	shown := map[string]bool{}
	for _, block := range blocks.FindAllStringSubmatch(string(page), -1) {
		shown[block[1]] = true
	}
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	tested := map[string]bool{}
	for _, file := range files {
		code, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range recipes.FindAllStringSubmatch(string(code), -1) {
			indent := regexp.MustCompile("(?m)^" + found[1])
			recipe := indent.ReplaceAllString(found[2], "") + "\n"
			tested[recipe] = true
			assert.True(t, shown[recipe], "docs/transactions.md shows this code of %s:\n%s", file, recipe)
			assert.LessOrEqual(t, strings.Count(recipe, "\n"), longest, "lines of a recipe of %s:\n%s", file, recipe)
		}
	}
	for block := range shown {
		assert.True(t, tested[block], "a test has this code of docs/transactions.md:\n%s", block)
	}
	assert.NotEmpty(t, tested)
}
