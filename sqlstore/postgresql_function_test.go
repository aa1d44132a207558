package sqlstore

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func TestTheGoldenFileOfFunctions(t *testing.T) {
	opts := &Options{Functions: true}
	store, err := New(new(sql.DB), PostgreSQL, opts)
	require.NoError(t, err)
	created, err := Functions(PostgreSQL, opts)
	require.NoError(t, err)
	call := store.statements.writer.(*postgreSQLCommit).plainLine
	got := goldenFile("postgresql, with functions", []goldenStatement{
		{"function: commit of one plain line", "Created by Migrate, for Options.Functions.", created, nil},
		{"commit of one plain line", "Takes the place of the statement without Options.Functions.",
			call.text, call.params},
	})
	path := filepath.Join("testdata", "postgresql_functions.sql")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "run go test ./sqlstore -update, and read what it changed")
}

func TestFunctionsAreForPostgreSQL(t *testing.T) {
	for _, dialect := range []*Dialect{SQLite, MariaDB} {
		_, err := New(new(sql.DB), dialect, &Options{Functions: true})
		require.ErrorIs(t, err, allocation.ErrInvalid)
		_, err = Functions(dialect, &Options{Functions: true})
		require.ErrorIs(t, err, allocation.ErrInvalid)
	}
	_, err := Functions(nil, nil)
	require.ErrorIs(t, err, allocation.ErrInvalid)
	text, err := Functions(PostgreSQL, nil)
	require.NoError(t, err)
	assert.Empty(t, text)
}

// A program of another package over the same tables must neither call nor replace the function.
func TestAnotherFunctionHasAnotherName(t *testing.T) {
	names := &templates{engine: &postgreSQL, prefix: defaultPrefix, functions: true}
	known, text := names.lineFunction().name, lineFunction
	defer func() { lineFunction = text }()
	lineFunction = strings.Replace(text, "RETURN 1;", "RETURN 2;", 1)
	require.NotEqual(t, known, names.lineFunction().name)
}
