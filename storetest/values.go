package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
)

var valueRows = []row{
	{"times are kept in microseconds and come back in UTC",
		"the exact time tells a new count from a repeat, and a live hold from a lapsed hold (R11)", valuesTimes},
	{"an unset time stays unset",
		"a batch without ETA is in the warehouse, a line without HeldUntil is firm; 1 January 1970 is " +
			"neither", valuesZeroTimes},
	{"the earliest and the latest time of the model are kept",
		"a time that the store can't keep would change without an error", valuesExtremeTimes},
	{"identifiers that differ by a byte are different",
		"two SKUs that a collation treats as equal would become one product (R12)", valuesBytes},
	{"identifiers may contain everything that the model accepts",
		"a quote, a pattern or a long name must not break a query or match another product (R12)", valuesIdentifiers},
	{"quantities up to 2^53-1 are exact",
		"a counter that passes through a floating-point or 32-bit number loses units", valuesQuantities},
	{"a batch keeps its announced quantity and ETA after all changes",
		"a repeated announcement would be taken for another announcement (R8)", valuesAnnounced},
	{"the time of the last count is kept",
		"a late count would undo a newer count", valuesCounted},
	{"a line keeps its terms",
		"Split, HeldUntil and Sequence decide whether and when the line moves (R6)", valuesTerms},
	{"parts keep their order",
		"a line that shrinks gives up its last part first", valuesParts},
}

// roundTrip commits a new product, and compares the loaded state with the committed changes.
func (b *bench) roundTrip(p *allocation.Product, orders ...allocation.OrderID) {
	b.Helper()
	c := p.Changes()
	b.commit(c)
	want := created(c)
	for _, l := range c.NewLines {
		if l.HeldUntil.After(noon) && (want.NextExpiry.IsZero() || l.HeldUntil.Before(want.NextExpiry)) {
			want.NextExpiry = l.HeldUntil
		}
	}
	q := of(p.SKU(), orders...)
	b.wantStates(b.load(q), []allocation.State{want}, "Load(%s)", shown(q))
}

func valuesTimes(b *bench) {
	east := time.FixedZone("east", 9*60*60)
	eta := time.Date(2032, time.February, 29, 3, 4, 5, 123_457_999, east)
	p := b.product("apple", allocation.Batch{
		Ref: "a1", Purchased: 5, ETA: eta, BestBefore: time.Date(2033, time.January, 1, 8, 59, 59, 999_999_999, east),
	})
	_, err := p.Allocate(noon, nil, line("apple", held("o1", 2, time.Date(2031, time.May, 7, 1, 0, 0, 1_000, east))))
	b.must(err, "Allocate")
	b.roundTrip(p, "o1")
	later := eta.Add(time.Microsecond)
	b.change(ofBatch("a1"), func(p *allocation.Product) error { return changeETA(p, "a1", later, noon) })
	want := later.UTC().Truncate(time.Microsecond)
	if got := b.batchOf(b.state(of("apple")), "a1").ETA; got != want {
		b.errorf("ETA of batch %q after ChangeBatchETA = %s, want %s", "a1", moment(got), moment(want))
	}
}

func valuesZeroTimes(b *bench) {
	p := b.product("apple", stock("a1", 5), shipment("a2", 6, minute(1)))
	_, err := p.Allocate(noon, nil, line("apple", firm("o1", 2)))
	b.must(err, "Allocate")
	b.roundTrip(p, "o1")
	b.change(ofBatch("a2"), func(p *allocation.Product) error {
		_, err := p.ReceiveBatch(allocation.Count{Batch: "a2", Quantity: 6, At: noon}, noon, nil)
		return err
	})
	s := b.state(of("apple"))
	if got := b.batchOf(s, "a2").ETA; got != (time.Time{}) {
		b.errorf("ETA of batch %q after ReceiveBatch = %s, want none", "a2", moment(got))
	}
	if s.NextExpiry != (time.Time{}) {
		b.errorf("NextExpiry of a product without holds = %s, want none", moment(s.NextExpiry))
	}
}

func valuesExtremeTimes(b *bench) {
	earliest := time.Date(1, time.January, 1, 0, 0, 0, 1_000, time.UTC)
	latest := time.Date(9999, time.December, 31, 23, 59, 59, 999_999_000, time.UTC)
	p := b.product("apple",
		allocation.Batch{Ref: "a1", Purchased: 5, ETA: earliest, BestBefore: latest},
		allocation.Batch{Ref: "a2", Purchased: 5, ETA: latest},
	)
	_, err := p.Allocate(noon, nil, line("apple", held("o1", 2, latest)))
	b.must(err, "Allocate")
	b.roundTrip(p, "o1")
	rye := b.product("rye", stock("r1", 5)).Changes()
	rye.NewBatches[0].BestBefore = earliest // an announcement would expire at once
	b.commit(rye)
	b.wantBatch(rye.NewBatches[0], "a batch with the earliest BestBefore")
}

// alike are identifiers that some collations treat as equal.
var alike = []string{
	"ABC", "abc", "Abc", "ABÇ", "\u00e9", "e\u0301", "e", "E", "ss", "ß", "\uff41", "a", "a b", "a  b", "a\u00a0b",
	"1", "01", "1.0", "+1", "x", "x\u200b", "x\u0301", "a-b", "a_b", "a.b", "a--b", "a-b-",
}

func valuesBytes(b *bench) {
	for i, id := range alike {
		b.announce(allocation.SKU(id), stock(allocation.BatchRef(id), allocation.Quantity(1000+i)))
	}
	b.announce("all", stock("all", 1_000_000))
	for i, id := range alike {
		b.allocate("all", firm(allocation.OrderID(id), allocation.Quantity(1+i)))
	}
	for i, id := range alike {
		for _, q := range []allocation.Query{of(allocation.SKU(id)), ofBatch(allocation.BatchRef(id))} {
			s := b.state(q)
			b.wantSKUs([]allocation.State{s}, q, allocation.SKU(id))
			if got, want := b.batchOf(s, allocation.BatchRef(id)).Purchased, allocation.Quantity(1000+i); got != want {
				b.errorf("purchased after Load(%s) = %d, want %d", shown(q), got, want)
			}
		}
		for _, q := range []allocation.Query{of("all", allocation.OrderID(id)), ofOrder(allocation.OrderID(id))} {
			s := b.state(q)
			b.wantLines(s, q, allocation.OrderID(id))
			if got, want := b.lineOf(s, allocation.OrderID(id)).Quantity, allocation.Quantity(1+i); got != want {
				b.errorf("units after Load(%s) = %d, want %d", shown(q), got, want)
			}
		}
	}
}

// odd are unusual identifiers that the model accepts.
var odd = []string{
	"%", "_", "'", `"`, "`", `\`, `\'`, "''", ";--", "$1", "?", ":a", "{}", "NULL", "null", "0", "-1", "a,b", "a/b",
	"../a", "a\nb", "a\tb", "日本", "🪑", "\u202e", "\ufeff", "a\x01b", strings.Repeat("x", 255), strings.Repeat("x", 254),
	strings.Repeat("日", 85),
}

func valuesIdentifiers(b *bench) {
	for _, id := range odd {
		batch := allocation.Batch{Ref: allocation.BatchRef(id), Purchased: 9, Location: allocation.Location(id)}
		p := b.product(allocation.SKU(id), batch)
		_, err := p.Allocate(noon, nil, line(p.SKU(), held(allocation.OrderID(id), 2, minute(1))))
		b.must(err, "Allocate")
		b.roundTrip(p, allocation.OrderID(id))
	}
	for _, id := range odd {
		for _, q := range []allocation.Query{
			of(allocation.SKU(id), allocation.OrderID(id)), ofOrder(allocation.OrderID(id)),
			ofBatch(allocation.BatchRef(id)),
		} {
			b.wantSKUs(b.load(q), q, allocation.SKU(id))
		}
	}
}

func valuesQuantities(b *bench) {
	const most = 1<<53 - 1
	p := b.product("apple", stock("a1", most), stock("a2", most), stock("a3", most-1))
	_, err := p.Allocate(noon, nil, line("apple", firm("o1", most)), line("apple", firm("o2", most-2)))
	b.must(err, "Allocate")
	b.must(p.SetLowStock(most, noon), "SetLowStock")
	b.roundTrip(p, "o1", "o2")
	b.ship("apple", "o1", most-1)
	b.ship("apple", "o2", 1)
	s := b.state(of("apple", "o1", "o2"))
	for ref, want := range map[allocation.BatchRef][2]allocation.Quantity{
		"a1": {1, 1}, "a2": {most - 1, most - 3}, "a3": {most - 1, 0},
	} {
		batch := b.batchOf(s, ref)
		if got := [2]allocation.Quantity{batch.Purchased, batch.Allocated}; got != want {
			b.errorf("purchased and allocated of batch %q = %d, want %d", ref, got, want)
		}
	}
	if got := b.lineOf(s, "o1").Shipped(); got != most-1 {
		b.errorf("shipped units of order %q = %d, want %d", "o1", got, most-1)
	}
}

func valuesAnnounced(b *bench) {
	announced := allocation.Batch{
		Ref: "a1", SKU: "apple", Purchased: 9, ETA: minute(60), Location: "north", BestBefore: minute(90),
	}
	b.announce("apple", announced)
	b.change(ofBatch("a1"), func(p *allocation.Product) error { return changeETA(p, "a1", minute(70), noon) })
	b.change(ofBatch("a1"), func(p *allocation.Product) error {
		_, err := p.ReceiveBatch(allocation.Count{Batch: "a1", Quantity: 7, At: noon}, noon, nil)
		return err
	})
	b.allocate("apple", firm("o1", 7))
	b.ship("apple", "o1", 7)
	got := b.batchOf(b.state(ofBatch("a1")), "a1")
	want := announced
	want.ETA, want.Purchased, want.CountedAt, want.ShippedAt = time.Time{}, 0, noon, noon
	want.CountedQuantity = 7
	want.AnnouncedETA, want.AnnouncedQuantity, want.ArrivedAt = announced.ETA, announced.Purchased, noon
	if got, want := describeBatch(got), describeBatch(want); got != want {
		b.errorf("batch after ChangeBatchETA, ReceiveBatch and Ship:\n  got:  %s\n  want: %s", got, want)
	}
}

func valuesCounted(b *bench) {
	b.announce("apple", stock("a1", 5), stock("a2", 5))
	at := minute(1).Add(123_456 * time.Microsecond)
	b.count("a1", 6, at)
	s := b.state(of("apple"))
	if got := b.batchOf(s, "a1").CountedAt; got != at {
		b.errorf("CountedAt of batch %q = %s, want %s", "a1", moment(got), moment(at))
	}
	if got := b.batchOf(s, "a2").CountedAt; got != (time.Time{}) {
		b.errorf("CountedAt of batch %q = %s, want none without a count", "a2", moment(got))
	}
}

func valuesTerms(b *bench) {
	b.announce("apple", stock("a1", 100))
	heldSplit := split("o3", 3)
	heldSplit.HoldUntil = minute(9)
	b.allocate("apple", firm("o1", 1), split("o2", 2), heldSplit)
	b.change(of("apple", "o3"), func(p *allocation.Product) error {
		_, err := p.Extend("o3", minute(10), noon)
		return err
	})
	s := b.state(of("apple", "o1", "o2", "o3"))
	for order, want := range map[allocation.OrderID]allocation.Allocation{
		"o1": {OrderLine: allocation.OrderLine{OrderID: "o1", SKU: "apple", Quantity: 1}, Sequence: 2},
		"o2": {OrderLine: allocation.OrderLine{OrderID: "o2", SKU: "apple", Quantity: 2}, Sequence: 3, Split: true},
		"o3": {
			OrderLine: allocation.OrderLine{OrderID: "o3", SKU: "apple", Quantity: 3}, Sequence: 4, Split: true,
			HeldUntil: minute(10),
		},
	} {
		want.Parts = []allocation.Part{{Batch: "a1", Quantity: want.Quantity}}
		if got, want := describeLine(b.lineOf(s, order)), describeLine(want); got != want {
			b.errorf("line differs:\n  got:  %s\n  want: %s", got, want)
		}
	}
}

func valuesParts(b *bench) {
	const n = 40
	batches := make([]allocation.Batch, n)
	for i := range batches {
		// The policy takes the largest batch first, which is neither the order of the names nor of the new batches.
		batches[i] = stock(allocation.BatchRef(fmt.Sprintf("a%d", i*7%n)), allocation.Quantity(i+1))
	}
	p := b.product("apple", batches...)
	r := line("apple", split("o1", n*(n+1)/2))
	_, err := p.Allocate(noon, func(x, y allocation.Batch) int { return int(y.Purchased - x.Purchased) }, r)
	b.must(err, "Allocate")
	b.roundTrip(p, "o1")
	b.commit(b.resize("apple", "o1", r.Quantity-3))
	b.ship("apple", "o1", n)
	got := b.lineOf(b.state(of("apple", "o1")), "o1")
	largestFirst := func(x, y allocation.Part) int { return int(y.Quantity - x.Quantity) }
	if !slices.IsSortedFunc(got.Parts, largestFirst) || len(got.Parts) != n-2 {
		b.errorf("parts after giving up the last 2 of %d = %s, want %d parts, largest first", n, partsOf(got), n-2)
	}
}
