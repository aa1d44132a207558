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

func TestServiceB10ALineThatIsPassedOverMakesNoLargerCommit(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 1))
	s.mustAllocate(want("owner", "LAMP", 1))
	s.crowd("LAMP", 1000, func(r *allocation.Request) {
		if r.OrderID == "LAMP-00007" {
			r.Location = "Berlin"
		}
	})
	require.NoError(t, s.AddBatch(t.Context(), stock("B-2", "LAMP", 1500)))
	assert.Len(t, s.queue("LAMP"), 900, "a page of lines was served, and one line passed over")
	s.mustAllocate(want("walk-in", "LAMP", 501))
	assert.Equal(t, []allocation.OrderID{"LAMP-00007"}, s.queue("LAMP"))
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

// wait lets a line wait for what the owner of all units has.
func (s shop) wait(order allocation.OrderID, units allocation.Quantity) {
	s.t.Helper()
	s.mustAllocate(want("owner", "LAMP", s.product("LAMP").Batches[0].Available()))
	s.mustAllocate(mayWait(order, "LAMP", units))
}

func TestServiceServesAQueueThatIsLoadedLate(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 2))
	s.wait("waiter", 3)
	runs := 0
	err := s.units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		runs++
		p, err := products.Get(ctx, "LAMP", "owner")
		if err != nil {
			return err
		}
		if _, err := p.Cancel("owner", products.Now()); err != nil { // the queue is not loaded
			return err
		}
		if _, err := products.GetByBatch(ctx, "B-1"); err != nil { // loads the queue
			return err
		}
		_, err = p.ChangeBatchQuantity(counted("B-1", 4, morning), products.Now(), nil)
		return err
	})
	require.NoError(t, err)
	assert.EqualValues(t, 3, s.has("waiter", "LAMP"))
	assert.Equal(t, 1, runs, "everybody was served")
}

func TestServiceSweepsProductsThatAreDueInOneDo(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 1))
	hold := want("hold", "LAMP", 1)
	hold.HoldUntil = morning.Add(time.Minute)
	s.mustAllocate(hold)
	s.mustAllocate(mayWait("waiter", "LAMP", 1))
	s.clock.Advance(time.Minute)
	err := s.units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		due, err := products.GetDue(ctx, allocation.Turn{})
		for _, p := range due {
			p.Sweep(products.Now())
		}
		return err
	})
	require.NoError(t, err)
	assert.EqualValues(t, 1, s.has("waiter", "LAMP"))
}

// pageOf gives the shop a unit of work with another PageSize.
func (s *shop) pageOf(lines int) {
	s.units = allocation.NewUnitOfWork(s.store, &allocation.UnitOfWorkOptions{Now: s.clock.Now, PageSize: lines})
	s.Service = newService(s.t, s.units, nil)
}

func TestServiceFreesAndTakesInOneDoFromTheMarkOn(t *testing.T) {
	shipment := stock("late", "LAMP", 2)
	shipment.ETA = morning.Add(time.Minute)
	s := newShop(t, shipment)
	s.pageOf(1)
	s.clock.Advance(time.Hour) // nobody who needs the units by any time takes the overdue shipment
	dated, far := mayWait("dated", "LAMP", 6), mayWait("far", "LAMP", 1)
	dated.Split, dated.Partial, dated.NeededBy = true, true, s.clock.Now().Add(time.Hour)
	far.Location = "Berlin"
	s.mustAllocate(dated)
	s.mustAllocate(far)
	require.NoError(t, s.AddBatch(t.Context(), stock("B-2", "LAMP", 1)))
	mark := s.product("LAMP").Serving
	require.NotZero(t, mark)
	err := s.units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		p, err := products.Get(ctx, "LAMP", "walk-in")
		if err != nil {
			return err
		}
		if err := p.AddBatch(stock("B-3", "LAMP", 1), products.Now()); err != nil { // serving stops at the mark again
			return err
		}
		_, err = p.Allocate(products.Now(), nil, want("walk-in", "LAMP", 1))
		return err
	})
	require.NoError(t, err)
	assert.EqualValues(t, 2, s.has("dated", "LAMP"))
	assert.EqualValues(t, 1, s.has("walk-in", "LAMP"))
}

func TestServiceSweepEndsIfTheLastInLineLeft(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 150))
	last := mayWait("last", "LAMP", 250)
	last.Split, last.Partial, last.Priority = true, true, -1
	s.mustAllocate(last)
	s.crowd("LAMP", 100, nil)
	_, err := s.Cancel(t.Context(), "last")
	require.NoError(t, err)
	require.Empty(t, s.queue("LAMP"))
	_, err = s.Sweep(t.Context())
	require.NoError(t, err)
	for _, order := range []allocation.OrderID{"one", "two"} {
		s.mustAllocate(want(order, "LAMP", 1))
		assert.Zero(t, s.product("LAMP").Serving)
	}
}

func TestServiceARepeatOnACachedProductDoesNotWaitBesideItsLine(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 8))
	first := s.mustAllocate(mayWait("order", "LAMP", 5))
	for _, r := range []allocation.Request{mayWait("order", "LAMP", 5), mayWait("order", "LAMP", 5)} {
		s.mustAllocate(want("other", "LAMP", 1)) // the product is cached, without lines, and has too few units
		s.unchanged("LAMP", func() { assert.Equal(t, first, s.mustAllocate(r)) })
	}
	_, err := s.Allocate(t.Context(), mayWait("order", "LAMP", 7))
	require.ErrorIs(t, err, allocation.ErrMismatch)
	assert.Empty(t, s.queue("LAMP"))
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
	s.mustAddAll(far)
	tx := s.store.Begin()
	inside, committed := s.Inside(s.store.Join(tx)) // under the same policy
	require.NoError(t, inside.AddBatch(t.Context(), near))
	require.NoError(t, tx.Commit())
	committed(t.Context())
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
