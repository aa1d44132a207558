package yardstick

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/measure/sides"
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
	with := sides.Workload{Name: "with-history", Callers: 1, SKUs: 1}
	without := sides.Workload{Name: "without", Callers: 1, SKUs: 1}
	if err := p.stock(ctx, dsn, without, harness.Plenty); err != nil {
		return err
	}
	both, err := p.sides(ctx, dsn, []sides.Name{sides.Library(1), sides.Library(1)})
	defer func() { err = errors.Join(err, closeAll(both)) }()
	if err != nil {
		return err
	}
	err = both[0].who.(sides.LibrarySide).AddBatch(ctx, "stock-of-with-history", string(withHistory), harness.Plenty)
	if err != nil {
		return err
	}
	for round := range s.rounds + 1 {
		for i, w := range []sides.Workload{with, without} {
			got, err := sides.Run(ctx, both[i].who, w, fmt.Sprint("history-", i), s.slice)
			if err != nil {
				return err
			}
			if round > 0 {
				both[i].slices = append(both[i].slices, got)
			}
		}
	}
	fmt.Fprint(out, "| one caller | orders/s |\n|---|---:|\n")
	for i, name := range []string{fmt.Sprintf("%d lines and %d used-up batches", s.lines, s.batches), "none"} {
		fmt.Fprintf(out, "| beside %s | %.0f |\n", name, harness.Median(harness.Speeds(both[i].slices)))
	}
	fmt.Fprintf(out, "\nratio %s history %.2f\n\n", p.Name, ratio(both[0], both[1]))
	return nil
}

// bulk compares AllocateEach to callers who place the same lines by hand.
func (p *place) bulk(ctx context.Context, s size, dsn string, out io.Writer) (err error) {
	w := sides.Workload{Name: "bulk", Callers: 1, SKUs: s.skus}
	if err := p.stock(ctx, dsn, w, harness.Plenty); err != nil {
		return err
	}
	all, err := p.sides(ctx, dsn, []sides.Name{sides.Library(4), sides.Single(1), sides.Single(16)})
	defer func() { err = errors.Join(err, closeAll(all)) }()
	if err != nil {
		return err
	}
	for round := range s.rounds + 1 {
		imported, err := all[0].who.(sides.LibrarySide).Import(ctx, w, s.bulk/s.rounds)
		if err != nil {
			return err
		}
		got := []harness.Slice{imported, {}, {}}
		for i, callers := range []int{1, 16} {
			w.Callers = callers
			if got[i+1], err = sides.Run(ctx, all[i+1].who, w, fmt.Sprint("bulk-", i), s.slice); err != nil {
				return err
			}
		}
		for i := range got {
			if round > 0 {
				all[i].slices = append(all[i].slices, got[i])
			}
		}
	}
	fmt.Fprintf(out, "| bulk: %d lines, %d SKUs | lines/s |\n|---|---:|\n", s.bulk, w.SKUs)
	for i, name := range []string{"library, AllocateEach", "by hand, 1 caller", "by hand, 16 callers"} {
		fmt.Fprintf(out, "| %s | %.0f |\n", name, harness.Median(harness.Speeds(all[i].slices)))
	}
	fmt.Fprintf(out, "\nratio %s bulk %.2f\n", p.Name, ratio(all[0], all[1]))
	fmt.Fprintf(out, "ratio to 16 callers: %.2f\n\n", ratio(all[0], all[2]))
	return nil
}
