package sqlstore

import (
	"context"
	"errors"
	"strings"
)

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

// createFunctions creates the functions that the options ask for, inside the transaction of Migrate.
func (s *Store) createFunctions(ctx context.Context, conn connection) error {
	if !s.templates.functions {
		return nil
	}
	return run(ctx, conn, s.templates.lineFunction().create)
}
