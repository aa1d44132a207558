package allocation_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/cosmic-go/allocation"

// TestRootExportsFewNames counts types, functions and values; methods and fields belong to their types.
func TestRootExportsFewNames(t *testing.T) {
	names := exported(t, ".")
	assert.LessOrEqual(t, len(names), 76, "names that the root exports: %v", names)
	assert.Contains(t, names, "Product", "the count sees types")
	assert.Contains(t, names, "NewProduct", "the count sees functions")
	assert.Contains(t, names, "ErrNotFound", "the count sees values")
}

func exported(t *testing.T, folder string) []string {
	t.Helper()
	var names []string
	note := func(id *ast.Ident) {
		if id.IsExported() {
			names = append(names, id.Name)
		}
	}
	for _, file := range sources(t, folder) {
		for _, decl := range file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				if decl.Recv == nil {
					note(decl.Name)
				}
			case *ast.GenDecl:
				noteSpecs(decl, note)
			}
		}
	}
	return names
}

func noteSpecs(decl *ast.GenDecl, note func(*ast.Ident)) {
	for _, spec := range decl.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			note(spec.Name)
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				note(name)
			}
		}
	}
}

// sources parses the files of a package without its tests.
func sources(t *testing.T, folder string) []*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		files = append(files, file)
	}
	return files
}

// TestWalls checks the promises to a host: importing the library brings the standard library and
// nothing else, and the packages depend on each other in one direction.
func TestWalls(t *testing.T) {
	const combine = module + "/internal/combine" // of the root alone; through the root all others depend on it
	ports := []string{module, combine, module + "/outbox", module + "/views"}
	walls := map[string]struct{ may, never []string }{
		".":                  {may: []string{combine}, never: []string{"database/sql", "net/http", "testing"}},
		"./internal/combine": {never: []string{module, "database/sql", "net/http", "testing"}},
		"./bus":              {may: []string{module, combine}, never: []string{"database/sql", "net/http", "testing"}},
		"./outbox":           {may: []string{module, combine}, never: []string{"database/sql", "net/http", "testing"}},
		"./views":            {may: []string{module, combine}, never: []string{"database/sql", "net/http", "testing"}},
		"./console":          {may: ports, never: []string{"database/sql", "testing"}},
		"./memory":           {may: ports, never: []string{"database/sql", "net/http", "testing"}},
		"./sqlstore":         {may: append(ports, module+"/sqlstore/seam"), never: []string{"net/http", "testing"}},
		"./sqlstore/seam":    {never: []string{module, "net/http", "testing"}},
		"./storetest":        {may: ports, never: []string{"database/sql", "net/http"}},
	}
	for folder, wall := range walls {
		t.Run(folder, func(t *testing.T) {
			self := strings.TrimSuffix(module+"/"+strings.TrimPrefix(folder, "./"), "/.")
			var here []string
			for _, path := range dependencies(t, folder) {
				assert.NotContains(t, wall.never, path, "imports of %s", self)
				if strings.HasPrefix(path, module) {
					here = append(here, path)
					continue
				}
				first, _, _ := strings.Cut(path, "/")
				assert.NotContains(t, first, ".", "imports of %s: only the standard library has no dot: %s", self, path)
			}
			assert.Subset(t, append(wall.may, self), here, "packages of this module that %s imports", self)
		})
	}
}

// dependencies lists all packages that go into a build of one, itself included.
func dependencies(t *testing.T, folder string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", folder).Output()
	require.NoError(t, err)
	return strings.Fields(string(out))
}
