package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cosmic-go/allocation"
)

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

// checkSound demands of the state after the changes what a database's constraints would.
func (s *Store) checkSound(c allocation.Changes) error {
	if n := len(c.TraceParents); n > 0 && n != len(c.Events) {
		return unsound("trace parents", n, fmt.Sprintf("there are %d events", len(c.Events)))
	}
	known := map[allocation.BatchRef]bool{}
	for _, b := range c.NewBatches {
		known[b.Ref] = true
		if err := soundCounters(b); err != nil {
			return err
		}
	}
	p := s.products[c.SKU]
	if p == nil {
		p = newProduct(c.SKU)
	}
	for _, change := range c.Batches {
		b := p.batches[change.Ref]
		if b == nil {
			return unsound("batch", change.Ref, "it doesn't exist")
		}
		after := b.Batch
		after.Purchased += change.Purchased
		after.Allocated += change.Allocated
		if err := soundCounters(after); err != nil {
			return err
		}
	}
	for _, a := range slices.Concat(c.NewLines, c.Lines) {
		for _, part := range a.Parts {
			if !known[part.Batch] && p.batches[part.Batch] == nil {
				return unsound("batch", part.Batch, fmt.Sprintf("order %q has units of it and it doesn't exist", a.OrderID))
			}
		}
	}
	return nil
}

func soundCounters(b allocation.Batch) error {
	if b.Allocated < 0 || b.Allocated > b.Purchased {
		return unsound("batch", b.Ref, fmt.Sprintf("allocated %d of %d", b.Allocated, b.Purchased))
	}
	return nil
}

func unsound(field string, value any, reason string) error {
	return &allocation.Error{
		Op: "Commit", Field: field, Value: value, Err: errors.New(reason),
	}
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
