// Package memory keeps products in memory, for the unit tests of programs that use package allocation. A small program
// may use the package without a database; all data are lost at the end of the process.
//
//	store, clock := memory.New(), memory.NewClock(time.Date(2030, 1, 1, 9, 0, 0, 0, time.UTC))
//	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: clock.Now})
//	service, err := allocation.New(units, nil)
//
// # A fake, not a mock
//
// The store behaves like a database. Every load returns copies, and only the part of a product that the query
// selects. A lost race is [allocation.ErrConflict], a repeated batch or line is [allocation.ErrDuplicate], and a
// commit writes all of its changes or none.
//
// # Helpers for tests
//
//   - [Store.Seed] and [Clock] prepare a test's stock and time. The events of Seed have the time of the computer's
//     clock; a test that looks at event times announces the batches through its own service.
//   - [Store.FailLoad], [Store.FailCommit] and [Store.LoseAnswer] make the next calls fail, so that a test can
//     check how the caller's code handles a storage failure.
//   - [Store.Product] and [Store.Events] show the committed state and the events that led to the state.
//
// # Optional abilities
//
// Store also implements [allocation.Ledger], all interfaces of package views, and both interfaces of package outbox.
// To check which events a relay would send, a test claims the events in the relay's place:
//
//	deliveries, err := store.Claim(ctx, outbox.Claim{Products: 10, Events: 10, Now: now, Until: now.Add(time.Minute)})
package memory

import (
	"context"
	"fmt"
	"sync"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/views"
)

// Store keeps products in memory. A Store is safe for concurrent use. Arguments and results share no memory with
// the store, so a caller may change both after the call.
type Store struct {
	mu       sync.Mutex
	products map[allocation.SKU]*product
	owners   map[allocation.BatchRef]*product  // the product of each batch
	orders   map[allocation.OrderID][]*product // the products with a line of an order
	unsent   map[allocation.SKU]*product       // products with unsent events
	faults   faults
}

var (
	_ allocation.Store  = (*Store)(nil)
	_ allocation.Ledger = (*Store)(nil)
	_ outbox.Store      = (*Store)(nil)
	_ outbox.Maintainer = (*Store)(nil)
	_ views.Reader      = (*Store)(nil)
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

// check refuses a store that New has not made, and a nil context, with [allocation.ErrInvalid], and returns the error
// of an ended context.
func (s *Store) check(ctx context.Context, op string) error {
	if err := s.checkMade(op); err != nil {
		return err
	}
	if ctx == nil {
		return invalid(op, "context", nil, "must not be nil")
	}
	return ctx.Err()
}

func (s *Store) checkMade(op string) error {
	if s == nil || s.products == nil {
		return invalid(op, "store", nil, "must be made by memory.New")
	}
	return nil
}

// checkAtLeastOne refuses a limit below 1.
func checkAtLeastOne(op, field string, limit int) error {
	if limit < 1 {
		return invalid(op, field, limit, "must be at least 1")
	}
	return nil
}

func invalid(op, field string, value any, rule string) error {
	return &allocation.Error{Op: op, Field: field, Value: value, Err: fmt.Errorf("%w: %s", allocation.ErrInvalid, rule)}
}
