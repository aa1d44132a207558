package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cosmic-go/allocation/internal/dbtest/measure"
	"github.com/cosmic-go/allocation/sqlstore"
)

// limit ends a run that hangs. A full one on three engines takes about a third of it.
const limit = 20 * time.Minute

func main() {
	name := flag.String("engine", "all", "sqlite, postgresql, mariadb or all")
	short := flag.Bool("short", false, "a small history and short slices: shows that it works, the figures mean little")
	flag.Parse()
	size := full
	if *short {
		size = small
	}
	measure.Main("bench", limit, func(ctx context.Context) error { return play(ctx, *name, size, os.Stdout) })
}

// play measures one engine or all of them, each in databases that are gone afterwards.
func play(ctx context.Context, name string, s size, w io.Writer) error {
	return measure.Each(name, func(e *measure.Engine) (err error) {
		started, err := e.Start(ctx)
		if err != nil {
			return err
		}
		at := &place{started}
		defer func() { err = errors.Join(err, at.Stop()) }()
		fmt.Fprintf(w, "## %s\n\n", e.Name)
		if err := at.flat(ctx, s, w); err != nil {
			return fmt.Errorf("flat cost: %w", err)
		}
		if err := at.contention(ctx, s, w); err != nil {
			return fmt.Errorf("contention: %w", err)
		}
		return nil
	})
}

// place is where the databases of an engine are.
type place struct{ *measure.Place }

// create makes a database with empty tables.
func (p *place) create(ctx context.Context, name string) (dsn string, err error) {
	if dsn, err = p.Empty(ctx, name); err != nil {
		return "", err
	}
	db, store, err := p.open(dsn, 1, nil)
	if err != nil {
		return "", err
	}
	return dsn, errors.Join(store.Migrate(ctx), db.Close())
}

// open opens a pool, and a store on it.
func (p *place) open(dsn string, connections int, opts *sqlstore.Options) (*sql.DB, *sqlstore.Store, error) {
	db, err := p.Pool(dsn, connections)
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlstore.New(db, p.Dialect, opts)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, store, nil
}
