package sqlstore

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/cosmic-go/allocation"
)

//go:embed schema
var schema embed.FS

// schemaVersion is the version of the tables that this package needs, and that the package writes into each event: a
// program that was made for older tables must fail.
const schemaVersion = 5

// Migration is one step to the current tables. The last statement adds the version to the table schema_version, so
// that any tool can apply migrations.
type Migration struct {
	Version int    // 1, 2, 3 …
	Name    string // such as "0001_allocation"
	SQL     string // statements, each with a semicolon at the end of a line
}

// Migrations returns all migrations in order, for a tool of the host. Apply each migration once, in a transaction. See
// [Functions] for what an option adds.
func Migrations(dialect *Dialect, opts *Options) ([]Migration, error) {
	if dialect == nil || dialect.engine == nil {
		return nil, invalid("Migrations", "dialect", nil, "must not be nil")
	}
	names, err := opts.templates("Migrations", dialect.engine)
	if err != nil {
		return nil, err
	}
	return names.migrations()
}

// Functions returns the statement that creates what [Options].Functions asks for, for a tool of the host: to be run
// after the migrations, and again after each update of the package; "" without the option. A function that an update
// changes gets a new name; the old function stays, and can be dropped once no program calls it.
func Functions(dialect *Dialect, opts *Options) (string, error) {
	if dialect == nil || dialect.engine == nil {
		return "", invalid("Functions", "dialect", nil, "must not be nil")
	}
	names, err := opts.templates("Functions", dialect.engine)
	if err != nil || !names.functions {
		return "", err
	}
	return names.lineFunction().create, nil
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

// Migrate applies the missing [Migrations]: all or, on an error, none, except that MariaDB keeps the statements before
// the error. Migrate can be repeated, and can run in several processes at once. A database with a newer version stays
// unchanged, and Migrate returns [ErrNotMigrated].
func (s *Store) Migrate(ctx context.Context) error {
	const op = "Migrate"
	if err := s.check(ctx, op); err != nil {
		return err
	}
	migrations, err := s.templates.migrations()
	if err != nil {
		return err
	}
	conn, err := s.db.connect(ctx)
	if err == nil {
		err = s.migrate(ctx, conn, migrations)
		err = errors.Join(err, conn.close())
	}
	if err != nil {
		return s.explain(ctx, op, err)
	}
	return s.checkVersion(ctx, op)
}

// migrate applies the missing migrations while no other process can migrate.
func (s *Store) migrate(ctx context.Context, conn connection, migrations []Migration) error {
	committed := false
	defer func() {
		if !committed {
			s.undo(ctx, conn)
		}
	}()
	for _, statement := range s.engine.lock {
		if err := run(ctx, conn, statement); err != nil {
			return err
		}
	}
	have, err := s.version(ctx, conn)
	if err != nil {
		return err
	}
	for _, m := range migrations[min(have, len(migrations)):] {
		for statement := range strings.SplitAfterSeq(strings.TrimSpace(m.SQL), ";\n") {
			if err := run(ctx, conn, statement); err != nil {
				return &subjectError{field: "migration", value: m.Name, err: err}
			}
		}
	}
	if have <= len(migrations) {
		if err := s.createFunctions(ctx, conn); err != nil {
			return &subjectError{field: "migration", value: "functions", err: err}
		}
	}
	err = run(ctx, conn, s.engine.unlock)
	committed = err == nil
	return err
}

// undo rolls back, or else discards the connection.
func (s *Store) undo(ctx context.Context, conn connection) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	if err := run(ctx, conn, s.engine.undo); err != nil {
		conn.discard()
	}
}

// CheckSchema returns [ErrNotMigrated] unless the tables have the version of this package, and
// [allocation.ErrInvalid] if a connection lacks a setting on which the guarantees of this package depend. On PostgreSQL
// CheckSchema also takes a second connection, if one is free, and returns ErrInvalid for a pooler in transaction mode
// with a driver whose settings don't suit the pooler.
func (s *Store) CheckSchema(ctx context.Context) error {
	const op = "CheckSchema"
	if err := s.check(ctx, op); err != nil {
		return err
	}
	if s.engine.pooled {
		if err := s.checkSessions(ctx, op); err != nil {
			return err
		}
	}
	if err := s.checkVersion(ctx, op); err != nil {
		return err
	}
	for _, want := range s.engine.settings {
		var have string
		if err := one(ctx, s.db, &query{text: want.query, literal: true}, nil, &have); err != nil {
			return s.explain(ctx, op, err)
		}
		if have != want.want {
			return invalid(op, want.name, have, "must be "+want.want+" on every connection, see the package comment")
		}
	}
	return nil
}

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

// run runs any statement without parameters.
func run(ctx context.Context, r runner, statement string) error {
	_, err := r.exec(ctx, &query{text: statement, literal: true})
	return err
}

// one reads a single value.
func one(ctx context.Context, r runner, q *query, args []any, value any) error {
	return r.each(ctx, q, args, func(row scanner) error { return row.Scan(value) })
}
