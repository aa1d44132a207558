package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
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
	count int
}

func (p *problems) add(at position, reason string) {
	p.count++
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
	request allocation.Request
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

// readOrders reads order, sku, quantity, split and hold_for; the last two may be missing. Holds run from
// now.
func readOrders(file string, r io.Reader, now time.Time, bad *problems) ([]*order, error) {
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
		var request allocation.Request
		if err == nil {
			request, err = t.request(now)
		}
		if fatal := bad.row(at, err, id); fatal != nil {
			return nil, fatal
		}
		switch {
		case o != nil && err != nil:
			o.bad = true
		case err == nil:
			o.rows = append(o.rows, orderRow{position: at, request: request})
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

// rowError says what is wrong with one row.
type rowError struct{ reason string }

func (e *rowError) Error() string { return e.reason }

// table is a CSV file whose first row names the columns, in any order.
type table struct {
	file    string
	reader  *csv.Reader
	columns map[string]int
	record  []string
}

func openTable(file string, r io.Reader, required, optional []string) (*table, error) {
	t := &table{file: file, reader: csv.NewReader(r), columns: map[string]int{}}
	header, err := t.reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s:1: the row that names the columns is missing", file)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff") // spreadsheets begin a file with a byte order mark
	for i, name := range header {
		_, repeated := t.columns[name]
		if repeated || !slices.Contains(required, name) && !slices.Contains(optional, name) {
			return nil, fmt.Errorf("%s:1: column %q is unknown or repeated: want %s and perhaps %s",
				file, name, strings.Join(required, ", "), strings.Join(optional, ", "))
		}
		t.columns[name] = i
	}
	for _, name := range required {
		if _, there := t.columns[name]; !there {
			return nil, fmt.Errorf("%s:1: column %q is missing", file, name)
		}
	}
	return t, nil
}

// next goes to the next row. A *rowError leaves the table usable.
func (t *table) next() (position, error) {
	var err error
	t.record, err = t.reader.Read()
	var syntax *csv.ParseError
	switch {
	case errors.As(err, &syntax):
		return position{t.file, syntax.StartLine}, &rowError{syntax.Err.Error()}
	case err != nil && !errors.Is(err, io.EOF):
		return position{}, fmt.Errorf("%s: %w", t.file, err)
	case err != nil:
		return position{}, err
	}
	line, _ := t.reader.FieldPos(0)
	return position{t.file, line}, nil
}

// get returns a field of the row, "" for one that isn't there.
func (t *table) get(column string) string {
	if i, there := t.columns[column]; there && i < len(t.record) {
		return t.record[i]
	}
	return ""
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

func (t *table) request(now time.Time) (r allocation.Request, err error) {
	r.OrderID = allocation.OrderID(t.get("order"))
	r.SKU = allocation.SKU(t.get("sku"))
	if r.OrderID == "" {
		return r, &rowError{"the order is empty"}
	}
	if r.Quantity, err = t.quantity(); err != nil {
		return r, err
	}
	switch split := t.get("split"); split {
	case "", "no":
	case "yes":
		r.Split = true
	default:
		return r, &rowError{fmt.Sprintf("split %q is neither yes nor no", split)}
	}
	if text := t.get("hold_for"); text != "" {
		hold, err := time.ParseDuration(text)
		if err != nil || hold <= 0 {
			return r, &rowError{fmt.Sprintf("hold_for %q is no duration such as 72h", text)}
		}
		r.HoldUntil = now.Add(hold)
	}
	return r, nil
}

func (t *table) quantity() (allocation.Quantity, error) {
	text := t.get("quantity")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, &rowError{fmt.Sprintf("quantity %q is no whole number", text)}
	}
	return allocation.Quantity(n), nil
}

// time reads a date, which begins at midnight UTC, or a moment as in RFC 3339.
func (t *table) time(column string) (time.Time, error) {
	text := t.get(column)
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, &rowError{fmt.Sprintf("%s %q is no date such as 2027-01-31", column, text)}
}
