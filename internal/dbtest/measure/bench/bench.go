// Package bench measures two things on real databases: the cost of an allocation beside a long history, and the
// throughput of each way of locking under contention. The sides take turns, slice by slice, and a figure is the median
// of a side's slices. docs/measurements.md has the figures of one run and explains them.
package bench

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/sqlstore"
)

// limit ends a run that hangs. A full run on three engines takes about a third of it.
const limit = 20 * time.Minute

// Command is the command bench.
var Command = harness.Command{Name: "bench", Define: define}

func define(flags *flag.FlagSet) harness.Run {
	name := flags.String("engine", "all", "sqlite, postgresql, mariadb or all")
	short := flags.Bool("short", false, "a small history and short slices: a trial, whose figures mean little")
	return func(ctx context.Context, out io.Writer) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		size := full
		if *short {
			size = small
		}
		return play(ctx, *name, size, out)
	}
}

// play measures one engine or all of them.
func play(ctx context.Context, name string, s size, out io.Writer) error {
	return harness.Measure(ctx, name, func(started *harness.Place) error {
		at := &place{started}
		fmt.Fprintf(out, "## %s\n\n", at.Name)
		if err := at.flat(ctx, s, out); err != nil {
			return fmt.Errorf("flat cost: %w", err)
		}
		if err := at.contention(ctx, s, out); err != nil {
			return fmt.Errorf("contention: %w", err)
		}
		return nil
	})
}

// place is where the databases of an engine are.
type place struct{ *harness.Place }

// create makes a database with empty tables.
func (p *place) create(ctx context.Context) (dsn string, err error) {
	if dsn, err = p.Empty(ctx); err != nil {
		return "", err
	}
	db, store, err := p.Open(dsn, 1, nil)
	if err != nil {
		return "", err
	}
	return dsn, errors.Join(store.Migrate(ctx), db.Close())
}

// prepare makes a database and opens it for one caller.
func (p *place) prepare(ctx context.Context) (*sqlstore.Store, *sql.DB, error) {
	dsn, err := p.create(ctx)
	if err != nil {
		return nil, nil, err
	}
	db, store, err := p.Open(dsn, 1, nil)
	return store, db, err
}
