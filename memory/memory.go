// Package memory keeps products in memory, for the unit tests of programs that use package allocation, and
// for programs that need no more.
//
// It is a fake with real conflicts, not a mock: every load is a copy, a lost race is
// [allocation.ErrConflict], a unique key is a unique key, and a product is loaded as partially as by
// a database. What a test needs besides stands beside it: [Store.Seed] and a [Clock] to begin with,
// [Store.FailLoad], [Store.FailCommit] and [Store.LoseAnswer] to see how one's own code takes it when
// the storage doesn't answer, and [Store.Product] and [Store.Events] to look at what was committed.
//
// It has the further abilities of a store as well: it is an [allocation.Ledger], answers the questions of package
// views, and hands its events to a relay of package outbox. A test that wants to see which events would leave claims
// them itself:
//
//	leaving, err := store.Claim(ctx, outbox.Claim{Products: 10, Events: 10, Now: now, Until: now.Add(time.Minute)})
//
//	store, clock := memory.New(), memory.NewClock(time.Date(2030, 1, 1, 9, 0, 0, 0, time.UTC))
//	units := allocation.NewUnitOfWork(store, &allocation.Options{Now: clock.Now})
//	service := allocation.New(units, nil)
package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// Store keeps products in memory. It is safe for concurrent use; nothing that goes in or comes out shares
// memory with what it keeps.
type Store struct {
	mu       sync.Mutex
	products map[allocation.SKU]*product
	owners   map[allocation.BatchRef]*product
	orders   map[allocation.OrderID][]*product
	unsent   map[allocation.SKU]*product // those that have unsent events
	faults   faults
}

var (
	_ allocation.Store  = (*Store)(nil)
	_ allocation.Ledger = (*Store)(nil)
	_ outbox.Store      = (*Store)(nil)
	_ outbox.Maintainer = (*Store)(nil)
)

// New returns an empty store.
func New() *Store {
	return &Store{
		products: map[allocation.SKU]*product{},
		owners:   map[allocation.BatchRef]*product{},
		orders:   map[allocation.OrderID][]*product{},
		unsent:   map[allocation.SKU]*product{},
	}
}

// Load reads copies of products, see [allocation.Store].
func (s *Store) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	if err := check(ctx, "Load"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.faults.nextLoad(); err != nil {
		return nil, err
	}
	selected := s.selected(q)
	states := make([]allocation.State, len(selected))
	for i, p := range selected {
		states[i] = p.load(q)
	}
	return states, nil
}

// selected finds the products that a query asks for.
func (s *Store) selected(q allocation.Query) []*product {
	switch {
	case q.Lapsed:
		return s.lapsed(q)
	case q.Order != "":
		return s.orders[q.Order]
	case q.Batch != "":
		if p := s.owners[q.Batch]; p != nil {
			return []*product{p}
		}
		return nil
	}
	found := make([]*product, 0, len(q.SKUs))
	for _, sku := range q.SKUs {
		if p := s.products[sku]; p != nil {
			found = append(found, p)
		}
	}
	return found
}

// lapsed finds the products whose holds lapsed first.
func (s *Store) lapsed(q allocation.Query) []*product {
	var found []*product
	for _, p := range s.products {
		if len(p.holds) > 0 && !p.holds[0].until.After(q.Now) {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b *product) int {
		return cmp.Or(a.holds[0].until.Compare(b.holds[0].until), cmp.Compare(a.sku, b.sku))
	})
	return found[:min(len(found), max(q.Limit, 0))]
}

// Commit writes all changes or none, see [allocation.Store]. It also refuses what a database would refuse by
// itself: a batch with more allocated than purchased units, or a line of an unknown batch.
func (s *Store) Commit(ctx context.Context, changes []allocation.Changes) error {
	if err := check(ctx, "Commit"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.faults.nextCommit(); err != nil {
		return err
	}
	announced := map[allocation.BatchRef]bool{}
	unique := func(c allocation.Changes) error { return s.checkUnique(c, announced) }
	for _, test := range []func(allocation.Changes) error{s.checkVersion, unique, s.checkSound} {
		for _, c := range changes {
			if err := test(c); err != nil {
				return err
			}
		}
	}
	for _, c := range changes {
		s.apply(c)
	}
	if s.faults.lose {
		s.faults.lose = false
		return allocation.ErrUnknownOutcome
	}
	return nil
}

// checkVersion demands that the product still has the version that was read.
func (s *Store) checkVersion(c allocation.Changes) error {
	var version int64
	if p := s.products[c.SKU]; p != nil {
		version = p.version
	}
	if version != c.Read {
		return &allocation.Error{
			Op: "Commit", Field: "sku", Value: c.SKU,
			Err: fmt.Errorf("%w: version is %d, %d was read", allocation.ErrConflict, version, c.Read),
		}
	}
	return nil
}

// checkUnique demands that new batches and lines are new, batches over all products of the commit.
func (s *Store) checkUnique(c allocation.Changes, announced map[allocation.BatchRef]bool) error {
	for _, b := range c.NewBatches {
		if s.owners[b.Ref] != nil || announced[b.Ref] {
			return &allocation.Error{Op: "Commit", Field: "batch", Value: b.Ref, Err: allocation.ErrDuplicate}
		}
		announced[b.Ref] = true
	}
	p := s.products[c.SKU]
	if p == nil {
		return nil
	}
	for _, l := range c.NewLines {
		if _, known := p.lines[l.OrderID]; known {
			return &allocation.Error{Op: "Commit", Field: "order", Value: l.OrderID, Err: allocation.ErrDuplicate}
		}
	}
	return nil
}

func (s *Store) apply(c allocation.Changes) {
	if len(c.Events) == 0 {
		return
	}
	p := s.products[c.SKU]
	if p == nil {
		p = newProduct(c.SKU)
		s.products[c.SKU] = p
	}
	p.version, p.refused, p.lowStock = c.Version, c.Refused, c.LowStock
	p.addEvents(c)
	s.unsent[c.SKU] = p
	for _, b := range c.NewBatches {
		s.owners[b.Ref] = p
		p.addBatch(b)
	}
	for _, change := range c.Batches {
		p.changeBatch(change)
	}
	for _, order := range c.Removed {
		p.removeLine(order)
		s.forget(order, p)
	}
	for _, l := range c.Lines {
		p.removeLine(l.OrderID)
		p.addLine(l)
	}
	for _, l := range c.NewLines {
		p.addLine(l)
		s.orders[l.OrderID] = append(s.orders[l.OrderID], p)
	}
}

func (s *Store) forget(order allocation.OrderID, p *product) {
	left := slices.DeleteFunc(s.orders[order], func(other *product) bool { return other == p })
	if len(left) == 0 {
		delete(s.orders, order)
		return
	}
	s.orders[order] = left
}

func check(ctx context.Context, op string) error {
	if ctx == nil {
		return &allocation.Error{
			Op: op, Field: "context", Value: nil, Err: fmt.Errorf("%w: must not be nil", allocation.ErrInvalid),
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return nil
}
