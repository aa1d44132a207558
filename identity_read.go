package allocation

import (
	"context"
	"errors"
	"slices"
)

func (m *identityMap) Get(ctx context.Context, sku SKU, orders ...OrderID) (*Product, error) {
	products, err := m.GetMany(ctx, []SKU{sku}, orders...)
	if err != nil {
		return nil, err
	}
	return products[0], nil
}

func (m *identityMap) GetMany(ctx context.Context, skus []SKU, orders ...OrderID) ([]*Product, error) {
	for _, order := range orders {
		if err := checkID("Get", "order", order); err != nil {
			return nil, err
		}
	}
	var unknown []SKU
	for _, sku := range skus {
		if err := checkID("Get", "sku", sku); err != nil {
			return nil, err
		}
		if p := m.find(sku); p == nil && !m.isMissing(sku) || p != nil && !p.knows(orders) {
			unknown = append(unknown, sku)
		}
	}
	if sku, repeated := firstRepeated(skus); repeated {
		return nil, invalid("Get", "sku", sku, "must not be repeated")
	}
	if len(unknown) > 0 {
		if _, err := m.load(ctx, Query{SKUs: unknown, Orders: orders}); err != nil {
			return nil, err
		}
	}
	return m.all(skus)
}

// isMissing reports whether a load has shown that the store does not have the product.
func (m *identityMap) isMissing(sku SKU) bool {
	_, missing := m.missing[sku]
	return missing
}

// firstRepeated returns a SKU that occurs twice in a list.
func firstRepeated(skus []SKU) (repeated SKU, found bool) {
	if len(skus) < 2 {
		return "", false
	}
	sorted := slices.Sorted(slices.Values(skus))
	for i, sku := range sorted[1:] {
		if sku == sorted[i] {
			return sku, true
		}
	}
	return "", false
}

// all returns known products, or an error for each missing product.
func (m *identityMap) all(skus []SKU) ([]*Product, error) {
	products := make([]*Product, len(skus))
	var missing []error
	for i, sku := range skus {
		if products[i] = m.find(sku); products[i] == nil {
			missing = append(missing, &Error{Op: "Get", Field: "sku", Value: sku, Err: ErrNotFound})
		}
	}
	if missing != nil {
		return nil, errors.Join(missing...)
	}
	return products, nil
}

func (m *identityMap) GetByBatch(ctx context.Context, ref BatchRef) (*Product, error) {
	if err := checkID("GetByBatch", "batch", ref); err != nil {
		return nil, err
	}
	for _, p := range m.products {
		if at := p.index(ref); at >= 0 && p.batches[at].loaded != noLines {
			return p.Product, nil
		}
	}
	loaded, err := m.load(ctx, Query{Batch: ref})
	if err != nil {
		return nil, err
	}
	if len(loaded) == 0 {
		return nil, &Error{Op: "GetByBatch", Field: "batch", Value: ref, Err: ErrNotFound}
	}
	return loaded[0], nil
}

func (m *identityMap) GetByOrder(ctx context.Context, order OrderID, orders ...OrderID) ([]*Product, error) {
	for _, order := range append([]OrderID{order}, orders...) {
		if err := checkID("GetByOrder", "order", order); err != nil {
			return nil, err
		}
	}
	if _, err := m.load(ctx, Query{Order: order, Orders: orders}); err != nil {
		return nil, err
	}
	var found []*Product
	for _, p := range m.products {
		if p.hasLine(order) {
			found = append(found, p.Product)
		}
	}
	if found == nil {
		return nil, &Error{Op: "GetByOrder", Field: "order", Value: order, Err: ErrNotFound}
	}
	return found, nil
}

func (m *identityMap) GetDue(ctx context.Context, after Turn, skus ...SKU) ([]*Product, error) {
	for _, sku := range skus {
		if err := checkID("GetDue", "sku", sku); err != nil {
			return nil, err
		}
	}
	if sku, repeated := firstRepeated(skus); repeated {
		return nil, invalid("GetDue", "sku", sku, "must not be repeated")
	}
	return m.load(ctx, Query{SKUs: skus, Due: true, After: after})
}

// load reads products and returns the unit of work's own copies, in the store's order.
func (m *identityMap) load(ctx context.Context, q Query) ([]*Product, error) {
	if m.ended {
		return nil, m.over()
	}
	q.Now, q.Limit, q.Orders = m.now, m.page, slices.Sorted(slices.Values(q.Orders)) // all products share the list
	states, err := m.ask(ctx, q)
	if err != nil {
		m.miss(q, err)
		return nil, storeError("Load", err)
	}
	m.loads++
	loaded, err := m.knowAll(states, q)
	if err == nil {
		err = m.loadQueues(ctx, loaded, q)
	}
	if err != nil || len(states) >= len(q.SKUs) {
		return loaded, err
	}
	if m.missing == nil {
		m.missing = map[SKU]struct{}{}
	}
	for _, sku := range q.SKUs {
		if m.find(sku) == nil {
			m.missing[sku] = struct{}{}
		}
	}
	return loaded, nil
}

// miss notes a read that lost a race although earlier reads had locked products.
func (m *identityMap) miss(q Query, err error) {
	if m.locks && len(m.products) > 0 && errors.Is(err, ErrConflict) {
		m.sought = &q
	}
}

// ask reads from the store, unless a lookup before the unit of work has asked the same query.
func (m *identityMap) ask(ctx context.Context, q Query) ([]State, error) {
	for at := &m.ahead; *at != nil && len(q.SKUs) == 0 && !q.Due; at = &(*at).next {
		if r := *at; r.query.Order == q.Order && r.query.Batch == q.Batch {
			*at = r.next
			return r.states, nil
		}
	}
	return m.store.Load(ctx, q)
}
