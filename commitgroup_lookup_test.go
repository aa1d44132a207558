package allocation_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// doors is a store with a door for some products: a commit of such a product waits until the test opens the door.
type doors struct {
	*memory.Store
	of map[allocation.SKU]chan struct{}
}

// newDoors seeds a store and closes a door for each of the given products.
func newDoors(t *testing.T, closed []allocation.SKU, batches ...allocation.Batch) *doors {
	t.Helper()
	d := &doors{Store: memory.New(), of: map[allocation.SKU]chan struct{}{}}
	require.NoError(t, d.Seed(batches...))
	for _, sku := range closed {
		d.of[sku] = make(chan struct{})
	}
	return d
}

func (d *doors) Commit(ctx context.Context, changes []allocation.Changes) error {
	for _, c := range changes {
		door, has := d.of[c.SKU]
		if !has {
			continue
		}
		select {
		case <-door:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return d.Store.Commit(ctx, changes)
}

// place allocates lines past the doors, as an earlier process would have done.
func (d *doors) place(t *testing.T, lines ...allocation.Request) {
	t.Helper()
	_, err := serve(t, d.Store, settings{}).Allocate(t.Context(), lines...)
	require.NoError(t, err)
}

// has reports whether an order has a line of a product.
func (d *doors) has(order allocation.OrderID, sku allocation.SKU) bool {
	state, _ := d.Product(sku)
	for _, line := range state.Lines {
		if line.OrderID == order {
			return true
		}
	}
	return false
}

// cancelOrder calls Cancel for a whole order, whose products the Service has to look up.
func cancelOrder(ctx context.Context, s *allocation.Service, order allocation.OrderID) <-chan outcome {
	return call(func() ([]allocation.Allocation, error) { return s.Cancel(ctx, order) })
}

// requireDone demands an answer without an error, now.
func requireDone(t *testing.T, ended <-chan outcome, who string) {
	t.Helper()
	select {
	case got := <-ended:
		require.NoError(t, got.err, who)
	default:
		require.Fail(t, "no answer yet", who)
	}
}

// A command for a batch waits for a running commit of its AddBatch, even after the caller of AddBatch has left with
// ErrUnknownOutcome. Otherwise the command would answer ErrNotFound, and the batch would come into being later.
func TestLookUpByBatchWaitsForItsAnnouncement(t *testing.T) {
	tomorrow := morning.AddDate(0, 0, 1)
	count := allocation.Count{Batch: "b2", Quantity: 5, At: morning}
	for name, verb := range map[string]func(context.Context, *allocation.Service) error{
		"ReceiveBatch": func(ctx context.Context, s *allocation.Service) error {
			_, err := s.ReceiveBatch(ctx, count)
			return err
		},
		"ChangeBatchQuantity": func(ctx context.Context, s *allocation.Service) error {
			_, err := s.ChangeBatchQuantity(ctx, count)
			return err
		},
		"ChangeBatchETA": func(ctx context.Context, s *allocation.Service) error {
			return errorOf(s.ChangeBatchETA(ctx, "b2", tomorrow.Add(1)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newGate(t, stock("b1", "LAMP", 10))
				service := serve(t, store,
					settings{units: allocation.UnitOfWorkOptions{Now: memory.NewClock(morning).Now}})
				first := callAllocate(t.Context(), service, want("o1", "LAMP", 1))
				leader := callAllocate(t.Context(), service, want("o2", "LAMP", 1))
				ctx, leave := context.WithCancel(t.Context())
				announcing := call(func() ([]allocation.Allocation, error) {
					b := allocation.Batch{Ref: "b2", SKU: "LAMP", Purchased: 9, ETA: tomorrow}
					return nil, service.AddBatch(ctx, b)
				})
				store.let <- struct{}{}
				synctest.Wait()
				leave()
				require.ErrorIs(t, (<-announcing).err, allocation.ErrUnknownOutcome)
				counting := call(func() ([]allocation.Allocation, error) { return nil, verb(t.Context(), service) })
				close(store.let)
				require.NoError(t, (<-first).err)
				require.NoError(t, (<-leader).err)
				require.NoError(t, (<-counting).err)
			})
		})
	}
}

// A command for a batch waits for the SplitBatch that may bring the batch into being.
func TestLookUpByBatchWaitsForItsSplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newDoors(t, []allocation.SKU{"LAMP"}, stock("b1", "LAMP", 10))
		service := serve(t, store, settings{units: allocation.UnitOfWorkOptions{Now: memory.NewClock(morning).Now}})
		splitting := call(func() ([]allocation.Allocation, error) {
			_, err := service.SplitBatch(t.Context(), "b1", allocation.Batch{Ref: "b2", Purchased: 4})
			return nil, err
		})
		blocking := call(func() ([]allocation.Allocation, error) {
			_, err := service.BlockBatch(t.Context(), "b2", "dented")
			return nil, err
		})
		close(store.of["LAMP"])
		require.NoError(t, (<-splitting).err)
		require.NoError(t, (<-blocking).err)
	})
}

// A Cancel finds the lines of an earlier Allocate, even if the Allocate is still in the queue.
func TestLookUpByOrderWaitsForQueuedLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newDoors(t, []allocation.SKU{"LAMP"}, stock("b1", "LAMP", 10))
		service := serve(t, store, settings{})
		first := callAllocate(t.Context(), service, want("o1", "LAMP", 1))
		placing := callAllocate(t.Context(), service, want("mine", "LAMP", 1))
		cancelling := cancelOrder(t.Context(), service, "mine")
		close(store.of["LAMP"])
		require.NoError(t, (<-first).err)
		require.NoError(t, (<-placing).err)
		require.NoError(t, (<-cancelling).err)
		assert.False(t, store.has("mine", "LAMP"), "the order still has its line")
	})
}

// A Cancel doesn't wait for the products of an Allocate whose caller left the queue, since no line can come of it.
func TestLookUpByOrderIgnoresCallersWhoLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newDoors(t, []allocation.SKU{"LAMP"}, stock("b1", "LAMP", 10))
		service := serve(t, store, settings{})
		first := callAllocate(t.Context(), service, want("o1", "LAMP", 1))
		ctx, leave := context.WithCancel(t.Context())
		placing := callAllocate(ctx, service, want("mine", "LAMP", 1))
		leave()
		require.ErrorIs(t, (<-placing).err, context.Canceled)
		cancelling := cancelOrder(t.Context(), service, "mine")
		require.Len(t, cancelling, 1, "answers while the commit of another order is under way")
		require.ErrorIs(t, (<-cancelling).err, allocation.ErrNotFound)
		close(store.of["LAMP"])
		require.NoError(t, (<-first).err)
	})
}

// A command by order or by batch doesn't wait for commits of other orders and other batches.
func TestLookUpsPassStrangers(t *testing.T) {
	for name, verb := range map[string]func(context.Context, *allocation.Service) error{
		"by order": func(ctx context.Context, s *allocation.Service) error {
			_, err := s.Ship(ctx, "mine")
			return err
		},
		"by batch": func(ctx context.Context, s *allocation.Service) error {
			_, err := s.ChangeBatchQuantity(ctx, allocation.Count{Batch: "b2", Quantity: 5, At: morning})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newDoors(t, []allocation.SKU{"LAMP"}, stock("b1", "LAMP", 10), stock("b2", "SOFA", 10))
				store.place(t, want("mine", "SOFA", 1))
				service := serve(t, store,
					settings{units: allocation.UnitOfWorkOptions{Now: memory.NewClock(morning).Now}})
				first := callAllocate(t.Context(), service, want("o1", "LAMP", 1))
				ended := call(func() ([]allocation.Allocation, error) { return nil, verb(t.Context(), service) })
				requireDone(t, ended, name)
				close(store.of["LAMP"])
				require.NoError(t, (<-first).err)
			})
		})
	}
}

// A Cancel takes back no line placed after the call, even if the Cancel has to wait for a busy product while the
// product of the later line is free.
func TestLaterLinesWaitForAnEarlierCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newDoors(t, []allocation.SKU{"LAMP"}, stock("b1", "LAMP", 10), stock("b2", "SOFA", 10))
		store.place(t, want("mine", "LAMP", 1))
		service := serve(t, store, settings{})
		first := callAllocate(t.Context(), service, want("o1", "LAMP", 1))
		cancelling := cancelOrder(t.Context(), service, "mine")
		placing := callAllocate(t.Context(), service, want("mine", "SOFA", 1))
		close(store.of["LAMP"])
		for _, ended := range []<-chan outcome{first, cancelling, placing} {
			require.NoError(t, (<-ended).err)
		}
		assert.False(t, store.has("mine", "LAMP"), "the earlier line is still there")
		assert.True(t, store.has("mine", "SOFA"), "the later line is gone")
	})
}

// With two Cancels of an order in the queue, later lines wait for the second after the first has left.
func TestLaterLinesWaitForTheSecondCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newDoors(t, []allocation.SKU{"LAMP"}, stock("b1", "LAMP", 10), stock("b2", "SOFA", 10))
		store.place(t, want("mine", "LAMP", 1))
		service := serve(t, store, settings{})
		first := callAllocate(t.Context(), service, want("o1", "LAMP", 1))
		ctx, leave := context.WithCancel(t.Context())
		leaving := cancelOrder(ctx, service, "mine")
		staying := cancelOrder(t.Context(), service, "mine")
		leave()
		require.ErrorIs(t, (<-leaving).err, context.Canceled)
		placing := callAllocate(t.Context(), service, want("mine", "SOFA", 1))
		close(store.of["LAMP"])
		for _, ended := range []<-chan outcome{first, staying, placing} {
			require.NoError(t, (<-ended).err)
		}
		assert.True(t, store.has("mine", "SOFA"), "the later line is gone")
	})
}

// Two Allocates of an order for different products don't wait for each other while another order is looked up.
func TestLinesOfOneOrderPassEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newDoors(t, []allocation.SKU{"LAMP"}, stock("b1", "LAMP", 10), stock("b2", "SOFA", 10))
		store.place(t, want("other", "LAMP", 1))
		service := serve(t, store, settings{})
		first := callAllocate(t.Context(), service, want("o1", "LAMP", 1))
		cancelling := cancelOrder(t.Context(), service, "other")
		waiting := callAllocate(t.Context(), service, want("mine", "LAMP", 1))
		requireDone(t, callAllocate(t.Context(), service, want("mine", "SOFA", 1)), "the line of a free product")
		close(store.of["LAMP"])
		for _, ended := range []<-chan outcome{first, cancelling, waiting} {
			require.NoError(t, (<-ended).err)
		}
	})
}

// Once a Cancel has ended, in any way, two Allocates of the order for different products don't wait for each other.
func TestLookUpLeavesNoClaims(t *testing.T) {
	for name, look := range map[string]func(t *testing.T, store *doors, service *allocation.Service){
		"answered": func(t *testing.T, store *doors, service *allocation.Service) {
			t.Helper()
			close(store.of["DESK"])
			require.NoError(t, (<-cancelOrder(t.Context(), service, "mine")).err)
		},
		"left in the queue": func(t *testing.T, store *doors, service *allocation.Service) {
			t.Helper()
			first := callAllocate(t.Context(), service, want("o1", "DESK", 1))
			ctx, leave := context.WithCancel(t.Context())
			cancelling := cancelOrder(ctx, service, "mine")
			leave()
			require.ErrorIs(t, (<-cancelling).err, context.Canceled)
			close(store.of["DESK"])
			require.NoError(t, (<-first).err)
		},
		// On a single processor the commit ends and makes the caller a leader before the caller can run.
		"left when about to lead": func(t *testing.T, store *doors, service *allocation.Service) {
			t.Helper()
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			first := callAllocate(t.Context(), service, want("o1", "DESK", 1))
			ctx, leave := context.WithCancel(t.Context())
			cancelling := cancelOrder(ctx, service, "mine")
			leave()
			close(store.of["DESK"])
			require.NoError(t, (<-first).err)
			require.ErrorIs(t, (<-cancelling).err, context.Canceled)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newDoors(t, []allocation.SKU{"LAMP", "DESK"},
					stock("b1", "LAMP", 10), stock("b2", "SOFA", 10), stock("b3", "DESK", 10))
				store.place(t, want("mine", "DESK", 1))
				service := serve(t, store, settings{})
				look(t, store, service)
				waiting := callAllocate(t.Context(), service, want("mine", "LAMP", 1))
				passing := callAllocate(t.Context(), service, want("mine", "SOFA", 1))
				requireDone(t, passing, "the line of a free product")
				close(store.of["LAMP"])
				require.NoError(t, (<-waiting).err)
			})
		})
	}
}

// The Service doesn't remember the orders of past look-ups.
func TestLookUpsHoldNoMemory(t *testing.T) {
	const looks = 20_000
	service := serve(t, memory.New(), settings{})
	inUse := func() int64 {
		var heap runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&heap)
		return int64(heap.HeapAlloc)
	}
	before := inUse()
	for i := range looks {
		_, err := service.Cancel(t.Context(), numbered("an order that nobody has placed ", i))
		require.ErrorIs(t, err, allocation.ErrNotFound)
	}
	after := inUse()
	runtime.KeepAlive(service)
	assert.Less(t, (after-before)/looks, int64(16), "bytes for each look-up")
}

// A command that waits for a product after its look-up reads again: with one attempt only, it loses no race.
func TestLookUpIsOutdatedAfterAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newDoors(t, []allocation.SKU{"LAMP"}, stock("b1", "LAMP", 10))
		store.place(t, want("placed", "LAMP", 1))
		service := serve(t, store, settings{units: allocation.UnitOfWorkOptions{Attempts: 1}})
		busy := callAllocate(t.Context(), service, want("busy", "LAMP", 1))
		cancelling := cancelOrder(t.Context(), service, "placed")
		close(store.of["LAMP"])
		require.NoError(t, (<-busy).err)
		require.NoError(t, (<-cancelling).err)
	})
}
