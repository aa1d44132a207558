package allocation_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// refused demands an *Error about one setting.
func refused(t *testing.T, err error, op, field string, value any) {
	t.Helper()
	require.ErrorIs(t, err, allocation.ErrInvalid)
	var detail *allocation.Error
	require.ErrorAs(t, err, &detail)
	assert.Equal(t, []any{op, field, value}, []any{detail.Op, detail.Field, detail.Value})
}

// untouchable is a store that fails the test when called.
type untouchable struct {
	allocation.Store
	t *testing.T
}

func (u untouchable) Load(context.Context, allocation.Query) ([]allocation.State, error) {
	u.t.Error("Load was called")
	return nil, nil
}

func (u untouchable) Commit(context.Context, []allocation.Changes) error {
	u.t.Error("Commit was called")
	return nil
}

func (u untouchable) Audit(context.Context, allocation.SKU) (allocation.Audit, error) {
	u.t.Error("Audit was called")
	return allocation.Audit{}, nil
}

func (u untouchable) Events(context.Context, allocation.SKU, int64, int) ([]allocation.Event, error) {
	u.t.Error("Events was called")
	return nil, nil
}

type untouchableLocker struct{ untouchable }

func (u untouchableLocker) Locked(context.Context, func(allocation.Store) error) error {
	u.t.Error("Locked was called")
	return nil
}

type untouchableJoined struct{ untouchable }

func (untouchableJoined) Joined() {}

type untouchableJoinedLocker struct{ untouchableLocker }

func (untouchableJoinedLocker) Joined() {}

// A setting that can't be honoured is an error of New and of every method of the unit of work, before
// the store is touched.
func TestUnitOfWorkIgnoresNoSetting(t *testing.T) {
	plain := untouchable{t: t}
	joined := untouchableJoined{plain}
	committed := func(context.Context, []allocation.Event) {}
	tests := map[string]struct {
		store allocation.Store
		opts  allocation.UnitOfWorkOptions
		field string
		value any
	}{
		"no store":            {nil, allocation.UnitOfWorkOptions{}, "store", nil},
		"negative Attempts":   {plain, allocation.UnitOfWorkOptions{Attempts: -1}, "Attempts", -1},
		"negative Backoff":    {plain, allocation.UnitOfWorkOptions{Backoff: -1}, "Backoff", time.Duration(-1)},
		"negative MaxBackoff": {plain, allocation.UnitOfWorkOptions{MaxBackoff: -1}, "MaxBackoff", time.Duration(-1)},
		"negative LongestHold": {
			plain, allocation.UnitOfWorkOptions{LongestHold: -1}, "LongestHold", time.Duration(-1),
		},
		"negative PageSize": {plain, allocation.UnitOfWorkOptions{PageSize: -1}, "PageSize", -1},
		"Backoff above MaxBackoff": {
			plain, allocation.UnitOfWorkOptions{Backoff: 3, MaxBackoff: 2}, "Backoff", time.Duration(3),
		},
		"LockFirst without a Locker": {plain, allocation.UnitOfWorkOptions{LockFirst: true}, "LockFirst", true},
		"LockFirst in a host's transaction": {
			joined, allocation.UnitOfWorkOptions{LockFirst: true}, "LockFirst", true,
		},
		"Attempts in a host's transaction": {joined, allocation.UnitOfWorkOptions{Attempts: 2}, "Attempts", 2},
		"Backoff in a host's transaction": {
			joined, allocation.UnitOfWorkOptions{Backoff: 1}, "Backoff", time.Duration(1),
		},
		"MaxBackoff in a host's transaction": {
			joined, allocation.UnitOfWorkOptions{MaxBackoff: 1}, "MaxBackoff", time.Duration(1),
		},
		"Committed in a host's transaction": {
			joined, allocation.UnitOfWorkOptions{Committed: committed}, "Committed", nil,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			units := allocation.NewUnitOfWork(tt.store, &tt.opts)
			_, err := allocation.New(units, nil)
			refused(t, err, "NewUnitOfWork", tt.field, tt.value)
			err = units.Do(t.Context(),
				func(context.Context, allocation.Repository) error { t.Error("ran"); return nil })
			refused(t, err, "NewUnitOfWork", tt.field, tt.value)
			_, err = units.(allocation.Ledger).Audit(t.Context(), "LAMP")
			refused(t, err, "NewUnitOfWork", tt.field, tt.value)
			_, err = units.(allocation.Ledger).Events(t.Context(), "LAMP", 0, 1)
			refused(t, err, "NewUnitOfWork", tt.field, tt.value)

			wrapped := newService(t, foreign{units}, nil) // New can't look into a host's unit of work
			_, err = wrapped.Allocate(t.Context(), want("o1", "LAMP", 1))
			refused(t, err, "NewUnitOfWork", tt.field, tt.value)
		})
	}
}

// New refuses a nil unit of work, and settings of groups or of the cache without groups or cache.
func TestServiceIgnoresNoSetting(t *testing.T) {
	plain := untouchable{t: t}
	units := allocation.NewUnitOfWork(plain, nil)
	locking := allocation.NewUnitOfWork(untouchableLocker{plain}, &allocation.UnitOfWorkOptions{LockFirst: true})
	joined := allocation.NewUnitOfWork(untouchableJoined{plain}, nil)
	cached := allocation.ServiceOptions{CacheSize: 7}
	groups := func(context.Context, int) {}
	lookups := func(context.Context, allocation.SKU, bool) {}
	tests := map[string]struct {
		units allocation.UnitOfWork
		opts  allocation.ServiceOptions
		field string
		value any
	}{
		"no unit of work": {nil, allocation.ServiceOptions{}, "unit of work", nil},
		"CacheSize with NoGroupCommit": {
			units, allocation.ServiceOptions{CacheSize: 7, NoGroupCommit: true}, "CacheSize", 7,
		},
		"CacheSize with LockFirst":           {locking, cached, "CacheSize", 7},
		"CacheSize in a host's transaction":  {joined, cached, "CacheSize", 7},
		"CacheSize over a host's UnitOfWork": {foreign{units}, cached, "CacheSize", 7},
		"Group with NoGroupCommit": {
			units, allocation.ServiceOptions{Group: groups, NoGroupCommit: true}, "Group", nil,
		},
		"Group in a host's transaction":  {joined, allocation.ServiceOptions{Group: groups}, "Group", nil},
		"Group over a host's UnitOfWork": {foreign{units}, allocation.ServiceOptions{Group: groups}, "Group", nil},
		"CacheLookup without a cache": {
			units, allocation.ServiceOptions{CacheLookup: lookups, CacheSize: -1}, "CacheLookup", nil,
		},
		"CacheLookup with LockFirst": {
			locking, allocation.ServiceOptions{CacheLookup: lookups}, "CacheLookup", nil,
		},
		"CacheLookup over a host's UnitOfWork": {
			foreign{units}, allocation.ServiceOptions{CacheLookup: lookups}, "CacheLookup", nil,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			service, err := allocation.New(tt.units, &tt.opts)
			refused(t, err, "New", tt.field, tt.value)
			assert.Nil(t, service)
		})
	}
}

// No other setting is refused.
func TestSettingsThatCanBeHonoured(t *testing.T) {
	plain := untouchable{t: t}
	locker := untouchableLocker{plain}
	off := allocation.ServiceOptions{NoGroupCommit: true, CacheSize: -1}
	all := allocation.UnitOfWorkOptions{
		Now: time.Now, Attempts: 1, Backoff: 2, MaxBackoff: 2, LockFirst: true, PageSize: 1, Logger: slog.Default(),
		Committed: func(context.Context, []allocation.Event) {},
	}
	tests := map[string]struct {
		units allocation.UnitOfWork
		opts  allocation.ServiceOptions
	}{
		"every setting": {allocation.NewUnitOfWork(locker, &all), off},
		"a long Backoff by itself": {
			allocation.NewUnitOfWork(plain, &allocation.UnitOfWorkOptions{Backoff: time.Hour}), off,
		},
		"a short MaxBackoff": {
			allocation.NewUnitOfWork(plain, &allocation.UnitOfWorkOptions{MaxBackoff: 1}), off,
		},
		"a cache":               {allocation.NewUnitOfWork(plain, nil), allocation.ServiceOptions{CacheSize: 1}},
		"off over a host's own": {foreign{allocation.NewUnitOfWork(plain, nil)}, off},
		"off in a transaction":  {allocation.NewUnitOfWork(untouchableJoined{plain}, nil), off},
		"one attempt in a transaction": {
			allocation.NewUnitOfWork(untouchableJoined{plain}, &allocation.UnitOfWorkOptions{Attempts: 1}), off,
		},
		"locks in a transaction": {
			allocation.NewUnitOfWork(untouchableJoinedLocker{locker}, &allocation.UnitOfWorkOptions{LockFirst: true}),
			off,
		},
		"defaults in a transaction": {
			allocation.NewUnitOfWork(untouchableJoined{plain}, nil), allocation.ServiceOptions{},
		},
		"defaults over a host's own": {foreign{allocation.NewUnitOfWork(plain, nil)}, allocation.ServiceOptions{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := allocation.New(tt.units, &tt.opts)
			assert.NoError(t, err)
		})
	}
}

// If only one of Backoff and MaxBackoff is set, the default of the other adapts.
func TestAPauseIsAsLongAsTheOneSettingAllows(t *testing.T) {
	pausesOf := func(t *testing.T, opts allocation.UnitOfWorkOptions) (pauses []time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			store := memory.New()
			require.NoError(t, store.Seed(stock("b1", "LAMP", 5)))
			opts.Attempts = 100
			store.FailCommit(slices.Repeat([]error{allocation.ErrConflict}, opts.Attempts)...)
			last := time.Now()
			units := allocation.NewUnitOfWork(store, &opts)
			err := units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
				pauses = append(pauses, time.Since(last))
				last = time.Now()
				return allocate(ctx, products, "o1", "LAMP")
			})
			require.ErrorIs(t, err, allocation.ErrConflict)
		})
		return pauses
	}
	long := pausesOf(t, allocation.UnitOfWorkOptions{Backoff: time.Hour})
	assert.LessOrEqual(t, slices.Max(long), time.Hour)
	assert.Greater(t, slices.Max(long[2:]), time.Minute, "the longest pause after the first one")
	short := pausesOf(t, allocation.UnitOfWorkOptions{MaxBackoff: 10})
	assert.LessOrEqual(t, slices.Max(short), time.Duration(10))
}
