package storetest

import (
	"fmt"
	"math"
	"time"

	"github.com/cosmic-go/allocation"
)

var eventRows = []row{
	{"events are kept in order, each once",
		"a reader that adds up events, or acts on events, relies on all of them in order (R9)", eventsOrder},
	{"an event of every kind comes back unchanged",
		"an event handler acts on kind, identifiers, quantities and times", eventsKinds},
	{"events come in pages, by number",
		"the history of a product has no limit", eventsPages},
	{"every product has its own events, and an unknown product has none",
		"events are numbered for each product", eventsPerProduct},
	{"a failed commit records no events",
		"an event without the change would send goods that nobody ordered", eventsFailed},
}

// recordedEvents describes all events of a product; nil if the store is no ledger.
func (b *bench) recorded(sku allocation.SKU) []string {
	b.Helper()
	if !isLedger(b.store) {
		return nil
	}
	return describeEvents(b.events(sku, 0, math.MaxInt32))
}

func (b *bench) events(sku allocation.SKU, after int64, limit int) []allocation.Event {
	b.Helper()
	events, err := b.ledger().Events(b.Context(), sku, after, limit)
	b.must(err, "Events(%s, after %d, limit %d)", brief(string(sku)), after, limit)
	return events
}

func describeEvents(events []allocation.Event) []string {
	text := make([]string, len(events))
	for i, e := range events {
		text[i] = fmt.Sprintf("event %d of the page: %T%+v", i+1, e, e)
	}
	return text
}

// wantEvents checks for exactly the wanted events, in order.
func (b *bench) wantEvents(got, want []allocation.Event, format string, args ...any) {
	b.Helper()
	same := len(got) == len(want)
	for i := 0; same && i < len(got); i++ {
		same = got[i] == want[i]
	}
	if !same {
		b.errorf("%s differ:%s", fmt.Sprintf(format, args...), difference(describeEvents(got), describeEvents(want)))
	}
}

func eventsOrder(b *bench) {
	b.ledger()
	var want []allocation.Event
	recordN := func(c allocation.Changes) {
		b.commit(c)
		want = append(want, c.Events...)
	}
	recordN(b.product("apple", stock("a1", 3), stock("a2", 30)).Changes())
	recordN(b.allocation("apple", split("o1", 5), firm("o2", 2), held("o3", 1, minute(1))))
	recordN(b.resize("apple", "o1", 2))
	recordN(b.cancellation("apple", "o2"))
	b.commit(checkOnly(b.state(of("apple"))))
	for i := range 12 {
		recordN(b.allocation("apple", firm(allocation.OrderID(fmt.Sprint("more", i)), 1)))
	}
	b.wantEvents(b.events("apple", 0, plenty), want, "events of product %q", "apple")
	if got := b.state(of("apple")).Version; got != int64(len(want)) {
		b.errorf("version = %d, want %d, the sequence of the last event", got, len(want))
	}
}

// everyKind returns events of all kinds, in which every field is set at least once. Some kinds come a second time,
// with the optional fields at zero.
func everyKind() []allocation.Event {
	const sku, order, ref = allocation.SKU("äpple \"1\""), allocation.OrderID("o'1"), allocation.BatchRef("a\\1")
	const line = allocation.LineID("<l\"1>")
	moment := noon.Add(123_457 * time.Microsecond)
	return []allocation.Event{
		allocation.BatchAdded{
			SKU: sku, At: moment, Batch: ref, Quantity: 1<<53 - 1, ETA: minute(1), Location: "<north>",
			BestBefore: minute(2),
		},
		allocation.BatchAdded{
			SKU: sku, At: moment, Batch: "a2", Quantity: 3, Lot: "lot", SplitFrom: ref, Blocked: "dented",
		},
		allocation.LineHandedOver{SKU: sku, At: moment, OrderID: "order-36", Line: "bundle", From: "cart-9"},
		allocation.BatchSplit{SKU: sku, At: moment, Batch: ref, Part: "a2", Quantity: 3},
		allocation.BatchBlocked{SKU: sku, At: moment, Batch: ref, Reason: "<recall>"},
		allocation.BatchUnblocked{SKU: sku, At: moment, Batch: ref},
		allocation.BatchETAChanged{SKU: sku, At: moment, Batch: ref, From: minute(1), To: minute(2)},
		allocation.BatchReceived{SKU: sku, At: moment, Batch: ref, From: 1<<53 - 1, To: 20},
		allocation.BatchQuantityChanged{SKU: sku, At: moment, Batch: ref, From: 20, To: 0},
		allocation.BatchQuantityChanged{SKU: sku, At: moment, Batch: ref, From: 0, To: 20},
		allocation.BatchCorrected{
			SKU: sku, At: moment, Batch: ref, Purchased: -5, Allocated: 7, AllocatedFrom: 3, AllocatedTo: 1<<53 - 1,
		},
		allocation.LineAllocated{
			SKU: sku, At: moment, OrderID: order, Line: line, Batch: ref, Quantity: 3, HeldUntil: minute(3),
		},
		allocation.LineAllocated{SKU: sku, At: moment, OrderID: order, Batch: ref, Quantity: 3},
		allocation.LineAllocated{SKU: sku, At: moment, OrderID: order, Batch: ref, Quantity: 2, Waited: true},
		allocation.LineDeallocated{SKU: sku, At: moment, OrderID: order, Line: line, Batch: ref, Quantity: 1},
		allocation.LineReleased{SKU: sku, At: moment, OrderID: order, Line: line, Batch: ref, Quantity: 2},
		allocation.LineShipped{SKU: sku, At: moment, OrderID: order, Line: line, Batch: ref, Quantity: 3},
		allocation.LineShipped{SKU: sku, At: moment, OrderID: order, Batch: ref, Quantity: 3},
		allocation.LineRefused{SKU: sku, At: moment, OrderID: order, Quantity: 1<<53 - 1},
		allocation.LineRefused{SKU: sku, At: moment, OrderID: order, Line: line, Quantity: 9, Available: 1<<53 - 2},
		allocation.LineWaiting{
			SKU: sku, At: moment, OrderID: order, Line: line, Quantity: 2, Wanted: 1<<53 - 1, NeededBy: minute(5),
		},
		allocation.LineWaiting{SKU: sku, At: moment, OrderID: order, Wanted: 5},
		allocation.HoldConfirmed{SKU: sku, At: moment, OrderID: order, Line: line},
		allocation.HoldConfirmed{SKU: sku, At: moment, OrderID: order},
		allocation.HoldExtended{
			SKU: sku, At: moment, OrderID: order, Line: line, From: minute(3), To: minute(4),
		},
		allocation.HoldLapsed{
			SKU: sku, At: moment, OrderID: order, Line: line, Batch: ref, Quantity: 3, HeldUntil: minute(4),
		},
		allocation.BatchExpired{SKU: sku, At: moment, Batch: ref, BestBefore: minute(5)},
		allocation.LineLate{SKU: sku, At: moment, OrderID: order, Line: "l", NeededBy: minute(5), Late: true},
		allocation.LineLate{SKU: sku, At: moment, OrderID: order},
		allocation.LowStockSet{SKU: sku, At: moment, From: 2, To: 9},
		allocation.LowStockCrossed{SKU: sku, At: moment, Available: 4, Threshold: 9, Low: true},
		allocation.LowStockCrossed{SKU: sku, At: moment, Available: 1<<53 - 1, Threshold: 1<<53 - 2},
	}
}

func eventsKinds(b *bench) {
	recorded := everyKind()
	added := recorded[0].(allocation.BatchAdded)
	b.commit(allocation.Changes{
		SKU: added.SKU, Version: int64(len(recorded)), Events: recorded,
		NewBatches: []allocation.Batch{announcedAs(added.SKU, stock(added.Batch, 20))},
	})
	b.wantEvents(b.events(added.SKU, 0, plenty), recorded, "events of every kind")
}

func eventsPages(b *bench) {
	b.ledger()
	b.announce("apple", stock("a1", 100))
	for i := range 11 {
		b.allocate("apple", firm(allocation.OrderID(fmt.Sprint("o", i)), 1))
	}
	all := b.events("apple", 0, plenty)
	if len(all) != 12 {
		b.fatalf("%d events, want 12", len(all))
	}
	for after := range int64(14) {
		for _, limit := range []int{1, 3, 12, 100} {
			from := min(int(after), len(all))
			b.wantEvents(b.events("apple", after, limit), all[from:min(from+limit, len(all))],
				"events after %d with limit %d", after, limit)
		}
	}
}

func eventsPerProduct(b *bench) {
	b.ledger()
	apple, pear := b.product("apple", stock("a1", 10)).Changes(), b.product("pear", stock("p1", 10)).Changes()
	b.commit(apple, pear)
	b.wantEvents(b.events("apple", 0, plenty), apple.Events, "events of product %q", "apple")
	b.wantEvents(b.events("pear", 0, plenty), pear.Events, "events of product %q", "pear")
	b.wantEvents(b.events("plum", 0, plenty), nil, "events of an unknown product")
}

func eventsFailed(b *bench) {
	b.ledger()
	b.announce("apple", stock("a1", 10))
	b.announce("pear", stock("p1", 10))
	stale, duplicate := b.allocation("pear", firm("o1", 1)), b.allocation("pear", firm("o1", 1))
	stale.Read, stale.Version = stale.Read-1, stale.Version-1
	duplicate.NewBatches = []allocation.Batch{announcedAs("pear", stock("a1", 1))}
	b.refused(allocation.ErrConflict, b.allocation("apple", firm("o1", 1)), stale)
	b.refused(allocation.ErrDuplicate, b.allocation("apple", firm("o1", 1)), duplicate)
	for _, sku := range []allocation.SKU{"apple", "pear"} {
		if got := b.events(sku, 0, plenty); len(got) != 1 {
			b.errorf("product %q has %d events after failed commits, want 1:%s", sku, len(got), describeEvents(got))
		}
	}
}
