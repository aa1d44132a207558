package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cosmic-go/allocation"
)

var auditRows = []row{
	{"counters, lines and events of a busy product agree",
		"each of the three accounts must be right to check the other two (R9)", auditBusy},
	{"Audit reports drift between counters, lines and events",
		"Audit must find rows changed by hand, so each of the three sums needs a source of its own", auditDrift},
	{"Audit includes used-up batches, and batches known only by an event",
		"a batch that is lost altogether is the worst drift", auditEveryBatch},
	{"Audit adds up a product as of one moment",
		"drift that a commit under way only seems to make would be mended, and thereby made", auditMoment},
	{"a version may move beyond the events, and Audit tells both numbers",
		"after a partial restore every command on a product would fail, and nothing could cure it", auditVersion},
	{"Audit and Events answer contexts as a store does",
		"an empty result would be taken for a product without drift or events", auditContexts},
	{"Audit of an unknown SKU is an *allocation.Error that wraps ErrNotFound",
		"a result without tallies would mean that the product has no drift", auditUnknown},
}

func auditBusy(b *bench) {
	b.ledger()
	shop := b.busyShop(1, 150)
	for _, sku := range shop.skus {
		a := b.audit(sku)
		seen := b.checkCounters(shop, sku)
		b.wantPlace(a, sku, seen.version, seen.version)
		if len(a.Tallies) != len(seen.batches) {
			b.errorf("Audit(%q) = %d tallies, want %d", sku, len(a.Tallies), len(seen.batches))
		}
		for _, t := range a.Tallies {
			want := seen.batches[t.Batch]
			if t.Drifted() || t.Purchased != want.Purchased || t.Allocated != want.Allocated {
				b.errorf("tally = %+v, want no drift, and the counters of %+v", t, want)
			}
		}
	}
}

func (b *bench) audit(sku allocation.SKU) allocation.Audit {
	b.Helper()
	a, err := b.ledger().Audit(b.Context(), sku)
	b.must(err, "Audit(%q)", sku)
	return a
}

// wantPlace checks the product, the version and the number of the last event of an audit.
func (b *bench) wantPlace(a allocation.Audit, sku allocation.SKU, version, last int64) {
	b.Helper()
	if a.SKU != sku || a.Version != version || a.LastEvent != last {
		b.errorf("Audit(%q) = SKU %q, version %d, last event %d; want version %d, last event %d",
			sku, a.SKU, a.Version, a.LastEvent, version, last)
	}
}

// wantTallies checks that Audit returns exactly the wanted tallies, in any order.
func (b *bench) wantTallies(sku allocation.SKU, want ...allocation.Tally) {
	b.Helper()
	got := b.audit(sku).Tallies
	byRef := map[allocation.BatchRef]allocation.Tally{}
	for _, t := range got {
		byRef[t.Batch] = t
	}
	for _, w := range want {
		if byRef[w.Batch] != w {
			b.errorf("tally of batch %q = %+v, want %+v", w.Batch, byRef[w.Batch], w)
		}
	}
	if len(got) != len(want) {
		b.errorf("Audit(%q) = %d tallies, want %d: %+v", sku, len(got), len(want), got)
	}
}

func auditDrift(b *bench) {
	b.ledger()
	b.announce("apple", stock("a1", 10), stock("a2", 10), stock("a3", 10))
	noCounter := b.allocation("apple", firm("o1", 3))
	noCounter.Batches = nil
	b.commit(noCounter)
	noLine := b.decide(of("apple", "o2"), func(p *allocation.Product) error {
		_, err := p.Allocate(noon, latest, line("apple", firm("o2", 4)))
		return err
	})
	noLine.NewLines = nil
	b.commit(noLine)
	b.wantTallies("apple",
		allocation.Tally{Batch: "a1", Purchased: 10, Promised: 3, RecordedPurchased: 10, RecordedAllocated: 3},
		allocation.Tally{Batch: "a2", Purchased: 10, RecordedPurchased: 10},
		allocation.Tally{Batch: "a3", Purchased: 10, Allocated: 4, RecordedPurchased: 10, RecordedAllocated: 4},
	)
	unrecorded := b.decide(of("apple"), func(p *allocation.Product) error { return p.SetLowStock(1, noon) })
	unrecorded.Batches = []allocation.BatchChange{{Ref: "a2", Purchased: 5, Allocated: 1}}
	b.commit(unrecorded)
	b.wantTallies("apple",
		allocation.Tally{Batch: "a1", Purchased: 10, Promised: 3, RecordedPurchased: 10, RecordedAllocated: 3},
		allocation.Tally{Batch: "a2", Purchased: 15, Allocated: 1, RecordedPurchased: 10},
		allocation.Tally{Batch: "a3", Purchased: 10, Allocated: 4, RecordedPurchased: 10, RecordedAllocated: 4},
	)
}

// latest is the reverse of the default policy.
func latest(x, y allocation.Batch) int { return -allocation.EarliestFirst(x, y) }

func auditEveryBatch(b *bench) {
	b.ledger()
	b.announce("apple", stock("a1", 4), stock("a2", 5))
	b.allocate("apple", firm("o1", 4))
	b.ship("apple", "o1", 4)
	ghost := b.decide(of("apple"), func(p *allocation.Product) error { return p.SetLowStock(1, noon) })
	ghost.Events = append(ghost.Events, allocation.BatchAdded{SKU: "apple", At: noon, Batch: "ghost", Quantity: 7})
	ghost.Version++
	b.commit(ghost)
	b.wantTallies("apple",
		allocation.Tally{Batch: "a1"},
		allocation.Tally{Batch: "a2", Purchased: 5, RecordedPurchased: 5},
		allocation.Tally{Batch: "ghost", RecordedPurchased: 7},
	)
}

func auditVersion(b *bench) {
	b.ledger()
	b.announce("apple", stock("a1", 9))
	b.announce("pear", stock("p1", 9))
	lowered := b.decide(of("apple"), func(p *allocation.Product) error { return p.SetLowStock(1, noon) })
	lowered.Version = 6
	b.commit(lowered)
	b.wantPlace(b.audit("apple"), "apple", 6, 6)
	b.wantEvents(b.events("apple", 5, plenty), lowered.Events, "events after a gap")
	b.wantEvents(b.events("apple", 6, plenty), nil, "events after the last event")

	ahead := checkOnly(b.state(of("apple")))
	ahead.Version = 9
	stale := ahead
	stale.Read = 5
	b.refused(allocation.ErrConflict, stale)
	b.commit(ahead, b.allocation("pear", firm("o1", 2)))
	b.wantPlace(b.audit("apple"), "apple", 9, 6)
	b.wantPlace(b.audit("pear"), "pear", 2, 2)
	ahead = checkOnly(b.state(of("pear")))
	ahead.Version = 5
	b.commit(ahead)
	b.wantPlace(b.audit("pear"), "pear", 5, 2)

	next := b.allocation("apple", firm("o2", 2))
	b.commit(next)
	b.wantPlace(b.audit("apple"), "apple", 10, 10)
	b.wantEvents(b.events("apple", 9, plenty), next.Events, "events after the version moved")
}

func auditUnknown(b *bench) {
	b.announce("apple", stock("a1", 4))
	a, err := b.ledger().Audit(b.Context(), "pear")
	b.wantError(err, allocation.ErrNotFound, "Audit of an unknown SKU")
	if typed := (*allocation.Error)(nil); !errors.As(err, &typed) {
		b.errorf("Audit of an unknown SKU = %v (%T), want an *allocation.Error", err, err)
	}
	if len(a.Tallies) > 0 {
		b.errorf("tallies of an unknown SKU = %+v, want none", a.Tallies)
	}
}

func auditMoment(b *bench) {
	const commits = 40
	b.ledger()
	b.announce("apple", stock("of apple", commits))
	b.announce("pear", stock("of pear", commits))
	// Each commit begins together with an Audit, so that the two meet on a busy machine, too.
	turn, ended, stopped := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var writing, reading error
	var done sync.WaitGroup
	done.Go(func() {
		defer close(ended)
		for i := 0; i < commits && writing == nil; i++ {
			select {
			case <-turn:
			case <-stopped:
			}
			writing = patiently(func() error { return b.both(allocation.OrderID(fmt.Sprint("o", i))) })
		}
	})
	done.Go(func() {
		defer close(stopped)
		for last := false; reading == nil && !last; {
			select {
			case turn <- struct{}{}:
			case <-ended:
				last = true
			}
			reading = patiently(b.balanced)
		}
	})
	done.Wait()
	b.must(writing, "commits during audits")
	if reading != nil {
		b.errorf("%v", reading)
	}
}

// balanced checks an Audit of a product whose first event is the batch, and whose other events allocate a unit each.
func (b *bench) balanced() error {
	a, err := b.store.(allocation.Ledger).Audit(b.Context(), "apple")
	if err != nil {
		return err
	}
	if len(a.Tallies) != 1 || a.Drifted() || int64(a.Tallies[0].Promised) != a.Version-1 {
		return fmt.Errorf("Audit mixed two moments: %+v", a)
	}
	return nil
}

func auditContexts(b *bench) {
	ledger := b.ledger()
	b.announce("apple", stock("a1", 4))
	calls := map[string]func(ctx context.Context) error{
		"Audit": func(ctx context.Context) error {
			_, err := ledger.Audit(ctx, "apple")
			return err
		},
		"Events": func(ctx context.Context) error {
			_, err := ledger.Events(ctx, "apple", 0, plenty)
			return err
		},
	}
	var none context.Context
	for name, call := range calls {
		for want, ctx := range b.endedContexts() {
			b.wantError(call(ctx), want, "%s with an ended context", name)
		}
		b.wantInvalid(calm(func() error { return call(none) }), "%s with a nil context", name)
	}
}
