package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/measure"
)

// withHistory is the product that has a past.
const withHistory = allocation.SKU("sku-with-history-0000")

// history compares one caller of a product with a long history to one of a product without, both through the library.
func (p *place) history(ctx context.Context, s size, dsn string, out io.Writer) (err error) {
	db, err := p.Pool(dsn, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := p.LoadHistory(ctx, db, withHistory, s.lines, s.batches); err != nil {
		return err
	}
	with, without := workload{name: "with-history", callers: 1, skus: 1}, workload{name: "without", callers: 1, skus: 1}
	if err := p.stock(ctx, dsn, []string{without.sku(0)}, plenty); err != nil {
		return err
	}
	sides, err := p.sides(ctx, dsn, []sideName{{"library", 1}, {"library", 1}})
	defer func() { err = errors.Join(err, closeAll(sides)) }()
	if err != nil {
		return err
	}
	err = sides[0].who.(library).service.AddBatch(ctx, allocation.Batch{
		Ref: "stock-of-with-history", SKU: withHistory, Purchased: plenty,
	})
	if err != nil {
		return err
	}
	for round := range s.rounds + 1 {
		for i, w := range []workload{with, without} {
			got, err := run(ctx, sides[i].who, w, fmt.Sprint("history-", i), s.slice)
			if err != nil {
				return err
			}
			if round > 0 {
				sides[i].slices = append(sides[i].slices, got)
			}
		}
	}
	fmt.Fprintf(out, "| one caller | orders/s |\n|---|---:|\n| beside %d lines and %d used-up batches | %.0f |\n| beside none | %.0f |\n\nratio %s history %.2f\n\n",
		s.lines, s.batches, measure.Median(speeds(sides[0].slices)), measure.Median(speeds(sides[1].slices)), p.Name, ratio(sides[0], sides[1]))
	return nil
}

// bulk compares AllocateEach to callers who place the same lines by hand.
func (p *place) bulk(ctx context.Context, s size, dsn string, out io.Writer) (err error) {
	w := workload{name: "bulk", callers: 1, skus: s.skus}
	skus := make([]string, w.skus)
	for i := range skus {
		skus[i] = w.sku(i)
	}
	if err := p.stock(ctx, dsn, skus, plenty); err != nil {
		return err
	}
	sides, err := p.sides(ctx, dsn, []sideName{{"library", 4}, {"single", 1}, {"single", 16}})
	defer func() { err = errors.Join(err, closeAll(sides)) }()
	if err != nil {
		return err
	}
	for round := range s.rounds + 1 {
		imported, err := importOrders(ctx, sides[0].who.(library), w, s.bulk/s.rounds)
		if err != nil {
			return err
		}
		got := []slice{imported, {}, {}}
		for i, callers := range []int{1, 16} {
			w.callers = callers
			if got[i+1], err = run(ctx, sides[i+1].who, w, fmt.Sprint("bulk-", i), s.slice); err != nil {
				return err
			}
		}
		for i := range got {
			if round > 0 {
				sides[i].slices = append(sides[i].slices, got[i])
			}
		}
	}
	fmt.Fprintf(out, "| bulk: %d lines, %d SKUs | lines/s |\n|---|---:|\n", s.bulk, w.skus)
	for i, name := range []string{"library, AllocateEach", "by hand, 1 caller", "by hand, 16 callers"} {
		fmt.Fprintf(out, "| %s | %.0f |\n", name, measure.Median(speeds(sides[i].slices)))
	}
	fmt.Fprintf(out, "\nratio %s bulk %.2f\nratio to 16 callers: %.2f\n\n", p.Name, ratio(sides[0], sides[1]), ratio(sides[0], sides[2]))
	return nil
}

func importOrders(ctx context.Context, l library, w workload, n int) (slice, error) {
	orders := make([][]allocation.Request, n)
	for i := range orders {
		orders[i] = requests(w.order("import"))
	}
	began := time.Now()
	_, errs := l.service.AllocateEach(ctx, orders)
	return slice{Done: n, Took: time.Since(began)}, errors.Join(errs...)
}
