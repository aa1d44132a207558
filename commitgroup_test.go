package allocation_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// Commands that arrive while a commit is under way share the next commit.
func TestGroupTakesAllWaitingCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t, stock("b1", "LAMP", 100))
		service := store.service(t)
		var ended []<-chan outcome
		for i := range 20 {
			ended = append(ended, callAllocate(t.Context(), service, want(numbered("o", i), "LAMP", 1)))
		}
		close(store.let)
		for _, e := range ended {
			got := <-e
			require.NoError(t, got.err)
			require.Len(t, got.given, 1)
		}
		assert.EqualValues(t, 2, store.commits.Load(), "commits")
		assert.EqualValues(t, 1, store.loads.Load(), "the second group needed no read")
	})
}

// Callers come and go at every moment of a hand-over.
func TestLeadIsNeverLost(t *testing.T) {
	store := memory.New()
	require.NoError(t, store.Seed(stock("b1", "LAMP", 1<<40), stock("b2", "SOFA", 1<<40), stock("b3", "DESK", 1<<40)))
	service := serve(t, store, settings{})
	skus := []allocation.SKU{"LAMP", "SOFA", "DESK"}
	var done sync.WaitGroup
	var given atomic.Int64
	for caller := range 16 {
		done.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(caller)))
			for i := range 500 {
				ctx, cancel := context.WithCancel(t.Context())
				if random.IntN(3) > 0 {
					spins := random.IntN(2000)
					done.Go(func() {
						for range spins {
							ctx.Err() //nolint:errcheck // passes a random little time
						}
						cancel()
					})
				}
				order := numbered("o", caller, i)
				lines := []allocation.Request{want(order, skus[random.IntN(3)], 1)}
				if random.IntN(4) == 0 {
					lines = []allocation.Request{want(order, "LAMP", 1), want(order, "SOFA", 1), want(order, "DESK", 1)}
				}
				_, err := service.Allocate(ctx, lines...)
				if err == nil {
					given.Add(1)
				} else if !errors.Is(err, context.Canceled) {
					t.Errorf("order %s: %v", order, err)
				}
				cancel()
			}
		})
	}
	done.Wait()
	assert.Positive(t, given.Load())
	_, err := service.Allocate(t.Context(), want("last", "LAMP", 1), want("last", "SOFA", 1), want("last", "DESK", 1))
	require.NoError(t, err)
	for _, sku := range skus {
		audit, err := service.Reconcile(t.Context(), sku)
		require.NoError(t, err)
		assert.False(t, audit.Drifted(), "%+v", audit)
	}
}

// An order that has to wait for one product claims all of its products: later narrow orders wait
// behind the wide order, although most of the products are free.
func TestWideOrdersAreNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t)
		var wide []allocation.Request
		for i := range 20 {
			sku := allocation.SKU(fmt.Sprint("sku", i))
			require.NoError(t, store.Seed(stock(allocation.BatchRef(fmt.Sprint("b", i)), sku, 1000)))
			wide = append(wide, want("wide", sku, 1))
		}
		service := store.service(t)
		narrow := []<-chan outcome{callAllocate(t.Context(), service, want("first", wide[0].SKU, 1))}
		waiting := callAllocate(t.Context(), service, wide...)
		for i := range 63 {
			narrow = append(narrow, callAllocate(t.Context(), service, want(numbered("n", i), wide[1+i%19].SKU, 1)))
		}
		store.let <- struct{}{}
		store.let <- struct{}{}
		synctest.Wait()
		select {
		case got := <-waiting:
			require.NoError(t, got.err)
		default:
			t.Error("the wide order still waits after the commit that it met, and the next")
		}
		close(store.let)
		for _, n := range narrow {
			require.NoError(t, (<-n).err)
		}
	})
}

// namesStore remembers the products of each commit, and the lookups of lapsed holds.
type namesStore struct {
	*gate
	mu     sync.Mutex
	named  []string
	looked bool
}

func (s *namesStore) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	s.mu.Lock()
	s.looked = s.looked || q.Due
	s.mu.Unlock()
	return s.gate.Load(ctx, q)
}

func (s *namesStore) Commit(ctx context.Context, changes []allocation.Changes) error {
	s.mu.Lock()
	names := make([]string, 0, len(changes))
	for _, c := range changes {
		names = append(names, string(c.SKU))
	}
	s.named = append(s.named, strings.Join(names, "+"))
	s.mu.Unlock()
	return s.gate.Commit(ctx, changes)
}

// The lookup of lapsed holds neither waits for a group nor joins a group; a group would have to check
// the versions of all products found.
func TestSweepLooksOutsideOfGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := memory.NewClock(morning)
		store := &namesStore{gate: newGate(t,
			stock("b1", "LAMP", 10), stock("b2", "SOFA", 10), stock("b3", "VASE", 10), stock("b4", "DESK", 10))}
		service := serve(t, store, settings{units: allocation.UnitOfWorkOptions{Now: clock.Now}})
		for _, sku := range []allocation.SKU{"SOFA", "VASE"} {
			held := want("h", sku, 1)
			held.HoldUntil = morning.Add(time.Minute)
			store.place(t, service, held)
		}
		clock.Advance(time.Hour)
		store.named = nil
		ended := []<-chan outcome{
			callAllocate(t.Context(), service, want("o1", "LAMP", 1)),
			callAllocate(t.Context(), service, want("o1", "DESK", 1)), // as many groups as there can be
		}
		released := 0
		ended = append(ended, call(func() (_ []allocation.Allocation, err error) {
			released, err = service.Sweep(t.Context())
			return nil, err
		}))
		assert.True(t, store.looked, "the look-up waits for nobody")
		ended = append(ended, callAllocate(t.Context(), service, want("o2", "LAMP", 1)))
		close(store.let)
		for _, e := range ended {
			require.NoError(t, (<-e).err)
		}
		assert.Equal(t, 2, released)
		for _, names := range store.named {
			assert.False(t, strings.Contains(names, "SOFA") && strings.Contains(names, "VASE"),
				"one commit named %s, all that the look-up had found", names)
		}
	})
}

// slowStore takes fake time for every call, and has a counter that somebody changes by hand.
type slowStore struct {
	*memory.Store
	drift allocation.Quantity // grows with every change
}

func (s *slowStore) Commit(ctx context.Context, changes []allocation.Changes) error {
	<-time.After(500 * time.Microsecond)
	err := s.Store.Commit(ctx, changes)
	<-time.After(500 * time.Microsecond)
	return err
}

func (s *slowStore) Audit(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
	a, err := s.Store.Audit(ctx, sku)
	<-time.After(200 * time.Microsecond)
	for i := range a.Tallies {
		a.Tallies[i].RecordedPurchased += s.drift
	}
	return a, err
}

// No other command of the Service changes a product between audit and mending; otherwise every audit
// would be outdated.
func TestMendComesThroughOnABusyProduct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := memory.New()
		require.NoError(t, shared.Seed(stock("b1", "LAMP", 1<<40)))
		store := &slowStore{Store: shared}
		service := serve(t, store, settings{})
		stop := make(chan struct{})
		var done sync.WaitGroup
		done.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(100 * time.Microsecond): // the next customer
				}
				done.Go(func() {
					_, err := service.Allocate(t.Context(), want(numbered("o", i), "LAMP", 1))
					assert.NoError(t, err)
				})
			}
		})
		for i := range 10 {
			<-time.After(10*time.Millisecond + time.Duration(i)*137*time.Microsecond)
			store.drift++
			mended, err := service.Mend(t.Context(), "LAMP")
			require.NoError(t, err, "Mend %d of 10", i)
			assert.Len(t, mended.Tallies, 1)
		}
		close(stop)
		done.Wait()
	})
}

// Committed is called after the products have become free.
func TestCommittedMayCallTheService(t *testing.T) {
	for name, begin := range map[string]func(context.Context, *allocation.Service) error{
		"Allocate": func(ctx context.Context, s *allocation.Service) error {
			_, err := s.Allocate(ctx, want("o", "LAMP", 1))
			return err
		},
		"AllocateEach": func(ctx context.Context, s *allocation.Service) error {
			_, errs := s.AllocateEach(ctx, [][]allocation.Request{{want("o", "LAMP", 1)}})
			return errs[0]
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := memory.New()
			require.NoError(t, store.Seed(stock("b1", "LAMP", 100)))
			var service *allocation.Service
			inner := 0
			var opts allocation.UnitOfWorkOptions
			opts.Committed = func(ctx context.Context, _ []allocation.Event) {
				if inner++; inner < 5 {
					_, err := service.Allocate(ctx, want(numbered("i", inner), "LAMP", 1))
					assert.NoError(t, err)
				}
			}
			service = serve(t, store, settings{units: opts})
			require.NoError(t, begin(t.Context(), service))
			state, _ := store.Product("LAMP")
			assert.Len(t, state.Lines, 5)
		})
	}
}
