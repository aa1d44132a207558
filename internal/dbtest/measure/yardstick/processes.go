package yardstick

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/measure/sides"
)

var oneShared = sides.Workload{Name: "processes", Callers: 64, SKUs: 1}

// processes lets several processes with many callers each want one SKU, and one process by itself.
func (p *place) processes(ctx context.Context, s size, dsn string, out io.Writer) error {
	if err := p.stock(ctx, dsn, oneShared, harness.Plenty); err != nil {
		return err
	}
	together, alone := map[string][]sides.Slice{}, map[string][]sides.Slice{}
	var ratios []float64
	worst := 1.0 // of the library's shares
	for round := range min(3, s.rounds) {
		for _, kind := range []string{sides.KindLibrary, sides.KindSingle} {
			name := fmt.Sprintf("%s-%d", kind, round)
			one, err := p.children(ctx, 1, dsn, kind, name+"-alone", s.shared)
			if err != nil {
				return err
			}
			all, err := p.children(ctx, s.processes, dsn, kind, name, s.shared)
			if err != nil {
				return err
			}
			sum := sides.Together(all)
			for _, part := range all {
				if kind == sides.KindLibrary {
					worst = min(worst, float64(part.Done)*float64(len(all))/float64(sum.Done))
				}
			}
			together[kind], alone[kind] = append(together[kind], sum), append(alone[kind], one...)
		}
		ratios = append(ratios, together[sides.KindLibrary][round].PerSecond()/together[sides.KindSingle][round].PerSecond())
	}
	fmt.Fprintf(out, "| one SKU, %d callers in each process | orders/s | p50 | p99 | failed |\n|---|---:|---:|---:|---:|\n", oneShared.Callers)
	for _, kind := range []string{sides.KindLibrary, sides.KindSingle} {
		for i, slices := range [][]sides.Slice{alone[kind], together[kind]} {
			var latencies []time.Duration
			failed := 0
			for _, one := range slices {
				latencies, failed = append(latencies, one.Latencies...), failed+one.Failed
			}
			fmt.Fprintf(out, "| %s, %d processes | %.0f | %s | %s | %d |\n", kind, []int{1, s.processes}[i], harness.Median(speeds(slices)),
				harness.Milliseconds(harness.Quantile(latencies, 0.5)), harness.Milliseconds(harness.Quantile(latencies, 0.99)), failed)
		}
	}
	fmt.Fprintf(out, "\nthe smallest share of a process was %.2f of an even one\np99 of %d processes ÷ p99 of one, library: %.1f\nratio %s processes %.2f\n\n",
		worst, s.processes, tail(together[sides.KindLibrary])/tail(alone[sides.KindLibrary]), p.Name, harness.Median(ratios))
	return nil
}

// tail is the p99 of all slices, in seconds.
func tail(slices []sides.Slice) float64 {
	var latencies []time.Duration
	for _, one := range slices {
		latencies = append(latencies, one.Latencies...)
	}
	return harness.Quantile(latencies, 0.99).Seconds()
}

// children starts processes with a side each, lets them warm up, begins all of them at once, and collects what they did.
func (p *place) children(ctx context.Context, n int, dsn, kind, orders string, d time.Duration) ([]sides.Slice, error) {
	open := sides.Command{
		Do: sides.DoOpen, Engine: p.Name, DSN: dsn, Name: sides.Name{Kind: kind, Connections: oneShared.Pool()},
	}
	all, err := sides.Start(ctx, n, open, "")
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
