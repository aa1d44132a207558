package memory_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/storetest"
)

func line(order allocation.OrderID, sku allocation.SKU, quantity allocation.Quantity) allocation.Request {
	return allocation.Request{OrderLine: allocation.OrderLine{OrderID: order, SKU: sku, Quantity: quantity}}
}

func serviceOn(t *testing.T, store allocation.Store) *allocation.Service {
	t.Helper()
	service, err := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
	require.NoError(t, err)
	return service
}

func filled(t *testing.T) *memory.Store {
	t.Helper()
	store := memory.New()
	require.NoError(t, store.Seed(
		allocation.Batch{Ref: "b1", SKU: "LAMP", Purchased: 10},
		allocation.Batch{Ref: "b2", SKU: "SOFA", Purchased: 10},
	))
	return store
}

// hosted does each thing in a transaction of its own.
type hosted struct{ *memory.Store }

func (h hosted) inTx(fn func(store allocation.Store) error) error {
	tx := h.Begin()
	defer tx.Rollback()
	if err := fn(h.Join(tx)); err != nil {
		return err
	}
	return tx.Commit()
}

func (h hosted) Load(ctx context.Context, q allocation.Query) (states []allocation.State, err error) {
	err = h.inTx(func(store allocation.Store) error {
		states, err = store.Load(ctx, q)
		return err
	})
	return states, err
}

func (h hosted) Commit(ctx context.Context, changes []allocation.Changes) error {
	return h.inTx(func(store allocation.Store) error { return store.Commit(ctx, changes) })
}

func (h hosted) Audit(ctx context.Context, sku allocation.SKU) (a allocation.Audit, err error) {
	err = h.inTx(func(store allocation.Store) error {
		a, err = store.(allocation.Ledger).Audit(ctx, sku)
		return err
	})
	return a, err
}

func (h hosted) Events(
	ctx context.Context, sku allocation.SKU, after int64, limit int,
) (events []allocation.Event, err error) {
	err = h.inTx(func(store allocation.Store) error {
		events, err = store.(allocation.Ledger).Events(ctx, sku, after, limit)
		return err
	})
	return events, err
}

func TestTransactionsKeepThePromisesOfAStore(t *testing.T) {
	storetest.Run(t, storetest.Config{
		New: func(testing.TB) allocation.Store { return hosted{memory.New()} },
		Topics: []storetest.Topic{
			storetest.Load, storetest.Values, storetest.Commit, storetest.Isolation, storetest.Context,
			storetest.Ledger, storetest.Join, storetest.Aggregate, storetest.Guests,
		},
		Guests: func(testing.TB, allocation.Store) storetest.HostRows { return hostRows() },
		Join: func(_ testing.TB, store allocation.Store, fn func(joined allocation.Store) error) error {
			return store.(hosted).inTx(fn)
		},
	})
}

// Every query inside sees the writes of the transaction, and nobody else does.
func TestATransactionSeesItsOwnWrites(t *testing.T) {
	ctx := t.Context()
	now := time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)
	store := filled(t)
	tx := store.Begin()
	inside, _ := serviceOn(t, store).Inside(store.Join(tx))
	_, err := inside.Allocate(ctx, line("o1", "LAMP", 2), line("o1", "SOFA", 1))
	require.NoError(t, err)
	require.NoError(t, inside.AddBatch(ctx, allocation.Batch{Ref: "b3", SKU: "DESK", Purchased: 1}))
	for name, q := range map[string]allocation.Query{
		"by SKU": {SKUs: []allocation.SKU{"LAMP"}, Orders: []allocation.OrderID{"o1"}}, "by order": {Order: "o1"},
	} {
		q.Limit, q.Now = 10, now
		states, err := store.Join(tx).Load(ctx, q)
		require.NoError(t, err, name)
		require.NotEmpty(t, states, name)
		for _, s := range states {
			assert.Len(t, s.Lines, 1, name)
		}
		outside, err := store.Load(ctx, q)
		require.NoError(t, err)
		for _, s := range outside {
			assert.Empty(t, s.Lines, name)
		}
	}
	states, err := store.Join(tx).Load(ctx, allocation.Query{Batch: "b3", Limit: 1, Now: now})
	require.NoError(t, err)
	assert.Len(t, states, 1)
	_, known := store.Product("DESK")
	assert.False(t, known)
	require.NoError(t, tx.Commit())
	_, known = store.Product("DESK")
	assert.True(t, known)
	audit, err := store.Audit(ctx, "LAMP")
	require.NoError(t, err)
	assert.False(t, audit.Drifted(), "%+v", audit)
}

// A command that frees units inside serves those who wait, if the transaction is committed.
func TestATransactionServesThoseWhoWait(t *testing.T) {
	store := filled(t)
	var heard []string
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{
		Committed: func(_ context.Context, events []allocation.Event) {
			for _, e := range events {
				heard = append(heard, e.Kind())
			}
		},
	})
	service, err := allocation.New(units, nil)
	require.NoError(t, err)
	waiter := line("waiter", "LAMP", 2)
	waiter.Wait = true
	_, err = service.Allocate(t.Context(), line("owner", "LAMP", 10), waiter)
	require.NoError(t, err)
	failure := errors.New("the host rolls back")
	for _, end := range []error{failure, nil} {
		heard = nil
		err := store.Within(t.Context(), service,
			func(ctx context.Context, _ *memory.Tx, inside *allocation.Service) error {
				_, err := inside.Cancel(ctx, "owner")
				require.NoError(t, err)
				given, err := inside.Allocate(ctx, waiter)
				require.NoError(t, err)
				assert.EqualValues(t, 2, given[0].Quantity, "inside")
				return end
			})
		require.ErrorIs(t, err, end)
		state, _ := store.Product("LAMP")
		assert.Equal(t, end != nil, state.AnyWaiting, "whether the line waits after the end %v", end)
		assert.Equal(t, end != nil, heard == nil, "whether nothing was told after the end %v", end)
	}
	assert.Equal(t, []string{"LineDeallocated", "LineAllocated"}, heard)
}

func TestATransactionIsRefusedIfSomebodyWasFaster(t *testing.T) {
	for name, rival := range map[string]func(*allocation.Service) error{
		"another line": func(s *allocation.Service) error {
			_, err := s.Allocate(context.Background(), line("rival", "LAMP", 1))
			return err
		},
		"the same batch": func(s *allocation.Service) error {
			return s.AddBatch(context.Background(), allocation.Batch{Ref: "b3", SKU: "VASE", Purchased: 1})
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := filled(t)
			service := serviceOn(t, store)
			tx := store.Begin()
			undone := 0
			require.NoError(t, tx.Do(func() error { return nil }, func() { undone++ }))
			inside, _ := service.Inside(store.Join(tx))
			_, err := inside.Allocate(t.Context(), line("o1", "LAMP", 1))
			require.NoError(t, err)
			require.NoError(t, inside.AddBatch(t.Context(), allocation.Batch{Ref: "b3", SKU: "DESK", Purchased: 1}))
			require.NoError(t, rival(service))
			require.ErrorIs(t, tx.Commit(), allocation.ErrConflict)
			assert.Equal(t, 1, undone)
			require.ErrorIs(t, tx.Commit(), allocation.ErrInvalid, "the transaction has ended")
			state, _ := store.Product("LAMP")
			for _, l := range state.Lines {
				assert.NotEqual(t, allocation.OrderID("o1"), l.OrderID)
			}
		})
	}
}

func TestUndoRunsBackwardsAndOnlyWithoutACommit(t *testing.T) {
	store := filled(t)
	var done []string
	write := func(tx *memory.Tx, name string) error {
		return tx.Do(func() error { done = append(done, name); return nil },
			func() { done = append(done, "undo "+name) })
	}
	failure := errors.New("a row is taken")
	fails := func(_ context.Context, tx *memory.Tx, _ *allocation.Service) error {
		require.NoError(t, write(tx, "a"))
		require.NoError(t, write(tx, "b"))
		return tx.Do(func() error { return failure }, func() { done = append(done, "undo of nothing") })
	}
	err := store.Within(t.Context(), serviceOn(t, store), fails)
	require.Same(t, failure, err)
	assert.Equal(t, []string{"a", "b", "undo b", "undo a"}, done)

	done = nil
	tx := store.Begin()
	require.NoError(t, write(tx, "c"))
	require.NoError(t, tx.Commit())
	tx.Rollback()
	assert.Equal(t, []string{"c"}, done)
	require.ErrorIs(t, write(tx, "d"), allocation.ErrInvalid)
}

func TestAnUndoThatPanicsKeepsNoOtherFromRunning(t *testing.T) {
	tx := filled(t).Begin()
	row := false
	require.NoError(t, tx.Do(func() error { row = true; return nil }, func() { row = false }))
	require.NoError(t, tx.Do(func() error { return nil }, func() { panic("a mistake of the host") }))
	assert.Panics(t, tx.Rollback)
	assert.False(t, row)
}

func TestATransactionIsSpoiltByAnErrorOtherThanAConflict(t *testing.T) {
	ctx := t.Context()
	store := filled(t)
	broken := errors.New("disk full")
	tx := store.Begin()
	inside, _ := serviceOn(t, store).Inside(store.Join(tx))
	store.FailCommit(broken)
	_, err := inside.Allocate(ctx, line("o1", "LAMP", 1))
	require.ErrorIs(t, err, broken)
	_, err = inside.Allocate(ctx, line("o2", "LAMP", 1))
	require.ErrorIs(t, err, broken)
	require.ErrorIs(t, tx.Commit(), broken)
	state, _ := store.Product("LAMP")
	assert.Empty(t, state.Lines)
}

func TestBadArgumentsOfATransaction(t *testing.T) {
	store, other := filled(t), filled(t)
	service := serviceOn(t, store)
	fn := func(context.Context, *memory.Tx, *allocation.Service) error { return nil }
	load := func(store allocation.Store) error {
		_, err := store.Load(context.Background(), allocation.Query{SKUs: []allocation.SKU{"LAMP"}, Limit: 1})
		return err
	}
	for name, err := range map[string]error{
		"nil service":                   store.Within(t.Context(), nil, fn),
		"nil function":                  store.Within(t.Context(), service, nil),
		"a store that New hasn't made":  (&memory.Store{}).Within(t.Context(), service, fn),
		"a nil transaction":             load(store.Join(nil)),
		"a transaction without Begin":   load(store.Join(&memory.Tx{})),
		"another store's transaction":   load(store.Join(other.Begin())),
		"nil function of a transaction": store.Begin().Do(nil, func() {}),
	} {
		assert.ErrorIs(t, err, allocation.ErrInvalid, name)
	}
}

// Order rows and lines agree, whoever wins, with rivals inside and outside of transactions.
func TestRivalsInTransactionsNeverPartRowsFromLines(t *testing.T) {
	store := filled(t)
	service := serviceOn(t, store)
	var mu sync.Mutex
	rows := map[allocation.OrderID]bool{}
	var all sync.WaitGroup
	for i := range 64 {
		order := allocation.OrderID(fmt.Sprint("o", i))
		all.Go(func() {
			if i%8 == 0 {
				_, _ = service.Allocate(context.Background(), line("outside-"+order, "LAMP", 1))
				return
			}
			err := store.Within(context.Background(), service,
				func(ctx context.Context, tx *memory.Tx, inside *allocation.Service) error {
					set := func(there bool) {
						mu.Lock()
						defer mu.Unlock()
						if rows[order] = there; !there {
							delete(rows, order)
						}
					}
					if err := tx.Do(func() error { set(true); return nil }, func() { set(false) }); err != nil {
						return err
					}
					_, err := inside.Allocate(ctx, line(order, "LAMP", 1))
					return err
				}, "LAMP")
			var short *allocation.OutOfStockError
			if err != nil && !errors.As(err, &short) && !errors.Is(err, allocation.ErrConflict) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	state, _ := store.Product("LAMP")
	lines := 0
	for _, l := range state.Lines {
		if rows[l.OrderID] {
			lines++
		}
	}
	assert.Equal(t, len(rows), lines)
	assert.Len(t, state.Lines, 10)
}
