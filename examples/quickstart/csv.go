package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/cosmic-go/allocation"
)

// problems reports each bad row when the reader finds it, and counts the reports.
type problems struct {
	out   io.Writer
	show  *progress // cleared before each report, so that both fit on a terminal
	count int
}

// add reports a bad row and, unless the order is empty, that the whole order is left out.
func (p *problems) add(at position, reason string, order allocation.OrderID) {
	p.count++
	p.show.clear()
	if order != "" {
		reason += fmt.Sprintf("; order %s is left out", plain(order))
	}
	fmt.Fprintf(p.out, "%s:%d: %s\n", at.file, at.line, reason)
}

type batchRow struct {
	position
	batch allocation.Batch
}

// order has all rows of an order, from anywhere in the file. A bad row makes the whole order bad, because nobody knows
// all that the customer wants.
type order struct {
	id   allocation.OrderID
	rows []orderRow
	bad  bool
}

type orderRow struct {
	position
	line    allocation.OrderLine
	split   bool
	holdFor time.Duration // 0: a firm allocation

	// The line gets only batches that arrive, keep and lie as these fields say. Each zero value accepts every batch.
	neededBy, freshUntil time.Time
	location             allocation.Location

	priority int // lines with a lower priority lose their units first if a batch shrinks
}

// readBatches reads ref, sku, quantity, eta, location, best_before, lot and blocked; the last five columns may be
// missing.
func readBatches(file string, r io.Reader, bad *problems) ([]batchRow, error) {
	t, err := openTable(file, r, []string{"ref", "sku", "quantity"},
		[]string{"eta", "location", "best_before", "lot", "blocked"})
	if err != nil {
		return nil, err
	}
	var rows []batchRow
	for at, err := range t.rows() {
		var b allocation.Batch
		if err == nil {
			b, err = t.batch()
		}
		switch {
		case err == nil:
			rows = append(rows, batchRow{at, b})
		case !isBadRow(err):
			return nil, err
		default:
			bad.add(at, err.Error(), "")
		}
	}
	return rows, nil
}

// readOrders reads order, sku, quantity, line, split, hold_for, needed_by, fresh_until, location and priority; the last
// seven columns may be missing.
func readOrders(file string, r io.Reader, bad *problems) ([]*order, error) {
	t, err := openTable(file, r, []string{"order", "sku", "quantity"},
		[]string{"line", "split", "hold_for", "needed_by", "fresh_until", "location", "priority"})
	if err != nil {
		return nil, err
	}
	var orders []*order
	known := map[allocation.OrderID]*order{}
	for at, err := range t.rows() {
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
		switch {
		case err == nil:
			o.rows = append(o.rows, row)
			continue
		case !isBadRow(err):
			return nil, err
		case o != nil:
			o.bad = true
		}
		bad.add(at, err.Error(), id)
	}
	return orders, nil
}

func (t *table) batch() (b allocation.Batch, err error) {
	b = allocation.Batch{
		Ref:      allocation.BatchRef(t.get("ref")),
		SKU:      allocation.SKU(t.get("sku")),
		Location: allocation.Location(t.get("location")),
		Lot:      allocation.BatchRef(t.get("lot")),
		Blocked:  t.get("blocked"),
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
	row.line.Line = allocation.LineID(t.get("line"))
	if row.line.OrderID == "" {
		return badRow("the order is empty")
	}
	if row.line.Quantity, err = t.quantity(); err != nil {
		return err
	}
	switch split := t.get("split"); split {
	case "", "no":
	case "yes":
		row.split = true
	default:
		return badRow("split %q is neither yes nor no", split)
	}
	if text := t.get("hold_for"); text != "" {
		row.holdFor, err = time.ParseDuration(text)
		if err != nil || row.holdFor <= 0 {
			return badRow("hold_for %q is no duration such as 72h", text)
		}
	}
	return t.terms(row)
}

func (t *table) terms(row *orderRow) (err error) {
	row.location = allocation.Location(t.get("location"))
	if row.neededBy, err = t.time("needed_by"); err != nil {
		return err
	}
	if row.freshUntil, err = t.time("fresh_until"); err != nil {
		return err
	}
	if text := t.get("priority"); text != "" {
		if row.priority, err = strconv.Atoi(text); err != nil {
			return badRow("priority %q is no whole number", text)
		}
	}
	return nil
}

// value returns a field of the row by the library's name of the field; nil for a field that errors don't name.
func (row orderRow) value(field string) any {
	switch field {
	case "sku":
		return row.line.SKU
	case "quantity":
		return row.line.Quantity
	case "line":
		return row.line.Line
	case "split":
		return row.split
	case "needed by":
		return row.neededBy
	case "fresh until":
		return row.freshUntil
	case "location":
		return row.location
	case "priority":
		return row.priority
	}
	return nil
}

// requests asks for all lines of the order. Holds begin at now.
func (o *order) requests(now time.Time) []allocation.Request {
	requests := make([]allocation.Request, len(o.rows))
	for i, row := range o.rows {
		requests[i] = allocation.Request{
			OrderLine: row.line, Split: row.split,
			NeededBy: row.neededBy, FreshUntil: row.freshUntil, Location: row.location, Priority: row.priority,
		}
		if row.holdFor > 0 {
			requests[i].HoldUntil = now.Add(row.holdFor)
		}
	}
	return requests
}
