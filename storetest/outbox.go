package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// outbox is the store's ability to hand out events.
func (b *bench) outbox() outbox.Store {
	b.Helper()
	store, able := b.store.(outbox.Store)
	if !able {
		b.fatalf("the store declares topic %q or %q and is no outbox.Store", Outbox, Upkeep)
	}
	return store
}

// maintainer is what the people who run a shop need of it.
func (b *bench) maintainer() outbox.Maintainer {
	b.Helper()
	store, able := b.store.(outbox.Maintainer)
	if !able {
		b.fatalf("the store declares topic %q and is no outbox.Maintainer", Upkeep)
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

// post is the outbox of the store, and what was put into it.
type post struct {
	*bench
	told map[allocation.SKU][]outbox.Record
}

func (b *bench) post() *post {
	b.Helper()
	b.outbox()
	return &post{bench: b, told: map[allocation.SKU][]outbox.Record{}}
}

// put commits, and notes the events.
func (p *post) put(changes ...allocation.Changes) {
	p.Helper()
	p.commit(bySKU(changes...)...)
	for _, c := range changes {
		for i, e := range c.Events {
			r := outbox.Record{Sequence: c.Read + int64(i) + 1, Event: e}
			if c.TraceParents != nil {
				r.TraceParent = c.TraceParents[i]
			}
			p.told[c.SKU] = append(p.told[c.SKU], r)
		}
	}
}

// tell puts n events of each product, all in one commit.
func (p *post) tell(n int, skus ...allocation.SKU) {
	p.Helper()
	p.tellAt(noon, n, skus...)
}

func (p *post) tellAt(at time.Time, n int, skus ...allocation.SKU) {
	p.Helper()
	changes := make([]allocation.Changes, len(skus))
	for i, sku := range skus {
		changes[i] = p.letters(sku, slices.Repeat([]time.Time{at}, n)...)
	}
	p.put(changes...)
}

// letters are changes that tell an event at each of some times. No two of a product are the same.
func (p *post) letters(sku allocation.SKU, times ...time.Time) allocation.Changes {
	read := len(p.told[sku])
	c := allocation.Changes{SKU: sku, Read: int64(read), Version: int64(read + len(times))}
	for i, at := range times {
		c.LowStock = allocation.Quantity(read + i + 1)
		c.Events = append(c.Events, allocation.LowStockSet{SKU: sku, At: at, From: c.LowStock - 1, To: c.LowStock})
	}
	return c
}

// by is a claim of everything, for ten minutes from so many after noon.
func by(owner string, minutes int) outbox.Claim {
	return outbox.Claim{Owner: owner, Products: plenty, Events: plenty, Now: minute(minutes), Until: minute(minutes + 10)}
}

// rest is the delivery of all events of a product after a number.
func (p *post) rest(sku allocation.SKU, after int) outbox.Delivery {
	return outbox.Delivery{SKU: sku, Events: p.told[sku][after:]}
}

// some is the delivery of n events of a product after a number.
func (p *post) some(sku allocation.SKU, after, n int) outbox.Delivery {
	d := p.rest(sku, after)
	d.More = n < len(d.Events)
	d.Events = d.Events[:min(n, len(d.Events))]
	return d
}

// tried is a delivery whose first event has failed so often.
func tried(times int, d outbox.Delivery) outbox.Delivery {
	d.Tries = times
	return d
}

// all are the deliveries of all events of some products, which must come in this order.
func (p *post) all(skus ...allocation.SKU) []outbox.Delivery {
	deliveries := make([]outbox.Delivery, len(skus))
	for i, sku := range skus {
		deliveries[i] = p.rest(sku, 0)
	}
	return deliveries
}

// claim leases products and reads their events.
func (p *post) claim(c outbox.Claim) []outbox.Delivery {
	p.Helper()
	deliveries, err := p.outbox().Claim(p.Context(), c)
	p.must(err, "%s", shownClaim(c))
	return deliveries
}

// wantClaim demands that a claim gets these deliveries, in this order.
func (p *post) wantClaim(c outbox.Claim, want ...outbox.Delivery) {
	p.Helper()
	got := p.claim(c)
	if !slices.EqualFunc(got, want, sameDelivery) {
		p.errorf("%s gets\n%s\nwant\n%s", shownClaim(c), describeDeliveries(got), describeDeliveries(want))
	}
}

func sameDelivery(x, y outbox.Delivery) bool {
	return x.SKU == y.SKU && x.Tries == y.Tries && x.More == y.More && slices.EqualFunc(x.Events, y.Events, sameRecord)
}

// sameRecord demands that there is no error, since what was committed can be read.
func sameRecord(x, y outbox.Record) bool {
	return x.Sequence == y.Sequence && x.Event == y.Event && x.TraceParent == y.TraceParent && x.Err == nil && y.Err == nil
}

func shownClaim(c outbox.Claim) string {
	return fmt.Sprintf("Claim(owner %q, after %s, %d products, %d events, now %s, until %s)",
		c.Owner, brief(string(c.After)), c.Products, c.Events, moment(c.Now), moment(c.Until))
}

func describeDeliveries(deliveries []outbox.Delivery) string {
	const most = 20 // events of each
	if len(deliveries) == 0 {
		return "  nothing"
	}
	var text strings.Builder
	for _, d := range deliveries {
		fmt.Fprintf(&text, "  product %s, tries %d, more %t:", brief(string(d.SKU)), d.Tries, d.More)
		for i, r := range d.Events {
			if i == most {
				fmt.Fprintf(&text, "\n    and %d more, the last of which is %d", len(d.Events)-i, d.Events[len(d.Events)-1].Sequence)
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

// settle ends a lease.
func (p *post) settle(s outbox.Settlement) {
	p.Helper()
	p.must(p.outbox().Settle(p.Context(), s), "Settle(owner %q, product %s, sent %d, failure %+v)",
		s.Owner, brief(string(s.SKU)), s.Sent, s.Failure)
}

// sent is a settlement without failure.
func sent(owner string, sku allocation.SKU, sequence int64) outbox.Settlement {
	return outbox.Settlement{Owner: owner, SKU: sku, Sent: sequence}
}

// failed is a settlement of an event that wasn't accepted, after all before it were.
func failed(owner string, sku allocation.SKU, sequence int64, tries, retryAt int) outbox.Settlement {
	return outbox.Settlement{Owner: owner, SKU: sku, Sent: sequence - 1, Failure: &outbox.Failure{
		SKU: sku, Sequence: sequence, Tries: tries, RetryAt: minute(retryAt), Error: "no route to the broker",
	}}
}

// died is a settlement of an event that is given up.
func died(owner string, sku allocation.SKU, sequence int64, tries int) outbox.Settlement {
	s := failed(owner, sku, sequence, tries, 0)
	s.Failure.Dead, s.Failure.RetryAt = true, time.Time{}
	return s
}

// reopenIfAble closes the store and opens it again, if that makes sense for it.
func (b *bench) reopenIfAble() {
	b.Helper()
	if b.config.Reopen != nil {
		b.reopen()
	}
}
