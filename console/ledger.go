package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// clockTolerance is how far the clock of a process may be ahead of the console's without a remark.
const clockTolerance = time.Second

// ledgerSection is a page of a product's events, the newest first.
type ledgerSection struct {
	Missing string
	Rows    []ledgerRow
	After   int64 // the page has the events behind this number
	Before  int64 // the page behind has the events before this number; 0 for none
}

// ledgerRow is an event.
type ledgerRow struct {
	Number    int64
	At        time.Time
	Ahead     bool   // At is ahead of the clock of the console
	Name      string // such as "Line allocated"
	Order     allocation.OrderID
	Line      allocation.LineID
	Batch     allocation.BatchRef
	Purchased allocation.Quantity // differences
	Allocated allocation.Quantity
	Details   []detail
}

// detail is a further field of an event.
type detail struct{ Name, Value string }

// ledgerPage is all of a product's ledger, page by page.
type ledgerPage struct {
	SKU    allocation.SKU
	Ledger ledgerSection
	First  bool
}

// readLedger begins with the newest events. Without a number in the address a load finds the number of the last event.
func (c *console) readLedger(ctx context.Context, q query) (any, error) {
	sku, err := q.sku()
	if err != nil {
		return nil, err
	}
	p := ledgerPage{SKU: sku, First: !q.values.Has("before")}
	var before int64
	if p.First {
		state, err := c.loadQueue(ctx, sku, firstInLine, 1, q.at)
		if err != nil {
			return nil, err
		}
		before = state.Version + 1
	} else if before, err = strconv.ParseInt(q.values.Get("before"), 10, 64); err != nil || before < 1 {
		return nil, badValue("before", q.values.Get("before"))
	}
	p.Ledger, err = c.readEntries(ctx, sku, q.at, before, c.PageSize)
	return p, err
}

// readEntries reads the last events before a number. Events may be missing, since the store may have purged events.
func (c *console) readEntries(
	ctx context.Context, sku allocation.SKU, now time.Time, before int64, limit int,
) (ledgerSection, error) {
	if c.lists == nil {
		return ledgerSection{Missing: "views.ListReader"}, nil
	}
	after := max(0, before-1-int64(limit))
	entries, err := c.lists.Entries(ctx, time.Time{}, sku, views.Key{SKU: sku, Sequence: after}, limit)
	if isUnsupported(err) {
		return ledgerSection{Missing: "views.ListReader"}, nil
	}
	s := ledgerSection{Before: after + 1, After: after}
	if after == 0 {
		s.Before = 0
	}
	for _, e := range slices.Backward(entries) {
		if e.Sequence < before {
			row := rowOf(e.Sequence, e.Event)
			row.Ahead = row.At.Sub(now) > clockTolerance
			s.Rows = append(s.Rows, row)
		}
	}
	return s, err
}

// rowOf takes the row from the event's movement and JSON. The quantity of a movement is shown once.
func rowOf(number int64, e allocation.Event) ledgerRow {
	r := ledgerRow{Number: number, At: e.Time(), Name: words(e.Kind())}
	_, r.Purchased, r.Allocated = e.Movement()
	moved := r.Purchased != 0 || r.Allocated != 0
	for name, value := range fields(e) {
		if name == "sku" || name == "at" || name == "quantity" && moved {
			continue
		}
		switch name {
		case "order_id":
			r.Order = allocation.OrderID(value)
		case "line":
			r.Line = allocation.LineID(value)
		case "batch":
			r.Batch = allocation.BatchRef(value)
		default:
			r.Details = append(r.Details, detail{strings.ReplaceAll(name, "_", " "), value})
		}
	}
	return r
}

// words writes the kind of an event as words.
func words(kind string) string {
	var b strings.Builder
	letters := []rune(kind)
	for i, r := range letters {
		if i > 0 && unicode.IsUpper(r) {
			beforeLower := i+1 < len(letters) && unicode.IsLower(letters[i+1])
			if beforeLower || unicode.IsLower(letters[i-1]) {
				b.WriteByte(' ')
			}
			if beforeLower {
				r = unicode.ToLower(r)
			}
		}
		b.WriteRune(r)
	}
	return b.String()
}

// fields yields the fields of an event's JSON, in order. Fields of later versions are shown, too.
func fields(e allocation.Event) func(yield func(name, value string) bool) {
	return func(yield func(name, value string) bool) {
		text, err := json.Marshal(e)
		if err != nil {
			return
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		for {
			token, err := decoder.Token()
			if err != nil {
				return
			}
			name, isName := token.(string)
			if !isName {
				continue // the braces
			}
			value, err := decoder.Token()
			if err != nil || !yield(name, plain(value)) {
				return
			}
		}
	}
}

// plain writes a value of an event's JSON.
func plain(value json.Token) string {
	switch v := value.(type) {
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return grouped(n)
		}
	case string:
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return stamp(at) + " UTC"
		}
	}
	return fmt.Sprint(value)
}
