package storetest

import (
	"context"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

const (
	rowManyParts = "one commit may have many batches, changed batches, changed lines, removed lines and events"
	rowManyLoads = "one Load brings many products, and the lines of many orders and many batches of a product"
	rowEnding    = "a context that ends during a Commit leaves all changes or none, and the result says which"
)

// page cuts a list after the first 50 elements.
func page[T any](list []T) []T { return list[:min(len(list), 50)] }

var brokenManyWrites = []broken{
	{fault: "of more than 50 changed batches the rest is lost", row: rowManyParts, bare: true,
		new: writing(func(_ *memory.Store, c *allocation.Changes) { c.Batches = page(c.Batches) })},
	{fault: "of more than 50 changed lines the rest is lost", row: rowManyParts, bare: true,
		new: writing(func(_ *memory.Store, c *allocation.Changes) { c.Lines = page(c.Lines) })},
	{fault: "of more than 50 removed lines the rest is lost", row: rowManyParts, bare: true,
		new: writing(func(_ *memory.Store, c *allocation.Changes) { c.Removed = page(c.Removed) })},
	{fault: "of more than 50 new batches the rest is lost", row: rowManyParts, bare: true,
		new: writing(func(_ *memory.Store, c *allocation.Changes) {
			if len(c.NewLines) == 0 || c.Read > 0 {
				c.NewBatches = page(c.NewBatches)
			}
		})},
	{fault: "of more than 50 events the rest is lost", row: rowManyParts,
		new: writing(func(_ *memory.Store, c *allocation.Changes) {
			if c.Read > 0 {
				c.Events = page(c.Events)
			}
		})},
}

var brokenManyLoads = []broken{
	{fault: "of more than 1,000 SKUs the rest is missing", row: rowManyLoads, bare: true,
		new: asking(func(_ *memory.Store, q *allocation.Query) { q.SKUs = q.SKUs[:min(len(q.SKUs), 1000)] })},
	{fault: "of more than 1,000 further orders the rest is missing", row: rowManyLoads, bare: true,
		new: asking(func(_ *memory.Store, q *allocation.Query) { q.Orders = q.Orders[:min(len(q.Orders), 1000)] })},
	{fault: "of more than 1,000 batches the rest is missing", row: rowManyLoads, bare: true,
		new: answering(func(_ *memory.Store, _ allocation.Query, state *allocation.State) {
			state.Batches = state.Batches[:min(len(state.Batches), 1000)]
		})},
	{fault: "many returned products are repeated at the end of a page", row: rowManyLoads, bare: true,
		new: with(func(s *faulty) {
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				states, err := s.Store.Load(ctx, q)
				if len(states) > 500 {
					states = append(states, states[499])
				}
				return states, err
			}
		})},
}

var brokenEndings = []broken{
	{fault: "half of a commit is left when the context ends", row: rowEnding, bare: true,
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				if len(changes) < 2 || ctx == nil || ctx.Err() != nil {
					return s.Store.Commit(ctx, changes)
				}
				for i := range changes {
					if err := ctx.Err(); err != nil {
						return err
					}
					if err := s.Store.Commit(context.WithoutCancel(ctx), changes[i:i+1]); err != nil {
						return err
					}
				}
				return nil
			}
		})},
	{fault: "a written commit returns the error of a context that ended meanwhile", row: rowEnding, bare: true,
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				if err := s.Store.Commit(ctx, changes); err != nil {
					return err
				}
				return ctx.Err()
			}
		})},
	{fault: "a commit whose context ends meanwhile is dropped without an error", row: rowEnding, bare: true,
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				if ctx == nil || ctx.Err() != nil {
					return s.Store.Commit(ctx, changes)
				}
				if ctx.Err() != nil {
					return nil
				}
				return s.Store.Commit(context.WithoutCancel(ctx), changes)
			}
		})},
	{fault: "a context that ends meanwhile is a conflict", row: rowEnding, bare: true,
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				if ctx == nil || ctx.Err() != nil {
					return s.Store.Commit(ctx, changes)
				}
				if ctx.Err() != nil {
					return allocation.ErrConflict
				}
				return s.Store.Commit(context.WithoutCancel(ctx), changes)
			}
		})},
}
