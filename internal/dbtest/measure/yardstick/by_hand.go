package yardstick

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/measure/sides"
	"github.com/cosmic-go/allocation/sqlstore"
)

// measured is one side of a workload, and what it did in each round.
type measured struct {
	name   sides.Name
	who    sides.Side
	db     *sql.DB
	slices []harness.Slice
}

// stock gives each product of a workload a batch, in the tables of both sides. What the workload before has left for
// later is done now.
func (p *place) stock(ctx context.Context, dsn string, w sides.Workload, units int64) error {
	err := p.each(dsn, func(store *sqlstore.Store) error { return sides.Stock(ctx, store, w, units) })
	if err != nil {
		return err
	}
	return p.settle(ctx, dsn)
}

// settle lets the engine settle on a connection of its own.
func (p *place) settle(ctx context.Context, dsn string) error {
	db, err := p.Pool(dsn, 1)
	if err != nil {
		return err
	}
	return errors.Join(p.Settle(ctx, db), db.Close())
}

// compare measures all sides of a workload in turns. Each round begins with another side; the first one warms up.
func (p *place) compare(ctx context.Context, s size, dsn string, w sides.Workload, out io.Writer) (err error) {
	w.SKUs = min(w.SKUs, s.skus)
	units := int64(harness.Plenty)
	if w.SoldOut {
		units = 1
	}
	if err := p.stock(ctx, dsn, w, units); err != nil {
		return err
	}
	names := []sides.Name{sides.Library(w.Pool()), sides.Single(w.Pool())}
	if sides.Locks(p.Name) {
		names = append(names, sides.Locking(w.Pool()))
	}
	all, err := p.sides(ctx, dsn, names)
	defer func() { err = errors.Join(err, closeAll(all)) }()
	if err != nil {
		return err
	}
	if w.SoldOut {
		for _, m := range all[:2] {
			last := sides.Line{Order: "order-last-unit-" + m.name.Kind, SKU: w.SKU(0)}
			if err := m.who.Place(ctx, []sides.Line{last}); err != nil {
				return err
			}
		}
	}
	best, err := p.best(ctx, s, dsn, w, all[1])
	if err != nil {
		return err
	}
	if best != nil {
		all = append(all, best)
	}
	if err := rounds(ctx, s, w, all); err != nil {
		return err
	}
	p.report(out, w, all)
	return nil
}

func (p *place) sides(ctx context.Context, dsn string, names []sides.Name) (all []*measured, err error) {
	for _, name := range names {
		who, db, err := sides.Open(ctx, p.Engine, dsn, name)
		if err != nil {
			return all, err
		}
		all = append(all, &measured{name: name, who: who, db: db})
	}
	return all, nil
}

func closeAll(all []*measured) (err error) {
	for _, m := range all {
		err = errors.Join(err, m.db.Close())
	}
	return err
}

// best finds the size of pool with which the hand-written side is fastest; nil if it is the one that it has.
func (p *place) best(ctx context.Context, s size, dsn string, w sides.Workload, same *measured) (*measured, error) {
	var fastest *measured
	most := 0.0
	for _, n := range append([]int{w.Pool()}, s.best...) {
		if n > w.Pool() || n == w.Pool() && fastest != nil {
			continue
		}
		m := same
		if n != w.Pool() {
			name := sides.Single(n)
			who, db, err := sides.Open(ctx, p.Engine, dsn, name)
			if err != nil {
				return nil, err
			}
			m = &measured{name: name, who: who, db: db}
		}
		var speeds []float64
		for range s.tries {
			got, err := sides.Run(ctx, m.who, w, "best", s.slice/3)
			if err != nil {
				return nil, err
			}
			speeds = append(speeds, got.PerSecond())
		}
		loser := m
		if speed := harness.Median(speeds); speed > most {
			most, fastest, loser = speed, m, fastest
		}
		if loser != nil && loser != same {
			if err := loser.db.Close(); err != nil {
				return nil, err
			}
		}
	}
	if fastest == same {
		return nil, nil //nolint:nilnil // says so above
	}
	return fastest, nil
}

func rounds(ctx context.Context, s size, w sides.Workload, all []*measured) error {
	for round := range s.rounds + 1 {
		for i := range all {
			m := all[(round+i)%len(all)]
			name := fmt.Sprintf("%s-%d-%d", m.name.Kind, m.name.Connections, round)
			got, err := sides.Run(ctx, m.who, w, name, s.slice)
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			if round > 0 {
				m.slices = append(m.slices, got)
			}
		}
	}
	return nil
}

// columns are the names of a table's columns but the first.
const columns = "| orders/s | p50 | p99 | failed |\n|---|---:|---:|---:|---:|\n"

// row prints what a side did.
func row(out io.Writer, name string, slices []harness.Slice) {
	fmt.Fprintf(out, "| %s | %s | %d |\n", name, harness.Cells(slices), harness.Together(slices).Failed)
}

// report prints a table, and the medians of the ratios of slices that were measured side by side.
func (p *place) report(out io.Writer, w sides.Workload, all []*measured) {
	fmt.Fprintf(out, "| %s: %d callers, %d SKUs "+columns, w.Name, w.Callers, w.SKUs)
	for _, m := range all {
		row(out, m.name.String(), m.slices)
	}
	fmt.Fprintf(out, "\nratio %s %s %.2f\n", p.Name, w.Name, ratio(all[0], all[1]))
	for _, m := range all[2:] {
		fmt.Fprintf(out, "ratio to %s: %.2f\n", m.name, ratio(all[0], m))
	}
	fmt.Fprintln(out)
}

func ratio(above, below *measured) float64 {
	return harness.Median(harness.Ratios(harness.Speeds(above.slices), harness.Speeds(below.slices)))
}
