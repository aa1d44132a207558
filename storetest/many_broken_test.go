package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

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

// cutNow returns a store that cuts the time of some queries to milliseconds.
func cutNow(which func(q allocation.Query) bool) func() allocation.Store {
	return asking(func(_ *memory.Store, q *allocation.Query) {
		if which(*q) {
			q.Now = q.Now.Truncate(time.Millisecond)
		}
	})
}

// spoiling returns a store with a fault in the states of some queries.
func spoiling(which func(q allocation.Query) bool, spoil func(state *allocation.State)) func() allocation.Store {
	return answering(func(_ *memory.Store, q allocation.Query, state *allocation.State) {
		if which(q) {
			spoil(state)
		}
	})
}

func anyQuery(allocation.Query) bool  { return true }
func byOrder(q allocation.Query) bool { return q.Order != "" }
func byBatch(q allocation.Query) bool { return q.Batch != "" }
func byLapse(q allocation.Query) bool { return q.Due }

const (
	rowBoundary = "a hold lapses exactly at HeldUntil"
	rowMore     = "MoreLapsed is true for more lapsed holds than Limit, and false for exactly Limit"
	rowNext     = "NextExpiry is the earliest end of all live holds, loaded or not"
	rowTorn     = "no Load sees half of a commit"
)

var brokenSelectors = []broken{
	{fault: "an overdue batch is not loaded", row: "a batch whose ETA has passed is loaded", bare: true,
		new: answering(func(_ *memory.Store, q allocation.Query, state *allocation.State) {
			state.Batches = slices.DeleteFunc(state.Batches, func(b allocation.Batch) bool {
				return b.ETA.Year() > 2000 && b.ETA.Before(q.Now)
			})
		})},
	{fault: "Now is cut to milliseconds", row: rowBoundary, bare: true, new: cutNow(anyQuery)},
	{fault: "Now is cut to milliseconds by order", row: rowBoundary, bare: true, new: cutNow(byOrder)},
	{fault: "Now is cut to milliseconds by batch", row: rowBoundary, bare: true, new: cutNow(byBatch)},
	{fault: "Now is cut to milliseconds by lapsed holds", row: rowBoundary, bare: true, new: cutNow(byLapse)},
	{fault: "MoreLapsed is never true by order", row: rowMore, bare: true,
		new: spoiling(byOrder, func(state *allocation.State) { state.MoreLapsed = false })},
	{fault: "NextExpiry is missing by order", row: rowNext, bare: true,
		new: spoiling(byOrder, func(state *allocation.State) { state.NextExpiry = time.Time{} })},
	{fault: "NextExpiry is missing by batch", row: rowNext, bare: true,
		new: spoiling(byBatch, func(state *allocation.State) { state.NextExpiry = time.Time{} })},
	{fault: "NextExpiry is missing by lapsed holds", row: rowNext, bare: true,
		new: spoiling(byLapse, func(state *allocation.State) { state.NextExpiry = time.Time{} })},
}

// tornBy returns a store that reads the batches of some queries after the rest.
func tornBy(which func(q allocation.Query) bool) func() allocation.Store {
	return with(func(s *faulty) {
		s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
			states, err := s.Store.Load(ctx, q)
			if !which(q) {
				return states, err
			}
			pause(s)
			for i := range states {
				for n, batch := range states[i].Batches {
					states[i].Batches[n] = storedBatch(s.Store, states[i].SKU, batch.Ref)
				}
			}
			return states, err
		}
	})
}

var brokenMoments = []broken{
	{fault: "torn reads by order", row: rowTorn, bare: true, new: tornBy(byOrder)},
	{fault: "torn reads by batch", row: rowTorn, bare: true, new: tornBy(byBatch)},
	{fault: "torn reads by lapsed holds", row: rowTorn, bare: true, new: tornBy(byLapse)},
	{fault: "while others commit a Load brings an older copy", bare: true,
		row: "a Load after one's own commit sees the commit while others commit",
		new: with(func(s *faulty) {
			var mu sync.Mutex
			var busy atomic.Int64
			copies := map[allocation.SKU][]allocation.State{}
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				busy.Add(1)
				defer busy.Add(-1)
				pause(s)
				return s.Store.Commit(ctx, changes)
			}
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				states, err := s.Store.Load(ctx, q)
				if len(q.SKUs) != 1 || err != nil {
					return states, err
				}
				mu.Lock()
				defer mu.Unlock()
				if old := copies[q.SKUs[0]]; old != nil && busy.Load() > 0 {
					return old, nil
				}
				copies[q.SKUs[0]] = states
				return states, nil
			}
		})},
	{fault: "a failed Commit has changed its arguments", row: "Commit doesn't change its arguments", bare: true,
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				err := s.Store.Commit(ctx, changes)
				if err != nil && len(changes) > 0 {
					changes[0].Version++
				}
				return err
			}
		})},
}

var brokenGoroutines = []broken{
	{fault: "every call leaves a goroutine behind", row: "calls leave no goroutine behind", bare: true,
		new: with(func(s *faulty) {
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				go func() { <-time.After(time.Minute) }()
				return s.Store.Load(ctx, q)
			}
		})},
}

var brokenBalances = []broken{
	{fault: "Audit reads the version after the tallies", row: "Audit adds up a product as of one moment",
		new: with(func(s *faulty) {
			s.audit = func(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
				a, err := s.Store.Audit(ctx, sku)
				pause(s)
				a.Version = whole(s.Store, sku).Version
				return a, err
			}
		})},
	{fault: "Audit and Events ignore ended contexts", row: "Audit and Events answer contexts as a store does",
		new: with(func(s *faulty) {
			s.audit = func(_ context.Context, sku allocation.SKU) (allocation.Audit, error) {
				return s.Store.Audit(context.Background(), sku)
			}
			s.events = func(
				_ context.Context, sku allocation.SKU, after int64, limit int,
			) ([]allocation.Event, error) {
				return s.Store.Events(context.Background(), sku, after, limit)
			}
		})},
	{fault: "an event loses Available", row: "an event of every kind comes back unchanged",
		new: recording(func(events []allocation.Event) []allocation.Event {
			for i, e := range events {
				if e, is := e.(allocation.LineRefused); is {
					e.Available = 0
					events[i] = e
				}
			}
			return events
		})},
	{fault: "LowStockCrossed is always low", row: "an event of every kind comes back unchanged",
		new: recording(func(events []allocation.Event) []allocation.Event {
			for i, e := range events {
				if e, is := e.(allocation.LowStockCrossed); is {
					e.Low = true
					events[i] = e
				}
			}
			return events
		})},
}

var brokenEndings = []broken{
	{fault: "half of a commit is left when the context ends", row: rowEnding, bare: true,
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				if len(changes) < 2 || ctx == nil || ctx.Err() != nil {
					return s.Store.Commit(ctx, changes)
				}
				within := context.WithoutCancel(ctx)
				for i := range changes {
					if err := ctx.Err(); err != nil {
						return errors.Join(err, s.Store.Commit(within, changes[:i]))
					}
				}
				return s.Store.Commit(within, changes)
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
