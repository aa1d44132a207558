package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cosmic-go/allocation"
)

// Commit writes all changes, or none and returns an error, see [allocation.Store]. Like a database with constraints,
// Commit also refuses a batch with more allocated than purchased units, and a line with units of an unknown batch.
func (s *Store) Commit(ctx context.Context, changes []allocation.Changes) error {
	return s.commit(ctx, changes, nil)
}

// commit carries out the guests between the checks and the writes, which can't fail.
func (s *Store) commit(ctx context.Context, changes []allocation.Changes, guests []allocation.Guest) error {
	if err := s.check(ctx, "Commit"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.faults.nextCommit(); err != nil {
		return err
	}
	if err := (view{Store: s}).checkAll(changes); err != nil {
		return err
	}
	if err := runAll(guests); err != nil {
		return err
	}
	for _, c := range changes {
		s.apply(c)
	}
	return s.faults.answer()
}

// checkVersion returns ErrConflict unless the product still has the version that the unit of work read.
func (v view) checkVersion(c allocation.Changes) error {
	var version int64
	if p := v.product(c.SKU); p != nil {
		version = p.version
	}
	if version != c.Read {
		return &allocation.Error{
			Op: "Commit", Field: "sku", Value: c.SKU,
			Err: fmt.Errorf("%w: version is %d, read version %d", allocation.ErrConflict, version, c.Read),
		}
	}
	return nil
}

// checkUnique returns ErrDuplicate if a new batch or line exists. A batch reference is unique over all products, so
// announced collects the references of the whole commit.
func (v view) checkUnique(c allocation.Changes, announced map[allocation.BatchRef]bool) error {
	for _, b := range c.NewBatches {
		if v.owner(b.Ref) != nil || announced[b.Ref] {
			return &allocation.Error{Op: "Commit", Field: "batch", Value: b.Ref, Err: allocation.ErrDuplicate}
		}
		announced[b.Ref] = true
	}
	p := v.product(c.SKU)
	if p == nil {
		return nil
	}
	for _, l := range c.NewLines {
		if p.line(l.Key()) != nil {
			return duplicateLine(l.Key())
		}
	}
	for _, l := range c.NewWaiting {
		if _, waits := p.waiting[l.Key()]; waits {
			return duplicateLine(l.Key())
		}
	}
	return nil
}

func duplicateLine(key allocation.LineKey) error {
	err := allocation.ErrDuplicate
	if key.Line != "" {
		err = fmt.Errorf("line %q: %w", key.Line, err)
	}
	return &allocation.Error{Op: "Commit", Field: "order", Value: key.OrderID, Err: err}
}

// checkConstraints refuses changes that break a check or a key of a database: numbers of events that exist, counters
// out of range, and changes or lines of unknown batches.
func (v view) checkConstraints(c allocation.Changes) error {
	if n := len(c.TraceParents); n > 0 && n != len(c.Events) {
		return violation("trace parents", n, fmt.Sprintf("must be as many as the %d events", len(c.Events)))
	}
	if p := v.product(c.SKU); p != nil && len(c.Events) > 0 && firstNumber(c) <= p.lastSequence() {
		return violation("event", firstNumber(c), "exists: the version is behind the events, see Service.Mend")
	}
	known := map[allocation.BatchRef]bool{}
	for _, b := range c.NewBatches {
		known[b.Ref] = true
		if err := checkCounters(b); err != nil {
			return err
		}
	}
	p := v.product(c.SKU)
	if p == nil {
		p = newProduct(c.SKU)
	}
	for _, change := range c.Batches {
		b := p.batches[change.Ref]
		if b == nil {
			return violation("batch", change.Ref, "doesn't exist")
		}
		after := b.Batch
		after.Purchased += change.Purchased
		after.Allocated += change.Allocated
		if err := checkCounters(after); err != nil {
			return err
		}
	}
	for _, a := range slices.Concat(c.NewLines, c.Lines) {
		for _, part := range a.Parts {
			if !known[part.Batch] && p.batches[part.Batch] == nil {
				reason := fmt.Sprintf("doesn't exist, and order %q, line %q has units of the batch", a.OrderID, a.Line)
				return violation("batch", part.Batch, reason)
			}
		}
	}
	return nil
}

func checkCounters(b allocation.Batch) error {
	if b.Allocated < 0 || b.Allocated > b.Purchased {
		return violation("batch", b.Ref, fmt.Sprintf("allocated %d of %d purchased units", b.Allocated, b.Purchased))
	}
	return nil
}

// violation wraps no sentinel: a unit of work of this library never makes such changes, so no caller has a case for
// the error.
func violation(field string, value any, reason string) error {
	return &allocation.Error{Op: "Commit", Field: field, Value: value, Err: errors.New(reason)}
}

// apply writes changes that have passed all checks. Changes without a new version only checked the version.
func (s *Store) apply(c allocation.Changes) {
	if c.Version == c.Read {
		return
	}
	p := s.products[c.SKU]
	if p == nil {
		p = newProduct(c.SKU)
		s.products[c.SKU] = p
	}
	p.apply(c)
	if len(c.Events) > 0 {
		s.unsent[c.SKU] = p
	}
	for _, b := range c.NewBatches {
		s.owners[b.Ref] = p
	}
	for _, key := range slices.Concat(c.Removed, c.EndedWaiting) {
		if !p.hasOrder(key.OrderID) {
			s.unlinkOrder(key.OrderID, p)
		}
	}
	for _, lines := range [][]allocation.Allocation{c.NewLines, c.NewWaiting} {
		for i := range lines {
			s.linkOrder(lines[i].OrderID, p)
		}
	}
}

// apply writes changes that have passed all checks into the product.
func (p *product) apply(c allocation.Changes) {
	p.version, p.refused, p.lowStock, p.low = c.Version, c.Refused, c.LowStock, c.Low
	p.addEvents(c)
	for _, b := range c.NewBatches {
		p.addBatch(b)
	}
	for _, change := range c.Batches {
		p.changeBatch(change)
	}
	for _, key := range c.Removed {
		p.removeLine(key)
	}
	for _, l := range c.Lines {
		p.removeLine(l.Key())
	}
	for _, l := range c.Lines { // a line may take over the place in the indexes of a line that was removed above
		p.addLine(l)
	}
	for _, l := range c.NewLines {
		p.addLine(l)
	}
	p.applyWaiting(c)
}

// linkOrder adds a product to the products of an order, once.
func (s *Store) linkOrder(order allocation.OrderID, p *product) {
	if !slices.Contains(s.orders[order], p) {
		s.orders[order] = append(s.orders[order], p)
	}
}

// unlinkOrder removes a product that has no line of the order any more from the products of an order.
func (s *Store) unlinkOrder(order allocation.OrderID, p *product) {
	left := slices.DeleteFunc(s.orders[order], func(other *product) bool { return other == p })
	if len(left) == 0 {
		delete(s.orders, order)
		return
	}
	s.orders[order] = left
}
