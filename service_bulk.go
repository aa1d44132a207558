package allocation

import (
	"cmp"
	"context"
	"slices"
	"sync"
)

// AllocateEach allocates many orders, each all or nothing by itself, for imports and nightly runs: hundreds of
// lines share a commit. What orders[i] was given is given[i], and why it was not is errs[i], which is what
// [Service.Allocate] answers. Orders that compete for a product are judged in the order in which they are
// given. A repeat answers the same; so an import that broke off is begun again from the start.
//
// Events reach [UnitOfWorkOptions].Committed when all orders are through.
func (s *Service) AllocateEach(ctx context.Context, orders [][]Request) (given [][]Allocation, errs []error) {
	given, errs = make([][]Allocation, len(orders)), make([]error, len(orders))
	if s.queue == nil {
		for i, requests := range orders {
			given[i], errs[i] = s.allocate(ctx, "AllocateEach", requests)
		}
		return given, errs
	}
	b := bulk{queue: s.queue, ctx: ctx}
	items := make([]*item, len(orders))
	for i, requests := range orders {
		items[i], errs[i] = b.add(s.policy, requests)
	}
	b.run()
	for i, it := range items {
		if errs[i] == nil {
			given[i], errs[i] = it.answer()
		}
	}
	return given, errs
}

// bulk is the orders of one call, on their way through the queue in chunks.
type bulk struct {
	queue *queue
	ctx   context.Context
	items []*item

	mu       sync.Mutex // entering chunks, so that they enter in their order
	chunks   [][]*item  // still to enter
	panicked any        // in the store, or in a hook
}

// item is one order of a bulk.
type item struct {
	call
	got decision[[]Allocation]
	err error // of its chunk, in which case nobody may look at the call

	kind SKU // the same for all that are connected by products
}

func (b *bulk) add(policy Policy, requests []Request) (*item, error) {
	const op = "AllocateEach"
	if err := b.queue.unit.check(b.ctx, op); err != nil {
		return nil, err
	}
	order, err := newOrder(op, requests)
	if err != nil {
		return nil, err
	}
	it := &item{err: errUnfinished}
	it.command, it.trace = order.command(op), b.queue.unit.traceParent(b.ctx)
	it.run = func(ctx context.Context, products Repository) (err error) {
		it.got, err = order.allocate(ctx, products, policy)
		return err
	}
	b.items = append(b.items, it)
	return it, nil
}

func (it *item) answer() ([]Allocation, error) {
	if it.err != nil {
		return nil, it.err
	}
	if undecided, err := isUndecided(it.call.err); undecided {
		return nil, err
	}
	return it.got.answer(it.call.err)
}

// run brings all chunks through, as many at a time as there can be groups, and tells of their events.
func (b *bulk) run() {
	b.cut(b.sorted())
	func() {
		var others sync.WaitGroup
		defer others.Wait()
		for range min(maxGroups, len(b.chunks)) - 1 {
			others.Go(b.work)
		}
		b.work()
	}()
	for _, it := range b.items {
		if it.err != nil {
			continue
		}
		if it.call.err == nil && len(it.events) > 0 {
			b.queue.unit.opts.Committed(b.ctx, it.events)
		}
		if b.panicked == nil {
			b.panicked = it.panicked
		}
	}
	if b.panicked != nil {
		panic(b.panicked)
	}
}

// cut makes chunks of as many lines as fit into a group. Orders that are connected stay together as far as they fit,
// so that two chunks seldom have to wait for each other.
func (b *bulk) cut(items []*item) {
	first, lines := 0, 0
	for i, it := range items {
		size := it.lines()
		next := size
		if i > 0 && items[i-1].kind != it.kind {
			next = linesOfKind(items[i:])
		}
		if lines > 0 && lines+next > maxGroup {
			b.chunks = append(b.chunks, items[first:i])
			first, lines = i, 0
		}
		lines += size
	}
	if first < len(items) {
		b.chunks = append(b.chunks, items[first:])
	}
}

func (it *item) lines() int { return linesOf([]*call{&it.call}) }

// linesOfKind counts the lines of the orders at the beginning that are connected.
func linesOfKind(items []*item) (lines int) {
	for _, it := range items {
		if it.kind != items[0].kind {
			break
		}
		lines += it.lines()
	}
	return lines
}

// work brings one chunk after the other through. A panic is kept for the caller's goroutine.
func (b *bulk) work() {
	defer func() {
		if p := recover(); p != nil {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.panicked = p
		}
	}()
	for {
		items, e, leading := b.next()
		if e == nil {
			return
		}
		_, err := isUndecided(b.queue.pass(e, leading))
		for _, it := range items {
			it.err = err
		}
	}
}

// next lets a chunk enter, if there is any left.
func (b *bulk) next() (items []*item, e *entry, leading bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.chunks) == 0 || b.panicked != nil {
		return nil, nil, false
	}
	items, b.chunks = b.chunks[0], b.chunks[1:]
	e = &entry{ctx: b.ctx}
	for _, it := range items {
		e.skus, e.calls = append(e.skus, it.skus...), append(e.calls, &it.call)
	}
	slices.Sort(e.skus)
	e.skus = slices.Compact(e.skus)
	return items, e, b.queue.enter(e)
}

// sorted brings orders of the same product together, which stores like (measured: nearly twice as fast), but
// never orders past each other that are connected, directly or through others, by a product.
func (b *bulk) sorted() []*item {
	connected := map[SKU]SKU{} // each leads to another of its kind, the last one to itself
	last := func(sku SKU) SKU {
		for {
			next, known := connected[sku]
			if !known || next == sku {
				connected[sku] = sku
				return sku
			}
			if after, known := connected[next]; known {
				connected[sku] = after // so that the way is shorter next time
			}
			sku = next
		}
	}
	for _, it := range b.items {
		for _, sku := range it.skus[1:] {
			connected[last(sku)] = last(it.skus[0])
		}
	}
	for _, it := range b.items {
		it.kind = last(it.skus[0])
	}
	items := slices.Clone(b.items)
	slices.SortStableFunc(items, func(x, y *item) int { return cmp.Compare(x.kind, y.kind) })
	return items
}
