package allocation

import (
	"context"
	"slices"
)

// loadQueues reads a page of those who wait for each of the loaded products, if serving has to go on, if an
// earlier run of the function needed the page, or if the query is one of a command that may free units. For
// the sweep of a product loadQueues also reads the lines whose NeededBy has passed.
func (m *identityMap) loadQueues(ctx context.Context, loaded []*Product, q Query) error {
	for _, p := range loaded {
		start, needed := m.queues[p.sku]
		from := start.from
		if start.version != p.read && (from != firstInLine || p.queue.serving != (Rank{})) {
			needed = false // another process may have served from there, or serving goes on elsewhere
		}
		if !p.queue.any || q.Due && len(q.SKUs) == 0 && !needed {
			continue
		}
		if q.Due && p.queue.isOverdue(m.now) && !p.queue.overdue {
			if err := m.loadQueue(ctx, Query{SKUs: []SKU{p.sku}, Waiting: true, Due: true}); err != nil {
				return err
			}
		}
		switch {
		case p.queue.page.loaded:
			continue
		case needed:
		case p.queue.serving != (Rank{}):
			from = p.queue.serving
		case q.Batch != "" || q.Order != "":
			from = firstInLine
		default:
			continue
		}
		if err := m.loadQueue(ctx, Query{SKUs: []SKU{p.sku}, Waiting: true, From: from}); err != nil {
			return err
		}
	}
	return nil
}

// loadQueue reads a page of those who wait for a product.
func (m *identityMap) loadQueue(ctx context.Context, q Query) error {
	q.Now, q.Limit = m.now, m.page
	states, err := m.store.Load(ctx, q)
	if err != nil {
		return storeError("Load", err)
	}
	m.loads++
	_, err = m.knowAll(states, q)
	return err
}

// waits reports whether any line waits. Products with such lines are not cached, so after a run on cached products a
// line has begun to wait that may have units in the store already, which only a fresh read shows.
func (m *identityMap) waits() bool {
	return slices.ContainsFunc(m.products, func(p present) bool { return p.queue.any })
}

// isUnread reports whether serving has to go on with lines that are not loaded, after a command has freed units for
// example.
func (m *identityMap) isUnread() bool {
	for i := range m.products { // without a copy of each
		if m.products[i].queue.isUnread() {
			return true
		}
	}
	return false
}
