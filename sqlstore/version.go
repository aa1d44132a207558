package sqlstore

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/cosmic-go/allocation"
)

// checkVersion returns ErrNotMigrated unless the tables have the version of this package.
func (s *Store) checkVersion(ctx context.Context, op string) error {
	migrations, err := s.templates.migrations()
	if err != nil {
		return err
	}
	conn, err := s.db.connect(ctx)
	if err != nil {
		return s.meaning(ctx, op, err)
	}
	defer func() { _ = conn.close() }() // the answer is complete
	have, err := s.version(ctx, conn)
	if err != nil {
		return s.meaning(ctx, op, err)
	}
	if want := len(migrations); have != want {
		return s.notMigrated(ctx, conn, op, have, want)
	}
	lacking, err := s.lacksFunctions(ctx, conn)
	switch {
	case err != nil:
		return s.meaning(ctx, op, err)
	case lacking:
		return &allocation.Error{
			Op: op, Field: "function", Value: s.templates.lineFunction().name,
			Err: fmt.Errorf("%w: the function is missing", ErrNotMigrated),
		}
	}
	return nil
}

func (s *Store) notMigrated(ctx context.Context, conn connection, op string, have, want int) error {
	var database string
	if err := one(ctx, conn, &query{text: s.engine.database, literal: true}, nil, &database); err != nil {
		return s.meaning(ctx, op, err)
	}
	return &allocation.Error{
		Op: op, Field: "table", Value: s.versionTable(),
		Err: fmt.Errorf("%w: version %s of database %q, this program needs version %d",
			ErrNotMigrated, versionName(have), database, want),
	}
}

func versionName(version int) string {
	if version == 0 {
		return "none"
	}
	return strconv.Itoa(version)
}

func (s *Store) versionTable() string {
	return s.templates.qualifier() + s.templates.prefix + "schema_version"
}

const latestVersion = `SELECT COALESCE(MAX(version), 0) FROM {schema_version}`

// version returns the version of the tables, 0 if there are none.
func (s *Store) version(ctx context.Context, conn connection) (version int, err error) {
	exists := s.templates.compile(s.engine.hasTable)
	args := exists.args(func(name string) any {
		return map[string]string{
			"qualified": s.versionTable(), "table": s.templates.prefix + "schema_version", "schema": s.templates.schema,
		}[name]
	})
	var tables int
	if err := one(ctx, conn, exists, args, &tables); err != nil || tables == 0 {
		return 0, err
	}
	err = one(ctx, conn, s.templates.compile(latestVersion), nil, &version)
	return version, err
}

// lacksFunctions reports whether the functions that the options ask for are missing.
func (s *Store) lacksFunctions(ctx context.Context, conn connection) (bool, error) {
	if !s.templates.functions {
		return false, nil
	}
	q := s.templates.compile(hasFunction)
	var functions int
	err := one(ctx, conn, q, []any{s.templates.lineFunction().name}, &functions)
	return functions == 0, err
}

// run runs any statement without parameters.
func run(ctx context.Context, r runner, statement string) error {
	_, err := r.exec(ctx, &query{text: statement, literal: true})
	return err
}

// one reads a single value.
func one(ctx context.Context, r runner, q *query, args []any, value any) error {
	return r.each(ctx, q, args, func(row scanner) error { return row.Scan(value) })
}

//go:embed schema
var schema embed.FS

// Migration is one step to the current tables. The last statement adds the version to the table schema_version, so
// that any tool can apply migrations.
type Migration struct {
	Version int    // 1, 2, 3 …
	Name    string // such as "0001_allocation"
	SQL     string // statements, each with a semicolon at the end of a line
}

func (t *templates) migrations() ([]Migration, error) {
	files, err := fs.Glob(schema, "schema/"+t.folder+"/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	migrations := make([]Migration, len(files))
	for i, file := range files {
		text, err := schema.ReadFile(file)
		if err != nil {
			return nil, err
		}
		migrations[i] = Migration{
			Version: i + 1,
			Name:    strings.TrimSuffix(file[strings.LastIndex(file, "/")+1:], ".sql"),
			SQL:     strings.NewReplacer("{schema}", t.qualifier(), "{prefix}", t.prefix).Replace(string(text)),
		}
	}
	return migrations, nil
}
