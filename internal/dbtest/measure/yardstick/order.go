package yardstick

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/measure/sides"
	"github.com/cosmic-go/allocation/sqlstore"
)

// orderTables are tables of the host's: one for the orders of the library's sides, one for the orders by hand.
var orderTables = []string{"library_orders", "hand_orders"}

// orderSide is one way to write an order of the host's together with its line. Each side has SKUs of its own, so that
// no side makes the cached products of another stale.
type orderSide struct {
	name        string
	connections int
	open        func(ctx context.Context, p *place, dsn string, connections int) (sides.Side, func() error, error)

	who      sides.Side
	end      func() error // closes the pool
	workload sides.Workload
	slices   []harness.Slice
}

func (o *orderSide) String() string { return fmt.Sprintf("%s, %d connections", o.name, o.connections) }

// orders compares the ways to write an order together with its line.
func (p *place) orders(ctx context.Context, s size, dsn string, out io.Writer, w sides.Workload) (err error) {
	w.SKUs = min(w.SKUs, s.skus)
	if err := p.createOrders(ctx, dsn); err != nil {
		return err
	}
	statements := &orderSide{name: "library, single statements", connections: w.Pool(), open: openStatements}
	rows := &orderSide{name: "library, merged rows", connections: w.Pool(), open: openRows}
	byHand := &orderSide{name: "by hand", connections: w.Pool(), open: openByHand}
	library := []*orderSide{statements, rows}
	if p.Name == "postgresql" {
		library = append(library, &orderSide{name: "pgxstore, pipelined", connections: w.Pool(), open: openPipeline})
	}
	all := append(slices.Clone(library), byHand)
	defer func() {
		for _, side := range all {
			err = errors.Join(err, side.close())
		}
	}()
	for i, side := range all {
		if err := side.begin(ctx, p, dsn, w, i); err != nil {
			return err
		}
	}
	best, err := p.bestByHand(ctx, s, dsn, w, byHand)
	if err != nil {
		return err
	}
	if best != byHand {
		all = append(all, best)
	}
	if err := orderRounds(ctx, s, all); err != nil {
		return err
	}
	fmt.Fprintf(out, "| %s: %d callers, %d SKUs, an order and a line "+columns, w.Name, w.Callers, w.SKUs)
	for _, side := range all {
		row(out, side.String(), side.slices)
	}
	fmt.Fprintf(out, "\nratio %s %s %.2f\n", p.Name, w.Name, orderRatio(statements, byHand))
	for _, side := range library {
		fmt.Fprintf(out, "ratio of %s: %.2f, to by hand with %d connections: %.2f\n",
			side.name, orderRatio(side, byHand), best.connections, orderRatio(side, best))
	}
	fmt.Fprintln(out)
	return nil
}

func orderRatio(above, below *orderSide) float64 {
	return harness.Median(harness.Ratios(harness.Speeds(above.slices), harness.Speeds(below.slices)))
}

// createOrders makes the host's tables.
func (p *place) createOrders(ctx context.Context, dsn string) error {
	db, err := p.Pool(dsn, 1)
	if err != nil {
		return err
	}
	for _, table := range orderTables {
		_, failed := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS `+table+
			` (id VARCHAR(100) NOT NULL PRIMARY KEY, customer VARCHAR(100) NOT NULL)`)
		err = errors.Join(err, failed)
	}
	return errors.Join(err, db.Close())
}

// begin opens a side and adds its products.
func (o *orderSide) begin(ctx context.Context, p *place, dsn string, w sides.Workload, number int) (err error) {
	o.workload = w
	o.workload.Name = fmt.Sprintf("%s-%d", w.Name, number)
	if err := p.stock(ctx, dsn, o.workload, harness.Plenty); err != nil {
		return err
	}
	o.who, o.end, err = o.open(ctx, p, dsn, o.connections)
	return err
}

func (o *orderSide) close() error {
	if o.end == nil {
		return nil
	}
	return o.end()
}

// bestByHand returns the side by hand with the size of pool that suits the side best.
func (p *place) bestByHand(
	ctx context.Context, s size, dsn string, w sides.Workload, same *orderSide,
) (best *orderSide, err error) {
	most := 0.0
	for i, n := range append([]int{w.Pool()}, s.best...) {
		if n > w.Pool() || n == w.Pool() && best != nil {
			continue
		}
		side := same
		if n != w.Pool() {
			side = &orderSide{name: "by hand", connections: n, open: openByHand}
			if err := side.begin(ctx, p, dsn, w, 10+i); err != nil {
				return nil, errors.Join(err, side.close())
			}
		}
		var speeds []float64
		for range s.tries {
			got, err := sides.Run(ctx, side.who, side.workload, "best", s.slice/3)
			if err != nil {
				return nil, err
			}
			speeds = append(speeds, got.PerSecond())
		}
		loser := side
		if speed := harness.Median(speeds); speed > most {
			most, best, loser = speed, side, best
		}
		if loser != nil && loser != same {
			if err := loser.close(); err != nil {
				return nil, err
			}
		}
	}
	return best, nil
}

// orderRounds lets the sides take turns. The first round warms up.
func orderRounds(ctx context.Context, s size, all []*orderSide) error {
	for round := range s.rounds + 1 {
		for i := range all {
			side := all[(round+i)%len(all)]
			got, err := sides.Run(ctx, side.who, side.workload, side.workload.Name, s.slice)
			if err != nil {
				return fmt.Errorf("%s: %w", side, err)
			}
			if round > 0 {
				side.slices = append(side.slices, got)
			}
		}
	}
	return nil
}

// openRows opens the library with a [sqlstore.Row] for each order.
func openRows(_ context.Context, p *place, dsn string, connections int) (sides.Side, func() error, error) {
	db, store, err := p.Open(dsn, connections, nil)
	if err != nil {
		return nil, nil, err
	}
	side, err := withOrders(store, func(order string) allocation.Guest {
		return sqlstore.Row{Insert: "INSERT INTO library_orders (id, customer)", Values: []any{order, "customer"}}
	})
	return side, db.Close, err
}

// openStatements opens the library with a [sqlstore.Statement] for each order.
func openStatements(_ context.Context, p *place, dsn string, connections int) (sides.Side, func() error, error) {
	db, store, err := p.Open(dsn, connections, nil)
	if err != nil {
		return nil, nil, err
	}
	side, err := withOrders(store, p.orderStatement)
	return side, db.Close, err
}

// openPipeline opens module pgxstore with a [sqlstore.Statement] for each order.
func openPipeline(ctx context.Context, p *place, dsn string, connections int) (sides.Side, func() error, error) {
	store, end, err := openPgx(ctx, dsn, connections)
	if err != nil {
		return nil, nil, err
	}
	side, err := withOrders(store, p.orderStatement)
	return side, end, err
}

func withOrders(store allocation.Store, order func(id string) allocation.Guest) (sides.Side, error) {
	service, err := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
	return driverSide{service: service, row: order}, err
}

func (p *place) orderStatement(order string) allocation.Guest {
	text := "INSERT INTO library_orders (id, customer) VALUES (?, ?)"
	if p.Name == "postgresql" {
		text = numbered(text)
	}
	return sqlstore.Statement{SQL: text, Args: []any{order, "customer"}}
}
