package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// ledgerQuery are the flags of the command ledger.
type ledgerQuery struct {
	order  string
	since  string
	before int64
	limit  int
}

func (a *app) ledgerCommand() *cobra.Command {
	var q ledgerQuery
	cmd := a.command("ledger [SKU]", "Show the events of a product, of an order, or of all products",
		"The newest event of a product comes first; --before leads to older events. With --order, ledger shows the\n"+
			"events of an order's lines, found in the products of the order, or in SKU, where events of a line that\n"+
			"was refused or cancelled are. Without SKU and --order, --since shows the events of all products. Purged\n"+
			"events are missing. AHEAD is how far an event is ahead of the clock here: some clock is wrong.",
		cobra.MaximumNArgs(1), false, func(ctx context.Context, s *shop, args []string) error {
			var sku allocation.SKU
			if len(args) > 0 {
				sku = allocation.SKU(args[0])
				if err := sku.Validate(); err != nil {
					return err
				}
			}
			return s.ledger(ctx, sku, q)
		})
	cmd.Flags().StringVar(&q.order, "order", "", "only events of this order")
	cmd.Flags().StringVar(&q.since, "since", "", "only events since this time: 2030-01-31, 2030-01-31T15:00:00Z, -24h")
	cmd.Flags().Int64Var(&q.before, "before", 0, "only events of SKU with a lower number")
	limitFlag(cmd, &q.limit)
	return cmd
}

// ledger shows events.
func (s *shop) ledger(ctx context.Context, sku allocation.SKU, q ledgerQuery) error {
	var since time.Time
	if q.since != "" {
		var err error
		if since, err = s.parseTime(q.since); err != nil {
			return err
		}
	}
	var entries []views.Entry
	var more bool
	var err error
	switch {
	case q.before != 0 && (q.before < 0 || sku == "" || q.order != ""):
		return usage("--before is a number of an event, for a SKU without --order")
	case q.order != "":
		entries, more, err = s.eventsOfOrder(ctx, sku, allocation.OrderID(q.order), since, q.limit)
	case sku != "":
		entries, more, err = s.newestEvents(ctx, sku, since, q.before, q.limit)
	case since.IsZero():
		return usage("say of what: a SKU, --order, or --since for all products")
	default:
		entries, more, err = paged(q.limit, func(last *views.Entry, n int) ([]views.Entry, error) {
			return s.store.Entries(ctx, since, "", keyOf(last), n)
		})
	}
	if err != nil {
		return err
	}
	r := &report{more: more}
	t := r.table("events", "sku", "number", "at", "event", "order", "line", "batch", "purchased", "allocated",
		"ahead", "details")
	for _, e := range entries {
		s.addEvent(t, e)
	}
	if err := s.print(r); err != nil {
		return err
	}
	if more && sku != "" && q.order == "" {
		s.hint(fmt.Sprintf("Older events: --before %d", entries[len(entries)-1].Sequence))
	}
	return nil
}

// keyOf is the place of the last entry of a page, and the beginning before the first page.
func keyOf(last *views.Entry) views.Key {
	if last == nil {
		return views.Key{}
	}
	return last.Key()
}

// newestEvents returns the last events of a product, the newest first. The number of a product's last event is the
// product's version.
func (s *shop) newestEvents(
	ctx context.Context, sku allocation.SKU, since time.Time, before int64, limit int,
) (entries []views.Entry, more bool, err error) {
	found, err := s.store.Stock(ctx, s.now(), sku)
	if err != nil {
		return nil, false, err
	}
	if len(found) == 0 {
		return nil, false, fmt.Errorf("%w: no product %s", errUnknown, cell(sku))
	}
	if newest := found[0].Version + 1; before == 0 || before > newest {
		before = newest
	}
	start := views.Key{SKU: sku}
	if limit > 0 {
		start.Sequence = max(0, before-1-int64(limit))
	}
	entries, _, err = paged(limit, func(last *views.Entry, n int) ([]views.Entry, error) {
		after := start
		if last != nil {
			after = last.Key()
		}
		return s.store.Entries(ctx, since, sku, after, n)
	})
	entries = slices.DeleteFunc(entries, func(e views.Entry) bool { return e.Sequence >= before })
	slices.Reverse(entries)
	// The events before are there unless they were purged, or are too old.
	more = start.Sequence > 0 && len(entries) > 0 && entries[len(entries)-1].Sequence == start.Sequence+1
	return entries, more, err
}

// eventsOfOrder returns the events of an order, the newest first: in a product all of them, or else in each product of
// the order's lines from the first event of the line on. Nothing leads from an order to its events, so the events of
// other orders are read, too.
func (s *shop) eventsOfOrder(
	ctx context.Context, sku allocation.SKU, order allocation.OrderID, since time.Time, limit int,
) (entries []views.Entry, more bool, err error) {
	lines, err := s.store.Order(ctx, order)
	if err != nil {
		return nil, false, err
	}
	starts := map[allocation.SKU]int64{}
	for _, l := range lines {
		if first, known := starts[l.SKU]; !known || l.Sequence-1 < first {
			starts[l.SKU] = l.Sequence - 1
		}
	}
	if sku != "" {
		starts = map[allocation.SKU]int64{sku: 0}
	}
	p := s.progress("events")
	defer p.end()
	seen := 0
	for _, sku := range slices.Sorted(maps.Keys(starts)) {
		_, _, err := paged(0, func(last *views.Entry, n int) ([]views.Entry, error) {
			after := views.Key{SKU: sku, Sequence: starts[sku]}
			if last != nil {
				after = last.Key()
			}
			page, err := s.store.Entries(ctx, since, sku, after, n)
			for _, e := range page {
				if isAbout(e.Event, order) {
					entries = append(entries, e)
				}
			}
			seen += len(page)
			p.show(seen, fmt.Sprintf(" (%s), %d of the order", cell(sku), len(entries)))
			return page, err
		})
		if err != nil {
			return nil, false, err
		}
	}
	if len(entries) == 0 && len(lines) == 0 {
		return nil, false, fmt.Errorf("%w: no event of order %s; an order without lines is found by the SKU:\n"+
			"allocation ledger SKU --order ORDER", errUnknown, cell(order))
	}
	slices.SortFunc(entries, func(a, b views.Entry) int {
		return cmp.Or(
			b.Event.Time().Compare(a.Event.Time()), cmp.Compare(a.SKU, b.SKU), cmp.Compare(b.Sequence, a.Sequence))
	})
	if limit > 0 && len(entries) > limit {
		return entries[:limit], true, nil
	}
	return entries, false, nil
}

// isAbout reports whether an event is about a line of an order, before or after a handover.
func isAbout(e allocation.Event, order allocation.OrderID) bool {
	if handed, is := e.(allocation.LineHandedOver); is && handed.From == order {
		return true
	}
	return fieldsOf(e)["order_id"] == string(order)
}

// addEvent adds the row of an event: columns that most events have, and the other fields as details. The quantity of
// an event that changes a counter is the difference.
func (s *shop) addEvent(t *table, e views.Entry) {
	fields := fieldsOf(e.Event)
	_, purchased, allocated := e.Event.Movement()
	order, line, batch := fields["order_id"], fields["line"], fields["batch"]
	for _, name := range []string{"sku", "at", "order_id", "line", "batch"} {
		delete(fields, name)
	}
	if purchased != 0 || allocated != 0 {
		delete(fields, "quantity")
	}
	var ahead any
	if d := e.Event.Time().Sub(s.now()); d > clockTolerance {
		ahead = d
	}
	t.add(e.SKU, e.Sequence, e.Event.Time(), e.Event.Kind(), order, line, batch, purchased, allocated, ahead, fields)
}

// clockTolerance is how far an event may be ahead of the clock here without a remark.
const clockTolerance = time.Second

// fields are the fields of an event's JSON. Fields of later versions are shown, too.
type fields map[string]any

func fieldsOf(e allocation.Event) fields {
	text, err := json.Marshal(e)
	if err != nil {
		return nil
	}
	found := fields{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&found); err != nil {
		return nil
	}
	return found
}

// String returns the fields for a table: name=value, sorted by name.
func (f fields) String() string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(f)) {
		text := fmt.Sprint(f[name])
		if text == "" || strings.ContainsAny(text, " \"=") {
			text = strconv.Quote(text)
		}
		list = append(list, name+"="+text)
	}
	return strings.Join(list, " ")
}
