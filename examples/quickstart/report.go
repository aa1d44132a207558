package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// result is the outcome of a run.
type result struct {
	allocated, refused int // orders
	lines              []allocation.Allocation
	short              []allocation.Shortage
	stock              []views.Stock
	places             map[allocation.BatchRef]views.Part // where the batches of the lines are, and from when
	happened           map[string]int                     // how many events of each kind the run added
}

func (r *result) print(out io.Writer) {
	r.printAllocated(out)
	r.printShort(out)
	r.printLeft(out)
	r.printSummary(out)
}

func (r *result) printAllocated(out io.Writer) {
	w := columns(out, "ALLOCATED", "order\tsku\tunits\tbatch\twhere\theld until")
	defer w.Flush()
	for _, line := range r.lines {
		for _, part := range line.Parts {
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", plain(line.OrderID), item(line.OrderLine),
				part.Quantity, plain(part.Batch), where(r.places[part.Batch]), held(line.HeldUntil))
		}
	}
}

func (r *result) printShort(out io.Writer) {
	w := columns(out, "\nSHORT (these orders got nothing)", "order\tsku\twanted\tavailable")
	defer w.Flush()
	for _, s := range r.short {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\n", plain(s.OrderID), item(s.OrderLine), s.Quantity, s.Available)
	}
}

func (r *result) printLeft(out io.Writer) {
	w := columns(out, "\nLEFT", "sku\tin the warehouse\tarriving")
	defer w.Flush()
	for _, s := range r.stock {
		arriving := make([]string, len(s.Arriving))
		for i, a := range s.Arriving {
			arriving[i] = fmt.Sprintf("%d on %s", a.Quantity, date(a.ETA))
		}
		fmt.Fprintf(w, "%s\t%d\t%s\n", plain(s.SKU), s.InWarehouse, strings.Join(arriving, ", "))
	}
}

func (r *result) printSummary(out io.Writer) {
	var split, holds int
	for _, line := range r.lines {
		if len(line.Parts) > 1 {
			split++
		}
		if !line.HeldUntil.IsZero() {
			holds++
		}
	}
	fmt.Fprintf(out, "\nOrders: %d allocated, %d short. Lines: %d allocated, %d of them split over batches, %d held.\n",
		r.allocated, r.refused, len(r.lines), split, holds)
	r.printHappened(out)
}

// printHappened says how the run changed the products, in their own events. A refusal is an event and changes no batch
// and no line.
func (r *result) printHappened(out io.Writer) {
	const refused = "LineRefused"
	var changes []string
	for _, kind := range slices.Sorted(maps.Keys(r.happened)) {
		if kind != refused {
			changes = append(changes, fmt.Sprintf("%d %s", r.happened[kind], kind))
		}
	}
	if changes == nil {
		changes = []string{"no batch and no line: there was nothing new"}
	}
	fmt.Fprintf(out, "This run changed: %s. Refusals noted: %d.\n", strings.Join(changes, ", "), r.happened[refused])
}

// columns begins a table with a title and the names of its columns.
func columns(out io.Writer, title, names string) *tabwriter.Writer {
	fmt.Fprintln(out, title)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, names)
	return w
}

func where(part views.Part) string {
	place := plain(part.Location)
	switch {
	case part.Batch == "": // the order has been cancelled since
		return "unknown"
	case part.ETA.IsZero() && place == "":
		return "in the warehouse"
	case part.ETA.IsZero():
		return "at " + place
	case place == "":
		return "arrives " + date(part.ETA)
	}
	return "arrives " + date(part.ETA) + " at " + place
}

// item names the product of a line, and the line if the order has several lines of the product.
func item(l allocation.OrderLine) string {
	if l.Line == "" {
		return plain(l.SKU)
	}
	return plain(l.SKU) + " (" + plain(l.Line) + ")"
}

func held(until time.Time) string {
	if until.IsZero() {
		return ""
	}
	return until.Format("2006-01-02 15:04 UTC")
}

func date(t time.Time) string { return t.Format(time.DateOnly) }

// plain quotes an identifier that could upset a terminal or the columns.
func plain[ID ~string](id ID) string {
	text := string(id)
	if quoted := strconv.Quote(text); quoted != `"`+text+`"` {
		return quoted
	}
	return text
}
