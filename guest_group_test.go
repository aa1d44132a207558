package allocation_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// failingOrders allocates many orders in one group, of which every eighth has a guest that fails, and returns the
// errors.
func failingOrders(t *testing.T, service *allocation.Service, host *table) (errs []error) {
	t.Helper()
	guests := make([]allocation.Guest, 64)
	for i := range guests {
		if guests[i] = host.row(numbered("o", i)); i%8 == 3 {
			guests[i] = host.failing(errTaken)
		}
	}
	_, errs = service.With(guests...).AllocateEach(t.Context(), single("LAMP", 0, len(guests)))
	return errs
}

func TestFailedGuestsFailTheirOwnCallersOnly(t *testing.T) {
	store, host := &counting{Store: memory.New()}, newTable()
	require.NoError(t, store.Seed(stock("b1", "LAMP", 64)))
	w := &watch{}
	service := serve(t, store, settings{units: allocation.UnitOfWorkOptions{Attempt: w.hook}})
	errs := failingOrders(t, service, host)
	for i, err := range errs {
		if i%8 == 3 {
			wantGuestError(t, err, "AllocateEach", i, errTaken)
		} else {
			require.NoError(t, err)
		}
	}
	assert.Equal(t, host.keys(), linesOf(store.Store, "LAMP"))
	assert.Len(t, host.keys(), 56)
	assert.EqualValues(t, 2, store.commits.Load(), "the group begins again once")
	assert.Len(t, w.attempts, 1, "not as a further attempt")
}

// A store that names nobody, or can't say who failed, lets each command be committed by itself.
func TestUnattributedFailuresOfGuestsTouchNobodyElse(t *testing.T) {
	for name, failure := range map[string]error{
		"an error": errors.New("checked at the end"), "an empty GuestError": &allocation.GuestError{},
		"a GuestError without errors": &allocation.GuestError{Errs: make([]error, 64)},
	} {
		t.Run(name, func(t *testing.T) {
			store, host := &counting{Store: memory.New()}, newTable()
			require.NoError(t, store.Seed(stock("b1", "LAMP", 64)))
			store.fails = func(guests []allocation.Guest) error {
				if len(guests) > 1 {
					return failure
				}
				return nil
			}
			errs := failingOrders(t, serve(t, store, settings{}), host)
			assert.Len(t, succeeded(errs), 56)
			wantGuestError(t, errs[3], "AllocateEach", 3, errTaken)
			assert.Equal(t, host.keys(), linesOf(store.Store, "LAMP"))
		})
	}
}

// A command whose policy panics is taken out of the group together with the guests.
func TestGuestsOfFailedCommandsStayBehind(t *testing.T) {
	store, host := memory.New(), newTable()
	require.NoError(t, store.Seed(stock("b1", "LAMP", 64), stock("b2", "LAMP", 64)))
	service := serve(t, store, settings{})
	broken := service.WithPolicy(func(a, b allocation.Batch) int { panic("a mistake of the host") })
	assert.Panics(t, func() {
		_, _ = broken.With(host.row("r1")).Allocate(t.Context(), want("o1", "LAMP", 1))
	})
	assert.Zero(t, host.runs)
}

func TestGuestsThatPanicAreErrors(t *testing.T) {
	store := memory.New()
	require.NoError(t, store.Seed(stock("b1", "LAMP", 64)))
	for name, do := range map[string]func() error{
		"panics": func() error { panic("a mistake of the host") },
		"exits":  func() error { t.SkipNow(); return nil },
	} {
		_, err := serve(t, store, settings{}).With(memory.Func{Do: do}).Allocate(t.Context(), want("o1", "LAMP", 1))
		var detailed *allocation.Error
		require.ErrorAs(t, err, &detailed, name)
		assert.Equal(t, "guest", detailed.Field)
	}
	assert.Empty(t, linesOf(store, "LAMP"))
}

// TestRowsAndLinesAgree lets callers of a hot product place orders with a row each. Guests fail, callers leave, commits
// lose races, and another Service takes part. An order has a line if and only if the order has a row.
func TestRowsAndLinesAgree(t *testing.T) {
	for seed := range rounds(4) {
		store, host := memory.New(), newTable()
		require.NoError(t, store.Seed(stock("b1", "LAMP", 1<<40), stock("b2", "SOFA", 1<<40)))
		opts := settings{units: allocation.UnitOfWorkOptions{Backoff: 1, MaxBackoff: 1, Attempts: 1000}}
		services := []*allocation.Service{serve(t, store, opts), serve(t, store, opts)}
		var callers sync.WaitGroup
		var mu sync.Mutex
		var placed, failed []allocation.OrderID
		for caller := range 16 {
			callers.Go(func() {
				random := rand.New(rand.NewPCG(seed, uint64(caller)))
				for i := range 50 {
					order := numbered("o", caller, i)
					ctx, leave := context.WithCancel(t.Context())
					guests, fails := []allocation.Guest{host.row(order)}, random.IntN(8) == 0
					if fails {
						guests = append(guests, host.failing(errTaken))
					}
					if random.IntN(8) == 0 {
						store.FailCommit(allocation.ErrConflict)
					}
					if random.IntN(8) == 0 {
						go leave()
					}
					lines := []allocation.Request{want(order, "LAMP", 1), want(order, "SOFA", 1)}
					_, err := services[random.IntN(2)].With(guests...).Allocate(ctx, lines[random.IntN(2):]...)
					leave()
					mu.Lock()
					switch {
					case err == nil:
						placed = append(placed, order)
					case fails || errors.Is(err, errTaken):
						failed = append(failed, order)
					}
					mu.Unlock()
				}
			})
		}
		callers.Wait()
		sold := linesOf(store, "SOFA") // every order has a line of the second product
		assert.Equal(t, sold, host.keys(), "seed %d: rows, beside the orders with lines", seed)
		assert.Subset(t, sold, placed, "seed %d", seed)
		for _, order := range failed {
			assert.False(t, slices.Contains(sold, order), "seed %d: order %s failed", seed, order)
		}
		assert.NotEmpty(t, failed)
		assert.NotEmpty(t, placed)
	}
}

// asked records the products of each load.
type asked struct {
	*memory.Store
	skus [][]allocation.SKU
}

func (a *asked) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	a.skus = append(a.skus, q.SKUs)
	return a.Store.Load(ctx, q)
}

// A group that begins again without a command has nothing to do with the products of the command.
func TestAGroupReadsNoProductOfACommandThatWasTakenOut(t *testing.T) {
	store, host := &asked{Store: memory.New()}, newTable()
	require.NoError(t, store.Seed(stock("b1", "LAMP", 9), stock("s1", "SOFA", 9)))
	service := serve(t, store, settings{}).With(host.row("good"), host.failing(errTaken))
	_, errs := service.AllocateEach(t.Context(), [][]allocation.Request{
		{want("good", "LAMP", 1)}, {want("bad", "LAMP", 1), want("bad", "SOFA", 1)},
	})
	require.NoError(t, errs[0])
	require.ErrorIs(t, errs[1], errTaken)
	assert.Equal(t, [][]allocation.SKU{{"LAMP", "SOFA"}, {"LAMP"}}, store.skus)
}

// A command of which several guests fail gets the error of the first one.
func TestTheFirstGuestThatFailsIsTheAnswer(t *testing.T) {
	for mode, opts := range modes {
		t.Run(mode, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, host := &counting{Store: memory.New()}, newTable()
				require.NoError(t, store.Seed(stock("b1", "LAMP", 9)))
				let := make(chan struct{})
				store.fails = func(guests []allocation.Guest) error {
					<-let
					if len(guests) < 2 {
						return nil
					}
					return &allocation.GuestError{Errs: []error{errTaken, errBroken}}
				}
				service := serve(t, store, opts)
				first := callAllocate(t.Context(), service.With(host.row("r1")), want("o1", "LAMP", 1))
				two := service.With(host.row("r2"), host.row("r3"))
				failing := callAllocate(t.Context(), two, want("o2", "LAMP", 1))
				other := callAllocate(t.Context(), service, want("o3", "LAMP", 1))
				close(let)
				require.NoError(t, (<-first).err)
				require.NoError(t, (<-other).err)
				err := (<-failing).err
				wantGuestError(t, err, "Allocate", 0, errTaken)
				require.NotErrorIs(t, err, errBroken)
			})
		})
	}
}
