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
)

// result is what a run found out.
type result struct {
	batches  map[allocation.BatchRef]allocation.Batch // those that lines were given
	orders   []outcome
	stock    []stock
	happened map[string]int // how many events of each kind the run added
}

// outcome is what became of one order: it has all of its lines, or it is short.
type outcome struct {
	lines []allocation.Allocation
	short []allocation.Shortage
}

// stock is what is left of one product.
type stock struct {
	sku      allocation.SKU
	now      allocation.Quantity
	arriving []arrival
}

type arrival struct {
	eta   time.Time
	units allocation.Quantity
}

// print writes what the run found out.
func (r *result) print(out io.Writer) {
	r.printAllocated(out)
	r.printShort(out)
	r.printLeft(out)
	r.printSummary(out)
}

func (r *result) printAllocated(out io.Writer) {
	fmt.Fprint(out, "ALLOCATED\n")
	w := columns(out)
	fmt.Fprint(w, "order\tsku\tunits\tbatch\twhere\theld until\n")
	for _, o := range r.orders {
		for _, line := range o.lines {
			for _, part := range line.Parts {
				fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", plain(line.OrderID), plain(line.SKU),
					part.Quantity, plain(part.Batch), where(r.batches[part.Batch]), held(line.HeldUntil))
			}
		}
	}
	w.Flush()
}

func (r *result) printShort(out io.Writer) {
	fmt.Fprint(out, "\nSHORT (these orders got nothing)\n")
	w := columns(out)
	fmt.Fprint(w, "order\tsku\twanted\tavailable\n")
	for _, o := range r.orders {
		for _, s := range o.short {
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\n", plain(s.OrderID), plain(s.SKU), s.Quantity, s.Available)
		}
	}
	w.Flush()
}

func (r *result) printLeft(out io.Writer) {
	fmt.Fprint(out, "\nLEFT\n")
	w := columns(out)
	fmt.Fprint(w, "sku\tin the warehouse\tarriving\n")
	for _, s := range r.stock {
		arriving := make([]string, len(s.arriving))
		for i, a := range s.arriving {
			arriving[i] = fmt.Sprintf("%d on %s", a.units, date(a.eta))
		}
		fmt.Fprintf(w, "%s\t%d\t%s\n", plain(s.sku), s.now, strings.Join(arriving, ", "))
	}
	w.Flush()
}

func (r *result) printSummary(out io.Writer) {
	var allocated, short, lines, split, holds int
	for _, o := range r.orders {
		if o.short != nil {
			short++
			continue
		}
		allocated++
		for _, line := range o.lines {
			lines++
			if len(line.Parts) > 1 {
				split++
			}
			if !line.HeldUntil.IsZero() {
				holds++
			}
		}
	}
	fmt.Fprintf(out, "\nOrders: %d allocated, %d short. Lines: %d allocated, %d of them split over batches, %d held.\n",
		allocated, short, lines, split, holds)
	r.printHappened(out)
}

// printHappened says what this run changed, as the products' own events tell it. A refusal is an event and
// changes no batch and no line.
func (r *result) printHappened(out io.Writer) {
	const refused = "LineRefused"
	var told []string
	for _, kind := range slices.Sorted(maps.Keys(r.happened)) {
		if kind != refused {
			told = append(told, fmt.Sprintf("%d %s", r.happened[kind], kind))
		}
	}
	if told == nil {
		told = []string{"no batch and no line: there was nothing new"}
	}
	fmt.Fprintf(out, "This run changed: %s. Refusals noted: %d.\n", strings.Join(told, ", "), r.happened[refused])
}

func columns(out io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(out, 0, 0, 2, ' ', 0) }

func where(b allocation.Batch) string {
	place := plain(b.Location)
	switch {
	case b.Ref == "": // the order was cancelled meanwhile
		return "unknown"
	case b.ETA.IsZero() && place == "":
		return "in the warehouse"
	case b.ETA.IsZero():
		return "at " + place
	case place == "":
		return "arrives " + date(b.ETA)
	}
	return "arrives " + date(b.ETA) + " at " + place
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
