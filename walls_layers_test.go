package allocation_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAFileUsesOnlyFilesThatContributingNamesBefore keeps the root without circles of files: the table of
// CONTRIBUTING.md is an order in which the files can be read.
func TestAFileUsesOnlyFilesThatContributingNamesBefore(t *testing.T) {
	place := placesInContributing(t)
	uses := usesOfFiles(t)
	assert.NotEmpty(t, uses[use{"uow.go", "clearing.go"}], "the test sees uses")
	for u, name := range uses {
		assert.Less(t, place[u.of], place[u.by], "%s uses %s of %s, and stands before it", u.by, name, u.of)
	}
}

// placesInContributing numbers the files of the root in the order in which the layout names them.
func placesInContributing(t *testing.T) map[string]int {
	t.Helper()
	page, err := os.ReadFile("CONTRIBUTING.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(page), "### The root\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n### ")
	places := map[string]int{}
	for _, name := range regexp.MustCompile("`([a-z_]+\\.go)`").FindAllStringSubmatch(table, -1) {
		if places[name[1]] == 0 {
			places[name[1]] = len(places) + 1
		}
	}
	return places
}

// use is a use of one file's declarations by another file.
type use struct{ by, of string }

// usesOfFiles returns the uses between files of the root, each with the name of a declaration. The packages that the
// root imports are not read, so a call of a method whose receiver is the result of another package is not seen.
func usesOfFiles(t *testing.T) map[use]string {
	t.Helper()
	set := token.NewFileSet()
	var files []*ast.File
	paths, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, path, nil, 0)
		require.NoError(t, err)
		files = append(files, file)
	}
	info := types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: unread{}, Error: func(error) {}}
	pkg, _ := config.Check(module, set, files, &info) // errors are about what is not read
	uses := map[use]string{}
	for id, object := range info.Uses {
		if object.Pkg() != pkg || !isDeclaration(object) {
			continue
		}
		u := use{by: set.Position(id.Pos()).Filename, of: set.Position(object.Pos()).Filename}
		if u.by != u.of {
			uses[u] = object.Name()
		}
	}
	return uses
}

// isDeclaration reports whether an object is declared at the top of a file, or is a method.
func isDeclaration(object types.Object) bool {
	_, is := object.(*types.Func)
	return is || object.Parent() == object.Pkg().Scope()
}

// unread is an importer of empty packages.
type unread struct{}

func (unread) Import(path string) (*types.Package, error) {
	pkg := types.NewPackage(path, path[strings.LastIndex(path, "/")+1:])
	pkg.MarkComplete()
	return pkg, nil
}
