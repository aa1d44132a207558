package yardstick

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/measure/sides"
)

// hostWorkloads are the loads of callers who write an order row of the host together with each line.
var hostWorkloads = []sides.Workload{
	{Name: "host-many-1", Callers: 1, SKUs: 1000},
	{Name: "host-many-64", Callers: 64, SKUs: 1000},
	{Name: "host-one-64", Callers: 64, SKUs: 1},
}

// The ways to write an order of the host's together with a line. Alone writes the line without an order.
const (
	alone     = "Service alone, no order"
	single    = "guests, single statements"
	merged    = "guests, merged rows"
	within    = "Within"
	join      = "Join"
	pgxAlone  = "pgxstore, Service alone, no order"
	pgxSingle = "pgxstore, guests, pipelined"
	pgxMerged = "pgxstore, guests, merged rows, pipelined"
	pgxWithin = "pgxstore, Within"
	byHand    = "by hand"
	fewest    = "by hand, fewest statements"
	best      = "by hand, best number of connections"
)

// opener opens a side over a new pool.
type opener func(ctx context.Context, p *place, dsn string, connections int) (sides.Side, func() error, error)

// way is a name with an opener.
type way struct {
	name string
	open opener
}

// ways returns the ways that an engine has.
func (p *place) ways() []way {
	all := []way{
		{alone, openStore(nil)}, {single, openStore(aStatement)}, {merged, openStore(aRow)},
		{within, openWithin}, {join, openJoin},
	}
	if p.Name == "postgresql" {
		all = append(all,
			way{pgxAlone, openPgxStore(nil)}, way{pgxSingle, openPgxStore(aStatement)},
			way{pgxMerged, openPgxStore(aRow)}, way{pgxWithin, openPgxWithin})
	}
	all = append(all, way{byHand, openByHand(lockByHand)})
	if _, cheaper := fewestByHand[p.Name]; cheaper {
		all = append(all, way{fewest, openByHand(fewestByHand)})
	}
	return all
}

// hosts measures the wanted workloads with orders of the host's, and prints the table of the aims.
func (p *place) hosts(ctx context.Context, s size, dsn, only string, out io.Writer) error {
	s.slice -= s.slice / 4 // because there are many sides
	found := figures{}
	for _, w := range hostWorkloads {
		if !chosen(only, w.Name) {
			continue
		}
		if err := p.host(ctx, s, dsn, w, found, out); err != nil {
			return fmt.Errorf("%s: %w", w.Name, err)
		}
	}
	if len(found) > 0 {
		p.writeAims(out, found)
	}
	return nil
}

// host compares the ways to write an order together with its line, and adds the speeds to the figures.
func (p *place) host(
	ctx context.Context, s size, dsn string, w sides.Workload, found figures, out io.Writer,
) (err error) {
	w.SKUs = min(w.SKUs, s.skus)
	if err := p.createOrders(ctx, dsn); err != nil {
		return err
	}
	var all []*turn
	defer func() {
		for _, t := range all {
			err = errors.Join(err, t.close())
		}
	}()
	byName := map[string]*turn{}
	for i, way := range p.ways() {
		t := &turn{name: way.name, connections: w.Pool()}
		all, byName[way.name] = append(all, t), t
		if err := t.begin(ctx, p, dsn, w, i, way.open); err != nil {
			return fmt.Errorf("%s: %w", way.name, err)
		}
	}
	byName[best], err = p.bestByHand(ctx, s, dsn, w, byName[byHand])
	if err != nil {
		return err
	}
	if byName[best] != byName[byHand] {
		all = append(all, byName[best])
	}
	if err := takeTurns(ctx, s, all); err != nil {
		return err
	}
	table(out, w.Name, w, all)
	fmt.Fprintf(out, "ratio %s %s %.2f\n\n", p.Name, w.Name, byName[single].over(byName[byHand]))
	found[w.Name] = byName
	return nil
}

// createOrders makes the host's tables, for the library's sides and for the sides by hand.
func (p *place) createOrders(ctx context.Context, dsn string) error {
	db, err := p.Pool(dsn, 1)
	if err != nil {
		return err
	}
	for _, table := range []string{"library_orders", "hand_orders"} {
		_, failed := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS `+table+
			` (id VARCHAR(100) NOT NULL PRIMARY KEY, customer VARCHAR(100) NOT NULL)`)
		err = errors.Join(err, failed)
	}
	return errors.Join(err, db.Close())
}

// begin opens a side and adds its products.
func (t *turn) begin(
	ctx context.Context, p *place, dsn string, w sides.Workload, number int, open opener,
) (err error) {
	t.workload = w
	t.workload.Name = fmt.Sprintf("%s-%d", w.Name, number)
	if err := p.stock(ctx, dsn, t.workload, harness.Plenty); err != nil {
		return err
	}
	t.who, t.end, err = open(ctx, p, dsn, t.connections)
	return err
}

// bestByHand returns the fastest side by hand among several numbers of connections.
func (p *place) bestByHand(
	ctx context.Context, s size, dsn string, w sides.Workload, same *turn,
) (fastest *turn, err error) {
	most := 0.0
	for i, n := range append([]int{w.Pool()}, s.best...) {
		if n > w.Pool() || n == w.Pool() && fastest != nil {
			continue
		}
		t := same
		if n != w.Pool() {
			t = &turn{name: fmt.Sprintf("%s, %d connections", byHand, n), connections: n}
			if err := t.begin(ctx, p, dsn, w, 100+i, openByHand(lockByHand)); err != nil {
				return nil, errors.Join(err, t.close())
			}
		}
		var speeds []float64
		for range s.tries {
			got, err := sides.Run(ctx, t.who, t.workload, "best", s.slice/3)
			if err != nil {
				return nil, err
			}
			speeds = append(speeds, got.PerSecond())
		}
		loser := t
		if speed := harness.Median(speeds); fastest == nil || speed > most {
			most, fastest, loser = speed, t, fastest
		}
		if loser != nil && loser != same {
			if err := loser.close(); err != nil {
				return nil, err
			}
		}
	}
	return fastest, nil
}
