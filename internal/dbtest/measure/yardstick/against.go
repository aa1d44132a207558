package yardstick

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/measure/sides"
)

// against compares the library of the working tree with that of a commit.
func against(ctx context.Context, commit, name, only string, s size, out io.Writer) (err error) {
	if _, err := harness.ByName(name); name != "all" && err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "allocation-yardstick-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	programs, err := build(ctx, folder, commit)
	if err != nil {
		return err
	}
	return harness.Measure(ctx, name, func(started *harness.Place) error {
		p := &place{started}
		results, err := p.against(ctx, programs, only, s, out)
		if err != nil {
			return err
		}
		summary(out, p.Name, results)
		return nil
	})
}

// contest is a workload on which two commits are compared.
type contest struct {
	sides.Workload
	processes int           // of each side
	pool      int           // connections of each process
	fill      bool          // the product has a past
	turn      sides.Command // the work of a process in each round
}

// contests are all workloads, including history, processes and bulk.
func (s size) contests() []contest {
	run := sides.Command{Do: sides.DoRun, For: s.turn}
	var all []contest
	for _, w := range workloads {
		if s.wanted(w) {
			all = append(all, contest{Workload: w, processes: 1, pool: w.Pool(), turn: run})
		}
	}
	one := func(name string, callers int) sides.Workload {
		return sides.Workload{Name: name, Callers: callers, SKUs: 1}
	}
	imports := sides.Command{Do: sides.DoImport, Lines: s.bulkTurn}
	return append(all,
		contest{Workload: one("history", 1), processes: 1, pool: 1, fill: true, turn: run},
		contest{Workload: one("processes", 64), processes: s.processes, pool: 16, turn: run},
		contest{Workload: sides.Workload{Name: "bulk", Callers: 1, SKUs: 1000}, processes: 1, pool: 4, turn: imports},
	)
}

// contestant is a build of the library, its database, and its results in each round of a contest. Contestants share
// no database: products of one side would be stale in the caches of the others, and schemas may differ between
// commits.
type contestant struct {
	name      string
	program   string
	dsn       string
	processes sides.Processes

	speeds   []float64 // orders per second
	p50, p99 []time.Duration
	failed   int
}

// against runs all contests, or the wanted contest alone. The commit takes part twice, because the ratio of the
// commit to itself shows how far the figures can be trusted.
func (p *place) against(
	ctx context.Context, programs *contenders, only string, s size, out io.Writer,
) (results []*result, err error) {
	databases := make([]string, 3)
	for i := range databases {
		if databases[i], err = p.Empty(ctx); err != nil {
			return nil, err
		}
	}
	if err := p.introduce(ctx, databases[0], out); err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "new: the working tree; old: %s\n\n", programs.commit)
	for _, c := range s.contests() {
		if !chosen(only, c.Name) {
			continue
		}
		r, err := p.contest(ctx, s, c, []*contestant{
			{name: "new", program: programs.new, dsn: databases[0]},
			{name: "old", program: programs.old, dsn: databases[1]},
			{name: "old again", program: programs.old, dsn: databases[2]},
		})
		if err != nil {
			return results, fmt.Errorf("%s: %w", c.Name, err)
		}
		r.write(out, p.Name)
		results = append(results, r)
	}
	return results, nil
}

// contest lets the sides take turns until the result is certain, or s.most rounds have passed. Each round has a
// random order, so that no side always follows the same other side.
func (p *place) contest(ctx context.Context, s size, c contest, all []*contestant) (*result, error) {
	c.SKUs = min(c.SKUs, s.skus)
	for _, one := range all {
		defer func() { one.processes.End() }() // the processes started by prepare
		if err := p.prepare(ctx, s, c, one); err != nil {
			return nil, fmt.Errorf("%s: %w", one.name, err)
		}
	}
	r := &result{contest: c, sides: all}
	for r.rounds < s.least || r.rounds < s.most && !r.certain() {
		for _, i := range rand.Perm(len(all)) {
			if err := all[i].play(ctx, c, r.rounds+1, true); err != nil {
				return nil, fmt.Errorf("%s: %w", all[i].name, err)
			}
		}
		r.rounds++
	}
	return r, nil
}

// prepare starts the processes of a side, adds new products, and lets the side warm up.
func (p *place) prepare(ctx context.Context, s size, c contest, one *contestant) (err error) {
	open := sides.Command{
		Do: sides.DoOpen, Engine: p.Name, DSN: one.dsn, Migrate: true,
		Name: sides.Library(c.pool),
	}
	if one.processes, err = sides.Start(ctx, c.processes, open, one.program); err != nil {
		return err
	}
	stock := sides.Command{Do: sides.DoStock, Workload: c.Workload, Units: harness.Plenty}
	switch {
	case c.fill:
		stock.Do, stock.Lines, stock.Batches = sides.DoFill, s.past, s.usedUp
	case c.SoldOut:
		stock.Units = 1
	}
	if _, err := one.processes.Ask(ctx, stock); err != nil {
		return err
	}
	if c.SoldOut {
		last := sides.Command{Do: sides.DoImport, Workload: c.Workload, Lines: 1}
		if _, err := one.processes.Ask(ctx, last); err != nil {
			return err
		}
	}
	if err := p.settle(ctx, one.dsn); err != nil {
		return err
	}
	return one.play(ctx, c, 0, false)
}

// play is a side's turn in a round. A turn to warm up doesn't count.
func (one *contestant) play(ctx context.Context, c contest, round int, counts bool) error {
	turn := c.turn
	turn.Workload, turn.Orders = c.Workload, fmt.Sprint("round-", round)
	parts, err := one.processes.Do(ctx, turn)
	if err != nil || !counts {
		return err
	}
	sum := harness.Together(parts)
	if sum.Done == 0 {
		return errors.New("no order was placed in a whole turn")
	}
	one.speeds = append(one.speeds, sum.PerSecond())
	one.p50 = append(one.p50, harness.Quantile(sum.Latencies, 0.5))
	one.p99 = append(one.p99, harness.Quantile(sum.Latencies, 0.99))
	one.failed += sum.Failed
	return nil
}
