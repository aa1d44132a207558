package allocation

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
)

// AllocateEach allocates many orders, each order all or nothing by itself, for imports and nightly
// runs: hundreds of lines share a commit. For orders[i], given[i] is the allocations and errs[i] the
// error, as from [Service.Allocate]. Orders that compete for a product are judged in the given order.
// A repeat gives the same answers, so an interrupted import can begin again from the start.
//
// [UnitOfWorkOptions].Committed gets the events after all orders have been decided. If orders need more lapsed holds
// than one page has, Committed gets the events of all other orders before the holds are cleared.
func (s *Service) AllocateEach(ctx context.Context, orders [][]Request) (given [][]Allocation, errs []error) {
	const op = "AllocateEach"
	given, errs = make([][]Allocation, len(orders)), make([]error, len(orders))
	seats, err := s.guestsOf(op, len(orders))
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
		return given, errs
	}
	s = s.withoutGuests()
	b := bulk{service: s, ctx: ctx}
	defer b.end()
	items := make([]*item, len(orders))
	for i, requests := range orders {
		order, err := newOrder(op, s.policy, requests)
		switch {
		case err != nil:
		case s.groups == nil:
			err = s.do(ctx, order.commandWith(op, seats, i))
		default:
			items[i], err = b.add(order, order.commandWith(op, seats, i))
		}
		if errs[i] = err; err == nil && items[i] == nil {
			given[i] = order.given
		}
	}
	b.run()
	for i, it := range items {
		if it != nil {
			given[i], errs[i] = it.answer()
			it.tell(errs[i])
		}
	}
	return given, errs
}

// bulk is the orders of one call, which pass through the queue in chunks.
type bulk struct {
	service *Service
	ctx     context.Context
	items   []*item

	mu       sync.Mutex // held while a chunk enters the queue, so that chunks stay in order
	chunks   [][]*item  // still to enter
	entered  SKU        // the kind of the last order that has entered the queue
	panicked any        // in the store, or in a hook
	exited   bool       // a policy or a hook ended a worker's goroutine
}

// item is one order of a bulk.
type item struct {
	pending
	order *order
	left  error // of the chunk; unless nil, nobody may read the results

	kind     SKU  // equal for orders connected by products
	reported bool // Committed has the events

	heard func(error) // what the hook Command has returned, nil if there is nobody to tell
}

// tell gives the answer of the order to the hook Command, once.
func (it *item) tell(err error) {
	if heard := it.heard; heard != nil {
		it.heard = nil
		heard(err)
	}
}

// end tells the hook Command of the orders without an answer, after a panic or at the end of the goroutine.
func (b *bulk) end() {
	for _, it := range b.items {
		it.tell(errUnfinished)
	}
}

// commandWith returns the command of the i-th order, with the order's guest.
func (o *order) commandWith(op string, seats []guests, i int) command {
	c := o.command(op)
	if seats != nil {
		c.guests = &seats[i]
	}
	return c
}

// add adds an order to the bulk.
func (b *bulk) add(order *order, c command) (*item, error) {
	u := b.service.groups.unit
	if err := u.check(b.ctx, c.op); err != nil {
		return nil, err
	}
	if err := b.service.seatGuests(&c); err != nil {
		return nil, err
	}
	it := &item{order: order, left: errUnfinished}
	it.command, it.trace = c, u.opts.traceParent(b.ctx)
	if b.service.heard != nil {
		_, it.heard = b.service.begin(b.ctx, c.op)
	}
	b.items = append(b.items, it)
	return it, nil
}

// answer returns the allocations or the error of the order.
func (it *item) answer() ([]Allocation, error) {
	if it.left != nil {
		return nil, it.left
	}
	if err := it.pending.answer(it.err); err != nil {
		return nil, err
	}
	return it.order.given, nil
}

// run brings all chunks through the queue, and reports the events. A panic, or the end of a goroutine, reaches the
// caller's goroutine after all chunks under way have ended.
func (b *bulk) run() {
	items := b.sorted()
	lineUp(items)
	var clear clearing
	for len(items) > 0 {
		b.cut(items)
		b.carryOut()
		b.report()
		switch {
		case b.panicked != nil:
			panic(b.panicked)
		case b.exited:
			runtime.Goexit()
		}
		items = b.cleared(items, &clear)
	}
}

// carryOut brings chunks through the queue, as many at a time as there can be groups.
func (b *bulk) carryOut() {
	// A chunk that ends its goroutine must not end the caller's before the others are through.
	var workers sync.WaitGroup
	for range min(b.service.groups.most, len(b.chunks)) {
		workers.Go(b.work)
	}
	workers.Wait()
}

// report gives Committed the events of orders that have been decided since the last report.
func (b *bulk) report() {
	for _, it := range b.items {
		if it.left != nil || it.reported || asLapsed(it.err) != nil {
			continue
		}
		it.reported = true
		if it.err == nil && len(it.events) > 0 {
			b.service.groups.unit.opts.Committed(b.ctx, it.events)
		}
		if b.panicked == nil {
			b.panicked = it.panicked
		}
		b.exited = b.exited || it.exited
	}
}

// lineUp notes for each order the earlier orders of its products. If an earlier order has to wait until lapsed holds
// are cleared, the order waits, too.
func lineUp(items []*item) {
	last := map[SKU]*pending{}
	for _, it := range items {
		for _, sku := range it.skus {
			earlier, n := last[sku], len(it.behind)
			if earlier != nil && (n == 0 || it.behind[n-1] != earlier) {
				it.behind = append(it.behind, earlier)
			}
			last[sku] = &it.pending
		}
	}
}

// cleared clears a round of lapsed holds for the orders that need more of them, and returns these orders, to be
// carried out again; none if no order needs more, or if the clearing failed.
func (b *bulk) cleared(items []*item, clear *clearing) []*item {
	need := &lapsedError{}
	waiting := slices.DeleteFunc(items, func(it *item) bool {
		if it.left != nil {
			return true // a group may still write the error
		}
		lapsed := asLapsed(it.err)
		if lapsed == nil {
			return true
		}
		need.op, need.skus = lapsed.op, append(need.skus, lapsed.skus...)
		return false
	})
	if len(waiting) == 0 {
		return nil
	}
	need.skus = slices.Compact(slices.Sorted(slices.Values(need.skus)))
	err := clear.round(b.ctx, need, b.service.releasePage)
	for _, it := range waiting {
		it.reset()
		it.err, it.done = err, err != nil
	}
	if err != nil {
		return nil
	}
	return waiting
}

// cut makes chunks of as many lines as fit into a group. Connected orders stay together as far as
// they fit, so that two chunks seldom have to wait for each other.
func (b *bulk) cut(items []*item) {
	first, lines := 0, 0
	for i, it := range items {
		size := it.size()
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

// linesOfKind counts the lines of the connected orders at the beginning.
func linesOfKind(items []*item) (lines int) {
	for _, it := range items {
		if it.kind != items[0].kind {
			break
		}
		lines += it.size()
	}
	return lines
}

// work brings one chunk after the other through the queue. A panic is noted for the caller's
// goroutine.
func (b *bulk) work() {
	returned := false
	defer func() {
		if returned {
			return
		}
		p := recover()
		b.mu.Lock()
		defer b.mu.Unlock()
		switch {
		case p == nil:
			b.exited = true
		case b.panicked == nil:
			b.panicked = p
		}
	}()
	for {
		items, w := b.next()
		if w == nil {
			break
		}
		err := leftError(items[0].op, b.service.groups.queue.Do(b.ctx, w))
		for _, it := range items {
			it.left = err
		}
	}
	returned = true
}

// next takes a chunk, if any is left. The lock stays held until the chunk has a place in the queue,
// so that no later chunk overtakes.
func (b *bulk) next() ([]*item, *waiter) {
	b.mu.Lock()
	if len(b.chunks) == 0 || b.panicked != nil || b.exited {
		b.mu.Unlock()
		return nil, nil
	}
	items := b.chunks[0]
	b.chunks = b.chunks[1:]
	firm := b.entered == items[0].kind // connected to the chunk before or behind, which must not overtake
	b.entered = items[len(items)-1].kind
	firm = firm || len(b.chunks) > 0 && b.entered == b.chunks[0][0].kind
	w := &waiter{Entered: b.mu.Unlock}
	for _, it := range items {
		w.Value, w.Size = append(w.Value, &it.pending), w.Size+it.size()
		w.Claims = it.appendClaims(w.Claims)
	}
	slices.SortFunc(w.Claims, byKey)
	w.Claims = slices.Compact(w.Claims)
	for i := range w.Claims {
		w.Claims[i].Firm = w.Claims[i].Firm || firm
	}
	return items, w
}

// sorted brings orders of each product together, which makes stores faster (measured: nearly twice).
// Orders connected by a product, directly or through other orders, never overtake each other.
func (b *bulk) sorted() []*item {
	connected := map[SKU]SKU{} // each SKU leads to another of the same kind, the last to itself
	last := func(sku SKU) SKU {
		for {
			next, known := connected[sku]
			if !known || next == sku {
				connected[sku] = sku
				return sku
			}
			connected[sku] = connected[next] // a shorter way next time
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
