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
)

// Commands for a product that hangs and for a free product wait, but sales of the free product go ahead after a short
// patience, and the hundredth sale waits no longer than the first.
func TestWideCommandsBehindAProductThatHangsHoldUpNoOther(t *testing.T) {
	for name, wide := range map[string]func(ctx context.Context, s *allocation.Service, order allocation.OrderID) error{
		"an order": func(ctx context.Context, s *allocation.Service, order allocation.OrderID) error {
			_, err := s.Allocate(ctx, want(order, "HANGS", 1), want(order, "FREE", 1))
			return err
		},
		"a bulk": func(ctx context.Context, s *allocation.Service, order allocation.OrderID) error {
			free, hangs := want(order, "FREE", 1), want(order+"x", "HANGS", 1)
			_, errs := s.AllocateEach(ctx, [][]allocation.Request{{free}, {hangs}})
			return errs[1]
		},
		"a look-up": func(ctx context.Context, s *allocation.Service, _ allocation.OrderID) error {
			_, err := s.Confirm(ctx, "placed")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newDoors(t, []allocation.SKU{"HANGS"}, stock("h", "HANGS", 1000), stock("f", "FREE", 1000))
				store.place(t, want("placed", "HANGS", 1), want("placed", "FREE", 1))
				service := serve(t, store, settings{})
				busy := callAllocate(t.Context(), service, want("busy", "HANGS", 1))
				var waiting []<-chan outcome
				var waited []time.Duration
				for i := range 100 {
					waiting = append(waiting, call(func() ([]allocation.Allocation, error) {
						return nil, wide(t.Context(), service, numbered("wide", i))
					}))
					require.Empty(t, waiting[i])
					waited = append(waited, took(func() {
						_, err := service.Allocate(soon(t), want(numbered("o", i), "FREE", 1))
						require.NoError(t, err, "sale %d", i)
					}))
				}
				for i, d := range waited {
					assert.LessOrEqual(t, d, waited[0], "sale %d waited longer than the first", i)
				}
				close(store.of["HANGS"])
				require.NoError(t, (<-busy).err)
				for _, ended := range waiting {
					require.NoError(t, (<-ended).err)
				}
			})
		})
	}
}

// A chunk of a bulk behind a product that hangs keeps no other product from its buyers, unless the next chunk needs the
// product, too.
func TestAChunkOfABulkThatWaitsHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newDoors(t, []allocation.SKU{"HANGS"},
			stock("h", "HANGS", 1000), stock("f", "FREE", 1000), stock("o", "OTHER", 1000))
		service := serve(t, store, settings{})
		busy := callAllocate(t.Context(), service, want("busy", "HANGS", 1))
		orders := [][]allocation.Request{{want("both", "HANGS", 1), want("both", "FREE", 1)}}
		orders = append(orders, single("OTHER", 1, chunk)...)
		bulk := call(func() ([]allocation.Allocation, error) {
			_, errs := service.AllocateEach(t.Context(), orders)
			return nil, errors.Join(errs...)
		})
		_, err := service.Allocate(soon(t), want("sale", "FREE", 1))
		require.NoError(t, err)
		require.Empty(t, bulk)
		close(store.of["HANGS"])
		require.NoError(t, (<-busy).err)
		require.NoError(t, (<-bulk).err)
	})
}

// Orders of a bulk that compete for a product are judged in their order, even if an early one waits for a product that
// hangs, and the orders come in several chunks.
func TestBulkKeepsItsOrderBehindAProductThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const units = 100
		store := newDoors(t, []allocation.SKU{"HANGS"}, stock("h", "HANGS", 1000), stock("l", "LAMP", units))
		service := serve(t, store, settings{})
		busy := callAllocate(t.Context(), service, want("busy", "HANGS", 1))
		orders := [][]allocation.Request{{want("first", "HANGS", 1), want("first", "LAMP", 1)}}
		orders = append(orders, single("LAMP", 1, 3*chunk)...)
		var errs []error
		bulk := call(func() ([]allocation.Allocation, error) {
			_, errs = service.AllocateEach(t.Context(), orders)
			return nil, nil
		})
		<-time.After(10 * patience)
		synctest.Wait()
		require.Empty(t, bulk)
		close(store.of["HANGS"])
		require.NoError(t, (<-busy).err)
		<-bulk
		got := succeeded(errs)
		require.Len(t, got, units)
		assert.Equal(t, units-1, got[units-1], "the last order that was placed")
	})
}
