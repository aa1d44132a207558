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
	return ch.ofOrder(k, r)
}

// opening asks for stock.
func (ch *chooser) opening(number int, k *knowledge, r *rand.Rand) command {
	if len(k.past) > 0 && r.IntN(12) == 0 {
		return k.past[r.IntN(len(k.past))]
	}
	c := command{Verb: allocate, Order: ch.order(number), Split: r.IntN(3) == 0}
	for _, i := range r.Perm(ch.settings.SKUs)[:1+r.IntN(ch.settings.SKUs)] {
		line := allocation.OrderLine{OrderID: c.Order, SKU: ch.settings.sku(i), Quantity: units(r, 6)}
		c.Lines = append(c.Lines, line)
	}
	if r.IntN(6) == 0 {
		c.Lines = append(c.Lines, allocation.OrderLine{OrderID: c.Order, SKU: c.Lines[0].SKU, Quantity: units(r, 3)})
	}
	if r.IntN(2) == 0 {
		c.Hold = ch.until(r)
	}
	return c
}

// cart holds a little for a while; most carts are left standing.
func (ch *chooser) cart(number int, r *rand.Rand) command {
	c := command{Verb: allocate, Order: ch.order(number), Hold: ch.until(r)}
	for _, i := range r.Perm(ch.settings.SKUs)[:1+r.IntN(min(2, ch.settings.SKUs))] {
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
	return ch.clock.Now().Add(time.Duration(20+r.IntN(400)) * time.Millisecond)
}

// ofOrder does something with one of the caller's orders.
func (ch *chooser) ofOrder(k *knowledge, r *rand.Rand) command {
	o := k.orders[r.IntN(len(k.orders))]
	line := o.lines[r.IntN(len(o.lines))]
	var some []allocation.SKU
	if r.IntN(4) == 0 {
		some = []allocation.SKU{line.SKU}
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
		line.Quantity = units(r, int(line.Quantity))
		return command{Verb: shipPart, Order: o.id, Lines: []allocation.OrderLine{line}}
	case dice < 75:
		return command{Verb: ship, Order: o.id, SKUs: some}
	}
	return command{Verb: cancel, Order: o.id, SKUs: some}
}

// ofStock does something with a product or its batches.
func (ch *chooser) ofStock(number int, k *knowledge, r *rand.Rand) command {
	sku := ch.settings.sku(r.IntN(ch.settings.SKUs))
	switch dice := r.IntN(100); {
	case dice < 10:
		return command{Verb: release}
	case dice < 20:
		return command{Verb: reconcile, SKU: sku}
	case dice < 45:
		ref := allocation.BatchRef(fmt.Sprintf("batch-%d-%d", ch.caller, number))
		b := allocation.Batch{Ref: ref, SKU: sku, Purchased: units(r, 30)}
		if r.IntN(2) == 0 {
			b.ETA = ch.clock.Now().Add(time.Duration(1+r.IntN(72)) * time.Hour)
		}
		return command{Verb: addBatch, Batch: b}
	case dice < 65 && len(k.incoming) > 0:
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
		part.ETA = ch.clock.Now().Add(time.Hour)
	}
	if r.IntN(6) == 0 {
		part.Blocked = "dented"
	}
	return command{Verb: split, From: ref, Batch: part}
}

func (ch *chooser) counted(ref allocation.BatchRef, units allocation.Quantity) allocation.Count {
	return allocation.Count{Batch: ref, Quantity: units, At: ch.clock.Now()}
}
