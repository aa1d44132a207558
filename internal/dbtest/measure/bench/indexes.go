package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// indexesOfLists are the indexes that only traces and lists use, each after the name of its table. MariaDB's index of
// unshipped lines has the shipped lines, too.
var indexesOfLists = [][2]string{
	{"lines", "lines_shipped"}, {"batches", "batches_by_lot"}, {"batches", "batches_arriving"},
	{"batches", "batches_expired"}, {"products", "products_low"},
}

// payer is one of the two sides that are compared: tables with the indexes of traces and lists, or without.
type payer struct {
	service *allocation.Service
	orders  int

	allocations, shipments []time.Duration // one call's share of each slice
}

// indexes measures what Allocate and Ship pay for the indexes of traces and lists.
func (p *place) indexes(ctx context.Context, s traces, w io.Writer) (err error) {
	var sides [2]*payer
	for i := range sides {
		store, db, err := p.prepare(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		for _, index := range indexesOfLists {
			drop := `DROP INDEX allocation_` + index[1]
			if p.Name == "mariadb" {
				drop = `ALTER TABLE allocation_` + index[0] + ` DROP KEY IF EXISTS allocation_` + index[1]
			}
			if i > 0 {
				break
			}
			if _, err := db.ExecContext(ctx, drop); err != nil {
				return err
			}
		}
		sides[i] = &payer{}
		if sides[i].service, err = newService(store, nil); err != nil {
			return err
		}
		if err := harness.Stock(ctx, store, harness.Plenty, lamp); err != nil {
			return err
		}
	}
	for slice := range 3*s.slices + 1 {
		for i := range sides {
			if err := sides[(slice+i)%2].slice(ctx, s.orders, slice > 0); err != nil {
				return err
			}
		}
	}
	fmt.Fprint(w, "| | without the indexes | with the indexes | ratio |\n|---|---:|---:|---:|\n")
	row := func(name string, without, with []time.Duration) {
		fmt.Fprintf(w, "| %s | %s | %s | %.2f |\n", name, harness.Milliseconds(harness.Median(without)),
			harness.Milliseconds(harness.Median(with)), harness.Median(harness.Ratios(with, without)))
	}
	row("`Allocate`", sides[0].allocations, sides[1].allocations)
	row("`Ship`", sides[0].shipments, sides[1].shipments)
	fmt.Fprintln(w)
	return nil
}

// slice allocates orders, and ships them.
func (y *payer) slice(ctx context.Context, orders int, counts bool) error {
	first := y.orders
	allocated, err := share(orders, func() error {
		y.orders++
		_, err := y.service.Allocate(ctx, ofLamp(fmt.Sprint("order-", y.orders), 1))
		return err
	})
	if err != nil {
		return err
	}
	shipped, err := share(orders, func() error {
		first++
		_, err := y.service.Ship(ctx, allocation.OrderID(fmt.Sprint("order-", first)))
		return err
	})
	if err != nil {
		return err
	}
	if counts {
		y.allocations, y.shipments = append(y.allocations, allocated), append(y.shipments, shipped)
	}
	return nil
}
