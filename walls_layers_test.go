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

// TestAFileUsesOnlyFilesThatContributingNamesBefore keeps the packages without circles of files: the tables of
// CONTRIBUTING.md are orders in which the files can be read.
func TestAFileUsesOnlyFilesThatContributingNamesBefore(t *testing.T) {
	for folder, heading := range map[string]string{".": "### The root\n", "sqlstore": "### The files of sqlstore\n"} {
		t.Run(folder, func(t *testing.T) {
			place := placesInContributing(t, heading)
			uses := usesOfFiles(t, folder)
			assert.NotEmpty(t, uses, "the test sees uses")
			for u, name := range uses {
				assert.Less(t, place[u.of], place[u.by], "%s uses %s of %s, and stands before it", u.by, name, u.of)
			}
		})
	}
}

// placesInContributing numbers the files of a package in the order in which a table of CONTRIBUTING.md names them.
func placesInContributing(t *testing.T, heading string) map[string]int {
	t.Helper()
	page, err := os.ReadFile("CONTRIBUTING.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(page), heading)
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

// usesOfFiles returns the uses between the files of a package, each with the name of a declaration. The imported
// packages are not read, so a call of a method whose receiver is the result of another package is not seen.
func usesOfFiles(t *testing.T, folder string) map[use]string {
	t.Helper()
	set := token.NewFileSet()
	var files []*ast.File
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
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
		u := use{
			by: filepath.Base(set.Position(id.Pos()).Filename), of: filepath.Base(set.Position(object.Pos()).Filename),
		}
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
