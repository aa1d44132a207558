package storetest

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

var purgeRows = []row{
	{"Purge deletes and counts the sent events that happened before the given time",
		"the ledger would grow for ever, or lose events that are still wanted", purgeOld},
	{"Purge keeps unsent events, however old",
		"an event would be lost before a receiver got it", purgeUnsent},
	{"an event that stays keeps all later events of its product",
		"a ledger with a gap has wrong sums, and nobody would know which events are missing", purgePrefix},
	{"after a purge the remaining events keep their numbers, and numbers of new events go on",
		"a receiver would take a new event for a repeat, and a repeat for a new event", purgeNumbers},
	{"Audit agrees after a purge as before",
		"every purged product would look as if stock had been stolen (R9)", purgeAudit},
	{"a purge changes no product",
		"a sale would lose its race to the purge, or miss a batch", purgeStates},
	{"a purge reaches every product, and every event of a long history",
		"the ledger would go on growing in the products that are left out", purgeAll},
}

// purge calls Purge, and checks the number of deleted events.
func (p *outboxBench) purge(before time.Time, want int64) {
	p.Helper()
	got, err := p.maintainer().Purge(p.Context(), before)
	p.must(err, "Purge(before %s)", moment(before))
	if got != want {
		p.errorf("Purge(before %s) = %d events, want %d", moment(before), got, want)
	}
}

// wantNumbers checks that the ledger, if the store is a ledger, begins with the event number first.
func (p *outboxBench) wantNumbers(sku allocation.SKU, first int) {
	p.Helper()
	if !isLedger(p.store) {
		return
	}
	recorded := p.recorded[sku]
	for after := range len(recorded) + 2 {
		var want []allocation.Event
		for _, r := range recorded[min(max(after, first-1), len(recorded)):] {
			want = append(want, r.Event)
		}
		p.wantEvents(p.events(sku, int64(after), math.MaxInt32), want, "events of product %q after %d", sku, after)
		p.wantEvents(p.events(sku, int64(after), 2), want[:min(2, len(want))],
			"2 events of product %q after %d", sku, after)
	}
}

func purgeOld(b *bench) {
	p := b.outboxBench()
	p.purge(minute(60), 0)
	for m := range 6 {
		p.recordAt(minute(m), 1, "apple")
	}
	p.recordAt(minute(3).Add(-time.Microsecond), 2, "äpple")
	p.recordAt(minute(3), 1, "äpple")
	p.settleAll(0, sent("relay", "apple", 5), sent("relay", "äpple", 3))
	p.purge(minute(0), 0)
	p.purge(minute(3), 3+2)
	p.purge(minute(3), 0)
	p.wantNumbers("apple", 4)
	p.wantNumbers("äpple", 3)
	p.wantClaim(claimBy("relay", 20), p.rest("apple", 5))
	p.reopenIfAble()
	p.purge(minute(3).Add(time.Microsecond).In(time.FixedZone("east", 9*60*60)), 1+1)
	p.wantNumbers("apple", 5)
	p.wantNumbers("äpple", 4)
}

func purgeUnsent(b *bench) {
	p := b.outboxBench()
	p.recordN(4, "apple", "cherry", "date", "pear", "plum", "quince")
	p.settleAll(0, sent("relay", "apple", 2), failed("relay", "cherry", 1, 1, 20), sent("relay", "date", 0),
		dead("relay", "pear", 4, 9), sent("relay", "quince", 4)) // plum stays leased
	p.purge(minute(60), 2+3+4)
	for sku, first := range map[allocation.SKU]int{
		"apple": 3, "cherry": 1, "date": 1, "pear": 4, "plum": 1, "quince": 5,
	} {
		p.wantNumbers(sku, first)
	}
	p.wantBacklog(5, 2+4+4+1+4, noon)
	p.wantClaim(claimBy("another", 9), p.rest("apple", 2), p.rest("date", 0))
	p.wantClaim(claimBy("another", 20), p.rest("apple", 2), tried(1, p.rest("cherry", 0)), p.rest("date", 0),
		p.rest("plum", 0))
	p.wantFailures("cherry", plenty, dead("relay", "pear", 4, 9))
}

func purgePrefix(b *bench) {
	p := b.outboxBench()
	p.record(p.changesAt("apple", minute(1), minute(2), minute(9), minute(3), minute(4)))
	p.record(p.changesAt("pear", minute(9), minute(1)))
	p.record(p.changesAt("plum", minute(1), minute(2)))
	p.settleAll(0, sent("relay", "apple", 5), sent("relay", "pear", 2), sent("relay", "plum", 1))
	p.purge(minute(5), 2+1)
	p.wantNumbers("apple", 3)
	p.wantNumbers("pear", 1)
	p.wantNumbers("plum", 2)
	p.wantClaim(claimBy("relay", 20), p.rest("plum", 1))
	p.purge(minute(9), 0)
	p.settle(sent("relay", "plum", 2))
	p.purge(minute(10), 3+2+1)
	p.wantNumbers("apple", 6)
}

func purgeNumbers(b *bench) {
	p := b.outboxBench()
	p.recordN(12, "apple")
	p.recordN(3, "pear")
	p.settleAll(0, sent("relay", "apple", 12), sent("relay", "pear", 2))
	p.purge(minute(1), 12+2)
	p.wantNumbers("apple", 13)
	p.recordAt(minute(2), 2, "apple", "pear")
	p.recordAt(minute(3), 1, "apple")
	p.wantNumbers("apple", 13)
	p.wantNumbers("pear", 3)
	p.wantClaim(claimBy("relay", 20), p.rest("apple", 12), p.rest("pear", 2))
	p.settle(sent("relay", "apple", 13))
	p.purge(minute(3), 1)
	p.wantNumbers("apple", 14)
	p.reopenIfAble()
	p.recordAt(minute(4), 1, "apple", "pear")
	p.wantNumbers("apple", 14)
	p.wantClaim(claimBy("relay", 40), p.rest("apple", 13), p.rest("pear", 2))
}

func purgeAudit(b *bench) {
	p := b.outboxBench()
	p.record(p.product("quince", stock("q1", 4), stock("q2", 5)).Changes())
	p.record(p.allocation("quince", firm("o1", 4)))
	p.ship("quince", "o1", 4)
	ghost := p.decide(of("quince"), func(p *allocation.Product) error { return p.SetLowStock(1, noon) })
	ghost.Events = append(ghost.Events, allocation.BatchAdded{SKU: "quince", At: noon, Batch: "ghost", Quantity: 7})
	ghost.Version++
	p.commit(ghost)
	skus := slices.Concat(b.busyShop(1, 150).skus, []allocation.SKU{"quince"})
	var total int64
	for _, steps := range []int64{3, 2, 1} {
		for _, sku := range skus {
			p.settle(sent("relay", sku, b.state(of(sku)).Version/steps))
		}
		before := p.accounts(skus)
		purged, err := p.maintainer().Purge(p.Context(), minute(10_000))
		p.must(err, "Purge")
		if d := difference(p.accounts(skus), before); d != "" {
			p.errorf("Audit changed after a purge of %d events:%s", purged, d)
		}
		total += purged
	}
	p.reopenIfAble()
	var versions int64
	for _, sku := range skus {
		versions += b.state(of(sku)).Version
	}
	if total != versions {
		p.errorf("3 purges deleted %d of %d events, want all", total, versions)
	}
	p.change(of("apple"), func(p *allocation.Product) error {
		return p.AddBatch(allocation.Batch{Ref: "late", SKU: "apple", Purchased: 9}, noon)
	})
	if !isLedger(p.store) {
		return
	}
	if a := p.audit("apple"); a.Drifted() {
		p.errorf("Audit(%q) after a purge and a commit = %+v, want no drift", "apple", a)
	}
}

// accounts describes the tallies of products; nil if the store is no ledger.
func (p *outboxBench) accounts(skus []allocation.SKU) (text []string) {
	p.Helper()
	if !isLedger(p.store) {
		return nil
	}
	for _, sku := range skus {
		a := p.audit(sku)
		text = append(text, fmt.Sprintf("product %q, version %d, last event %d", a.SKU, a.Version, a.LastEvent))
		for _, t := range a.Tallies {
			text = append(text, fmt.Sprintf("product %q: %+v", sku, t))
		}
	}
	return text
}

func purgeStates(b *bench) {
	p := b.outboxBench()
	orders := history(b, "apple")
	p.recordN(2, "pear")
	q := of("apple", orders...)
	before := append(p.load(q), p.load(of("pear"))...)
	stale := p.allocation("apple", firm("o9", 1))
	p.settle(sent("relay", "apple", before[0].Version))
	p.settle(sent("relay", "pear", 2))
	p.purge(minute(60), before[0].Version+2)
	p.wantStates(append(p.load(q), p.load(of("pear"))...), before, "products after a purge")
	p.commit(stale)
	p.refused(allocation.ErrConflict, stale)
	p.refused(allocation.ErrConflict, p.product("pear", stock("p1", 1)).Changes())
}

func purgeAll(b *bench) {
	const products, commits, events = 40, 12, 100
	p := b.outboxBench()
	skus := append(named[allocation.SKU]("sku", products), "apple")
	p.recordN(2, skus...)
	for range commits {
		p.recordN(events, "apple")
	}
	for _, sku := range skus {
		p.settle(sent("relay", sku, int64(len(p.recorded[sku]))-1))
	}
	p.purge(minute(1), products+1+commits*events)
	p.wantBacklog(products+1, products+1, noon)
	c := claimBy("relay", 0)
	c.Products = 1
	p.wantClaim(c, p.rest("apple", commits*events+1))
}
