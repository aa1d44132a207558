package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/views"
)

// Flood is the command flood. Flood measures commands and reads beside lapsed holds that nobody has cleared, or beside
// lines that wait.
var Flood = harness.Command{Name: "flood", Define: defineFlood}

// floods has the numbers of holds.
type floods struct {
	few, many int   // for the reads and for a sale that a page can serve
	cleared   int   // for the commands that clear all holds
	batches   []int // each a divisor of all numbers of holds
	calls     int   // of each read
}

var (
	fullFloods  = floods{few: 1000, many: 1_000_000, cleared: 20_000, batches: []int{1, 10, 1000}, calls: 5}
	smallFloods = floods{few: 1000, many: 10_000, cleared: 1000, batches: []int{1, 10, 1000}, calls: 3}
)

func defineFlood(flags *flag.FlagSet) harness.Run {
	name := flags.String("engine", "all", "memory, sqlite, postgresql, mariadb or all; with -waiting no memory")
	holds := flags.Int("holds", fullFloods.many, "the most lapsed holds of a product; a multiple of 1,000")
	cleared := flags.Int("cleared", fullFloods.cleared, "lapsed holds that commands clear; a multiple of 1,000")
	waiting := flags.Int("waiting", 0, "measure beside so many lines that wait, and no holds; at least 10")
	short := flags.Bool("short", false, "few holds: a trial, whose figures mean little")
	return func(ctx context.Context, out io.Writer) error {
		size := fullFloods
		size.many, size.cleared = *holds, *cleared
		if *short {
			size = smallFloods
		}
		if *waiting > 0 {
			s := queues{waiting: *waiting, receipt: *waiting / 10, slices: 60, calls: 10}
			if *short {
				s.slices, s.calls = 10, 5
			}
			return harness.Measure(ctx, *name, func(started *harness.Place) error {
				return (&place{started}).queue(ctx, s, out)
			})
		}
		var err error
		if *name == "memory" || *name == "all" {
			err = size.measure(ctx, "memory", floodMemory, out)
		}
		if *name == "memory" {
			return err
		}
		return errors.Join(err, harness.Measure(ctx, *name, func(started *harness.Place) error {
			return size.measure(ctx, started.Name, (&place{started}).flooded, out)
		}))
	}
}

// flooded is a store with a product that has lapsed holds.
type flooded struct {
	store interface {
		allocation.Store
		views.StockReader
	}
	sum   func(ctx context.Context, now time.Time) error // a bare sum over the holds
	close func() error
}

// flood fills a store with so many lapsed holds, spread evenly over the batches.
type flood func(ctx context.Context, holds, batches int) (*flooded, error)

// measure measures one engine.
func (s floods) measure(ctx context.Context, engine string, fill flood, w io.Writer) error {
	fmt.Fprintf(w, "## %s\n\n", engine)
	fmt.Fprint(w, "| lapsed holds | batches | GetDue | Stock | a bare sum | a sale from a page |\n")
	fmt.Fprint(w, "|---:|---:|---:|---:|---:|---:|\n")
	for _, batches := range s.batches {
		for _, holds := range []int{s.few, s.many} {
			if err := s.reads(ctx, fill, holds, batches, w); err != nil {
				return fmt.Errorf("%d holds on %d batches: %w", holds, batches, err)
			}
		}
	}
	fmt.Fprint(w, "\n| lapsed holds | batches | refusal | the next refusal | sale of all units | Sweep |\n")
	fmt.Fprint(w, "|---:|---:|---:|---:|---:|---:|\n")
	for _, batches := range s.batches {
		if err := s.clear(ctx, fill, batches, w); err != nil {
			return fmt.Errorf("clearing %d holds on %d batches: %w", s.cleared, batches, err)
		}
	}
	fmt.Fprintln(w)
	return nil
}

// lamp is the flooded product.
const lamp = allocation.SKU("lamp")

// flooded makes a database with so many lapsed holds.
func (p *place) flooded(ctx context.Context, holds, batches int) (*flooded, error) {
	store, db, err := p.prepare(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.LoadFlood(ctx, db, lamp, holds, batches); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	sum := func(ctx context.Context, now time.Time) error {
		for _, setting := range bareSettings[p.Name] {
			if _, err := db.ExecContext(ctx, setting); err != nil {
				return err
			}
		}
		var sum int64
		return db.QueryRowContext(ctx, fmt.Sprintf(bare[p.Name], now.UnixMicro())).Scan(&sum)
	}
	return &flooded{store: store, sum: sum, close: db.Close}, nil
}

// bareSettings are settings of a connection with which the bare sum uses the index, in one process, as Stock does.
// PostgreSQL would read the table, in which every line is a lapsed hold, in parallel.
var bareSettings = map[string][]string{
	"postgresql": {`SET enable_seqscan = off`, `SET max_parallel_workers_per_gather = 0`},
}

// bare are sums over the index of holds.
var bare = map[string]string{
	"sqlite": `SELECT SUM(quantity) FROM allocation_lines INDEXED BY allocation_lines_held
		WHERE sku = 'lamp' AND part = 0 AND held_until <= %d`,
	"postgresql": `SELECT SUM(quantity) FROM allocation_lines WHERE sku = 'lamp' AND part = 0 AND held_until <= %d`,
	"mariadb": `SELECT SUM(quantity) FROM allocation_lines FORCE INDEX (allocation_lines_held)
		WHERE held_sku = 'lamp' AND held_until <= %d`,
}

// reads measures reads and a small sale, which must not grow with the number of holds, and Stock beside a bare sum.
func (s floods) reads(ctx context.Context, fill flood, holds, batches int, w io.Writer) (err error) {
	at, err := fill(ctx, holds, batches)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, at.close()) }()
	service, err := newService(at.store, nil)
	if err != nil {
		return err
	}
	now, sales, took := time.Now(), 0, [4]time.Duration{}
	for i, call := range []func() error{
		func() error {
			_, err := at.store.Load(ctx, allocation.Query{Due: true, Now: now, Limit: 100})
			return err
		},
		func() error {
			_, err := at.store.Stock(ctx, now, lamp)
			return err
		},
		func() error { return at.sum(ctx, now) },
		func() error { // each clears a page
			sales++
			_, err := service.Allocate(ctx, ofLamp(fmt.Sprintf("sale-%d", sales), 1))
			return err
		},
	} {
		if took[i], err = median(s.calls, call); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "| %d | %d | %s | %s | %s | %s |\n", holds, batches, harness.Milliseconds(took[0]),
		harness.Milliseconds(took[1]), harness.Milliseconds(took[2]), harness.Milliseconds(took[3]))
	return nil
}

// median returns the median duration of some calls, after a call to warm up.
func median(calls int, call func() error) (time.Duration, error) {
	var took []time.Duration
	for i := range calls + 1 {
		one, err := share(1, call)
		if err != nil {
			return 0, err
		}
		if i > 0 {
			took = append(took, one)
		}
	}
	return harness.Median(took), nil
}

func ofLamp(order string, quantity allocation.Quantity) allocation.Request {
	return allocation.Request{Split: true, OrderLine: allocation.OrderLine{
		OrderID: allocation.OrderID(order), SKU: lamp, Quantity: quantity,
	}}
}

// clear measures the commands that clear all holds, each on a fresh store.
func (s floods) clear(ctx context.Context, fill flood, batches int, w io.Writer) error {
	holds, all := s.cleared, allocation.Quantity(s.cleared+batches)
	var took [4]time.Duration
	measure := func(calls ...func(*allocation.Service) error) (durations []time.Duration, err error) {
		at, err := fill(ctx, holds, batches)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, at.close()) }()
		service, err := newService(at.store, nil)
		if err != nil {
			return nil, err
		}
		for _, call := range calls {
			one, err := share(1, func() error { return call(service) })
			if err != nil {
				return nil, err
			}
			durations = append(durations, one)
		}
		return durations, nil
	}
	refused := func(order string) func(*allocation.Service) error {
		return func(service *allocation.Service) error {
			_, err := service.Allocate(ctx, ofLamp(order, all+1))
			var short *allocation.OutOfStockError
			switch {
			case !errors.As(err, &short):
				return fmt.Errorf("no refusal: %w", err)
			case short.Shortages[0].Available != all:
				return fmt.Errorf("%d units available, want %d", short.Shortages[0].Available, all)
			}
			return nil
		}
	}
	refusals, err := measure(refused("first"), refused("second"))
	if err != nil {
		return err
	}
	copy(took[:], refusals)
	sale, err := measure(func(service *allocation.Service) error {
		_, err := service.Allocate(ctx, ofLamp("all", all))
		return err
	})
	if err != nil {
		return err
	}
	released, err := measure(func(service *allocation.Service) error {
		n, err := service.Sweep(ctx)
		if err == nil && n != holds {
			err = fmt.Errorf("%d holds released, want %d", n, holds)
		}
		return err
	})
	if err != nil {
		return err
	}
	took[2], took[3] = sale[0], released[0]
	fmt.Fprintf(w, "| %d | %d | %s | %s | %s | %s |\n", holds, batches, took[0].Round(time.Millisecond),
		harness.Milliseconds(took[1]), took[2].Round(time.Millisecond), took[3].Round(time.Millisecond))
	return nil
}
