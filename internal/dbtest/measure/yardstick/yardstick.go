// Package yardstick measures package allocation on real databases, against SQL that a host would write by hand, or
// against the library of another commit.
//
// By hand there are two sides: the best single statement that finds a batch by ETA, takes the units and inserts the
// line, and the transaction that locks the batch first. Both get every advantage: prepared statements, the same
// indexes, no versions and no events, and the size of connection pool that suits them best. The library runs with its
// defaults and writes its events. For each workload the command prints one line "ratio ENGINE WORKLOAD X.XX": library ÷
// single statement with the same pool, the median of the slices' ratios.
//
// The workloads host-… have callers who write an order row of the host's together with each line. Each way of the
// library is compared with the same transaction by hand, and a table prints the ratios with their aims.
//
// Against a commit the command prints one line "against ENGINE WORKLOAD …" for each workload: new ÷ old, the median of
// the rounds' ratios with its quartiles, and the same for the commit against itself. New is the working tree. On a busy
// machine a result takes more rounds to become certain, see -rounds.
package yardstick

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/measure/sides"
	"github.com/cosmic-go/allocation/sqlstore"
)

// limit ends a run that hangs.
const limit = 2 * time.Hour

// Command is the command yardstick.
var Command = harness.Command{Name: "yardstick", Define: define, Child: sides.Live}

func define(flags *flag.FlagSet) harness.Run {
	name := flags.String("engine", "all", "sqlite, postgresql, mariadb or all")
	only := flags.String("workload", "", "the workload to measure, or a group, such as host; all by default")
	short := flags.Bool("short", false, "short slices: shows that it works, the figures mean little")
	commit := flags.String("against", "", "compare the working tree with this `commit` in place of SQL by hand")
	rounds := flags.Int("rounds", 0, "most rounds of each workload with -against; 480 by default")
	return func(ctx context.Context, out io.Writer) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		size := full
		if *short {
			size = small
		}
		if *rounds > 0 {
			size.most = *rounds
		}
		if *commit != "" {
			return against(ctx, *commit, *name, *only, size, out)
		}
		return play(ctx, *name, *only, size, out)
	}
}

// play measures one engine or all of them against SQL by hand.
func play(ctx context.Context, name, only string, s size, out io.Writer) error {
	return harness.Measure(ctx, name, func(started *harness.Place) error {
		at := &place{started}
		return at.all(ctx, only, s, out)
	})
}

// all measures all workloads, or the only one that is wanted.
func (p *place) all(ctx context.Context, only string, s size, out io.Writer) error {
	dsn, err := p.create(ctx)
	if err != nil {
		return err
	}
	if err := p.introduce(ctx, dsn, out); err != nil {
		return err
	}
	for _, w := range workloads {
		if !chosen(only, w.Name) || !s.wanted(w) {
			continue
		}
		if err := p.compare(ctx, s, dsn, w, out); err != nil {
			return fmt.Errorf("%s: %w", w.Name, err)
		}
	}
	for _, special := range specials {
		if !chosen(only, special.name) {
			continue
		}
		if err := special.run(p, ctx, s, dsn, out); err != nil {
			return fmt.Errorf("%s: %w", special.name, err)
		}
	}
	return p.hosts(ctx, s, dsn, only, out)
}

// chosen reports whether a workload is wanted: every workload, the one of the name, or those of a group, such as
// "host" for "host-one-64".
func chosen(only, name string) bool {
	return only == "" || only == name || strings.HasPrefix(name, only+"-")
}

// specials are the workloads that don't fit the mould.
var specials = []struct {
	name string
	run  func(p *place, ctx context.Context, s size, dsn string, out io.Writer) error
}{
	{"history", (*place).history},
	{"processes", (*place).processes},
	{"bulk", (*place).bulk},
	{"pooler", (*place).pooler},
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
type place struct{ *harness.Place }

// create makes a database with empty tables, those of the library and those of the hand-written sides.
func (p *place) create(ctx context.Context) (dsn string, err error) {
	if dsn, err = p.Empty(ctx); err != nil {
		return "", err
	}
	return dsn, p.each(dsn, func(store *sqlstore.Store) error { return store.Migrate(ctx) })
}

// each opens the tables of the library, and those of the hand-written sides.
func (p *place) each(dsn string, do func(store *sqlstore.Store) error) error {
	for _, prefix := range []string{"", "hand_"} {
		db, store, err := p.Open(dsn, 1, &sqlstore.Options{TablePrefix: prefix})
		if err != nil {
			return err
		}
		if err := errors.Join(do(store), db.Close()); err != nil {
			return err
		}
	}
	return nil
}
