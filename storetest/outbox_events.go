package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

var outboxEventRows = []row{
	{"the events of a commit are unsent after the commit, and not before",
		"a receiver waits for a missing event for ever, and must not get an event of a change that isn't " +
			"committed", outboxAll},
	{"a failed commit has no unsent events",
		"an event without the change would send goods that nobody ordered", outboxCommitFailed},
	{"events of every kind come unchanged, with their numbers and trace parents",
		"a receiver acts on kind and fields, recognises repeats by the number, and traces the cause", outboxRecords},
	{"a gap in the numbers stops no event",
		"after a loss of events a receiver would wait for the later events for ever", outboxGap},
	{"the event of a refusal is unsent as well",
		"the shop's buyer wants to know that a customer was refused (R10)", outboxRefusal},
	{"the events of a product come in order, without gaps",
		"a receiver would cancel a line before the line's allocation", outboxOrder},
	{"a claim brings at most Events events of a product, and More says whether there are others",
		"a backlog of a million events doesn't fit into memory, and a relay must know that there is " +
			"more", outboxEvents},
	{"a claim brings at most Products products after the given SKU, sorted by SKU as bytes",
		"a relay that claims in pages would miss products, or serve only the first", outboxProducts},
	{"a claim for no products or no events is refused as invalid",
		"the relay would wait for ever without an error", outboxInvalid},
}

// lookalikes are sorted SKUs that a careless comparison treats as equal.
var lookalikes = slices.Sorted(slices.Values([]allocation.SKU{
	"apple", "Apple", "APPLE", "Apricot", "apple'", `apple"`, "apple%", "apple\x01", "apple\u200b",
	"äpple", "a\u0308pple",
	allocation.SKU(strings.Repeat("x", 254) + "1"), allocation.SKU(strings.Repeat("x", 254) + "2"),
	allocation.SKU(strings.Repeat("x", 254)),
}))

func outboxAll(b *bench) {
	p := b.outboxBench()
	p.wantClaim(claimBy("relay", 0))
	p.record(p.product("apple", stock("a1", 3), stock("a2", 30)).Changes())
	p.wantClaim(claimBy("relay", 20), p.all("apple")...)
	p.record(p.allocation("apple", split("o1", 5), firm("o2", 2)))
	p.commit(checkOnly(p.state(of("apple"))))
	p.wantClaim(claimBy("relay", 40), p.all("apple")...)
	apple := p.cancellation("apple", "o1")
	p.record(apple, p.product("Apple", stock("A1", 1)).Changes(),
		p.product("pear", stock("p1", 1), stock("p2", 1)).Changes())
	p.wantClaim(claimBy("relay", 60), p.all("Apple", "apple", "pear")...)
}

func outboxCommitFailed(b *bench) {
	p := b.outboxBench()
	p.record(p.product("apple", stock("a1", 10)).Changes(), p.product("pear", stock("p1", 10)).Changes())
	stale, duplicate := p.allocation("pear", firm("o1", 1)), p.allocation("pear", firm("o1", 1))
	stale.Read, stale.Version = stale.Read-1, stale.Version-1
	duplicate.NewBatches = []allocation.Batch{announcedAs("pear", stock("a1", 1))}
	for _, fails := range []struct {
		with error
		pear allocation.Changes
	}{{allocation.ErrConflict, stale}, {allocation.ErrDuplicate, duplicate}} {
		p.refused(fails.with, p.allocation("apple", firm("o1", 1)), fails.pear)
		p.refused(fails.with, p.product("a new one", stock("new", 1)).Changes(), fails.pear)
	}
	p.wantClaim(claimBy("relay", 0), p.all("apple", "pear")...)
	p.settle(sent("relay", "apple", 1))
	p.settle(sent("relay", "pear", 1))
	p.refused(allocation.ErrConflict, p.allocation("apple", firm("o1", 1)), stale)
	p.wantClaim(claimBy("relay", 20))
}

func outboxRecords(b *bench) {
	p := b.outboxBench()
	recorded := everyKind()
	added := recorded[0].(allocation.BatchAdded)
	traces := make([]string, len(recorded))
	for i := range traces {
		if i%3 > 0 {
			traces[i] = fmt.Sprintf("00-0af7651916cd43dd8448eb211c80%04x-b7ad6b71692033%02x-0%d", i, i, i%3-1)
		}
	}
	p.record(allocation.Changes{
		SKU: added.SKU, Version: int64(len(recorded)), Events: recorded, TraceParents: traces,
		NewBatches: []allocation.Batch{announcedAs(added.SKU, stock(added.Batch, 20))},
	})
	p.wantClaim(claimBy("relay", 0), p.all(added.SKU)...)
	p.record(p.changesAt(added.SKU, minute(1), minute(2)))
	last := p.changesAt(added.SKU, minute(3))
	last.TraceParents = []string{strings.Replace(traces[1], "00-0a", "00-ff", 1)}
	p.record(last)
	p.wantClaim(claimBy("relay", 20), p.all(added.SKU)...)
	p.reopenIfAble()
	p.wantClaim(claimBy("relay", 40), p.all(added.SKU)...)
}

func outboxRefusal(b *bench) {
	p := b.outboxBench()
	s := b.open(plenty)
	s.add("apple", stock("a1", 5))
	s.refuses("apple", firm("o1", 6))
	s.sell("apple", firm("o2", 1))
	s.refuses("apple", firm("o1", 6))
	d := p.claim(claimBy("relay", 0))
	if len(d) != 1 || len(d[0].Events) != 4 {
		p.fatalf("claim after 2 refusals =\n%s\nwant 4 events of 1 product", describeDeliveries(d))
	}
	for i, available := range map[int]allocation.Quantity{1: 5, 3: 4} {
		want := allocation.LineRefused{SKU: "apple", At: noon, OrderID: "o1", Quantity: 6, Available: available}
		if got := d[0].Events[i].Event; got != want {
			p.errorf("event %d = %T%+v, want the refusal %+v", i+1, got, got, want)
		}
	}
}

func outboxOrder(b *bench) {
	p := b.outboxBench()
	// Sequences get two digits, commits have several events, and the products' commits alternate.
	for n := range 13 {
		p.recordN(1, "pear")
		p.recordN(1+n%3, "apple")
		p.recordN(1, "apple", "pear")
	}
	p.wantClaim(claimBy("relay", 0), p.all("apple", "pear")...)
	for n := 0; n < len(p.recorded["apple"]); n += 7 {
		c := claimBy("relay", 20+n)
		c.Events, c.Products = 7, 1
		p.wantClaim(c, p.some("apple", n, 7))
		p.settle(sent("relay", "apple", int64(min(n+7, len(p.recorded["apple"])))))
	}
}

func outboxEvents(b *bench) {
	p := b.outboxBench()
	p.recordN(3, "apple", "pear")
	p.recordN(1, "apple", "plum")
	p.recordN(3, "apple")
	p.recordN(5, "äpple")
	minutes := 0
	for _, limit := range []int{1, 2, 3, 4, 6, 7, 8, plenty} {
		c := claimBy("relay", minutes)
		c.Events = limit
		p.wantClaim(c, p.some("apple", 0, limit), p.some("pear", 0, limit), p.some("plum", 0, limit),
			p.some("äpple", 0, limit))
		minutes += 20
	}
}

func outboxProducts(b *bench) {
	p := b.outboxBench()
	var skus []allocation.SKU
	for _, id := range append(append([]string{}, alike...), odd...) {
		skus = append(skus, allocation.SKU(id))
	}
	skus = append(skus, lookalikes...)
	slices.Sort(skus)
	skus = slices.Compact(skus)
	p.recordN(2, skus...)
	last := len(skus) - 1
	c := claimBy("relay", 0)
	c.After = skus[last]
	p.wantClaim(c)
	c.After, c.Products = "b", 1 // no product has the SKU b
	after, _ := slices.BinarySearch(skus, c.After)
	p.wantClaim(c, p.rest(skus[after], 0))
	p.settle(sent("relay", skus[after], 0))
	c = claimBy("relay", 0)
	for n := 0; n <= last; n += 7 {
		c.Products = 7
		p.wantClaim(c, p.all(skus[n:min(n+7, last+1)]...)...)
		c.After = skus[min(n+6, last)]
	}
	p.wantClaim(c)
}

func outboxInvalid(b *bench) {
	p := b.outboxBench()
	p.recordN(2, "apple")
	for _, n := range []int{0, -1} {
		for _, change := range []func(c *outbox.Claim){
			func(c *outbox.Claim) { c.Products = n },
			func(c *outbox.Claim) { c.Events = n },
			func(c *outbox.Claim) { c.Products, c.Events = n, n },
		} {
			c := claimBy("relay", 0)
			change(&c)
			got, err := p.outbox().Claim(p.Context(), c)
			p.wantInvalid(err, "%s", shownClaim(c))
			if len(got) > 0 {
				p.errorf("%s =\n%s\nwant nothing", shownClaim(c), describeDeliveries(got))
			}
		}
	}
	p.wantClaim(claimBy("relay", 0), p.all("apple")...)
}

// wantInvalid checks for an *allocation.Error that wraps ErrInvalid.
func (b *bench) wantInvalid(err error, format string, args ...any) {
	b.Helper()
	b.wantError(err, allocation.ErrInvalid, format, args...)
	b.wantTyped(err, format, args...)
}

// wantTyped checks that err is nil or an *allocation.Error.
func (b *bench) wantTyped(err error, format string, args ...any) {
	b.Helper()
	if typed := (*allocation.Error)(nil); err != nil && !errors.As(err, &typed) {
		b.errorf("%s = %v (%T), want an *allocation.Error", fmt.Sprintf(format, args...), err, err)
	}
}

// outboxGap skips numbers, as the commit after a Mend does; stores that are no ledger never meet such a commit.
func outboxGap(b *bench) {
	p := b.outboxBench()
	if !isLedger(p.store) {
		return
	}
	p.recordN(2, "apple")
	c := p.changesAt("apple", noon, noon)
	c.Version = 8
	p.record(c)
	p.wantClaim(claimBy("relay", 0), p.rest("apple", 0))
	p.settle(sent("relay", "apple", 2))
	p.wantClaim(claimBy("relay", 20), p.rest("apple", 2))
	p.settle(failed("relay", "apple", 7, 1, 30))
	p.wantFailures("", plenty, failed("relay", "apple", 7, 1, 30))
	p.wantClaim(claimBy("relay", 25))
	p.wantClaim(claimBy("relay", 40), tried(1, p.rest("apple", 2)))
	p.settle(sent("relay", "apple", 8))
	p.wantClaim(claimBy("relay", 60))
}
