package allocation

import (
	"cmp"
	"context"
	"slices"
	"sort"
	"time"
)

// identityMap is the Repository of one attempt, with an identity map of every product read: a unit of
// work has one copy of each product, and the commit checks the versions of all.
type identityMap struct {
	store    Store
	now      time.Time
	page     int
	most     int                // of those who wait, so many are served by one method
	longest  time.Duration      // UnitOfWorkOptions.LongestHold
	policy   Policy             // UnitOfWorkOptions.Policy
	queues   map[SKU]queueStart // where to begin reading queues
	trace    string             // the trace parent of the present caller
	products []present          // by SKU
	loads    int
	hook     func(ctx context.Context) func(err error) // UnitOfWorkOptions.Commit

	// first and changes are the memory of a single product, which is all that most units of work have.
	first   [1]present
	changes [1]Changes

	riders  *riders          // guests of the host, nil for none
	missing map[SKU]struct{} // products unknown to the store
	ahead   *reading         // lookups from before the unit of work, nil if used up

	sought         *Query // see miss; nil for none
	locks          bool   // reads from the store lock
	cached         bool   // some products come from the cache
	begun, written bool   // the commit has begun, and has succeeded
	ended          bool
}

// present is a product in an identity map.
type present struct {
	*Product
	expires time.Time // when the next live hold lapses, or earlier; zero for never
	mark    int       // number of events when the present command began
	traces  []string  // trace parents of the first events, nil if no event has a trace parent
}

// reading is a query and the answer of the store.
type reading struct {
	query  Query
	states []State
	next   *reading // a further reading, nil for none
}

func (m *identityMap) Now() time.Time { return m.now }

func (m *identityMap) Add(p *Product) error {
	switch {
	case m.ended:
		return m.over()
	case p == nil:
		return invalid("Add", "product", nil, "must not be nil")
	case !p.complete:
		return invalid("Add", "product", p.sku, "must be a new one")
	}
	at, known := m.search(p.sku)
	if known {
		return &Error{Op: "Add", Field: "sku", Value: p.sku, Err: ErrDuplicate}
	}
	m.insert(at, p, time.Time{})
	if m.trace != "" {
		m.products[at].traces = make([]string, len(p.events)) // earlier events have no caller
	}
	return nil
}

// insert adds a product at its place in the order of SKUs.
func (m *identityMap) insert(at int, p *Product, expires time.Time) {
	m.equip(p)
	m.products = slices.Insert(m.products, at, present{Product: p, expires: expires})
}

// search returns the place of a product, known or not.
func (m *identityMap) search(sku SKU) (at int, known bool) {
	return sort.Find(len(m.products), func(i int) int { return cmp.Compare(sku, m.products[i].sku) })
}

// find returns a known product, nil for an unknown product.
func (m *identityMap) find(sku SKU) *Product {
	if len(m.products) == 1 && m.products[0].sku == sku {
		return m.products[0].Product
	}
	if at, known := m.search(sku); known {
		return m.products[at].Product
	}
	return nil
}

// knowAll adds loaded states to the unit of work; a known product learns what is new in the state.
func (m *identityMap) knowAll(states []State, q Query) ([]*Product, error) {
	loaded := make([]*Product, len(states))
	known := m.products
	for i, s := range states {
		if p := m.find(s.SKU); p != nil {
			if err := p.learn(s, q); err != nil {
				return nil, err
			}
			loaded[i] = p
			continue
		}
		p, err := s.product(q)
		if err != nil {
			return nil, err
		}
		m.equip(p)
		loaded[i] = p
		known = append(known, present{Product: p, expires: s.NextExpiry})
	}
	m.products = known
	slices.SortFunc(m.products, func(a, b present) int { return cmp.Compare(a.sku, b.sku) })
	for i := 1; i < len(m.products); i++ {
		if sku := m.products[i].sku; sku == m.products[i-1].sku {
			return nil, contradiction(sku, "two states of one product")
		}
	}
	return loaded, nil
}

// adopt adds a cached product to the unit of work, as if the orders had been asked for and had no
// lines. If an order has a line after all, the store's unique key refuses the commit.
func (m *identityMap) adopt(p *Product, expires time.Time, orders []OrderID) {
	if len(orders) > 0 {
		p.asked = append(p.asked, orders)
	}
	at, _ := m.search(p.sku)
	m.insert(at, p, expires)
	m.cached = true
}

// begin begins the next command within the unit of work.
func (m *identityMap) begin(trace string) {
	m.attribute()
	m.trace = trace
	for i := range m.products {
		p := &m.products[i]
		p.mark = len(p.events)
	}
}

// attribute gives the present trace parent to all events without an entry in traces.
func (m *identityMap) attribute() {
	for i := range m.products {
		m.products[i].attribute(m.trace)
	}
}

// attribute gives a trace parent to the events since mark; earlier events without an entry have none.
func (p *present) attribute(trace string) {
	if trace == "" && p.traces == nil {
		return
	}
	for len(p.traces) < p.mark {
		p.traces = append(p.traces, "")
	}
	for len(p.traces) < len(p.events) {
		p.traces = append(p.traces, trace)
	}
}

// wrote reports whether the present command recorded any event.
func (m *identityMap) wrote() bool {
	for i := range m.products { // without a copy of each
		if p := &m.products[i]; len(p.events) > p.mark {
			return true
		}
	}
	return false
}

// since returns the events of the present command.
func (m *identityMap) since() (events []Event) {
	for _, p := range m.products {
		events = append(events, p.events[p.mark:]...)
	}
	return events
}

// commit writes the changes of all products, and the version checks of unchanged products. Without
// changes a single load needs no check.
func (m *identityMap) commit(ctx context.Context) error {
	m.attribute()
	changes := m.changes[:0]
	changed := false
	for _, p := range m.products {
		if p.Version() == 0 {
			continue // added and unchanged
		}
		c := p.changes()
		c.TraceParents = p.traces
		changed = changed || c.Version > c.Read
		changes = append(changes, c)
	}
	if !changed && m.loads < 2 {
		return nil
	}
	if err := m.write(ctx, changes); err != nil {
		return storeError("Commit", m.riders.outcome(err))
	}
	return nil
}

// write calls the store, within the host's hook.
func (m *identityMap) write(ctx context.Context, changes []Changes) (err error) {
	if m.hook != nil {
		if end := m.hook(ctx); end != nil {
			err = errUnfinished // stays if the store panics or ends the goroutine
			defer func() { end(err) }()
		}
	}
	m.begun = true
	err = m.riders.commit(ctx, m.store, changes)
	m.written = err == nil
	return err
}

// recorded returns the events of all products, by SKU.
func (m *identityMap) recorded() (events []Event) {
	for _, p := range m.products {
		events = append(events, p.events...)
	}
	return events
}

// end makes the Repository refuse further calls.
func (m *identityMap) end() { m.ended = true }

// over returns the error for a Repository used after the end.
func (m *identityMap) over() error {
	return &Error{Op: "Load", Field: "repository", Value: "used after its unit of work", Err: ErrInvalid}
}

// queueStart is the place from which a run of the function needed a queue, and the version of the product at that time.
type queueStart struct {
	from    Rank
	version int64
}

// equip gives a product the settings of the unit of work.
func (m *identityMap) equip(p *Product) {
	p.longestHold, p.queue.policy, p.queue.most = m.longest, m.policy, m.most
}
