package yardstick

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/measure/sides"
)

// oneShared is the load of each process, by itself and with others.
var oneShared = sides.Workload{Name: "processes", Callers: 64, SKUs: 1}

// shared is what a side did with one process and with several.
type shared struct {
	name     sides.Name
	alone    []harness.Slice
	together []harness.Slice
	smallest float64 // share of a process, of several; 1 is an even one
}

// processes lets several processes with many callers each want one SKU, and one process by itself.
func (p *place) processes(ctx context.Context, s size, dsn string, out io.Writer) error {
	if err := p.stock(ctx, dsn, oneShared, harness.Plenty); err != nil {
		return err
	}
	library := &shared{name: sides.Library(oneShared.Pool()), smallest: 1}
	byHand := &shared{name: sides.Single(oneShared.Pool()), smallest: 1}
	for round := range min(3, s.rounds) {
		for _, side := range []*shared{library, byHand} {
			if err := p.share(ctx, s, dsn, side, fmt.Sprintf("%s-%d", side.name.Kind, round)); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(out, "| one SKU, %d callers in each process "+columns, oneShared.Callers)
	for _, side := range []*shared{library, byHand} {
		row(out, side.name.Kind+", 1 processes", side.alone)
		row(out, fmt.Sprintf("%s, %d processes", side.name.Kind, s.processes), side.together)
	}
	fmt.Fprintf(out, "\nthe smallest share of a process was %.2f of an even one\n", library.smallest)
	fmt.Fprintf(out, "p99 of %d processes ÷ p99 of one, library: %.1f\n",
		s.processes, tail(library.together)/tail(library.alone))
	ratios := harness.Ratios(harness.Speeds(library.together), harness.Speeds(byHand.together))
	fmt.Fprintf(out, "ratio %s processes %.2f\n\n", p.Name, harness.Median(ratios))
	return nil
}

// tail is the p99 of all slices, in seconds.
func tail(slices []harness.Slice) float64 {
	return harness.Quantile(harness.Together(slices).Latencies, 0.99).Seconds()
}

// share measures one process of a side, and then several.
func (p *place) share(ctx context.Context, s size, dsn string, side *shared, orders string) error {
	one, err := p.children(ctx, 1, dsn, side.name, orders+"-alone", s.shared)
	if err != nil {
		return err
	}
	all, err := p.children(ctx, s.processes, dsn, side.name, orders, s.shared)
	if err != nil {
		return err
	}
	sum := harness.Together(all)
	for _, part := range all {
		side.smallest = min(side.smallest, float64(part.Done)*float64(len(all))/float64(sum.Done))
	}
	side.together, side.alone = append(side.together, sum), append(side.alone, one...)
	return nil
}

// children starts n processes with a side each, lets them warm up, begins all at once, and collects what they did.
func (p *place) children(
	ctx context.Context, n int, dsn string, name sides.Name, orders string, d time.Duration,
) ([]harness.Slice, error) {
	all, err := sides.Start(ctx, n, sides.Command{Do: sides.DoOpen, Engine: p.Name, DSN: dsn, Name: name}, "")
	if err != nil {
		return nil, err
	}
	defer all.End()
	work := sides.Command{Do: sides.DoRun, Workload: oneShared, Orders: orders + "-warm", For: d / 5}
	if _, err := all.Do(ctx, work); err != nil {
		return nil, err
	}
	work.Orders, work.For = orders, d
	return all.Do(ctx, work)
}
