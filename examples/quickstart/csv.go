package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cosmic-go/allocation"
)

// position is where a row begins, as editors know it.
type position struct {
	file string
	line int
}

// problems reports bad rows as they are found, and remembers that there were any.
type problems struct {
	out   io.Writer
	show  *progress // its line has to make room
	count int
}

func (p *problems) add(at position, reason string) {
	p.count++
	p.show.clear()
	fmt.Fprintf(p.out, "%s:%d: %s\n", at.file, at.line, reason)
}

type batchRow struct {
	position
	batch allocation.Batch
}

// order is all rows of one order, wherever in the file they are. A bad one has a row that can't be
// read, so that nobody knows what the customer wants in full.
type order struct {
	id   allocation.OrderID
	rows []orderRow
	bad  bool
}

type orderRow struct {
	position
	line    allocation.OrderLine
	split   bool
	holdFor time.Duration // 0: firm
}

// readBatches reads ref, sku, quantity, eta, location and best_before; the last three may be missing.
func readBatches(file string, r io.Reader, bad *problems) ([]batchRow, error) {
	t, err := openTable(file, r, []string{"ref", "sku", "quantity"}, []string{"eta", "location", "best_before"})
	if err != nil {
		return nil, err
	}
	var rows []batchRow
	for {
		at, err := t.next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		var b allocation.Batch
		if err == nil {
			b, err = t.batch()
		}
		if fatal := bad.row(at, err, ""); fatal != nil {
			return nil, fatal
		}
		if err == nil {
			rows = append(rows, batchRow{position: at, batch: b})
		}
	}
}

// readOrders reads order, sku, quantity, split and hold_for; the last two may be missing.
func readOrders(file string, r io.Reader, bad *problems) ([]*order, error) {
	t, err := openTable(file, r, []string{"order", "sku", "quantity"}, []string{"split", "hold_for"})
	if err != nil {
		return nil, err
	}
	var orders []*order
	known := map[allocation.OrderID]*order{}
	for {
		at, err := t.next()
		if errors.Is(err, io.EOF) {
			return orders, nil
		}
		id := allocation.OrderID(t.get("order"))
		o := known[id]
		if o == nil && id != "" {
			o = &order{id: id}
			known[id] = o
			orders = append(orders, o)
		}
		row := orderRow{position: at}
		if err == nil {
			err = t.order(&row)
		}
		if fatal := bad.row(at, err, id); fatal != nil {
			return nil, fatal
		}
		switch {
		case o != nil && err != nil:
			o.bad = true
		case err == nil:
			o.rows = append(o.rows, row)
		}
	}
}

// row reports a row that can't be read; what isn't about one row comes back.
func (p *problems) row(at position, err error, order allocation.OrderID) (fatal error) {
	var bad *rowError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &bad):
		return err
	case order != "":
		p.add(at, fmt.Sprintf("%s; order %s is left out", bad.reason, plain(order)))
	default:
		p.add(at, bad.reason)
	}
	return nil
}

func (t *table) batch() (b allocation.Batch, err error) {
	b = allocation.Batch{
		Ref:      allocation.BatchRef(t.get("ref")),
		SKU:      allocation.SKU(t.get("sku")),
		Location: allocation.Location(t.get("location")),
	}
	if b.Purchased, err = t.quantity(); err != nil {
		return b, err
	}
	if b.ETA, err = t.time("eta"); err != nil {
		return b, err
	}
	b.BestBefore, err = t.time("best_before")
	return b, err
}

func (t *table) order(row *orderRow) (err error) {
	row.line.OrderID = allocation.OrderID(t.get("order"))
	row.line.SKU = allocation.SKU(t.get("sku"))
	if row.line.OrderID == "" {
		return &rowError{"the order is empty"}
	}
	if row.line.Quantity, err = t.quantity(); err != nil {
		return err
	}
	switch split := t.get("split"); split {
	case "", "no":
	case "yes":
		row.split = true
	default:
		return &rowError{fmt.Sprintf("split %q is neither yes nor no", split)}
	}
	if text := t.get("hold_for"); text != "" {
		row.holdFor, err = time.ParseDuration(text)
		if err != nil || row.holdFor <= 0 {
			return &rowError{fmt.Sprintf("hold_for %q is no duration such as 72h", text)}
		}
	}
	return nil
}

// requests asks for all lines of the order. Holds run from now.
func (o *order) requests(now time.Time) []allocation.Request {
	requests := make([]allocation.Request, len(o.rows))
	for i, row := range o.rows {
		requests[i] = allocation.Request{OrderLine: row.line, Split: row.split}
		if row.holdFor > 0 {
			requests[i].HoldUntil = now.Add(row.holdFor)
		}
	}
	return requests
}
