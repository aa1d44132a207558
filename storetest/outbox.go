package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// outbox returns the store as an outbox.Store.
func (b *bench) outbox() outbox.Store {
	b.Helper()
	store, able := b.store.(outbox.Store)
	if !able {
		b.fatalf("the store declares topic %q or %q and doesn't implement outbox.Store", Outbox, Upkeep)
	}
	return store
}

// maintainer returns the store as an outbox.Maintainer.
func (b *bench) maintainer() outbox.Maintainer {
	b.Helper()
	store, able := b.store.(outbox.Maintainer)
	if !able {
		b.fatalf("the store declares topic %q and doesn't implement outbox.Maintainer", Upkeep)
	}
	return store
}

func isOutbox(store allocation.Store) bool {
	_, able := store.(outbox.Store)
	return able
}

func isMaintainer(store allocation.Store) bool {
	_, able := store.(outbox.Maintainer)
	return able
}

// outboxBench is a bench that keeps the recorded events, to compare with the results of claims.
type outboxBench struct {
	*bench
	recorded map[allocation.SKU][]outbox.Record
}

func (b *bench) outboxBench() *outboxBench {
	b.Helper()
	b.outbox()
	return &outboxBench{bench: b, recorded: map[allocation.SKU][]outbox.Record{}}
}

// record commits changes and keeps the events.
func (p *outboxBench) record(changes ...allocation.Changes) {
	p.Helper()
	p.commit(bySKU(changes...)...)
	for _, c := range changes {
		for i, e := range c.Events {
			r := outbox.Record{Sequence: c.Version - int64(len(c.Events)-i) + 1, Event: e}
			if c.TraceParents != nil {
				r.TraceParent = c.TraceParents[i]
			}
			p.recorded[c.SKU] = append(p.recorded[c.SKU], r)
		}
	}
}

// recordN records n events of each product, in a single commit.
func (p *outboxBench) recordN(n int, skus ...allocation.SKU) {
	p.Helper()
	p.recordAt(noon, n, skus...)
}

func (p *outboxBench) recordAt(at time.Time, n int, skus ...allocation.SKU) {
	p.Helper()
	changes := make([]allocation.Changes, len(skus))
	for i, sku := range skus {
		changes[i] = p.changesAt(sku, slices.Repeat([]time.Time{at}, n)...)
	}
	p.record(changes...)
}

// changesAt returns changes with an event for each time. No two events of a product are equal.
func (p *outboxBench) changesAt(sku allocation.SKU, times ...time.Time) allocation.Changes {
	read := len(p.recorded[sku])
	c := allocation.Changes{SKU: sku, Read: int64(read), Version: int64(read + len(times))}
	for i, at := range times {
		c.LowStock = allocation.Quantity(read + i + 1)
		c.Events = append(c.Events, allocation.LowStockSet{SKU: sku, At: at, From: c.LowStock - 1, To: c.LowStock})
	}
	return c
}

// claimBy returns a claim without limits, from the given minute after noon for ten minutes.
func claimBy(owner string, minutes int) outbox.Claim {
	return outbox.Claim{
		Owner: owner, Products: plenty, Events: plenty, Now: minute(minutes), Until: minute(minutes + 10),
	}
}

// rest returns the delivery of all events of a product after a sequence.
func (p *outboxBench) rest(sku allocation.SKU, after int) outbox.Delivery {
	return outbox.Delivery{SKU: sku, Events: p.recorded[sku][after:]}
}

// some returns the delivery of n events of a product after a sequence.
func (p *outboxBench) some(sku allocation.SKU, after, n int) outbox.Delivery {
	d := p.rest(sku, after)
	d.More = n < len(d.Events)
	d.Events = d.Events[:min(n, len(d.Events))]
	return d
}

// tried returns a delivery with a number of failed tries of the first event.
func tried(times int, d outbox.Delivery) outbox.Delivery {
	d.Tries = times
	return d
}

// all returns the deliveries of all events of the products, in the given order.
func (p *outboxBench) all(skus ...allocation.SKU) []outbox.Delivery {
	deliveries := make([]outbox.Delivery, len(skus))
	for i, sku := range skus {
		deliveries[i] = p.rest(sku, 0)
	}
	return deliveries
}

// claim leases products and returns the deliveries.
func (p *outboxBench) claim(c outbox.Claim) []outbox.Delivery {
	p.Helper()
	deliveries, err := p.outbox().Claim(p.Context(), c)
	p.must(err, "%s", shownClaim(c))
	return deliveries
}

// wantClaim checks that a claim returns exactly the wanted deliveries, in order.
func (p *outboxBench) wantClaim(c outbox.Claim, want ...outbox.Delivery) {
	p.Helper()
	got := p.claim(c)
	if !slices.EqualFunc(got, want, sameDelivery) {
		p.errorf("%s =\n%s\nwant\n%s", shownClaim(c), describeDeliveries(got), describeDeliveries(want))
	}
}

func sameDelivery(x, y outbox.Delivery) bool {
	return x.SKU == y.SKU && x.Tries == y.Tries && x.More == y.More && slices.EqualFunc(x.Events, y.Events, sameRecord)
}

// sameRecord is false for a record with an Err, since all events of the rows can be decoded.
func sameRecord(x, y outbox.Record) bool {
	return x.Sequence == y.Sequence && x.Event == y.Event && x.TraceParent == y.TraceParent &&
		x.Err == nil && y.Err == nil
}

func shownClaim(c outbox.Claim) string {
	return fmt.Sprintf("Claim(owner %q, after %s, %d products, %d events, now %s, until %s)",
		c.Owner, brief(string(c.After)), c.Products, c.Events, moment(c.Now), moment(c.Until))
}

func describeDeliveries(deliveries []outbox.Delivery) string {
	const most = 20 // longest list of events
	if len(deliveries) == 0 {
		return "  nothing"
	}
	var text strings.Builder
	for _, d := range deliveries {
		fmt.Fprintf(&text, "  product %s, tries %d, more %t:", brief(string(d.SKU)), d.Tries, d.More)
		for i, r := range d.Events {
			if i == most {
				last := d.Events[len(d.Events)-1].Sequence
				fmt.Fprintf(&text, "\n    and %d more, up to sequence %d", len(d.Events)-i, last)
				break
			}
			fmt.Fprintf(&text, "\n    %d: %T%+v, trace parent %q", r.Sequence, r.Event, r.Event, r.TraceParent)
			if r.Err != nil {
				fmt.Fprintf(&text, ", error: %v", r.Err)
			}
		}
		text.WriteString("\n")
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// settle reports a settlement, which must succeed.
func (p *outboxBench) settle(s outbox.Settlement) {
	p.Helper()
	p.must(p.outbox().Settle(p.Context(), s), "Settle(owner %q, product %s, sent %d, failure %+v)",
		s.Owner, brief(string(s.SKU)), s.Sent, s.Failure)
}

// sent returns a settlement without a failure.
func sent(owner string, sku allocation.SKU, sequence int64) outbox.Settlement {
	return outbox.Settlement{Owner: owner, SKU: sku, Sent: sequence}
}

// failed returns a settlement with a failure of an event. The events before the failed event are sent.
func failed(owner string, sku allocation.SKU, sequence int64, tries, retryAt int) outbox.Settlement {
	return outbox.Settlement{Owner: owner, SKU: sku, Sent: sequence - 1, Failure: &outbox.Failure{
		SKU: sku, Sequence: sequence, Tries: tries, RetryAt: minute(retryAt), Error: "no route to the broker",
	}}
}

// dead returns a settlement with a dead event. The events before the dead event are sent.
func dead(owner string, sku allocation.SKU, sequence int64, tries int) outbox.Settlement {
	s := failed(owner, sku, sequence, tries, 0)
	s.Failure.Dead, s.Failure.RetryAt = true, time.Time{}
	return s
}

// reopenIfAble opens the data again, if the configuration has Reopen.
func (b *bench) reopenIfAble() {
	b.Helper()
	if b.config.Reopen != nil {
		b.reopen()
	}
}
