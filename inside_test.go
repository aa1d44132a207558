package allocation_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

func TestInsideHearsOfTheCommitOnceTheHostSaysSo(t *testing.T) {
	c := newTill(t, settings{}, stock("b1", "LAMP", 10))
	tx := c.store.Begin()
	inside, committed := c.Inside(c.store.Join(tx))
	for _, order := range []allocation.OrderID{"o1", "o2"} {
		_, err := inside.Allocate(t.Context(), want(order, "LAMP", 1))
		require.NoError(t, err)
	}
	require.NoError(t, tx.Commit())
	assert.Empty(t, c.told)
	committed(t.Context())
	committed(t.Context())
	require.Len(t, c.told, 1)
	assert.Len(t, c.told[0], 2)
	c.store.FailLoad(errBroken) // stays, since nothing is read
	_, err := c.Allocate(t.Context(), want("o3", "LAMP", 1))
	require.NoError(t, err)
}

func TestInsideThatIsRolledBackLeavesNothing(t *testing.T) {
	c := newTill(t, settings{}, stock("b1", "LAMP", 10))
	tx := c.store.Begin()
	inside, _ := c.Inside(c.store.Join(tx))
	_, err := inside.Allocate(t.Context(), want("o1", "LAMP", 10))
	require.NoError(t, err)
	tx.Rollback()
	_, err = c.Allocate(t.Context(), want("o2", "LAMP", 10))
	require.NoError(t, err)
	assert.Equal(t, []allocation.OrderID{"o2"}, c.lines("LAMP"))
	_, err = inside.Allocate(t.Context(), want("o3", "LAMP", 1))
	require.ErrorIs(t, err, allocation.ErrInvalid, "the transaction has ended")
}

// A transaction that is told late must not put its copy over the copy of a later commit.
func TestInsideKeepsNewerCopiesInTheCache(t *testing.T) {
	c := newTill(t, settings{}, stock("b1", "LAMP", 10))
	tx := c.store.Begin()
	inside, committed := c.Inside(c.store.Join(tx))
	_, err := inside.Allocate(t.Context(), want("o1", "LAMP", 1))
	require.NoError(t, err)
	require.NoError(t, tx.Commit())
	_, err = c.Allocate(t.Context(), want("o2", "LAMP", 1)) // caches a newer version
	require.NoError(t, err)
	committed(t.Context())
	c.store.FailLoad(errBroken) // stays, since nothing is read
	_, err = c.Allocate(t.Context(), want("o3", "LAMP", 1))
	require.NoError(t, err)
}

// A stale copy of the outer cache costs a read, and no attempt.
func TestInsideReadsAfreshAfterAStaleCopy(t *testing.T) {
	c := newTill(t, settings{}, stock("b1", "LAMP", 10))
	_, err := c.Allocate(t.Context(), want("o1", "LAMP", 1))
	require.NoError(t, err)
	other := serve(t, c.store, settings{})
	_, err = other.Allocate(t.Context(), want("o2", "LAMP", 1))
	require.NoError(t, err)
	require.NoError(t, c.place(t.Context(), commits, want("o3", "LAMP", 1)))
	assert.Equal(t, 1, c.runs)
	assert.Len(t, c.lines("LAMP"), 3)
}

// A storage that fails is no conflict, so the transaction doesn't begin again.
func TestInsideAFailureAfterAStaleCopyIsNoConflict(t *testing.T) {
	c := newTill(t, settings{}, stock("b1", "LAMP", 10))
	_, err := c.Allocate(t.Context(), want("o1", "LAMP", 1))
	require.NoError(t, err)
	_, err = serve(t, c.store, settings{}).Allocate(t.Context(), want("o2", "LAMP", 1))
	require.NoError(t, err)
	c.store.FailCommit(nil, errBroken) // the stale copy, then the fresh read
	err = c.place(t.Context(), commits, want("o3", "LAMP", 1))
	require.ErrorIs(t, err, errBroken)
	require.NotErrorIs(t, err, allocation.ErrConflict)
	assert.Equal(t, 1, c.runs)
}

// lockingStore is a store inside a transaction that says which reads lock.
type lockingStore struct {
	allocation.Store
	loads *[]bool
	locks bool
}

func (lockingStore) Joined() {}

func (l lockingStore) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	*l.loads = append(*l.loads, l.locks)
	return l.Store.Load(ctx, q)
}

func (l lockingStore) Locked(_ context.Context, fn func(allocation.Store) error) error {
	l.locks = true
	return fn(l)
}

func TestInsideLocksAfterALostRaceOrFirst(t *testing.T) {
	for name, tt := range map[string]struct {
		lockFirst bool
		faults    []error
		want      []bool
	}{
		"no race":                   {false, nil, []bool{false}},
		"a command loses":           {false, []error{allocation.ErrConflict}, []bool{false, true}},
		"the transaction loses":     {false, []error{nil, allocation.ErrConflict}, []bool{false, true}},
		"the host wants to lock":    {true, nil, []bool{true}},
		"and the transaction loses": {true, []error{nil, allocation.ErrConflict}, []bool{true, true}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTill(t, settings{}, stock("b1", "LAMP", 10))
			if tt.lockFirst {
				locker := lockableWatched{&watchedStore{Store: c.store}}
				c.Service = serve(t, locker, settings{units: allocation.UnitOfWorkOptions{LockFirst: true, Backoff: 1}})
			}
			c.store.FailCommit(tt.faults...)
			var loads []bool
			begin := func(_ context.Context, fn func(allocation.Store) error) error {
				tx := c.store.Begin()
				defer tx.Rollback()
				if err := fn(lockingStore{Store: c.store.Join(tx), loads: &loads}); err != nil {
					return err
				}
				return tx.Commit()
			}
			require.NoError(t, c.Transact(t.Context(), begin,
				func(ctx context.Context, inside *allocation.Service) error {
					_, err := inside.Allocate(ctx, want("o1", "LAMP", 1))
					return err
				}, "LAMP"))
			assert.Equal(t, tt.want, loads)
		})
	}
}

// Units that became free inside go to lines that wait under the policy of the unit of work outside.
func TestInsideServesLinesThatWaitUnderThePolicyOutside(t *testing.T) {
	policy := allocation.PreferLocations("Berlin")
	for name, with := range map[string]settings{
		"of the Service":      {service: allocation.ServiceOptions{Policy: policy}},
		"of the unit of work": {units: allocation.UnitOfWorkOptions{Policy: policy}},
	} {
		c := newTill(t, with, stock("B-0", "LAMP", 1))
		r := mayWait("waiter", "LAMP", 18)
		r.Split = true
		_, err := c.Allocate(t.Context(), r)
		require.NoError(t, err)
		far, near := stock("A", "LAMP", 8), stock("Z", "LAMP", 9)
		far.Location, near.Location = "Munich", "Berlin"
		require.NoError(t, c.store.Within(t.Context(), c.Service,
			func(ctx context.Context, _ *memory.Tx, inside *allocation.Service) error {
				return errors.Join(inside.AddBatch(ctx, far), inside.AddBatch(ctx, near))
			}))
		state, _ := c.store.Product("LAMP")
		require.Len(t, state.Lines, 1, name)
		assert.Equal(t, allocation.BatchRef("Z"), state.Lines[0].Parts[0].Batch, name)
	}
}

// The store inside must keep the data of the store outside: cached products and the gate are of the store outside.
func TestInsideRefusesATransactionOfAnotherStore(t *testing.T) {
	c, other := newTill(t, settings{}, stock("b1", "LAMP", 10)), memory.New()
	require.NoError(t, other.Seed(stock("b1", "LAMP", 10)))
	tx := other.Begin()
	defer tx.Rollback()
	require.ErrorIs(t, commandOf(c.Inside(other.Join(tx))), allocation.ErrInvalid)
	ran := false
	err := other.Within(t.Context(), c.Service, func(context.Context, *memory.Tx, *allocation.Service) error {
		ran = true
		return nil
	})
	var detailed *allocation.Error
	require.ErrorAs(t, err, &detailed)
	assert.Equal(t, []any{"Transact", "store"}, []any{detailed.Op, detailed.Field})
	require.ErrorIs(t, err, allocation.ErrInvalid)
	assert.False(t, ran)
}

// A transaction's products come into the cache in place of others if the cache is full, and in place of their own
// former copies otherwise.
func TestInsideKeepsTheCacheWithinItsSize(t *testing.T) {
	t.Run("full of others", func(t *testing.T) {
		c := newTill(t, settings{service: allocation.ServiceOptions{CacheSize: 1}},
			stock("b1", "LAMP", 10), stock("b2", "SOFA", 10))
		_, err := c.Allocate(t.Context(), want("o1", "LAMP", 1))
		require.NoError(t, err)
		require.NoError(t, c.place(t.Context(), commits, want("o2", "SOFA", 1)))
		c.store.FailLoad(errBroken)
		_, err = c.Allocate(t.Context(), want("o3", "LAMP", 1))
		require.ErrorIs(t, err, errBroken, "the lamp made room")
		c.store.FailLoad(errBroken) // stays, since nothing is read
		_, err = c.Allocate(t.Context(), want("o4", "SOFA", 1))
		require.NoError(t, err)
	})
	t.Run("with former copies", func(t *testing.T) {
		var hits []bool
		c := newTill(t, settings{service: allocation.ServiceOptions{
			CacheSize:   2,
			CacheLookup: func(_ context.Context, _ allocation.SKU, hit bool) { hits = append(hits, hit) },
		}}, stock("b1", "LAMP", 100), stock("b2", "SOFA", 100))
		for i := range 10 {
			hits = nil
			_, err := c.Allocate(t.Context(), want(numbered("o", i), "LAMP", 1), want(numbered("o", i), "SOFA", 1))
			require.NoError(t, err)
			require.Equal(t, []bool{i > 0, i > 0}, hits, "after %d transactions", i)
			require.NoError(t, c.store.Within(t.Context(), c.Service, // by order, so the cache isn't asked
				func(ctx context.Context, _ *memory.Tx, inside *allocation.Service) error {
					_, err := inside.Cancel(ctx, numbered("o", i))
					return err
				}))
		}
	})
}

// Nobody pauses inside a transaction, which has locks.
func TestInsideBeginsAgainWithoutAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		require.NoError(t, store.Seed(stock("b1", "LAMP", 10)))
		const long = time.Hour
		service := serve(t, store, settings{units: allocation.UnitOfWorkOptions{Backoff: long, MaxBackoff: long}})
		tx := store.Begin()
		defer tx.Rollback()
		inside, _ := service.Inside(store.Join(tx))
		store.FailCommit(allocation.ErrConflict)
		assert.Zero(t, took(func() {
			_, err := inside.Allocate(t.Context(), want("o1", "LAMP", 1))
			require.NoError(t, err)
		}))
	})
}
