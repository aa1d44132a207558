package storetest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// kindsOfEvents returns the names of all types with a method Kind in the root's files of events.
func kindsOfEvents(t *testing.T) (kinds []string) {
	t.Helper()
	names, err := filepath.Glob("../event*.go")
	require.NoError(t, err)
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			method, is := decl.(*ast.FuncDecl)
			if is && method.Name.Name == "Kind" && method.Recv != nil {
				kinds = append(kinds, method.Recv.List[0].Type.(*ast.Ident).Name)
			}
		}
	}
	return kinds
}

func TestStoresAreAskedForEveryKindOfEvent(t *testing.T) {
	want, have := kindsOfEvents(t), map[string]bool{}
	for _, kind := range want {
		_, err := allocation.DecodeEvent(kind, []byte("{}"))
		require.NoError(t, err)
	}
	require.Contains(t, want, "LineWaiting")
	for _, e := range everyKind() {
		have[e.Kind()] = true
	}
	for _, kind := range want {
		assert.True(t, have[kind], "everyKind has no %s", kind)
	}
}

// A store that keeps the fields of an event in columns may forget a column.
func TestStoresAreAskedForEveryFieldOfAnEvent(t *testing.T) {
	set := map[string]bool{}
	for _, e := range everyKind() {
		v := reflect.ValueOf(e)
		for i := range v.NumField() {
			field := e.Kind() + "." + v.Type().Field(i).Name
			set[field] = set[field] || !v.Field(i).IsZero()
		}
	}
	for field, is := range set {
		assert.True(t, is, "no event of everyKind has a %s", field)
	}
}
