package main

import (
	"context"
	"errors"

	"github.com/cosmic-go/allocation"
)

// racing counts the races that one caller loses on a store: the attempts that end with ErrConflict, answered to the
// caller or not. It belongs to one goroutine.
type racing struct {
	allocation.Store
	lost      int
	deadlocks int // of the lost ones
}

// racingLocker is racing on a store that can lock.
type racingLocker struct {
	*racing
	locker allocation.Locker
}

// countRaces returns the store that a unit of work gets: one that can lock if the given one can.
func countRaces(store allocation.Store) (*racing, allocation.Store) {
	counted := &racing{Store: store}
	if locker, able := store.(allocation.Locker); able {
		return counted, racingLocker{racing: counted, locker: locker}
	}
	return counted, counted
}

func (r *racing) Commit(ctx context.Context, changes []allocation.Changes) error {
	return r.note(r.Store.Commit(ctx, changes))
}

// Locked counts the attempt as one, whatever fails inside.
func (r racingLocker) Locked(ctx context.Context, fn func(allocation.Store) error) error {
	return r.note(r.locker.Locked(ctx, fn))
}

func (r *racing) note(err error) error {
	if errors.Is(err, allocation.ErrConflict) {
		r.lost++
		if isDeadlock(err) {
			r.deadlocks++
		}
	}
	return err
}

// Audit and Events are those of the store, which every store of this run has.
func (r *racing) Audit(ctx context.Context, sku allocation.SKU) (int64, []allocation.Tally, error) {
	return r.Store.(allocation.Ledger).Audit(ctx, sku)
}

func (r *racing) Events(ctx context.Context, sku allocation.SKU, after int64, limit int) ([]allocation.Event, error) {
	return r.Store.(allocation.Ledger).Events(ctx, sku, after, limit)
}
