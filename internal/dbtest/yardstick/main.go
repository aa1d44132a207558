package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cosmic-go/allocation/internal/dbtest/measure"
	"github.com/cosmic-go/allocation/internal/dbtest/yardstick/sides"
	"github.com/cosmic-go/allocation/sqlstore"
)

// limit ends a run that hangs.
const limit = 2 * time.Hour

// asSide is the flag that makes this program one of the processes that hold a side.
const asSide = "-side"

func main() {
	name := flag.String("engine", "all", "sqlite, postgresql, mariadb or all")
	only := flag.String("workload", "", "the only workload to measure; all by default")
	short := flag.Bool("short", false, "short slices: shows that it works, the figures mean little")
	commit := flag.String("against", "", "compare the working tree with this `commit` in place of SQL by hand")
	side := flag.Bool(asSide[1:], false, "hold a side (used by the program itself)")
	flag.Parse()
	size := full
	if *short {
		size = small
	}
	measure.Main("yardstick", limit, func(ctx context.Context) error {
		switch {
		case *side:
			return sides.Serve(ctx, os.Stdin, os.Stdout)
		case *commit != "":
			return against(ctx, *commit, *name, *only, size, os.Stdout)
		}
		return play(ctx, *name, *only, size, os.Stdout)
	})
}

// play measures one engine or all of them against SQL by hand.
func play(ctx context.Context, name, only string, s size, out io.Writer) error {
	return eachPlace(ctx, name, func(p *place) error { return p.all(ctx, only, s, out) })
}

// eachPlace starts one engine or each of them. Its databases are gone afterwards.
func eachPlace(ctx context.Context, name string, do func(p *place) error) error {
	return measure.Each(name, func(e *measure.Engine) (err error) {
		started, err := e.Start(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, started.Stop()) }()
		return do(&place{started})
	})
}

// all measures all workloads, or the only one that is wanted.
func (p *place) all(ctx context.Context, only string, s size, out io.Writer) error {
	dsn, err := p.create(ctx, "yardstick")
	if err != nil {
		return err
	}
	if err := p.introduce(ctx, dsn, out); err != nil {
		return err
	}
	for _, w := range workloads {
		if only != "" && only != w.Name || !s.wanted(w) {
			continue
		}
		if err := p.compare(ctx, s, dsn, w, out); err != nil {
			return fmt.Errorf("%s: %w", w.Name, err)
		}
	}
	for _, special := range specials {
		if only != "" && only != special.name {
			continue
		}
		if err := special.run(p, ctx, s, dsn, out); err != nil {
			return fmt.Errorf("%s: %w", special.name, err)
		}
	}
	return nil
}

// specials are the workloads that don't fit the mould.
var specials = []struct {
	name string
	run  func(p *place, ctx context.Context, s size, dsn string, out io.Writer) error
}{
	{"history", (*place).history},
	{"processes", (*place).processes},
	{"bulk", (*place).bulk},
}

func (p *place) introduce(ctx context.Context, dsn string, out io.Writer) error {
	db, err := p.Pool(dsn, 1)
	if err != nil {
		return err
	}
	defer db.Close()
	about, err := p.Describe(ctx, db)
	fmt.Fprintf(out, "## %s\n\n%s\n\n", p.Name, about)
	return err
}

// place is where the databases of an engine are.
type place struct{ *measure.Place }

// create makes a database with empty tables, those of the library and those that are written by hand.
func (p *place) create(ctx context.Context, name string) (dsn string, err error) {
	if dsn, err = p.Empty(ctx, name); err != nil {
		return "", err
	}
	db, err := p.Pool(dsn, 1)
	if err != nil {
		return "", err
	}
	defer db.Close()
	for _, prefix := range []string{"", "hand_"} {
		store, err := sqlstore.New(db, p.Dialect, &sqlstore.Options{TablePrefix: prefix})
		if err != nil {
			return "", err
		}
		if err := store.Migrate(ctx); err != nil {
			return "", err
		}
	}
	return dsn, nil
}
