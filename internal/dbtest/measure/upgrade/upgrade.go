// Package upgrade applies the migrations after a version, one after the other, to tables of that version with a long
// history, and measures how long each statement takes, and how long others wait who read or write the tables meanwhile.
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

// Versions of the tables: the oldest that a run can begin with, and the first whose lines have terms.
const (
	oldest    = 2
	withTerms = 3
)

// seller is the product with a past.
const seller = allocation.SKU("sku-with-history-0000")

// Command is the command upgrade.
var Command = harness.Command{Name: "upgrade", Define: define}

func define(flags *flag.FlagSet) harness.Run {
	name := flags.String("engine", "all", "sqlite, postgresql, mariadb or all")
	lines := flags.Int("lines", 1_000_000, "lines in the tables beforehand; a multiple of 2,000")
	from := flags.Int("from", withTerms-1, "the version of the tables to begin with; all later migrations are applied")
	return func(ctx context.Context, out io.Writer) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return play(ctx, *name, *from, *lines, out)
	}
}

// play measures a single engine, or all engines.
func play(ctx context.Context, name string, from, lines int, out io.Writer) error {
	return harness.Measure(ctx, name, func(started *harness.Place) error {
		at := &place{started}
		migrations, err := sqlstore.Migrations(at.Dialect, nil)
		if err != nil {
			return err
		}
		if from < oldest || from >= len(migrations) {
			return fmt.Errorf("-from %d: want %d to %d", from, oldest, len(migrations)-1)
		}
		return at.upgrade(ctx, migrations, from, lines, out)
	})
}

// place is where the databases of an engine are.
type place struct{ *harness.Place }

// upgrade makes a used database of a version, and applies and reports each later migration.
func (p *place) upgrade(
	ctx context.Context, migrations []sqlstore.Migration, from, lines int, out io.Writer,
) (err error) {
	dsn, err := p.Empty(ctx)
	if err != nil {
		return err
	}
	db, err := p.Pool(dsn, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, m := range migrations[:from] {
		if _, err := apply(ctx, db, m); err != nil {
			return err
		}
	}
	load := p.LoadHistory
	if from < withTerms {
		load = p.LoadHistoryOfVersion2
	}
	if err := load(ctx, db, seller, lines, min(lines/20, 10_000)); err != nil {
		return err
	}
	for _, m := range migrations[from:] {
		took, waits, err := p.watched(ctx, db, dsn, m)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "## %s, %d lines, %s\n\n", p.Name, lines, m.Name)
		report(out, took, waits)
	}
	return p.check(ctx, db)
}

// watched applies a migration while others read and write.
func (p *place) watched(ctx context.Context, db *sql.DB, dsn string, m sqlstore.Migration) ([]step, []wait, error) {
	others, err := p.watch(ctx, dsn)
	if err != nil {
		return nil, nil, err
	}
	took, err := p.migrate(ctx, db, m)
	waits, failed := others.stop()
	return took, waits, errors.Join(err, failed)
}

// migrate applies a migration as [sqlstore.Store.Migrate] does: all statements on a single connection, and in a
// transaction if the engine undoes DDL. Migrate has a single transaction for all missing migrations, though.
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
