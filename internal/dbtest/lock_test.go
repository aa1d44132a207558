package dbtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// Whoever has locked what it reads never loses a race, so that one attempt is enough.
func TestWithLocksNobodyLosesARace(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		const buyers, orders = 4, 8
		ctx := context.Background()
		s := e.shop(t)
		clock := memory.NewClock(start)
		opts := &allocation.UnitOfWorkOptions{Now: clock.Now, Attempts: 1, LockFirst: true}
		var all sync.WaitGroup
		for buyer := range buyers {
			units := allocation.NewUnitOfWork(s.store, opts)
			all.Go(func() {
				for i := range orders {
					skus := []allocation.SKU{"chair", "table"}
					err := units.Do(ctx, func(ctx context.Context, products allocation.Repository) error {
						order := allocation.OrderID(fmt.Sprint(buyer, "-", i))
						found, err := products.GetMany(ctx, []allocation.SKU{skus[buyer%2], skus[1-buyer%2]}, order)
						if err != nil {
							return err
						}
						for _, p := range found {
							_, err = p.Allocate(products.Now(), nil, firm(order, p.SKU(), 1))
							var short *allocation.OutOfStockError
							if err != nil && !errors.As(err, &short) {
								return err
							}
						}
						return nil
					})
					assert.NoError(t, err, "buyer %d, order %d", buyer, i)
				}
			})
		}
		all.Wait()
		for _, sku := range []allocation.SKU{"chair", "table"} {
			audit, err := s.store.Audit(ctx, sku)
			require.NoError(t, err)
			assert.EqualValues(t, 10, audit.Tallies[0].Promised, "units of sku %q promised, of 10", sku)
			assert.False(t, audit.Tallies[0].Drifted(), "%+v", audit.Tallies[0])
		}
	})
}

func TestLockedTakesEverythingBackUnlessFnReturnsNil(t *testing.T) {
	mistake := errors.New("the host's mistake")
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		s := e.shop(t)
		c := decide(t, s.store, "chair", firm("o", "chair", 1))
		write := func(store allocation.Store) { assert.NoError(t, store.Commit(ctx, []allocation.Changes{c})) }
		err := s.store.Locked(ctx, func(store allocation.Store) error {
			write(store)
			return mistake
		})
		require.Equal(t, mistake, err, "the error of fn, as it is")
		assert.Panics(t, func() {
			_ = s.store.Locked(ctx, func(store allocation.Store) error {
				write(store)
				panic(mistake)
			})
		})
		s.want(t, 0, map[allocation.SKU]int64{"chair": 1})
		require.NoError(t, s.store.Locked(ctx, func(store allocation.Store) error {
			write(store)
			return nil
		}))
		s.want(t, 0, map[allocation.SKU]int64{"chair": 2})
	})
}

func TestLockedCommitsNothingOnceACommitInsideFailed(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		s := e.shop(t)
		chair := decide(t, s.store, "chair", firm("o", "chair", 1))
		table := decide(t, s.store, "table", firm("o", "table", 1))
		// The batch belongs to the chairs.
		table.NewBatches = append(table.NewBatches, allocation.Batch{Ref: "b", SKU: "table", Purchased: 1})
		err := s.store.Locked(ctx, func(store allocation.Store) error {
			assert.ErrorIs(t, store.Commit(ctx, []allocation.Changes{chair, table}), allocation.ErrDuplicate)
			return nil
		})
		require.Error(t, err)
		s.want(t, 0, map[allocation.SKU]int64{"chair": 1, "table": 1})
	})
}

// A hand-over reads the products of one order, and then the products of the other. The first read locks all of these
// products, so that locks are taken in the order of the SKUs.
func TestALoadByOrderLocksTheProductsOfFurtherOrders(t *testing.T) {
	each(t, remote, func(t *testing.T, e *engine) {
		ctx := t.Context()
		s := e.shop(t)
		service, _ := serviceOn(t, s.store)
		require.NoError(t, service.AddBatch(ctx, allocation.Batch{Ref: "l", SKU: "lamp", Purchased: 1}))
		waits := firm("to", "lamp", 2)
		waits.Wait = true
		_, err := service.Allocate(ctx, firm("from", "table", 1), firm("to", "chair", 1), waits)
		require.NoError(t, err)
		isLocked := func(sku allocation.SKU) bool {
			const now = `SELECT sku FROM allocation_products WHERE sku = '%s' FOR UPDATE NOWAIT`
			_, err := s.db.ExecContext(ctx, fmt.Sprintf(now, sku))
			if err != nil {
				require.Contains(t, strings.ToLower(err.Error()), "lock")
			}
			return err != nil
		}
		both := allocation.Query{Order: "from", Orders: []allocation.OrderID{"to"}, Now: start, Limit: 100}
		require.NoError(t, s.store.Locked(ctx, func(store allocation.Store) error {
			states, err := store.Load(ctx, both)
			require.NoError(t, err)
			require.Len(t, states, 1, "products of the order that was asked for")
			for _, sku := range []allocation.SKU{"chair", "lamp", "table"} {
				assert.True(t, isLocked(sku), "the lock on %q", sku)
			}
			return nil
		}))
		for _, sku := range []allocation.SKU{"chair", "lamp", "table"} {
			assert.False(t, isLocked(sku), "the lock on %q afterwards", sku)
		}
	})
}

// Hand-overs beside commands of several products meet no deadlock.
func TestWithLocksAHandOverLosesNoRace(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		const rounds = 10
		ctx := t.Context()
		s := e.shop(t)
		service, clock := serviceOn(t, s.store)
		for _, sku := range []allocation.SKU{"chair", "table"} {
			more := allocation.Batch{Ref: allocation.BatchRef(sku), SKU: sku, Purchased: 5 * rounds}
			require.NoError(t, service.AddBatch(ctx, more))
		}
		var lines []allocation.Request
		for i := range rounds {
			from, to := cart("from", i), cart("to", i)
			lines = append(lines, firm(from, "table", 1), firm(to, "chair", 1))
		}
		_, err := service.Allocate(ctx, lines...)
		require.NoError(t, err)
		opts := allocation.UnitOfWorkOptions{Now: clock.Now, Attempts: 1, LockFirst: true}
		var all sync.WaitGroup
		all.Go(func() {
			hand := newService(t, allocation.NewUnitOfWork(s.store, &opts), nil)
			for i := range rounds {
				_, err := hand.HandOver(ctx, cart("from", i), cart("to", i))
				assert.NoError(t, err, "hand-over %d", i)
			}
		})
		for buyer := range 3 {
			buy := newService(t, allocation.NewUnitOfWork(s.store, &opts), nil)
			all.Go(func() {
				for i := range rounds {
					order := cart(fmt.Sprint("buyer-", buyer), i)
					_, err := buy.Allocate(ctx, firm(order, "chair", 1), firm(order, "table", 1))
					assert.NoError(t, err, "buyer %d, order %d", buyer, i)
				}
			})
		}
		all.Wait()
		requireClean(t, service, "chair", "table")
	})
}
