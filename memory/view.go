package memory

import (
	"iter"
	"maps"
	"slices"

	"github.com/cosmic-go/allocation"
)

// view is the stored data as a caller sees the data: what is committed, and inside a transaction also the writes of the
// transaction. All access is under the store's lock.
type view struct {
	*Store
	own map[allocation.SKU]*product // the products written in the transaction; nil outside
}

// product returns a product, nil for none.
func (v view) product(sku allocation.SKU) *product {
	if p := v.own[sku]; p != nil {
		return p
	}
	return v.products[sku]
}

// owner returns the product of a batch, nil for none.
func (v view) owner(ref allocation.BatchRef) *product {
	for _, p := range v.own {
		if p.batches[ref] != nil {
			return p
		}
	}
	return v.owners[ref] // no batch ever leaves a product
}

// withOrder returns the products with a line of an order.
func (v view) withOrder(order allocation.OrderID) []*product {
	found := v.orders[order]
	if v.own == nil {
		return found
	}
	found = slices.DeleteFunc(slices.Clone(found), func(p *product) bool { return v.own[p.sku] != nil })
	for _, p := range v.own {
		if p.hasOrder(order) {
			found = append(found, p)
		}
	}
	return found
}

// all iterates over all products.
func (v view) all() iter.Seq[*product] {
	return func(yield func(*product) bool) {
		for _, p := range v.own {
			if !yield(p) {
				return
			}
		}
		for sku, p := range v.products {
			if v.own[sku] == nil && !yield(p) {
				return
			}
		}
	}
}

// checkAll refuses changes that the view doesn't allow.
func (v view) checkAll(changes []allocation.Changes) error {
	announced := map[allocation.BatchRef]bool{}
	unique := func(c allocation.Changes) error { return v.checkUnique(c, announced) }
	// One check over all changes before the next check: the port wants a conflict found before a duplicate.
	for _, check := range []func(allocation.Changes) error{v.checkVersion, unique, v.checkConstraints} {
		for _, c := range changes {
			if err := check(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// write makes a product written in the transaction, and applies changes that have passed all checks.
func (v view) write(c allocation.Changes) {
	if c.Version == c.Read {
		return
	}
	p := v.product(c.SKU)
	switch {
	case p == nil:
		p = newProduct(c.SKU)
	case v.own[c.SKU] == nil:
		p = p.clone()
	}
	v.own[c.SKU] = p
	p.apply(c)
}

// clone returns a copy that shares no memory with p, except for what never changes.
func (p *product) clone() *product {
	c := *p
	c.batches, c.forSale = make(map[allocation.BatchRef]*batch, len(p.batches)), nil
	for ref, b := range p.batches {
		c.batches[ref] = &batch{Batch: b.Batch, leaving: b.leaving.clone(), dated: b.dated.clone()}
	}
	for _, b := range p.forSale {
		c.forSale = append(c.forSale, c.batches[b.Ref])
	}
	c.lines = make(map[allocation.OrderID]*line, len(p.lines))
	for order, first := range p.lines {
		var last *line
		for l := first; l != nil; l = l.next {
			copied := *l
			copied.Parts = append(copied.room[:0], l.Parts...)
			c.link(last, order, &copied)
			last = &copied
		}
	}
	c.holds, c.due, c.moved = p.holds.clone(), p.due.clone(), maps.Clone(p.moved)
	c.arriving, c.expiring = p.arriving.clone(), p.expiring.clone()
	c.lapsed.units = maps.Clone(p.lapsed.units)
	c.cloneWaiting()
	c.events = slices.Clip(p.events) // events are appended, and never changed
	return &c
}

// clone returns a list that shares no memory with o.
func (o *ordered[T]) clone() ordered[T] {
	blocks := make([][]T, len(o.blocks))
	for i, block := range o.blocks {
		blocks[i] = slices.Clone(block)
	}
	return ordered[T]{blocks: blocks}
}
