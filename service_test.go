package allocation_test

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
)

func TestR3_RepeatedOrderKeepsItsAllocationAndWritesNothing(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 10), stock("b2", "SOFA", 10))
	order := []allocation.Request{want("o1", "SOFA", 2), want("o1", "LAMP", 3)}
	first, err := s.Allocate(t.Context(), order...)
	require.NoError(t, err)
	assert.Equal(t, allocation.SKU("SOFA"), first[0].SKU, "allocations come in the order of the requests")

	s.unchanged("LAMP", func() {
		again, err := s.Allocate(t.Context(), order...)
		require.NoError(t, err)
		assert.Equal(t, first, again)
	})
	s.unchanged("LAMP", func() {
		_, err := s.Allocate(t.Context(), want("o1", "LAMP", 4))
		assert.ErrorIs(t, err, allocation.ErrMismatch)
	})
}

func TestR4_LinesOfOneOrderAndSKUAreOne(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 10))
	given, err := s.Allocate(t.Context(), want("o1", "LAMP", 3), want("o1", "LAMP", 4))
	require.NoError(t, err)
	require.Len(t, given, 1)
	assert.Equal(t, allocation.Quantity(7), given[0].Quantity)

	_, err = s.Allocate(t.Context(), want("o2", "LAMP", 2), want("o2", "LAMP", 2))
	var short *allocation.OutOfStockError
	require.ErrorAs(t, err, &short)
	assert.Equal(t, []allocation.Shortage{{OrderLine: want("o2", "LAMP", 4).OrderLine, Available: 3}}, short.Shortages)
}

func TestR4_OrdersOfOneCallAreJudgedInTurn(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 10))
	_, err := s.Allocate(t.Context(), want("o1", "LAMP", 6), want("o2", "LAMP", 6))
	var short *allocation.OutOfStockError
	require.ErrorAs(t, err, &short)
	assert.Equal(t, []allocation.Shortage{{OrderLine: want("o2", "LAMP", 6).OrderLine, Available: 4}}, short.Shortages)
	assert.Empty(t, s.product("LAMP").Lines)
}

func TestR5_OrderIsAllOrNothingAndNamesEveryShortage(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 10), stock("b2", "SOFA", 1), stock("b3", "TABLE", 2))
	_, err := s.Allocate(t.Context(), want("o1", "TABLE", 5), want("o1", "LAMP", 1), want("o1", "SOFA", 2))
	var short *allocation.OutOfStockError
	require.ErrorAs(t, err, &short)
	assert.Equal(t, []allocation.Shortage{
		{OrderLine: want("o1", "SOFA", 2).OrderLine, Available: 1},
		{OrderLine: want("o1", "TABLE", 5).OrderLine, Available: 2},
	}, short.Shortages)
	for _, sku := range []allocation.SKU{"LAMP", "SOFA", "TABLE"} {
		assert.Empty(t, s.product(sku).Lines)
	}
	assert.Equal(t, int64(1), s.product("LAMP").Version, "a product that was not short records nothing")
}

func TestR6_CutMovesNewestLinesAndReportsWhatIsLost(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 10), stock("b2", "LAMP", 3))
	for _, order := range []allocation.OrderID{"old", "new"} {
		_, err := s.Allocate(t.Context(), want(order, "LAMP", 5))
		require.NoError(t, err)
	}
	count := allocation.Count{Batch: "b1", Quantity: 6, At: morning}
	released, err := s.ChangeBatchQuantity(t.Context(), count)
	require.NoError(t, err)
	assert.Equal(t, []allocation.OrderLine{want("new", "LAMP", 5).OrderLine}, released)

	s.unchanged("LAMP", func() {
		released, err := s.ChangeBatchQuantity(t.Context(), count)
		require.NoError(t, err)
		assert.Empty(t, released, "a repeat reports nothing")
	})
}

func TestR6_CutUsesThePolicyOfTheService(t *testing.T) {
	late := stock("late", "LAMP", 5)
	late.ETA, late.Location = morning.AddDate(0, 1, 0), "north"
	s := newShop(t, stock("b1", "LAMP", 5), late, stock("b2", "LAMP", 5))
	_, err := s.Allocate(t.Context(), want("o1", "LAMP", 5))
	require.NoError(t, err)
	north := s.WithPolicy(allocation.PreferLocations("north"))
	_, err = north.ChangeBatchQuantity(t.Context(), allocation.Count{Batch: "b1", Quantity: 0, At: morning})
	require.NoError(t, err)
	assert.Equal(t, []allocation.Part{part("late", 5, 0)}, s.product("LAMP").Lines[0].Parts)
}

func TestR6_CutLoadsAsManyPagesAsItNeeds(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 30))
	units := allocation.NewUnitOfWork(s.store, &allocation.UnitOfWorkOptions{Now: s.clock.Now, PageSize: 1})
	paged := newService(t, units, nil)
	for i := range 30 {
		_, err := paged.Allocate(t.Context(), want(allocation.OrderID(fmt.Sprintf("o%02d", i)), "LAMP", 1))
		require.NoError(t, err)
	}
	released, err := paged.ChangeBatchQuantity(t.Context(), allocation.Count{Batch: "b1", Quantity: 5, At: morning})
	require.NoError(t, err)
	assert.Len(t, released, 25)
	for _, l := range s.product("LAMP").Lines {
		assert.Less(t, l.OrderID, allocation.OrderID("o05"), "an old line was released before a newer one")
	}
}

func TestR7_LapsedHoldsAreSoldAgainHoweverManyThereAre(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 40))
	units := allocation.NewUnitOfWork(s.store, &allocation.UnitOfWorkOptions{Now: s.clock.Now, PageSize: 2})
	paged := newService(t, units, nil)
	for i := range 40 {
		hold := want(allocation.OrderID(fmt.Sprint("o", i)), "LAMP", 1)
		hold.HoldUntil = morning.Add(time.Minute)
		_, err := paged.Allocate(t.Context(), hold)
		require.NoError(t, err)
	}
	s.clock.Advance(time.Minute)
	_, err := paged.Allocate(t.Context(), want("late", "LAMP", 41))
	var short *allocation.OutOfStockError
	require.ErrorAs(t, err, &short)
	assert.Equal(t, allocation.Quantity(40), short.Shortages[0].Available)
	assert.Empty(t, s.product("LAMP").Lines, "lapsed holds that are left after a refusal")

	_, err = paged.Allocate(t.Context(), want("late", "LAMP", 40))
	require.NoError(t, err)
	assert.Len(t, s.product("LAMP").Lines, 1)
	_, err = paged.Confirm(t.Context(), "o1")
	assert.ErrorIs(t, err, allocation.ErrNotFound)
}

func TestR7_SweepClearsAllProductsInPages(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 10), stock("b2", "SOFA", 10), stock("b3", "TABLE", 10))
	units := allocation.NewUnitOfWork(s.store, &allocation.UnitOfWorkOptions{Now: s.clock.Now, PageSize: 2})
	paged := newService(t, units, nil)
	for i, sku := range []allocation.SKU{"LAMP", "LAMP", "LAMP", "SOFA", "TABLE", "LAMP", "SOFA"} {
		hold := want(allocation.OrderID(fmt.Sprint("o", i)), sku, 1)
		hold.HoldUntil = morning.Add(time.Duration(i+1) * time.Minute)
		_, err := paged.Allocate(t.Context(), hold)
		require.NoError(t, err)
	}
	s.clock.Advance(6 * time.Minute)
	released, err := paged.Sweep(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 6, released)
	assert.Empty(t, s.product("LAMP").Lines)
	assert.Len(t, s.product("SOFA").Lines, 1)
	released, err = paged.Sweep(t.Context())
	require.NoError(t, err)
	assert.Zero(t, released)
}

func TestR8_RepeatedAnnouncementChangesNothing(t *testing.T) {
	announced := stock("b1", "LAMP", 5)
	announced.ETA = morning.AddDate(0, 0, 3)
	s := newShop(t, announced)
	_, err := s.ReceiveBatch(t.Context(), allocation.Count{Batch: "b1", Quantity: 4, At: morning})
	require.NoError(t, err)
	_, err = s.Allocate(t.Context(), want("o1", "LAMP", 4))
	require.NoError(t, err)
	_, err = s.Ship(t.Context(), "o1")
	require.NoError(t, err)
	s.unchanged("LAMP", func() { require.NoError(t, s.AddBatch(t.Context(), announced)) })

	other := announced
	other.Purchased = 6
	assert.ErrorIs(t, s.AddBatch(t.Context(), other), allocation.ErrMismatch)
	other = announced
	other.SKU = "SOFA"
	assert.ErrorIs(t, s.AddBatch(t.Context(), other), allocation.ErrMismatch)
}

func TestR8_ShippingByOrderAndInPartsIsRepeatable(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5), stock("b2", "SOFA", 5))
	_, err := s.Allocate(t.Context(), want("o1", "LAMP", 4), want("o1", "SOFA", 2))
	require.NoError(t, err)
	shipped, err := s.ShipPart(t.Context(), want("o1", "LAMP", 3).OrderLine)
	require.NoError(t, err)
	assert.Equal(t, []allocation.Part{part("b1", 4, 3)}, shipped.Parts)
	s.unchanged("LAMP", func() {
		_, err := s.ShipPart(t.Context(), want("o1", "LAMP", 3).OrderLine)
		require.NoError(t, err)
		_, err = s.ShipPart(t.Context(), want("o1", "LAMP", 1).OrderLine)
		require.NoError(t, err, "a belated repeat")
	})
	_, err = s.Ship(t.Context(), "o1")
	require.NoError(t, err)
	s.unchanged("SOFA", func() {
		again, err := s.Ship(t.Context(), "o1")
		require.NoError(t, err)
		assert.Len(t, again, 2)
	})
	assert.Equal(t, allocation.Quantity(1), s.product("LAMP").Batches[0].Purchased)
	assert.Equal(t, allocation.Quantity(0), s.product("LAMP").Batches[0].Allocated)

	s.unchanged("LAMP", func() {
		_, err := s.Allocate(t.Context(), want("o1", "LAMP", 4))
		require.NoError(t, err, "a late repeat sells nothing")
	})
}

func TestR8_UnitsThatHaveNotArrivedAreNotShipped(t *testing.T) {
	coming := stock("b1", "LAMP", 5)
	coming.ETA = morning.AddDate(0, 0, 3)
	s := newShop(t, coming, stock("b2", "SOFA", 5))
	_, err := s.Allocate(t.Context(), want("o1", "LAMP", 4), want("o1", "SOFA", 2))
	require.NoError(t, err)
	s.unchanged("SOFA", func() {
		_, err := s.Ship(t.Context(), "o1")
		assert.ErrorIs(t, err, allocation.ErrNotAllowed)
	})
	_, err = s.Ship(t.Context(), "o1", "SOFA")
	assert.NoError(t, err)
}

func TestServiceHoldsConfirmsExtendsAndCancelsWholeOrders(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5), stock("b2", "SOFA", 5))
	until := morning.Add(10 * time.Minute)
	lamp, sofa := want("o1", "LAMP", 1), want("o1", "SOFA", 2)
	lamp.HoldUntil, sofa.HoldUntil = until, until
	_, err := s.Allocate(t.Context(), lamp, sofa)
	require.NoError(t, err)

	later := until.Add(time.Hour)
	extended, err := s.Extend(t.Context(), "o1", later)
	require.NoError(t, err)
	assert.Equal(t, []time.Time{later, later}, []time.Time{extended[0].HeldUntil, extended[1].HeldUntil})

	confirmed, err := s.Confirm(t.Context(), "o1", "SOFA")
	require.NoError(t, err)
	require.Len(t, confirmed, 1)
	assert.Zero(t, confirmed[0].HeldUntil)

	s.clock.Set(later)
	s.unchanged("LAMP", func() {
		_, err := s.Confirm(t.Context(), "o1")
		assert.ErrorIs(t, err, allocation.ErrLapsed)
		_, err = s.Extend(t.Context(), "o1", later.Add(time.Hour), "LAMP")
		assert.ErrorIs(t, err, allocation.ErrLapsed)
	})
	kept, err := s.Cancel(t.Context(), "o1")
	require.NoError(t, err)
	assert.Empty(t, kept)
	_, err = s.Cancel(t.Context(), "o1")
	assert.ErrorIs(t, err, allocation.ErrNotFound)
	assert.Empty(t, s.product("SOFA").Lines)
}

func TestCancelReturnsWhatHasShippedAndRepeatsTheAnswer(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5), stock("b2", "SOFA", 5))
	_, err := s.Allocate(t.Context(), want("o1", "LAMP", 4), want("o1", "SOFA", 2))
	require.NoError(t, err)
	_, err = s.ShipPart(t.Context(), want("o1", "LAMP", 3).OrderLine)
	require.NoError(t, err)
	for range 2 {
		kept, err := s.Cancel(t.Context(), "o1")
		require.NoError(t, err)
		require.Len(t, kept, 1)
		assert.Equal(t, []allocation.Part{part("b1", 3, 3)}, kept[0].Parts)
	}
}

func TestEveryCommandCanBeRepeatedAfterAnUnknownOutcome(t *testing.T) {
	coming := stock("b2", "LAMP", 5)
	coming.ETA = morning.AddDate(0, 0, 3)
	hold := want("o1", "LAMP", 2)
	hold.HoldUntil = morning.Add(time.Hour)
	steps := []struct {
		name string
		run  func(s shop) error
	}{
		{"AddBatch", func(s shop) error { return s.AddBatch(t.Context(), coming) }},
		{"ChangeBatchETA", func(s shop) error {
			return errorOf(s.ChangeBatchETA(t.Context(), "b2", morning.AddDate(0, 0, 2)))
		}},
		{"ReceiveBatch", func(s shop) error {
			_, err := s.ReceiveBatch(t.Context(), allocation.Count{Batch: "b2", Quantity: 4, At: morning})
			return err
		}},
		{"SetLowStock", func(s shop) error { return s.SetLowStock(t.Context(), "LAMP", 3) }},
		{"Allocate", func(s shop) error { _, err := s.Allocate(t.Context(), hold); return err }},
		{"Extend", func(s shop) error { _, err := s.Extend(t.Context(), "o1", morning.Add(2*time.Hour)); return err }},
		{"Confirm", func(s shop) error { _, err := s.Confirm(t.Context(), "o1"); return err }},
		{
			"ChangeLine",
			func(s shop) error { _, err := s.ChangeLine(t.Context(), want("o1", "LAMP", 3).OrderLine); return err },
		},
		{
			"ShipPart",
			func(s shop) error { _, err := s.ShipPart(t.Context(), want("o1", "LAMP", 1).OrderLine); return err },
		},
		{"ChangeBatchQuantity", func(s shop) error {
			_, err := s.ChangeBatchQuantity(t.Context(), allocation.Count{Batch: "b1", Quantity: 3, At: morning})
			return err
		}},
		{"Ship", func(s shop) error { _, err := s.Ship(t.Context(), "o1"); return err }},
		{"Cancel", func(s shop) error { _, err := s.Cancel(t.Context(), "o1"); return err }},
	}
	s := newShop(t, stock("b1", "LAMP", 5))
	for _, step := range steps {
		version := s.product("LAMP").Version
		s.store.LoseAnswer()
		err := step.run(s)
		if s.product("LAMP").Version > version {
			require.ErrorIs(t, err, allocation.ErrUnknownOutcome, step.name)
		}
		s.unchanged("LAMP", func() { require.NoError(t, step.run(s), "%s again", step.name) })
	}
}

func TestLowStockIsRecordedWhenCrossedEitherWay(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5))
	require.NoError(t, s.SetLowStock(t.Context(), "LAMP", 3))
	for _, order := range []allocation.OrderID{"o1", "o2", "o3"} {
		_, err := s.Allocate(t.Context(), want(order, "LAMP", 1))
		require.NoError(t, err)
	}
	_, err := s.Cancel(t.Context(), "o1")
	require.NoError(t, err)
	assert.Equal(t, []string{
		"LowStockSet", "LineAllocated", "LineAllocated", "LineAllocated",
		"LowStockCrossed", "LineDeallocated", "LowStockCrossed",
	}, s.kinds("LAMP", 1))
}

func TestConcurrentCallersNeverSellAUnitTwice(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 50), stock("b2", "SOFA", 50))
	units := allocation.NewUnitOfWork(s.store,
		&allocation.UnitOfWorkOptions{Attempts: 10000, Backoff: 1, MaxBackoff: 1})
	service := newService(t, units, nil)
	var sold sync.Map
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			for i := range 20 {
				order := allocation.OrderID(fmt.Sprintf("o%d-%d", caller, i))
				lines := []allocation.Request{want(order, "LAMP", 1), want(order, "SOFA", 1)}
				_, err := service.Allocate(context.Background(), lines...)
				var short *allocation.OutOfStockError
				switch {
				case err == nil:
					sold.Store(order, true)
				case !errors.As(err, &short):
					t.Errorf("Allocate(%q): %v", order, err)
				}
			}
		})
	}
	callers.Wait()
	count := 0
	sold.Range(func(_, _ any) bool { count++; return true })
	assert.Equal(t, 50, count)
	for _, sku := range []allocation.SKU{"LAMP", "SOFA"} {
		assert.Len(t, s.product(sku).Lines, 50)
		audit, err := s.Reconcile(t.Context(), sku)
		require.NoError(t, err)
		assert.False(t, audit.Drifted(), "%+v", audit)
	}
}
