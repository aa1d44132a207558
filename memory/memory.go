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
	"context"
	"fmt"
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
