package torture

import (
	"slices"

	"github.com/cosmic-go/allocation"
)

// knowledge is what a caller knows of its orders and batches, from the answers it was given.
type knowledge struct {
	orders   []order
	past     []command             // allocations and hand-overs to repeat long after
	incoming []allocation.BatchRef // its own batches that are under way
	arrived  []allocation.BatchRef // its own batches in the warehouse
}

// order is one that has something left to happen to it.
type order struct {
	id    allocation.OrderID
	lines []allocation.OrderLine // as allocated or changed last
	held  bool
}

const (
	ordersKept  = 12
	pastKept    = 16
	batchesKept = 8
)

// learn takes a definite answer in.
func (k *knowledge) learn(c command, o outcome, a answer) {
	gone := o == refused
	if o != acknowledged && !gone {
		return
	}
	switch c.Verb {
	case allocate:
		k.forget(c.Order)
		if !gone && len(a.Lines) > 0 { // or the answer is wrong
			k.orders = latest(append(k.orders, order{id: c.Order, lines: lines(a), held: c.holds()}), ordersKept)
			k.past = latest(append(k.past, c), pastKept)
		}
	case confirm, extend:
		if gone {
			k.forget(c.Order)
		} else if c.Verb == confirm {
			k.update(c.Order, nil, false)
		}
	case handOver:
		if !gone {
			k.handedOver(c, a)
		}
	case cancel, ship:
		if len(c.SKUs) == 0 && (c.Verb == cancel || !gone) {
			k.forget(c.Order)
		}
	case change:
		if !gone {
			k.update(c.Order, lines(a), true)
		}
	case split:
		if gone {
			break
		}
		fallthrough
	case addBatch:
		if c.Batch.ETA.IsZero() {
			k.arrived = latest(append(k.arrived, c.Batch.Ref), batchesKept)
		} else {
			k.incoming = latest(append(k.incoming, c.Batch.Ref), batchesKept)
		}
	case receive:
		k.incoming = without(k.incoming, c.Count.Batch)
		k.arrived = latest(append(k.arrived, c.Count.Batch), batchesKept)
	}
}

// handedOver learns that lines are another order's.
func (k *knowledge) handedOver(c command, a answer) {
	k.past = latest(append(k.past, c), pastKept)
	taken := lines(a)
	held := slices.ContainsFunc(a.Lines, func(a allocation.Allocation) bool { return !a.HeldUntil.IsZero() })
	for i := range k.orders {
		o := &k.orders[i]
		o.lines = slices.DeleteFunc(slices.Clone(o.lines), func(line allocation.OrderLine) bool {
			line.OrderID = c.To
			return o.id == c.Order && slices.ContainsFunc(taken, func(t allocation.OrderLine) bool {
				return t.Key() == line.Key()
			})
		})
		if o.id == c.To {
			held = held || o.held
			taken = append(o.lines, taken...)
		}
	}
	k.orders = slices.DeleteFunc(k.orders, func(o order) bool { return len(o.lines) == 0 || o.id == c.To })
	if len(taken) > 0 {
		k.orders = latest(append(k.orders, order{id: c.To, lines: taken, held: held}), ordersKept)
	}
}

func (k *knowledge) forget(id allocation.OrderID) {
	for i, o := range k.orders {
		if o.id == id {
			k.orders = append(k.orders[:i], k.orders[i+1:]...)
			return
		}
	}
}

// update replaces the lines of an order that are given, and makes it firm unless it stays as it is held.
func (k *knowledge) update(id allocation.OrderID, lines []allocation.OrderLine, held bool) {
	for i := range k.orders {
		o := &k.orders[i]
		if o.id != id {
			continue
		}
		o.held = o.held && held
		for _, line := range lines {
			for j := range o.lines {
				if o.lines[j].Key() == line.Key() {
					o.lines[j] = line
				}
			}
		}
	}
}

func lines(a answer) []allocation.OrderLine {
	lines := make([]allocation.OrderLine, len(a.Lines))
	for i, line := range a.Lines {
		lines[i] = line.OrderLine
		lines[i].Quantity = max(line.Quantity, line.Wanted)
	}
	return lines
}

func latest[T any](all []T, kept int) []T { return all[max(0, len(all)-kept):] }

func without[T comparable](all []T, one T) []T {
	var rest []T
	for _, each := range all {
		if each != one {
			rest = append(rest, each)
		}
	}
	return rest
}
