package yardstick

import (
	"context"
	"fmt"
	"io"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/measure/sides"
)

// turn is a side of a comparison. No two sides share a pool or products, so no side makes the cached products of
// another stale.
type turn struct {
	name        string
	connections int
	who         sides.Side
	end         func() error // closes the pool
	workload    sides.Workload
	slices      []harness.Slice
	processor   *processor
}

func (t *turn) close() error {
	if t.end == nil {
		return nil
	}
	return t.end()
}

// over is the median of the ratios of neighbouring slices.
func (t *turn) over(other *turn) float64 {
	return harness.Median(harness.Ratios(harness.Speeds(t.slices), harness.Speeds(other.slices)))
}

// takeTurns gives each side a slice in each round, and forgets the first round.
func takeTurns(ctx context.Context, s size, all []*turn) error {
	for round := range s.rounds + 1 {
		for i := range all {
			t := all[(round+i)%len(all)]
			got, err := t.processor.during(ctx, round > 0, func() (harness.Slice, error) {
				return sides.Run(ctx, t.who, t.workload, t.workload.Name, s.slice)
			})
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			if round > 0 {
				t.slices = append(t.slices, got)
			}
		}
	}
	return nil
}

// table prints the speeds and latencies of the sides of a workload.
func table(out io.Writer, name string, w sides.Workload, all []*turn) {
	fmt.Fprintf(out, "| %s: %d callers, %d SKUs "+columns, name, w.Callers, w.SKUs)
	for _, t := range all {
		row(out, t.name, t.slices)
	}
	fmt.Fprintln(out)
}
