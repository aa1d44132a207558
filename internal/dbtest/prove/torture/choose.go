package torture

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

// chooser decides what a caller does next. The same settings, caller, number and knowledge lead to the same command;
// only its times are the clock's.
type chooser struct {
	settings *settings
	caller   int
	clock    *clock
}

// purposeOf separates the random numbers of a caller's command from those of all others.
func purposeOf(caller, number int) uint64 { return uint64(caller)<<32 | uint64(number) }

// choose decides on the caller's command with the given number.
func (ch *chooser) choose(number int, k *knowledge) command {
	r := ch.settings.random(purposeOf(ch.caller, number))
	if ch.settings.rushes(ch.caller) && r.IntN(100) < 85 {
		return ch.cart(number, r)
	}
	if len(k.orders) == 0 || (len(k.orders) < 6 && r.IntN(100) < 45) {
		return ch.opening(number, k, r)
	}
	if r.IntN(100) < 20 {
		return ch.ofStock(number, k, r)
	}
	return ch.ofOrder(number, k, r)
}

// opening asks for stock.
func (ch *chooser) opening(number int, k *knowledge, r *rand.Rand) command {
	if len(k.past) > 0 && r.IntN(12) == 0 {
		return k.past[r.IntN(len(k.past))]
	}
	c := command{Verb: allocate, Order: ch.order(number), Terms: ch.terms(r)}
	c.Terms.Split = r.IntN(3) == 0
	for _, i := range r.Perm(ch.settings.SKUs)[:1+r.IntN(ch.settings.SKUs)] {
		line := allocation.OrderLine{OrderID: c.Order, SKU: ch.settings.sku(i), Quantity: units(r, 6)}
		c.Lines = append(c.Lines, line)
	}
	if r.IntN(4) == 0 {
		again := allocation.OrderLine{OrderID: c.Order, SKU: c.Lines[0].SKU, Quantity: units(r, 3)}
		if r.IntN(2) == 0 {
			again.Line = "gift"
		}
		c.Lines = append(c.Lines, again)
	}
	if r.IntN(2) == 0 {
		c.Hold = ch.until(r)
	}
	ch.mayWait(&c, r)
	return c
}

// mayWait lets the lines of many orders wait, take a part of the units, or be held from the moment when the units are
// given. Nobody waits for the first of several products, so that the Services have a product to cache.
func (ch *chooser) mayWait(c *command, r *rand.Rand) {
	first := func(line allocation.OrderLine) bool { return line.SKU == ch.settings.sku(0) }
	t, dice := &c.Terms, r.IntN(8)
	if dice < 5 && ch.settings.SKUs > 1 {
		if c.Lines = slices.DeleteFunc(c.Lines, first); len(c.Lines) == 0 {
			c.Lines = []allocation.OrderLine{{OrderID: c.Order, SKU: ch.settings.sku(1), Quantity: units(r, 6)}}
		}
	}
	switch dice {
	case 0, 1:
		t.Wait = true
	case 2:
		t.Wait, t.HoldFor = true, ch.length(r)
	case 3, 4:
		t.Wait, t.Partial, t.Split = true, true, true
	case 5:
		t.Partial, t.Split = true, true
	case 6:
		t.HoldFor = ch.length(r)
	default:
		return
	}
	c.Hold = time.Time{}
	if t.Wait && r.IntN(3) > 0 { // so that lines compete for the same units
		t.NeededBy, t.FreshUntil, t.Location = time.Time{}, time.Time{}, ""
	}
}

// cart holds a little for a while; most carts are left standing.
func (ch *chooser) cart(number int, r *rand.Rand) command {
	c := command{Verb: allocate, Order: ch.order(number), Hold: ch.until(r)}
	if r.IntN(2) == 0 {
		c.Terms = ch.terms(r)
	}
	skus := r.Perm(ch.settings.SKUs)[:1+r.IntN(min(2, ch.settings.SKUs))]
	if r.IntN(2) == 0 {
		skus = []int{0} // nobody waits for this product, so that the Services cache it
	}
	for _, i := range skus {
		line := allocation.OrderLine{OrderID: c.Order, SKU: ch.settings.sku(i), Quantity: units(r, 2)}
		c.Lines = append(c.Lines, line)
	}
	return c
}

func (ch *chooser) order(number int) allocation.OrderID {
	return allocation.OrderID(fmt.Sprintf("order-%d-%d", ch.caller, number))
}

func units(r *rand.Rand, most int) allocation.Quantity { return allocation.Quantity(1 + r.IntN(most)) }

// until is when a hold shall lapse: soon, so that many do.
func (ch *chooser) until(r *rand.Rand) time.Time {
	return ch.clock.Now().Add(ch.length(r))
}

// length is how long a hold lasts.
func (ch *chooser) length(r *rand.Rand) time.Duration {
	return time.Duration(20+r.IntN(400)) * time.Millisecond
}

// terms binds the lines of an order, many of them to nothing.
func (ch *chooser) terms(r *rand.Rand) (t terms) {
	switch r.IntN(6) {
	case 0, 1: // most of these lines come to depend on a shipment, and slip with the shipment
		t.Location, t.NeededBy = dock, ch.day(r)
	case 2:
		t.Location = places[r.IntN(len(places))]
	case 3:
		t.NeededBy = ch.day(r)
	}
	if r.IntN(5) == 0 {
		t.FreshUntil = ch.day(r)
	}
	if r.IntN(2) == 0 {
		t.Priority = r.IntN(5) - 2
	}
	return t
}

// places are where batches are; dock is the place of the shared batches on the way, which have most late lines.
var places = []allocation.Location{"hull", "york", dock}

const dock = "dock"

// day is when a shipment arrives, a line is needed or a batch expires: in a moment, to pass during the run, or within
// days.
func (ch *chooser) day(r *rand.Rand) time.Time {
	if r.IntN(3) == 0 {
		return ch.moment(r)
	}
	return ch.clock.Now().Add(time.Duration(1+r.IntN(72)) * time.Hour)
}

// moment is a time soon enough to pass during the run.
func (ch *chooser) moment(r *rand.Rand) time.Time {
	return ch.clock.Now().Add(time.Duration(200+r.IntN(1500)) * time.Millisecond)
}

// ofOrder does something with one of the caller's orders.
func (ch *chooser) ofOrder(number int, k *knowledge, r *rand.Rand) command {
	o := k.orders[r.IntN(len(k.orders))]
	line := o.lines[r.IntN(len(o.lines))]
	var some []allocation.SKU
	if r.IntN(4) == 0 {
		some = []allocation.SKU{line.SKU}
	}
	if r.IntN(8) == 0 {
		return ch.handOver(number, o.id, some, k, r)
	}
	dice := r.IntN(100)
	switch {
	case o.held && dice < 45:
		return command{Verb: confirm, Order: o.id, SKUs: some}
	case o.held && dice < 60:
		return command{Verb: extend, Order: o.id, SKUs: some, Hold: ch.until(r)}
	case dice < 25:
		line.Quantity = units(r, 9)
		return command{Verb: change, Order: o.id, Lines: []allocation.OrderLine{line}}
	case dice < 50:
		line.Quantity = units(r, max(1, int(line.Quantity)))
		return command{Verb: shipPart, Order: o.id, Lines: []allocation.OrderLine{line}}
	case dice < 75:
		return command{Verb: ship, Order: o.id, SKUs: some}
	}
	return command{Verb: cancel, Order: o.id, SKUs: some}
}

// handOver makes the lines of an order another's: a new one's, or one's that has lines already.
func (ch *chooser) handOver(
	number int, from allocation.OrderID, skus []allocation.SKU, k *knowledge, r *rand.Rand,
) command {
	to := ch.order(number)
	if other := k.orders[r.IntN(len(k.orders))].id; other != from && r.IntN(3) == 0 {
		to = other
	}
	return command{Verb: handOver, Order: from, To: to, SKUs: skus}
}

// ofStock does something with a product or its batches.
func (ch *chooser) ofStock(number int, k *knowledge, r *rand.Rand) command {
	sku := ch.settings.sku(r.IntN(ch.settings.SKUs))
	switch dice := r.IntN(100); {
	case dice < 9:
		return command{Verb: sweep}
	case dice < 15:
		return command{Verb: reconcile, SKU: sku}
	case dice < 30:
		ref := sharedBatch(sku, sharedBatches-1)
		if len(k.incoming) > 0 && r.IntN(3) == 0 {
			ref = k.incoming[r.IntN(len(k.incoming))]
		}
		return command{Verb: slip, Batch: allocation.Batch{Ref: ref, ETA: ch.day(r)}}
	case dice < 50:
		ref := allocation.BatchRef(fmt.Sprintf("batch-%d-%d", ch.caller, number))
		return command{Verb: addBatch, Batch: ch.batch(allocation.Batch{Ref: ref, SKU: sku}, r)}
	case dice < 67 && len(k.incoming) > 0:
		ref := k.incoming[r.IntN(len(k.incoming))]
		return command{Verb: receive, Count: ch.counted(ref, units(r, 30))}
	}
	if r.IntN(100) < 40 {
		return ch.motion(number, sku, k, r)
	}
	if len(k.arrived) > 0 && r.IntN(2) == 0 {
		return command{Verb: count, Count: ch.counted(k.arrived[r.IntN(len(k.arrived))], units(r, 20)-1)}
	}
	return command{Verb: count, Count: ch.counted(sharedBatch(sku, r.IntN(sharedBatches)), units(r, 60)-1)}
}

// batch announces a batch. One in three is at the dock and about to expire, and sold before the shipments there.
func (ch *chooser) batch(b allocation.Batch, r *rand.Rand) allocation.Batch {
	b.Purchased = units(r, 30)
	if r.IntN(3) == 0 {
		b.Location, b.BestBefore = dock, ch.moment(r)
		return b
	}
	if r.IntN(2) == 0 {
		b.ETA = ch.day(r)
	}
	if r.IntN(2) == 0 {
		b.Location = places[r.IntN(len(places))]
	}
	if r.IntN(3) == 0 {
		b.BestBefore = ch.day(r)
		if !b.BestBefore.After(b.ETA) {
			b.BestBefore = b.ETA.Add(time.Hour)
		}
	}
	return b
}

// motion splits, blocks or unblocks a batch, the caller's own or a shared one.
func (ch *chooser) motion(number int, sku allocation.SKU, k *knowledge, r *rand.Rand) command {
	ref := sharedBatch(sku, r.IntN(sharedBatches))
	if own := slices.Concat(k.arrived, k.incoming); len(own) > 0 && r.IntN(2) == 0 {
		ref = own[r.IntN(len(own))]
	}
	switch dice := r.IntN(100); {
	case dice < 20:
		return command{Verb: block, Batch: allocation.Batch{Ref: ref, Blocked: "dented"}}
	case dice < 55:
		return command{Verb: unblock, Batch: allocation.Batch{Ref: ref}}
	}
	part := allocation.Batch{Ref: allocation.BatchRef(fmt.Sprintf("batch-%d-%d", ch.caller, number))}
	part.Purchased = units(r, 9)
	if r.IntN(3) == 0 {
		part.ETA = ch.day(r)
	}
	if r.IntN(3) == 0 {
		part.Location = places[r.IntN(len(places))]
	}
	if r.IntN(6) == 0 {
		part.Blocked = "dented"
	}
	return command{Verb: split, From: ref, Batch: part}
}

func (ch *chooser) counted(ref allocation.BatchRef, units allocation.Quantity) allocation.Count {
	return allocation.Count{Batch: ref, Quantity: units, At: ch.clock.Now()}
}
