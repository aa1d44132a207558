// Package upgrade applies the last migration to tables with a long history of the version before, and measures how
// long each statement takes, and how long others wait who read or write the tables meanwhile.
package upgrade

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/sqlstore"
)

// limit ends a hanging run.
const limit = 30 * time.Minute

// seller is the product with a past.
const seller = allocation.SKU("sku-with-history-0000")

// Command is the command upgrade.
var Command = harness.Command{Name: "upgrade", Define: define}

func define(flags *flag.FlagSet) harness.Run {
	name := flags.String("engine", "all", "sqlite, postgresql, mariadb or all")
	lines := flags.Int("lines", 1_000_000, "the lines of the version before; a multiple of 2,000")
	return func(ctx context.Context, out io.Writer) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return play(ctx, *name, *lines, out)
	}
}

// play measures a single engine, or all engines.
func play(ctx context.Context, name string, lines int, out io.Writer) error {
	return harness.Measure(ctx, name, func(started *harness.Place) error {
		at := &place{started}
		migrations, err := sqlstore.Migrations(at.Dialect, nil)
		if err != nil {
			return err
		}
		return at.upgrade(ctx, migrations, lines, out)
	})
}

// place is where the databases of an engine are.
type place struct{ *harness.Place }

// upgrade makes a used database of the version before, and applies the last migration as [sqlstore.Store.Migrate] does:
// all statements on a single connection, and in a transaction if the engine undoes DDL.
func (p *place) upgrade(ctx context.Context, migrations []sqlstore.Migration, lines int, out io.Writer) (err error) {
	dsn, err := p.Empty(ctx)
	if err != nil {
		return err
	}
	db, err := p.Pool(dsn, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	last := migrations[len(migrations)-1]
	for _, m := range migrations[:len(migrations)-1] {
		if _, err := apply(ctx, db, m); err != nil {
			return err
		}
	}
	if err := p.LoadHistory(ctx, db, seller, lines, min(lines/20, 10_000)); err != nil {
		return err
	}
	others, err := p.watch(ctx, dsn)
	if err != nil {
		return err
	}
	took, err := p.migrate(ctx, db, last)
	waits, failed := others.stop()
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	fmt.Fprintf(out, "## %s, %d lines, %s\n\n", p.Name, lines, last.Name)
	report(out, took, waits)
	return p.check(ctx, db)
}

// migrate applies a migration, in a transaction if the engine undoes DDL.
func (p *place) migrate(ctx context.Context, db *sql.DB, m sqlstore.Migration) ([]step, error) {
	if p.Dialect == sqlstore.MariaDB {
		return apply(ctx, db, m)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	took, err := apply(ctx, tx, m)
	if err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	began := time.Now()
	err = tx.Commit()
	return append(took, step{"COMMIT", time.Since(began)}), err
}

// check demands that CheckSchema passes, and that counters, lines and events agree.
func (p *place) check(ctx context.Context, db *sql.DB) error {
	store, err := sqlstore.New(db, p.Dialect, nil)
	if err != nil {
		return err
	}
	audit, err := store.Audit(ctx, seller)
	if audit.Drifted() {
		err = errors.Join(err, fmt.Errorf("product has drifted: %+v", audit))
	}
	return errors.Join(store.CheckSchema(ctx), err)
}

// step is a statement of a migration, with the time of the statement.
type step struct {
	name string
	took time.Duration
}

type executor interface {
	ExecContext(ctx context.Context, statement string, args ...any) (sql.Result, error)
}

func apply(ctx context.Context, on executor, m sqlstore.Migration) (took []step, err error) {
	for statement := range strings.SplitAfterSeq(strings.TrimSpace(m.SQL), ";\n") {
		began := time.Now()
		if _, err := on.ExecContext(ctx, statement); err != nil {
			return nil, fmt.Errorf("%s: %w", statement, err)
		}
		took = append(took, step{nameOf(statement), time.Since(began)})
	}
	return took, nil
}

// nameOf returns the beginning of a statement without comments.
func nameOf(statement string) string {
	var words []string
	for line := range strings.Lines(statement) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "--") {
			words = append(words, strings.Fields(line)...)
		}
	}
	name := strings.ReplaceAll(strings.Join(words, " "), "|", "")
	if len(name) > 70 {
		name = name[:70] + "…"
	}
	return name
}

func report(out io.Writer, took []step, waits []wait) {
	var sum time.Duration
	fmt.Fprint(out, "| statement | time |\n|---|---:|\n")
	for _, s := range took {
		sum += s.took
		if s.took >= 10*time.Millisecond {
			fmt.Fprintf(out, "| `%s` | %.2f s |\n", s.name, s.took.Seconds())
		}
	}
	fmt.Fprintf(out, "| all %d statements | %.2f s |\n\n", len(took), sum.Seconds())
	fmt.Fprint(out, "| meanwhile | longest read | longest write |\n|---|---:|---:|\n")
	for _, w := range waits {
		fmt.Fprintf(out, "| %s | %.2f s | %.2f s |\n", w.table, w.read.Seconds(), w.write.Seconds())
	}
	fmt.Fprintln(out)
}
