package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// onto moves a change to the product's present version, so that the check of the version always succeeds.
func onto(s *memory.Store, c *allocation.Changes) {
	if len(c.Events) == 0 {
		c.SKU, c.Read, c.Version = "no such product", 0, 0
		return
	}
	c.Read = whole(s, c.SKU).Version
	c.Version = c.Read + int64(len(c.Events))
}

var brokenVersions = []broken{
	{fault: "lost update: Commit checks no versions",
		row: "a commit on an outdated version is a conflict", new: writing(onto)},
	{fault: "Commit accepts a version that doesn't exist",
		row: "a commit on a version that doesn't exist yet is a conflict",
		new: writing(func(s *memory.Store, c *allocation.Changes) {
			if c.Read > whole(s, c.SKU).Version {
				onto(s, c)
			}
		})},
	{fault: "a second creation of a product is merged with the first", row: "a product can be created only once",
		new: writing(func(s *memory.Store, c *allocation.Changes) {
			if c.Read == 0 {
				onto(s, c)
			}
		})},
	{fault: "a change creates a missing product", row: "changing a product that doesn't exist is a conflict",
		new: writing(func(s *memory.Store, c *allocation.Changes) {
			if _, known := s.Product(c.SKU); !known {
				onto(s, c)
			}
		})},
	{fault: "Commit doesn't check products that were only read",
		row: "the version of a product that was only read is checked",
		new: writing(func(s *memory.Store, c *allocation.Changes) {
			if len(c.Events) == 0 {
				onto(s, c)
			}
		})},
	{fault: "a check increases the version", row: "a check of a version changes nothing",
		new: writing(func(_ *memory.Store, c *allocation.Changes) {
			if len(c.Events) == 0 && c.Read > 0 {
				c.Version++
				c.Events = []allocation.Event{allocation.LowStockSet{SKU: c.SKU, At: noon}}
			}
		})},
	{fault: "Commit finds duplicates before conflicts", row: "a conflict is found before a duplicate",
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				for _, c := range changes {
					if hasDuplicate(s.Store, c) {
						return allocation.ErrDuplicate
					}
				}
				return s.Store.Commit(ctx, changes)
			}
		})},
	{fault: "a commit without changes fails", row: "a commit without changes succeeds",
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				if len(changes) == 0 {
					return errBroken
				}
				return s.Store.Commit(ctx, changes)
			}
		})},
}

func hasDuplicate(s *memory.Store, c allocation.Changes) bool {
	for _, b := range c.NewBatches {
		if hasOwner(s, b.Ref) {
			return true
		}
	}
	old := whole(s, c.SKU)
	return slices.ContainsFunc(c.NewLines, func(l allocation.Allocation) bool { return hasLine(old, l.OrderID) })
}

func hasOwner(s *memory.Store, ref allocation.BatchRef) bool {
	owners, err := s.Load(context.Background(), ofBatch(ref))
	return err != nil || len(owners) > 0
}

var brokenKeys = []broken{
	{fault: "batches have no unique key", row: "a batch reference exists only once, under any SKU",
		new: writing(func(s *memory.Store, c *allocation.Changes) {
			c.NewBatches = slices.DeleteFunc(c.NewBatches, func(b allocation.Batch) bool { return hasOwner(s, b.Ref) })
		})},
	{fault: "the unique key of batches includes the SKU", row: "a batch reference exists only once, under any SKU",
		new: writing(func(s *memory.Store, c *allocation.Changes) {
			c.NewBatches = slices.DeleteFunc(c.NewBatches, func(b allocation.Batch) bool {
				return hasOwner(s, b.Ref) && !hasBatch(whole(s, c.SKU), b.Ref)
			})
		})},
	{fault: "the unique key of lines has no LineID",
		row: "a line is a duplicate only if OrderID, SKU and LineID are those of another line",
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				for _, c := range changes {
					if c.Read == whole(s.Store, c.SKU).Version && hasDuplicate(s.Store, c) {
						return allocation.ErrDuplicate
					}
				}
				return s.Store.Commit(ctx, changes)
			}
		})},
	{fault: "a new line replaces a line with the same LineID",
		row: "a line is a duplicate only if OrderID, SKU and LineID are those of another line",
		new: writing(func(s *memory.Store, c *allocation.Changes) {
			for _, old := range whole(s, c.SKU).Lines {
				at := slices.IndexFunc(c.NewLines, func(l allocation.Allocation) bool { return l.Key() == old.Key() })
				if at >= 0 && old.Line != "" {
					c.Lines = append(c.Lines, c.NewLines[at])
					c.NewLines = slices.Delete(c.NewLines, at, at+1)
				}
			}
		})},
	{fault: "new batches of one commit aren't compared with each other",
		row: "two products of one commit can't have the same new batch",
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				changes = copyOf(changes)
				seen := map[allocation.BatchRef]bool{}
				for i := range changes {
					changes[i].NewBatches = slices.DeleteFunc(changes[i].NewBatches, func(b allocation.Batch) bool {
						again := seen[b.Ref]
						seen[b.Ref] = true
						return again
					})
				}
				return s.Store.Commit(ctx, changes)
			}
		})},
	{fault: "lines have no unique key", row: "a line exists only once",
		new: writing(func(s *memory.Store, c *allocation.Changes) {
			old := whole(s, c.SKU)
			c.NewLines = slices.DeleteFunc(c.NewLines, func(l allocation.Allocation) bool {
				if hasLine(old, l.OrderID) {
					c.Lines = append(c.Lines, l)
					return true
				}
				return false
			})
		})},
	{fault: "a removed line keeps its key", row: "a removed line may be created again",
		new: with(func(s *faulty) {
			var mu sync.Mutex
			removed := map[allocation.LineKey]bool{}
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				mu.Lock()
				defer mu.Unlock()
				for _, c := range changes {
					for _, l := range c.NewLines {
						if removed[l.Key()] {
							return allocation.ErrDuplicate
						}
					}
					for _, key := range c.Removed {
						removed[key] = true
					}
				}
				return s.Store.Commit(ctx, changes)
			}
		})},
	{fault: "the key of a line is the order alone", row: "an order may have lines of several products",
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				for _, c := range changes {
					for _, l := range c.NewLines {
						if states, _ := s.Store.Load(ctx, ofOrder(l.OrderID)); len(states) > 0 {
							return allocation.ErrDuplicate
						}
					}
				}
				return s.Store.Commit(ctx, changes)
			}
		})},
}

var brokenWrites = []broken{
	{fault: "the version ignores the number of events",
		row: "a load after the commit brings the committed state and version",
		new: writing(func(_ *memory.Store, c *allocation.Changes) {
			if len(c.Events) > 0 {
				c.Version = c.Read + 1
			}
		})},
	{fault: "a load returns the state before the last commit",
		row: "a load after the commit brings the committed state and version",
		new: with(func(s *faulty) {
			before := memory.New()
			var last []allocation.Changes
			s.load = before.Load
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				err := s.Store.Commit(ctx, changes)
				if err == nil {
					_ = before.Commit(ctx, last)
					last = copyOf(changes)
				}
				return err
			}
		})},
	{fault: "counters are set instead of added", row: "counters are changed by differences",
		new: writing(func(s *memory.Store, c *allocation.Changes) {
			for i := range c.Batches {
				for _, b := range whole(s, c.SKU).Batches {
					if b.Ref == c.Batches[i].Ref {
						c.Batches[i].Purchased -= b.Purchased
						c.Batches[i].Allocated -= b.Allocated
					}
				}
			}
		})},
	{fault: "an ETA is never cleared", row: "ETA and CountedAt of a batch are replaced",
		new: writing(func(s *memory.Store, c *allocation.Changes) {
			for i := range c.Batches {
				for _, b := range whole(s, c.SKU).Batches {
					if b.Ref == c.Batches[i].Ref && c.Batches[i].ETA.IsZero() {
						c.Batches[i].ETA = b.ETA
					}
				}
			}
		})},
	{fault: "replacing a line stores the first part only",
		row: "a line is replaced as a whole, with fewer or other parts",
		new: answering(func(_ *memory.Store, _ allocation.Query, state *allocation.State) {
			for i := range state.Lines {
				l := &state.Lines[i]
				l.Parts = l.Parts[:1]
				l.Quantity = l.Parts[0].Quantity
			}
		})},
	{fault: "removed parts of a line stay stored", row: "a line is replaced as a whole, with fewer or other parts",
		new: writing(func(s *memory.Store, c *allocation.Changes) {
			for i := range c.Lines {
				l := &c.Lines[i]
				for _, old := range whole(s, c.SKU).Lines {
					if old.Key() == l.Key() && len(old.Parts) > len(l.Parts) {
						l.Parts = append(l.Parts, old.Parts[len(l.Parts):]...)
					}
				}
			}
		})},
	{fault: "removed lines stay stored", row: "a removed line is gone, and other lines stay",
		new: writing(func(_ *memory.Store, c *allocation.Changes) { c.Removed = nil })},
	{fault: "removing an order's line from one product removes the lines of all products",
		row: "a removed line is gone, and other lines stay",
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				err := s.Store.Commit(ctx, changes)
				for _, c := range changes {
					for _, key := range c.Removed {
						removeEverywhere(s.Store, key.OrderID)
					}
				}
				return err
			}
		})},
	{fault: "each product is committed separately", row: "changes of several products are written all or none",
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				for _, c := range changes {
					if err := s.Store.Commit(ctx, []allocation.Changes{c}); err != nil {
						return err
					}
				}
				return nil
			}
		})},
	{fault: "a conflict is written and reported", row: "changes of several products are written all or none",
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				err := s.Store.Commit(ctx, changes)
				if errors.Is(err, allocation.ErrConflict) {
					changes = copyOf(changes)
					for i := range changes {
						onto(s.Store, &changes[i])
					}
					_ = s.Store.Commit(ctx, changes)
				}
				return err
			}
		})},
	{fault: "Refused is lost", row: "the number of the last refusal and the low-stock threshold are kept",
		new: writing(func(_ *memory.Store, c *allocation.Changes) { c.Refused = 0 })},
	{fault: "the threshold is stored for new products only",
		row: "the number of the last refusal and the low-stock threshold are kept",
		new: writing(func(s *memory.Store, c *allocation.Changes) {
			if c.Read > 0 {
				c.LowStock = whole(s, c.SKU).LowStock
			}
		})},
	{fault: "loads don't find a product without batches", row: "a product may have no batches",
		new: with(func(s *faulty) {
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				states, err := s.Store.Load(ctx, q)
				noBatches := func(state allocation.State) bool { return len(state.Batches) == 0 }
				return slices.DeleteFunc(states, noBatches), err
			}
		})},
	{fault: "a commit writes a hundred lines at most", row: "one commit may have many lines and products",
		new: writing(func(_ *memory.Store, c *allocation.Changes) {
			c.NewLines = c.NewLines[:min(len(c.NewLines), 100)]
		})},
	{fault: "a commit writes a hundred products at most", row: "one commit may have many lines and products",
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				return s.Store.Commit(ctx, changes[:min(len(changes), 100)])
			}
		})},
}

// removeEverywhere removes the lines of an order from all products.
func removeEverywhere(s *memory.Store, order allocation.OrderID) {
	ctx := context.Background()
	states, _ := s.Load(ctx, ofOrder(order))
	for _, state := range states {
		_ = s.Commit(ctx, []allocation.Changes{{
			SKU: state.SKU, Read: state.Version, Version: state.Version + 1,
			Removed: []allocation.LineKey{{OrderID: order, SKU: state.SKU}},
			Events:  []allocation.Event{allocation.LowStockSet{SKU: state.SKU, At: noon}},
		}})
	}
}
