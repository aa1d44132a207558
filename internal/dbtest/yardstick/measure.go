package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/measure"
	"github.com/cosmic-go/allocation/sqlstore"
)

// measured is one side of a workload, and what it did in each round.
type measured struct {
	name   sideName
	who    side
	db     *sql.DB
	slices []slice
}

// stock gives each product of a workload a batch that lasts longer than any measurement, in the tables of both sides.
// What the workload before has left for later is done now.
func (p *place) stock(ctx context.Context, dsn string, skus []string, units allocation.Quantity) error {
	db, err := p.Pool(dsn, 1)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, prefix := range []string{"", "hand_"} {
		store, err := sqlstore.New(db, p.Dialect, &sqlstore.Options{TablePrefix: prefix})
		if err != nil {
			return err
		}
		err = allocation.NewUnitOfWork(store, nil).Do(ctx, func(_ context.Context, products allocation.Repository) error {
			for _, sku := range skus {
				product, err := allocation.NewProduct(allocation.SKU(sku))
				if err != nil {
					return err
				}
				batch := allocation.Batch{Ref: allocation.BatchRef("stock-of-" + sku), SKU: allocation.SKU(sku), Purchased: units}
				if err := errors.Join(products.Add(product), product.AddBatch(batch, products.Now())); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return p.Settle(ctx, db)
}

const plenty = 1_000_000_000

// compare measures all sides of a workload in turns. Each round begins with another side; the first one warms up.
func (p *place) compare(ctx context.Context, s size, dsn string, w workload, out io.Writer) (err error) {
	w.skus = min(w.skus, s.skus)
	skus := make([]string, w.skus)
	for i := range skus {
		skus[i] = w.sku(i)
	}
	units := allocation.Quantity(plenty)
	if w.soldOut {
		units = 1
	}
	if err := p.stock(ctx, dsn, skus, units); err != nil {
		return err
	}
	names := []sideName{{"library", w.pool()}, {"single", w.pool()}}
	if byHand[p.Name].find != "" {
		names = append(names, sideName{"locking", w.pool()})
	}
	sides, err := p.sides(ctx, dsn, names)
	defer func() { err = errors.Join(err, closeAll(sides)) }()
	if err != nil {
		return err
	}
	if w.soldOut {
		for _, m := range sides[:2] {
			if err := m.who.place(ctx, []line{{"order-last-unit-" + m.name.kind, w.sku(0)}}); err != nil {
				return err
			}
		}
	}
	best, err := p.best(ctx, s, dsn, w, sides[1])
	if err != nil {
		return err
	}
	if best != nil {
		sides = append(sides, best)
	}
	if err := rounds(ctx, s, w, sides); err != nil {
		return err
	}
	p.report(out, w, sides)
	return nil
}

func (p *place) sides(ctx context.Context, dsn string, names []sideName) (sides []*measured, err error) {
	for _, name := range names {
		who, db, err := p.open(ctx, dsn, name)
		if err != nil {
			return sides, err
		}
		sides = append(sides, &measured{name: name, who: who, db: db})
	}
	return sides, nil
}

func closeAll(sides []*measured) (err error) {
	for _, m := range sides {
		err = errors.Join(err, m.db.Close())
	}
	return err
}

// best finds the size of pool with which the hand-written side is fastest; nil if it is the one that it has.
func (p *place) best(ctx context.Context, s size, dsn string, w workload, same *measured) (*measured, error) {
	var fastest *measured
	most := 0.0
	for _, n := range append([]int{w.pool()}, s.best...) {
		if n > w.pool() || n == w.pool() && fastest != nil {
			continue
		}
		m := same
		if n != w.pool() {
			who, db, err := p.open(ctx, dsn, sideName{"single", n})
			if err != nil {
				return nil, err
			}
			m = &measured{name: sideName{"single", n}, who: who, db: db}
		}
		var speeds []float64
		for range s.tries {
			got, err := run(ctx, m.who, w, "best", s.slice/3)
			if err != nil {
				return nil, err
			}
			speeds = append(speeds, got.perSecond())
		}
		loser := m
		if speed := measure.Median(speeds); speed > most {
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

func rounds(ctx context.Context, s size, w workload, sides []*measured) error {
	for round := range s.rounds + 1 {
		for i := range sides {
			m := sides[(round+i)%len(sides)]
			got, err := run(ctx, m.who, w, fmt.Sprintf("%s-%d-%d", m.name.kind, m.name.connections, round), s.slice)
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

// report prints a table, and the medians of the ratios of slices that were measured side by side.
func (p *place) report(out io.Writer, w workload, sides []*measured) {
	fmt.Fprintf(out, "| %s: %d callers, %d SKUs | orders/s | p50 | p99 | failed |\n|---|---:|---:|---:|---:|\n", w.name, w.callers, w.skus)
	for _, m := range sides {
		var latencies []time.Duration
		failed := 0
		for _, s := range m.slices {
			latencies, failed = append(latencies, s.Latencies...), failed+s.Failed
		}
		fmt.Fprintf(out, "| %s | %.0f | %s | %s | %d |\n", m.name, measure.Median(speeds(m.slices)),
			measure.Milliseconds(measure.Quantile(latencies, 0.5)), measure.Milliseconds(measure.Quantile(latencies, 0.99)), failed)
	}
	fmt.Fprintf(out, "\nratio %s %s %.2f\n", p.Name, w.name, ratio(sides[0], sides[1]))
	for _, m := range sides[2:] {
		fmt.Fprintf(out, "ratio to %s: %.2f\n", m.name, ratio(sides[0], m))
	}
	fmt.Fprintln(out)
}

func speeds(slices []slice) []float64 {
	speeds := make([]float64, len(slices))
	for i, s := range slices {
		speeds[i] = s.perSecond()
	}
	return speeds
}

func ratio(above, below *measured) float64 {
	return measure.Median(measure.Ratios(speeds(above.slices), speeds(below.slices)))
}
