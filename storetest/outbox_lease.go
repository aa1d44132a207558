package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

var leaseRows = []row{
	{"a claimed product isn't claimed again before the end of its lease, and is claimed afterwards",
		"two relays at a time break the order of events; a dead relay must not keep products for ever", leaseUntil},
	{"a lease ends exactly at Until",
		"if relays disagree about the end, two relays hold the product, or none", leaseBoundary},
	{"only the claimed products are leased",
		"other products would wait for the end of a lease that nobody uses", leaseOnly},
	{"a lease doesn't block changes of the product, and changes no version",
		"a sale would wait for the broker, or lose its race to a relay", leaseCommits},
	{"events committed during a lease come after the settlement",
		"the events would be lost, or wait for the product's next event", leaseMeanwhile},
	{"of concurrent claims of a product one succeeds",
		"two relays at a time break the order of events", leaseRace},
	{"concurrent relays get every event once and in order, while commits go on",
		"an event is lost for ever if its commit began early, ended late, and was passed over", leaseBusy},
	{"claims and settlements share no memory with the store",
		"the caller may go on using the memory", leaseCopies},
}

func leaseUntil(b *bench) {
	p := b.outboxBench()
	p.recordN(2, lookalikes...)
	p.wantClaim(claimBy("relay", 0), p.all(lookalikes...)...)
	for _, owner := range []string{"another", "relay"} {
		for _, minutes := range []int{0, 1, 9} {
			p.wantClaim(claimBy(owner, minutes))
		}
	}
	p.wantClaim(claimBy("another", 11), p.all(lookalikes...)...)
	p.wantClaim(claimBy("relay", 12))
	p.wantClaim(claimBy("relay", 20)) // a refused claim must not have renewed the lease
	p.wantClaim(claimBy("another", 22), p.all(lookalikes...)...)
}

func leaseBoundary(b *bench) {
	p := b.outboxBench()
	p.recordN(2, "apple")
	east, now := time.FixedZone("east", 9*60*60), noon
	for i, length := range []time.Duration{time.Microsecond, 123_457 * time.Microsecond, time.Minute, 36 * time.Hour} {
		c := outbox.Claim{Owner: "relay", Products: 1, Events: 9, Now: now, Until: now.Add(length)}
		if i%2 > 0 {
			c.Now, c.Until = c.Now.In(east), c.Until.In(east)
		}
		p.wantClaim(c, p.all("apple")...)
		now = now.Add(length)
		c.Owner, c.Now, c.Until = "another", now.Add(-time.Microsecond), now.Add(time.Hour)
		p.wantClaim(c)
	}
	p.wantClaim(outbox.Claim{Owner: "another", Products: 1, Events: 9, Now: now, Until: now.Add(time.Hour)},
		p.all("apple")...)
}

func leaseOnly(b *bench) {
	p := b.outboxBench()
	p.recordN(2, "apple", "cherry", "pear", "plum", "quince")
	c := claimBy("relay", 0)
	c.After, c.Products, c.Events = "apple", 2, 1
	p.wantClaim(c, p.some("cherry", 0, 1), p.some("pear", 0, 1))
	p.wantClaim(claimBy("another", 0), p.all("apple", "plum", "quince")...)
	p.recordN(1, "date")
	p.wantClaim(claimBy("relay", 5), p.all("date")...)
	p.wantClaim(claimBy("relay", 14), p.all("apple", "cherry", "pear", "plum", "quince")...)
}

func leaseCommits(b *bench) {
	p := b.outboxBench()
	p.record(p.product("apple", stock("a1", 10)).Changes())
	before := p.load(of("apple"))
	read := p.allocation("apple", firm("o1", 1))
	p.wantClaim(claimBy("relay", 0), p.all("apple")...)
	p.wantStates(p.load(of("apple")), before, "product after a claim")
	p.record(read)
	before = p.load(of("apple"))
	read = p.allocation("apple", firm("o2", 1))
	p.settle(failed("relay", "apple", 1, 1, 5))
	p.wantClaim(claimBy("relay", 5), tried(1, p.rest("apple", 0)))
	p.settle(sent("relay", "apple", 2))
	p.wantStates(p.load(of("apple")), before, "product after claims and settlements")
	p.record(read)
	p.wantClaim(claimBy("relay", 20), p.rest("apple", 2))
}

func leaseMeanwhile(b *bench) {
	p := b.outboxBench()
	p.recordN(3, "apple", "pear")
	c := claimBy("relay", 0)
	c.Events = 2
	p.wantClaim(c, p.some("apple", 0, 2), p.some("pear", 0, 2))
	p.recordN(2, "apple", "pear")
	p.wantClaim(claimBy("another", 1))
	p.settle(sent("relay", "apple", 2))
	p.wantClaim(claimBy("another", 2), p.rest("apple", 2))
	p.recordN(1, "apple")
	p.settle(sent("another", "apple", 5))
	p.wantClaim(claimBy("another", 3), p.rest("apple", 5))
	p.settle(sent("relay", "pear", 2))
	p.wantClaim(claimBy("another", 4), p.rest("pear", 2))
}

func leaseRace(b *bench) {
	p, store := b.outboxBench(), b.outbox()
	skus := named[allocation.SKU]("sku", racers+4)
	slices.Sort(skus)
	p.recordN(2, skus...)
	for round := range raceRounds {
		got := make([][]outbox.Delivery, racers)
		c := claimBy("", 10*round) // the leases of the round before end now
		c.Products = []int{plenty, 3}[round%2]
		results := race(func(i int) error {
			mine := c
			mine.Owner = fmt.Sprint("relay ", i)
			deliveries, err := store.Claim(p.Context(), mine)
			got[i] = deliveries
			return unlessConflict(err)
		})
		p.must(errors.Join(results...), "Claim by %d racers", racers)
		got = append(got, p.claim(claimBy("a late one", 10*round))) // gets products that all racers left out
		holders := map[allocation.SKU]int{}
		for _, d := range slices.Concat(got...) {
			holders[d.SKU]++
			if !sameDelivery(d, p.rest(d.SKU, 0)) {
				p.errorf("delivery to a racer =\n%s\nwant\n%s",
					describeDeliveries([]outbox.Delivery{d}), describeDeliveries(p.all(d.SKU)))
			}
		}
		for _, sku := range skus {
			if holders[sku] != 1 {
				p.errorf("product %q was leased to %d of %d racers in round %d, want 1",
					sku, holders[sku], len(got), round)
			}
		}
	}
}

// unlessConflict drops ErrConflict, by which a store ends a race between claims.
func unlessConflict(err error) error {
	if errors.Is(err, allocation.ErrConflict) {
		return nil
	}
	return err
}

func leaseBusy(b *bench) {
	const rounds = 6
	p := b.outboxBench()
	skus := []allocation.SKU{"apple", "pear", "plum"}
	for i, sku := range skus {
		p.announce(sku, stock(allocation.BatchRef(fmt.Sprint("b", i)), 1000))
	}
	shop, seen := b.open(plenty), newReceiver(b.outbox())
	var writing atomic.Int64
	writing.Add(racers / 2)
	results := race(func(i int) error {
		if i%2 > 0 {
			return seen.collect(p.bench, fmt.Sprint("relay ", i), &writing)
		}
		defer writing.Add(-1)
		for round := range rounds {
			r := line(skus[(i/2+round)%len(skus)], firm(allocation.OrderID(fmt.Sprint("o", i, " ", round)), 1))
			if _, err := shop.service.Allocate(p.Context(), r); err != nil {
				return err
			}
		}
		return nil
	})
	p.must(errors.Join(results...), "concurrent Allocate, Claim and Settle")
	p.must(seen.collect(p.bench, "a late one", &writing), "Claim and Settle of the remaining events")
	for _, sku := range skus {
		want := make([]int64, b.state(of(sku)).Version)
		for i := range want {
			want[i] = int64(i) + 1
		}
		if got := seen.numbers[sku]; !slices.Equal(got, want) {
			p.errorf("sequences of product %q in the order of the deliveries = %d, want 1 to %d", sku, got, len(want))
		}
	}
}

// receiver collects the sequences of all events that several relays got.
type receiver struct {
	store   outbox.Store
	mu      sync.Mutex
	numbers map[allocation.SKU][]int64
}

func newReceiver(store outbox.Store) *receiver {
	return &receiver{store: store, numbers: map[allocation.SKU][]int64{}}
}

// collect claims and settles until writing is 0 and no events are left.
func (m *receiver) collect(b *bench, owner string, writing *atomic.Int64) error {
	const most = 5000 // limit for a store with endless deliveries
	c := claimBy(owner, 0)
	c.Products, c.Events = 2, 2
	for range most {
		last := writing.Load() == 0
		deliveries, err := m.store.Claim(b.Context(), c)
		if err = unlessConflict(err); err != nil {
			return err
		}
		for _, d := range deliveries {
			if err := m.take(b, owner, d); err != nil {
				return err
			}
		}
		switch {
		case len(deliveries) > 0:
		case last:
			return nil
		default:
			<-time.After(100 * time.Microsecond) // until the writers' next commit
		}
	}
	return nil
}

// take records the events of a delivery while the lease lasts, and then settles the delivery.
func (m *receiver) take(b *bench, owner string, d outbox.Delivery) error {
	if len(d.Events) == 0 {
		return fmt.Errorf("delivery of product %q has no events", d.SKU)
	}
	m.mu.Lock()
	for _, r := range d.Events {
		m.numbers[d.SKU] = append(m.numbers[d.SKU], r.Sequence)
	}
	m.mu.Unlock()
	for {
		last := d.Events[len(d.Events)-1].Sequence
		err := m.store.Settle(b.Context(), sent(owner, d.SKU, last))
		if !errors.Is(err, allocation.ErrConflict) {
			return err
		}
	}
}

func leaseCopies(b *bench) {
	p := b.outboxBench()
	c := p.changesAt("apple", minute(1), minute(2))
	c.TraceParents = []string{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", ""}
	traces := slices.Clone(c.TraceParents)
	p.record(c)
	p.recordN(1, "pear")
	if !slices.Equal(c.TraceParents, traces) {
		p.errorf("Commit changed its trace parents: %q", c.TraceParents)
	}
	clear(c.TraceParents)
	clear(c.Events)
	for minutes := range 3 {
		want := p.all("apple", "pear")
		got := p.claim(claimBy("relay", 20*minutes))
		if !slices.EqualFunc(got, want, sameDelivery) {
			p.errorf("claim %d =\n%s\nwant\n%s", minutes+1, describeDeliveries(got), describeDeliveries(want))
		}
		for _, d := range got {
			clear(d.Events[:cap(d.Events)])
		}
		clear(got)
	}
	s := failed("relay", "apple", 1, 3, 60)
	p.settle(s)
	if want := failed("relay", "apple", 1, 3, 60); *s.Failure != *want.Failure {
		p.errorf("Settle changed its failure: %+v, want %+v", *s.Failure, *want.Failure)
	}
	*s.Failure = outbox.Failure{SKU: "pear", Sequence: 9, Tries: 9}
	p.wantClaim(claimBy("relay", 59), p.rest("pear", 0))
	p.wantClaim(claimBy("relay", 60), tried(3, p.rest("apple", 0)))
}
