package allocation_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// mayWait is a request that may wait.
func mayWait(order allocation.OrderID, sku allocation.SKU, units allocation.Quantity) allocation.Request {
	r := want(order, sku, units)
	r.Wait = true
	return r
}

// queue lists the orders that wait for a product, in the order of serving.
func (s shop) queue(sku allocation.SKU) (orders []allocation.OrderID) {
	s.t.Helper()
	for _, a := range s.product(sku).Waiting {
		orders = append(orders, a.OrderID)
	}
	return orders
}

// has returns how many units of a product the order has.
func (s shop) has(order allocation.OrderID, sku allocation.SKU) (units allocation.Quantity) {
	s.t.Helper()
	for _, a := range s.product(sku).Lines {
		if a.OrderID == order {
			units += a.Quantity
		}
	}
	return units
}

func (s shop) mustAllocate(requests ...allocation.Request) []allocation.Allocation {
	s.t.Helper()
	given, err := s.Allocate(s.t.Context(), requests...)
	require.NoError(s.t, err)
	return given
}

func TestServiceB1WalkInsNeverGetWhatWasFreedForTheQueue(t *testing.T) {
	for round := range 20 {
		s := newShop(t, stock("B-1", "LAMP", 1))
		s.mustAllocate(want("owner", "LAMP", 1))
		s.mustAllocate(mayWait("waiter", "LAMP", 1))
		var all sync.WaitGroup
		for i := range 64 {
			all.Go(func() {
				_, err := s.Allocate(t.Context(), want(allocation.OrderID(fmt.Sprint("walk-in-", i)), "LAMP", 1))
				var short *allocation.OutOfStockError
				assert.ErrorAs(t, err, &short)
			})
		}
		_, err := s.Cancel(t.Context(), "owner")
		all.Wait()
		require.NoError(t, err)
		require.EqualValues(t, 1, s.has("waiter", "LAMP"), "round %d", round)
		require.Empty(t, s.queue("LAMP"))
	}
}

func TestServiceB2ALapsedHoldGoesToTheQueueBeforeAWalkIn(t *testing.T) {
	for _, alone := range []bool{false, true} {
		s := newShop(t, stock("B-1", "LAMP", 1))
		s.Service = newService(t, s.units, &allocation.ServiceOptions{NoGroupCommit: alone})
		hold := want("hold", "LAMP", 1)
		hold.HoldUntil = morning.Add(time.Minute)
		s.mustAllocate(hold)
		s.mustAllocate(mayWait("waiter", "LAMP", 1))
		s.clock.Advance(time.Minute)
		before := s.product("LAMP").Version
		_, err := s.Allocate(t.Context(), want("walk-in", "LAMP", 1))
		var short *allocation.OutOfStockError
		require.ErrorAs(t, err, &short)
		assert.Zero(t, short.Shortages[0].Available)
		assert.EqualValues(t, 1, s.has("waiter", "LAMP"))
		assert.Equal(t, []string{"HoldLapsed", "LineAllocated", "LineRefused"}, s.kinds("LAMP", before))
	}
}

func TestServiceB7CancelAgainstFill(t *testing.T) {
	for range 20 {
		s := newShop(t, stock("B-1", "LAMP", 1))
		other := newService(t, s.units, nil) // as another process
		s.mustAllocate(want("owner", "LAMP", 1))
		s.mustAllocate(mayWait("waiter", "LAMP", 1))
		var both sync.WaitGroup
		both.Go(func() { _, err := s.Cancel(t.Context(), "owner"); assert.NoError(t, err) })
		both.Go(func() { _, err := other.Cancel(t.Context(), "waiter"); assert.NoError(t, err) })
		both.Wait()
		state := s.product("LAMP")
		assert.Empty(t, state.Lines)
		assert.Empty(t, state.Waiting)
		assert.Zero(t, state.Batches[0].Allocated)
	}
}

// crowd lets so many lines wait in a single call.
func (s shop) crowd(sku allocation.SKU, lines int, terms func(*allocation.Request)) {
	s.t.Helper()
	requests := make([]allocation.Request, lines)
	for i := range requests {
		requests[i] = mayWait(allocation.OrderID(fmt.Sprintf("%s-%05d", sku, i)), sku, 1)
		if terms != nil {
			terms(&requests[i])
		}
	}
	s.mustAllocate(requests...)
}

func TestServiceB10LinesThatDoNotFitArePassedOver(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 1))
	s.mustAllocate(want("owner", "LAMP", 1))
	s.crowd("LAMP", 250, func(r *allocation.Request) { r.Location = "Berlin" })
	s.mustAllocate(mayWait("anywhere", "LAMP", 1))
	_, err := s.Cancel(t.Context(), "owner")
	require.NoError(t, err)
	assert.EqualValues(t, 1, s.has("anywhere", "LAMP"), "in the same commit, far behind the first page")
	munich := stock("B-2", "LAMP", 5)
	munich.Location = "Munich"
	require.NoError(t, s.AddBatch(t.Context(), munich))
	assert.Zero(t, s.product("LAMP").Serving, "everybody was offered what is free")
	s.mustAllocate(want("walk-in", "LAMP", 1))
	assert.Len(t, s.queue("LAMP"), 250)
}

func TestServiceB10AReceiptServesManyOverSeveralCommits(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 1))
	s.mustAllocate(want("owner", "LAMP", 1))
	s.crowd("LAMP", 350, nil)
	require.NoError(t, s.AddBatch(t.Context(), stock("B-2", "LAMP", 351)))
	assert.NotZero(t, s.product("LAMP").Serving, "a page of lines was served")
	assert.Len(t, s.queue("LAMP"), 250)
	s.mustAllocate(want("walk-in", "LAMP", 1))
	assert.Empty(t, s.queue("LAMP"), "all come before the walk-in")
	_, err := s.Allocate(t.Context(), want("late", "LAMP", 1))
	var short *allocation.OutOfStockError
	assert.ErrorAs(t, err, &short)
}

func TestServiceB10TheSweepGoesOnServing(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 1))
	s.mustAllocate(want("owner", "LAMP", 1))
	s.crowd("LAMP", 250, nil)
	require.NoError(t, s.AddBatch(t.Context(), stock("B-2", "LAMP", 400)))
	_, err := s.Sweep(t.Context())
	require.NoError(t, err)
	assert.Empty(t, s.queue("LAMP"))
	assert.Zero(t, s.product("LAMP").Serving)
}

func TestServiceFreesAndTakesInOneDo(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 400))
	s.mustAllocate(want("owner", "LAMP", 400))
	s.crowd("LAMP", 250, nil)
	err := s.units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		p, err := products.Get(ctx, "LAMP", "owner", "mine")
		if err != nil {
			return err
		}
		if _, err := p.Cancel("owner", products.Now()); err != nil {
			return err
		}
		_, err = p.Allocate(products.Now(), nil, want("mine", "LAMP", 150))
		return err
	})
	require.NoError(t, err)
	assert.Empty(t, s.queue("LAMP"))
	assert.EqualValues(t, 150, s.has("mine", "LAMP"))
}

func TestServiceB11OneProductWaits(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 5))
	s.mustAllocate(want("owner", "LAMP", 5))
	s.mustAllocate(mayWait("W", "LAMP", 8))
	_, err := s.Cancel(t.Context(), "owner")
	require.NoError(t, err)
	_, err = newService(t, s.units, nil).Allocate(t.Context(), want("W", "LAMP", 5))
	assert.ErrorIs(t, err, allocation.ErrMismatch)
	assert.Equal(t, []allocation.OrderID{"W"}, s.queue("LAMP"))
}

func TestServiceAllOrNothingOverWhatMayNotWait(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 1), stock("B-2", "BULB", 1))
	_, err := s.Allocate(t.Context(), mayWait("order", "LAMP", 5), want("order", "BULB", 2))
	var short *allocation.OutOfStockError
	require.ErrorAs(t, err, &short)
	assert.Empty(t, s.queue("LAMP"), "nobody waits after a refusal")
	given := s.mustAllocate(mayWait("order", "LAMP", 5), want("order", "BULB", 1))
	assert.EqualValues(t, 5, given[0].Waiting)
	shipped, err := s.Ship(t.Context(), "order")
	require.NoError(t, err, "lines without units are passed over")
	assert.Len(t, shipped, 1)
	_, err = s.Ship(t.Context(), "order", "LAMP")
	assert.ErrorIs(t, err, allocation.ErrNotAllowed)
}

func TestServiceServesUnderItsPolicy(t *testing.T) {
	s := newShop(t)
	s.Service = newService(t, s.units, &allocation.ServiceOptions{Policy: allocation.PreferLocations("Berlin")})
	s.mustAddAll(stock("B-0", "LAMP", 1))
	s.mustAllocate(want("owner", "LAMP", 1))
	far, near := stock("A", "LAMP", 9), stock("Z", "LAMP", 9)
	far.Location, near.Location = "Munich", "Berlin"
	r := mayWait("waiter", "LAMP", 18)
	r.Split = true
	s.mustAllocate(r)
	s.mustAddAll(far, near)
	assert.Equal(t, []allocation.Part{part("Z", 9, 0), part("A", 9, 0)}, s.product("LAMP").Lines[1].Parts)
}

func (s shop) mustAddAll(batches ...allocation.Batch) {
	s.t.Helper()
	for _, b := range batches {
		require.NoError(s.t, s.AddBatch(s.t.Context(), b))
	}
}

func TestARepeatThatMayWaitIsComparedWithTheLineInTheStore(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 15))
	s.mustAllocate(want("order", "LAMP", 2)) // the product is cached, without the line
	_, err := s.Allocate(t.Context(), mayWait("order", "LAMP", 14))
	require.ErrorIs(t, err, allocation.ErrMismatch)
	assert.Empty(t, s.queue("LAMP"))
	assert.EqualValues(t, 2, s.has("order", "LAMP"))
}
