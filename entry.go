package allocation

import (
	"context"
	"slices"
)

// entry is one caller with its calls: a single one, or those of a chunk of a bulk.
type entry struct {
	ctx   context.Context
	name  SKU   // what the products of its call are looked up by; "" if they are given
	skus  []SKU // that the calls need, sorted, each once; names are among them
	calls []*call
	ahead *reading // from which skus were found out, if they had to be

	// instead is what the caller does while it has its products to itself, in the place of any calls.
	instead func()

	signal chan struct{} // receives once: that the caller leads, or that all calls have their outcome

	// What follows is guarded by the queue's mutex.
	state state
	group *group // that it leads or was taken into
}

type state int

const (
	idle    state = iota
	waits         // in the queue
	leads         // was told to lead, or does
	taken         // is in the group of another caller
	left          // its caller went away
	through       // all calls have their outcome
)

// need adds products, or names.
func (e *entry) need(skus ...SKU) {
	e.skus = append(e.skus, skus...)
	slices.Sort(e.skus)
	e.skus = slices.Compact(e.skus)
}

// undecided reports whether a call has yet to run.
func (e *entry) undecided() bool {
	return slices.ContainsFunc(e.calls, func(c *call) bool { return !c.done })
}

// orderName and batchName stand among SKUs, and are none: a SKU is valid UTF-8.
func orderName(order OrderID) SKU  { return "\xfforder " + SKU(order) }
func batchName(batch BatchRef) SKU { return "\xffbatch " + SKU(batch) }

// withoutNames leaves SKUs.
func withoutNames(skus []SKU) []SKU {
	return slices.DeleteFunc(slices.Clone(skus), func(sku SKU) bool { return sku[0] == '\xff' })
}
