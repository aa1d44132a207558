package bench

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

// way is a way of locking.
type way struct {
	name      string
	lock      bool // from the start
	never     bool // not even after a lost race
	isolation sql.IsolationLevel
}

var ways = []way{
	{name: "optimistic, locks never", never: true},
	{name: "optimistic, locks after a lost race (default)"},
	{name: "locks from the start", lock: true},
	{name: "locks from the start, serializable", lock: true, isolation: sql.LevelSerializable},
}

// service is a Service that works in this way, and counts its lost races.
func (y way) service(store *sqlstore.Store, races *atomic.Int64) (*allocation.Service, error) {
	watched := watched{Store: store, races: races}
	var visible allocation.Store = lockable{watched, store}
	if y.never {
		visible = watched
	}
	return newService(visible, &allocation.UnitOfWorkOptions{LockFirst: y.lock})
}

// watched counts the conflicts of a store, and hides its optional abilities.
type watched struct {
	allocation.Store
	races *atomic.Int64
}

func (w watched) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	states, err := w.Store.Load(ctx, q)
	return states, w.count(err)
}

func (w watched) Commit(ctx context.Context, changes []allocation.Changes) error {
	return w.count(w.Store.Commit(ctx, changes))
}

func (w watched) count(err error) error {
	if errors.Is(err, allocation.ErrConflict) {
		w.races.Add(1)
	}
	return err
}

// lockable shows that the store can lock.
type lockable struct {
	watched
	locker allocation.Locker
}

// Locked counts a conflict where it comes out; the store inside is not watched.
func (l lockable) Locked(ctx context.Context, fn func(allocation.Store) error) error {
	return l.count(l.locker.Locked(ctx, fn))
}

var _ allocation.Locker = lockable{}
