package allocation_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// A wide order in the queue keeps free products from the callers behind. When the caller of the wide order leaves, the
// free products go to the callers behind at once, before the commit of the busy product has ended.
func TestLeavingTheQueueHandsOnTheFreeProducts(t *testing.T) {
	for name, tt := range map[string]struct {
		wide   func(ctx context.Context, s *allocation.Service) error
		behind []allocation.SKU
	}{
		"an order of two products": {func(ctx context.Context, s *allocation.Service) error {
			_, err := s.Allocate(ctx, want("wide", "A", 1), want("wide", "B", 1))
			return err
		}, []allocation.SKU{"B"}},
		"an order of three products": {func(ctx context.Context, s *allocation.Service) error {
			_, err := s.Allocate(ctx, want("wide", "A", 1), want("wide", "B", 1), want("wide", "C", 1))
			return err
		}, []allocation.SKU{"C", "B"}},
		"a bulk": {func(ctx context.Context, s *allocation.Service) error {
			_, errs := s.AllocateEach(ctx, [][]allocation.Request{{want("wide", "A", 1), want("wide", "B", 1)}})
			return errs[0]
		}, []allocation.SKU{"B"}},
		"a look-up by order": {func(ctx context.Context, s *allocation.Service) error {
			_, err := s.Ship(ctx, "placed")
			return err
		}, []allocation.SKU{"B"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newDoors(t, []allocation.SKU{"A"}, stock("a", "A", 10), stock("b", "B", 10))
				require.NoError(t, store.Seed(stock("c", "C", 10)))
				store.place(t, want("placed", "A", 1), want("placed", "B", 1))
				service := serve(t, store, settings{})
				busy := callAllocate(t.Context(), service, want("o1", "A", 1))
				defer func() { close(store.of["A"]); <-busy }()
				ctx, leave := context.WithCancel(t.Context())
				wide := call(func() ([]allocation.Allocation, error) { return nil, tt.wide(ctx, service) })
				require.Empty(t, wide, "the wide command answers although A is busy")
				var behind []<-chan outcome
				for i, sku := range tt.behind {
					behind = append(behind, callAllocate(t.Context(), service, want(numbered("behind", i), sku, 1)))
				}
				leave()
				synctest.Wait()
				require.ErrorIs(t, (<-wide).err, context.Canceled)
				for i, sku := range tt.behind {
					requireDone(t, behind[i], "a caller behind, for "+string(sku))
					later := callAllocate(t.Context(), service, want(numbered("later", i), sku, 1))
					requireDone(t, later, "a later caller for "+string(sku))
				}
			})
		})
	}
}

// Lines in the queue behind a Cancel of the order go ahead once the caller of the Cancel has left.
func TestLeavingTheQueueHandsOnTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newDoors(t, []allocation.SKU{"A"}, stock("a", "A", 10), stock("b", "B", 10))
		store.place(t, want("mine", "A", 1))
		service := serve(t, store, settings{})
		busy := callAllocate(t.Context(), service, want("o1", "A", 1))
		defer func() { close(store.of["A"]); <-busy }()
		ctx, leave := context.WithCancel(t.Context())
		cancelling := cancelOrder(ctx, service, "mine")
		placing := callAllocate(t.Context(), service, want("mine", "B", 1))
		leave()
		synctest.Wait()
		require.ErrorIs(t, (<-cancelling).err, context.Canceled)
		requireDone(t, placing, "the line of a free product")
	})
}

// With two wide orders in the queue, the callers behind wait for the second after the caller of the first has left.
func TestLeavingTheQueueHandsOnNoProductClaimedByOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newDoors(t, []allocation.SKU{"A"}, stock("a", "A", 10), stock("b", "B", 1))
		service := serve(t, store, settings{})
		busy := callAllocate(t.Context(), service, want("o1", "A", 1))
		ctx, leave := context.WithCancel(t.Context())
		leaving := callAllocate(ctx, service, want("left", "A", 1), want("left", "B", 1))
		staying := callAllocate(t.Context(), service, want("stays", "A", 1), want("stays", "B", 1))
		behind := callAllocate(t.Context(), service, want("behind", "B", 1))
		leave()
		synctest.Wait()
		require.ErrorIs(t, (<-leaving).err, context.Canceled)
		assert.Empty(t, behind, "the caller behind has overtaken the second wide order")
		close(store.of["A"])
		require.NoError(t, (<-busy).err)
		require.NoError(t, (<-staying).err, "the earlier order gets the last unit")
		var short *allocation.OutOfStockError
		require.ErrorAs(t, (<-behind).err, &short)
	})
}

// Many wide orders leave at once, each with a caller behind: every free product is handed on.
func TestManyLeavingTheQueueHandOnTheirProducts(t *testing.T) {
	const callers = 100
	synctest.Test(t, func(t *testing.T) {
		store := newDoors(t, []allocation.SKU{"A"}, stock("a", "A", 1000))
		service := serve(t, store, settings{})
		busy := callAllocate(t.Context(), service, want("o", "A", 1))
		defer func() { close(store.of["A"]); <-busy }()
		ctx, leave := context.WithCancel(t.Context())
		var wide, behind []<-chan outcome
		for i := range callers {
			sku := allocation.SKU(numbered("s", i))
			require.NoError(t, store.Seed(stock(allocation.BatchRef(sku), sku, 1)))
			order := numbered("wide", i)
			wide = append(wide, callAllocate(ctx, service, want(order, "A", 1), want(order, sku, 1)))
			behind = append(behind, callAllocate(t.Context(), service, want(numbered("behind", i), sku, 1)))
		}
		leave()
		synctest.Wait()
		for i := range callers {
			require.ErrorIs(t, (<-wide[i]).err, context.Canceled)
			requireDone(t, behind[i], "a caller behind")
		}
	})
}

// hanging is a store with a few connections. A call for some products takes a connection and hangs until the test ends.
type hanging struct {
	*memory.Store
	connections chan struct{}
	inLoad      map[allocation.SKU]bool
	inCommit    map[allocation.SKU]bool
	end         chan struct{}
}

// over takes a connection for a call, which hangs if the call is for one of the given products.
func (h *hanging) over(ctx context.Context, hangs bool, call func() error) error {
	select {
	case h.connections <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-h.connections }()
	if hangs {
		select {
		case <-h.end:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return call()
}

func (h *hanging) Load(ctx context.Context, q allocation.Query) (states []allocation.State, err error) {
	hangs := false
	for _, sku := range q.SKUs {
		hangs = hangs || h.inLoad[sku]
	}
	err = h.over(ctx, hangs, func() (err error) {
		states, err = h.Store.Load(ctx, q)
		return err
	})
	return states, err
}

func (h *hanging) Commit(ctx context.Context, changes []allocation.Changes) error {
	hangs := false
	for _, c := range changes {
		hangs = hangs || h.inCommit[c.SKU]
	}
	return h.over(ctx, hangs, func() error { return h.Store.Commit(ctx, changes) })
}

// hangers are ways in which the products HANG-0, HANG-1 and so on, with two batches each, may hang for ever.
var hangers = map[string]func(h *hanging, s *allocation.Service, sku allocation.SKU) *allocation.Service{
	"in the commit": func(h *hanging, s *allocation.Service, sku allocation.SKU) *allocation.Service {
		h.inCommit[sku] = true
		return s
	},
	"in the read": func(h *hanging, s *allocation.Service, sku allocation.SKU) *allocation.Service {
		h.inLoad[sku] = true
		return s
	},
	"in a policy": func(h *hanging, s *allocation.Service, _ allocation.SKU) *allocation.Service {
		return s.WithPolicy(func(allocation.Batch, allocation.Batch) int { <-h.end; return 0 })
	},
}

// newHanging returns a Service with so many products that hang and with two further connections that are free. The
// function end lets the hanging calls go.
func newHanging(t *testing.T, hang string, products int) (s *allocation.Service, hung []<-chan outcome, end func()) {
	t.Helper()
	arriving := allocation.Batch{Ref: "arriving", SKU: "FREE", Purchased: 9, ETA: morning}
	h := &hanging{
		Store: memory.New(), connections: make(chan struct{}, products+2), end: make(chan struct{}),
		inLoad: map[allocation.SKU]bool{}, inCommit: map[allocation.SKU]bool{},
	}
	require.NoError(t, h.Seed(stock("free", "FREE", 1000), arriving))
	service := serve(t, h, settings{})
	for i := range products {
		sku := allocation.SKU(fmt.Sprint("HANG-", i))
		one, two := stock(allocation.BatchRef("a"+sku), sku, 9), stock(allocation.BatchRef("b"+sku), sku, 9)
		require.NoError(t, h.Seed(one, two))
		hung = append(hung, callAllocate(t.Context(), hangers[hang](h, service, sku), want("hangs", sku, 1)))
	}
	return service, hung, func() {
		close(h.end)
		for _, ended := range hung {
			<-ended
		}
	}
}

// patience is the longest time that a sale may wait because of other products.
const patience = time.Second

// soon is a context that ends when the patience does.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// took runs a function and returns how much of the bubble's time has passed.
func took(fn func()) time.Duration {
	began := time.Now() //nolint:forbidigo // the clock of the bubble
	fn()
	return time.Since(began) //nolint:forbidigo // the clock of the bubble
}

// Two products that hang for ever hold up no sale of another product: the sale is done after a short patience, and the
// hundredth sale waits no longer than the first.
func TestProductsThatHangHoldUpNoOther(t *testing.T) {
	for hang := range hangers {
		t.Run(hang, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service, hung, end := newHanging(t, hang, 2)
				defer end()
				var waited []time.Duration
				for i := range 100 {
					waited = append(waited, took(func() {
						_, err := service.Allocate(soon(t), want(numbered("o", i), "FREE", 1))
						require.NoError(t, err, "sale %d", i)
					}))
				}
				for i, d := range waited {
					assert.LessOrEqual(t, d, waited[0], "sale %d waited longer than the first", i)
				}
				for _, ended := range hung {
					assert.Empty(t, ended, "a product does not hang")
				}
			})
		})
	}
}

// Products that hang hold up no crowd of callers either, for a single product or for many, with any kind of command.
func TestProductsThatHangHoldUpNoCrowd(t *testing.T) {
	for name, command := range map[string]func(ctx context.Context, s *allocation.Service, i int) error{
		"one product": func(ctx context.Context, s *allocation.Service, i int) error {
			_, err := s.Allocate(ctx, want(numbered("o", i), "FREE", 1))
			return err
		},
		"many products": func(ctx context.Context, s *allocation.Service, i int) error {
			return s.AddBatch(ctx, stock(allocation.BatchRef(numbered("b", i)), allocation.SKU(numbered("FREE", i)), 1))
		},
		"bulks": func(ctx context.Context, s *allocation.Service, i int) error {
			_, errs := s.AllocateEach(ctx, [][]allocation.Request{{want(numbered("o", i), "FREE", 1)}})
			return errs[0]
		},
		"look-ups": func(ctx context.Context, s *allocation.Service, _ int) error {
			count := allocation.Count{Batch: "arriving", Quantity: 5, At: time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC)}
			_, err := s.ReceiveBatch(ctx, count)
			return err
		},
		"mending": func(ctx context.Context, s *allocation.Service, _ int) error {
			_, err := s.Mend(ctx, "FREE")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service, _, end := newHanging(t, "in the commit", 2)
				defer end()
				var ended []<-chan outcome
				for i := range 100 {
					ended = append(ended, call(func() ([]allocation.Allocation, error) {
						return nil, command(soon(t), service, i)
					}))
				}
				for i, e := range ended {
					require.NoError(t, (<-e).err, "caller %d", i)
				}
			})
		})
	}
}

// With more products that hang than two, the patience may be needed once for each pair.
func TestManyProductsThatHangHoldUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const products = 8
		service, _, end := newHanging(t, "in the commit", products)
		defer end()
		<-time.After(products / 2 * patience)
		_, err := service.Allocate(soon(t), want("o", "FREE", 1))
		require.NoError(t, err)
	})
}

// A second commit of a product never begins while the first hangs, however long that takes.
func TestAProductThatHangsIsCommittedOnceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t, stock("b1", "LAMP", 10))
		service := store.service(t)
		first := callAllocate(t.Context(), service, want("o1", "LAMP", 1))
		second := callAllocate(t.Context(), service, want("o2", "LAMP", 1))
		<-time.After(10 * patience)
		synctest.Wait()
		assert.EqualValues(t, 1, store.commits.Load(), "commits of one product under way")
		close(store.let)
		require.NoError(t, (<-first).err)
		require.NoError(t, (<-second).err)
	})
}
