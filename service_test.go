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
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var morning = time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC)

// shop is a service over a store in memory, and what its tests look at.
type shop struct {
	*allocation.Service
	t     *testing.T
	store *memory.Store
	clock *memory.Clock
	units allocation.UnitOfWork
}

func newShop(t *testing.T, batches ...allocation.Batch) shop {
	t.Helper()
	store, clock := memory.New(), memory.NewClock(morning)
	units := allocation.NewUnitOfWork(store, &allocation.UnitOptions{Now: clock.Now, Backoff: 1, MaxBackoff: 1})
	s := shop{Service: allocation.New(units, nil), t: t, store: store, clock: clock, units: units}
	for _, b := range batches {
		require.NoError(t, s.AddBatch(t.Context(), b))
	}
	return s
}

func (s shop) product(sku allocation.SKU) allocation.State {
	s.t.Helper()
	state, known := s.store.Product(sku)
	require.True(s.t, known, "product %q is not in the store", sku)
	return state
}

// kinds lists what was told of a product after the given number.
func (s shop) kinds(sku allocation.SKU, after int64) []string {
	s.t.Helper()
	events, err := s.store.Events(s.t.Context(), sku, after, 1000)
	require.NoError(s.t, err)
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, e.Kind())
	}
	return kinds
}

// unchanged runs f and demands that it commits nothing.
func (s shop) unchanged(sku allocation.SKU, f func()) {
	s.t.Helper()
	before := s.product(sku)
	f()
	assert.Equal(s.t, before, s.product(sku), "product %q changed", sku)
}

func stock(ref allocation.BatchRef, sku allocation.SKU, quantity allocation.Quantity) allocation.Batch {
	return allocation.Batch{Ref: ref, SKU: sku, Purchased: quantity}
}

func want(order allocation.OrderID, sku allocation.SKU, quantity allocation.Quantity) allocation.Request {
	return allocation.Request{OrderLine: allocation.OrderLine{OrderID: order, SKU: sku, Quantity: quantity}}
}

func part(ref allocation.BatchRef, quantity, shipped allocation.Quantity) allocation.Part {
	return allocation.Part{Batch: ref, Quantity: quantity, Shipped: shipped}
}

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
	assert.Equal(t, int64(1), s.product("LAMP").Version, "a product that was not short tells nothing")
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
	units := allocation.NewUnitOfWork(s.store, &allocation.UnitOptions{Now: s.clock.Now, Page: 1})
	paged := allocation.New(units, nil)
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
	units := allocation.NewUnitOfWork(s.store, &allocation.UnitOptions{Now: s.clock.Now, Page: 2})
	paged := allocation.New(units, nil)
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
	assert.Len(t, s.product("LAMP").Lines, 40, "a refusal changed lines")

	_, err = paged.Allocate(t.Context(), want("late", "LAMP", 40))
	require.NoError(t, err)
	assert.Len(t, s.product("LAMP").Lines, 1)
	_, err = paged.Confirm(t.Context(), "o1")
	assert.ErrorIs(t, err, allocation.ErrNotFound)
}

func TestR7_ReleaseLapsedClearsAllProductsInPages(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 10), stock("b2", "SOFA", 10), stock("b3", "TABLE", 10))
	units := allocation.NewUnitOfWork(s.store, &allocation.UnitOptions{Now: s.clock.Now, Page: 2})
	paged := allocation.New(units, nil)
	for i, sku := range []allocation.SKU{"LAMP", "LAMP", "LAMP", "SOFA", "TABLE", "LAMP", "SOFA"} {
		hold := want(allocation.OrderID(fmt.Sprint("o", i)), sku, 1)
		hold.HoldUntil = morning.Add(time.Duration(i+1) * time.Minute)
		_, err := paged.Allocate(t.Context(), hold)
		require.NoError(t, err)
	}
	s.clock.Advance(6 * time.Minute)
	released, err := paged.ReleaseLapsed(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 6, released)
	assert.Empty(t, s.product("LAMP").Lines)
	assert.Len(t, s.product("SOFA").Lines, 1)
	released, err = paged.ReleaseLapsed(t.Context())
	require.NoError(t, err)
	assert.Zero(t, released)
}

func TestR8_AnnouncementAgainChangesNothingWhateverHappenedSince(t *testing.T) {
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

func TestR8_WhatHasNotArrivedIsNotShipped(t *testing.T) {
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

func TestR10_RefusalIsToldOnceUntilSomethingElseHappens(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 1))
	refuse := func(order allocation.OrderID) {
		_, err := s.Allocate(t.Context(), want(order, "LAMP", 2))
		var short *allocation.OutOfStockError
		require.ErrorAs(t, err, &short)
	}
	refuse("o1")
	assert.Equal(t, []string{"BatchAdded", "LineRefused"}, s.kinds("LAMP", 0))
	commits := s.product("LAMP").Version
	for range 100 {
		refuse("o2")
	}
	assert.Equal(t, commits, s.product("LAMP").Version, "refusals after a refusal are not written")
	require.NoError(t, s.AddBatch(t.Context(), stock("b2", "LAMP", 1)))
	refuse("o3")
	assert.Equal(t, []string{"BatchAdded", "LineRefused", "BatchAdded", "LineRefused"}, s.kinds("LAMP", 0))
}

func TestR10_OnlyTheProductThatWasShortIsRefused(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5), stock("b2", "SOFA", 1))
	_, err := s.Allocate(t.Context(), want("o1", "LAMP", 2), want("o1", "SOFA", 2))
	require.Error(t, err)
	assert.Equal(t, []int64{0, 2}, []int64{s.product("LAMP").Refused, s.product("SOFA").Refused})
	_, err = s.Allocate(t.Context(), want("o2", "LAMP", 6))
	require.Error(t, err)
	assert.Equal(t, []string{"BatchAdded", "LineRefused"}, s.kinds("LAMP", 0))
}

func TestR10_RefusalThatLostItsRaceIsJudgedAgain(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 1))
	units := unitsThat{s.units, func() { require.NoError(t, s.AddBatch(t.Context(), stock("b2", "LAMP", 5))) }}
	given, err := allocation.New(&units, nil).Allocate(t.Context(), want("o1", "LAMP", 2))
	require.NoError(t, err, "stock came between the decision and the commit")
	assert.Equal(t, []allocation.Part{part("b2", 2, 0)}, given[0].Parts)
}

// unitsThat lets something happen once between a decision and its commit.
type unitsThat struct {
	allocation.UnitOfWork
	happen func()
}

func (u *unitsThat) Do(ctx context.Context, fn func(context.Context, allocation.Repository) error) error {
	return u.UnitOfWork.Do(ctx, func(ctx context.Context, products allocation.Repository) error {
		err := fn(ctx, products)
		if u.happen != nil {
			u.happen()
			u.happen = nil
		}
		return err
	})
}

func TestR10_RefusalsCostReadsAndNotCommits(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 1))
	_, err := s.Allocate(t.Context(), want("o1", "LAMP", 2))
	require.Error(t, err)
	broken := errors.New("no commit expected")
	s.store.FailCommit(broken)
	_, err = s.Allocate(t.Context(), want("o2", "LAMP", 2))
	assert.NotErrorIs(t, err, broken)
}

func TestR10_RefusalThatCannotBeKeptIsStillARefusal(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 1))
	broken := errors.New("disk full")
	s.store.FailCommit(broken)
	_, err := s.Allocate(t.Context(), want("o1", "LAMP", 2))
	var short *allocation.OutOfStockError
	assert.ErrorAs(t, err, &short)
	assert.ErrorIs(t, err, broken)
}

func TestR10_ALineThatCannotGrowIsARefusalToo(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5))
	given, err := s.Allocate(t.Context(), want("o1", "LAMP", 3))
	require.NoError(t, err)
	_, err = s.ChangeLine(t.Context(), want("o1", "LAMP", 9).OrderLine)
	var short *allocation.OutOfStockError
	require.ErrorAs(t, err, &short)
	assert.Equal(t, allocation.Quantity(5), short.Shortages[0].Available)
	assert.Equal(t, given, s.product("LAMP").Lines)
	assert.Equal(t, []string{"LineRefused"}, s.kinds("LAMP", 2))
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
		{"ChangeBatchETA", func(s shop) error { return s.ChangeBatchETA(t.Context(), "b2", morning.AddDate(0, 0, 2)) }},
		{"ReceiveBatch", func(s shop) error {
			_, err := s.ReceiveBatch(t.Context(), allocation.Count{Batch: "b2", Quantity: 4, At: morning})
			return err
		}},
		{"SetLowStock", func(s shop) error { return s.SetLowStock(t.Context(), "LAMP", 3) }},
		{"Allocate", func(s shop) error { _, err := s.Allocate(t.Context(), hold); return err }},
		{"Extend", func(s shop) error { _, err := s.Extend(t.Context(), "o1", morning.Add(2*time.Hour)); return err }},
		{"Confirm", func(s shop) error { _, err := s.Confirm(t.Context(), "o1"); return err }},
		{"ChangeLine", func(s shop) error { _, err := s.ChangeLine(t.Context(), want("o1", "LAMP", 3).OrderLine); return err }},
		{"ShipPart", func(s shop) error { _, err := s.ShipPart(t.Context(), want("o1", "LAMP", 1).OrderLine); return err }},
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

func TestLowStockIsToldWhenCrossedEitherWay(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5))
	require.NoError(t, s.SetLowStock(t.Context(), "LAMP", 3))
	for _, order := range []allocation.OrderID{"o1", "o2", "o3"} {
		_, err := s.Allocate(t.Context(), want(order, "LAMP", 1))
		require.NoError(t, err)
	}
	_, err := s.Cancel(t.Context(), "o1")
	require.NoError(t, err)
	assert.Equal(t, []string{
		"LowStockSet", "LineAllocated", "LineAllocated", "LineAllocated", "LowStockCrossed", "LineDeallocated", "LowStockCrossed",
	}, s.kinds("LAMP", 1))
}

func TestReconcileAndMend(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5), stock("b2", "LAMP", 1))
	for _, order := range []allocation.OrderID{"o1", "o2"} {
		_, err := s.Allocate(t.Context(), want(order, "LAMP", 2))
		require.NoError(t, err)
	}
	drifted, err := s.Reconcile(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.Empty(t, drifted)

	// Somebody takes two units out of the storage by hand, past the library.
	state := s.product("LAMP")
	tampered := allocation.Changes{
		SKU: "LAMP", Read: state.Version, Version: state.Version + 1,
		Batches: []allocation.BatchChange{{Ref: "b1", Purchased: -2, Allocated: -1}},
		Events:  []allocation.Event{allocation.LineRefused{SKU: "LAMP"}},
	}
	require.NoError(t, s.store.Commit(t.Context(), []allocation.Changes{tampered}))

	want := []allocation.Tally{{Batch: "b1", Purchased: 3, Allocated: 3, Promised: 4, ToldPurchased: 5, ToldAllocated: 4}}
	drifted, err = s.Reconcile(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.Equal(t, want, drifted)
	mended, err := s.Mend(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.Equal(t, want, mended)

	for range 2 {
		drifted, err = s.Reconcile(t.Context(), "LAMP")
		require.NoError(t, err)
		assert.Empty(t, drifted)
		_, err = s.Mend(t.Context(), "LAMP")
		require.NoError(t, err)
	}
	after := s.product("LAMP")
	require.Len(t, after.Lines, 1, "three units can't keep two lines of two")
	assert.Equal(t, allocation.OrderID("o1"), after.Lines[0].OrderID, "the newest line is released")
	assert.Equal(t, []string{"LineReleased", "BatchCorrected"}, s.kinds("LAMP", state.Version+1))
}

func TestMendOfSeveralBatchesBesideLapsedHolds(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5), stock("b2", "LAMP", 9))
	hold := want("held", "LAMP", 6)
	hold.HoldUntil = morning.Add(time.Minute)
	_, err := s.Allocate(t.Context(), hold, want("o1", "LAMP", 5), want("o2", "LAMP", 3))
	require.NoError(t, err)
	state := s.product("LAMP")
	require.NoError(t, s.store.Commit(t.Context(), []allocation.Changes{{
		SKU: "LAMP", Read: state.Version, Version: state.Version + 1,
		Batches: []allocation.BatchChange{{Ref: "b1", Allocated: -2, Purchased: -2}, {Ref: "b2", Allocated: -1}},
		Events:  []allocation.Event{allocation.LineRefused{SKU: "LAMP"}},
	}}))
	s.clock.Advance(time.Minute)
	mended, err := s.Mend(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.Len(t, mended, 2)
	drifted, err := s.Reconcile(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.Empty(t, drifted)
	lines := s.product("LAMP").Lines
	require.Len(t, lines, 2, "the lapsed hold made room for the line that its batch can't keep")
	assert.Equal(t, []allocation.Part{part("b2", 5, 0)}, lines[0].Parts)
}

func TestTallyDriftsIfAnyAccountDisagrees(t *testing.T) {
	sound := allocation.Tally{Batch: "b1", Purchased: 5, Allocated: 3, Promised: 3, ToldPurchased: 5, ToldAllocated: 3}
	assert.False(t, sound.Drifted())
	for name, tamper := range map[string]func(*allocation.Tally){
		"lines":     func(t *allocation.Tally) { t.Promised++ },
		"purchased": func(t *allocation.Tally) { t.ToldPurchased++ },
		"allocated": func(t *allocation.Tally) { t.ToldAllocated++ },
	} {
		tampered := sound
		tamper(&tampered)
		assert.True(t, tampered.Drifted(), name)
	}
}

func TestReconcileNeedsALedger(t *testing.T) {
	type plain struct{ allocation.Store }
	s := allocation.New(allocation.NewUnitOfWork(plain{memory.New()}, nil), nil)
	_, err := s.Reconcile(t.Context(), "LAMP")
	assert.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = s.Mend(t.Context(), "LAMP")
	assert.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = newShop(t).Reconcile(t.Context(), "LAMP")
	assert.ErrorIs(t, err, allocation.ErrNotFound)
}

func TestBadInputIsRefusedBeforeAnythingIsRead(t *testing.T) {
	store := memory.New()
	s := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
	ctx := t.Context()
	line := func(order allocation.OrderID, sku allocation.SKU, q allocation.Quantity) allocation.OrderLine {
		return allocation.OrderLine{OrderID: order, SKU: sku, Quantity: q}
	}
	only := func(_ any, err error) error { return err }
	tests := []struct {
		name  string
		op    string
		field string
		err   error
	}{
		{"no requests", "Allocate", "requests", only(s.Allocate(ctx))},
		{"empty order", "Allocate", "order", only(s.Allocate(ctx, want("", "LAMP", 1)))},
		{"NUL in SKU", "Allocate", "sku", only(s.Allocate(ctx, want("o1", "LA\x00MP", 1)))},
		{"zero quantity", "Allocate", "quantity", only(s.Allocate(ctx, want("o1", "LAMP", 0)))},
		{"sum overflows", "Allocate", "quantity", only(s.Allocate(ctx, want("o1", "LAMP", 1<<53-1), want("o1", "LAMP", 1)))},
		{"batch without SKU", "AddBatch", "sku", s.AddBatch(ctx, stock("b1", "", 1))},
		{"batch of nothing", "AddBatch", "quantity", s.AddBatch(ctx, stock("b1", "LAMP", 0))},
		{"spaced location", "AddBatch", "location", s.AddBatch(ctx, allocation.Batch{Ref: "b", SKU: "s", Purchased: 1, Location: " a"})},
		{"negative count", "ChangeBatchQuantity", "quantity", only(s.ChangeBatchQuantity(ctx, allocation.Count{Batch: "b1", Quantity: -1, At: morning}))},
		{"count without batch", "ReceiveBatch", "batch", only(s.ReceiveBatch(ctx, allocation.Count{Quantity: 1, At: morning}))},
		{"count without time", "ReceiveBatch", "counted at", only(s.ReceiveBatch(ctx, allocation.Count{Batch: "b1", Quantity: 1}))},
		{"no ETA", "ChangeBatchETA", "eta", s.ChangeBatchETA(ctx, "b1", time.Time{})},
		{"ETA of no batch", "ChangeBatchETA", "batch", s.ChangeBatchETA(ctx, "", morning)},
		{"negative threshold", "SetLowStock", "threshold", s.SetLowStock(ctx, "LAMP", -1)},
		{"threshold of no SKU", "SetLowStock", "sku", s.SetLowStock(ctx, "", 1)},
		{"change to nothing", "ChangeLine", "quantity", only(s.ChangeLine(ctx, line("o1", "LAMP", 0)))},
		{"ship nothing", "ShipPart", "quantity", only(s.ShipPart(ctx, line("o1", "LAMP", 0)))},
		{"cancel no order", "Cancel", "order", only(s.Cancel(ctx, ""))},
		{"cancel a bad SKU", "Cancel", "sku", only(s.Cancel(ctx, "o1", " "))},
		{"confirm no order", "Confirm", "order", only(s.Confirm(ctx, ""))},
		{"extend until never", "Extend", "hold until", only(s.Extend(ctx, "o1", time.Time{}))},
		{"reconcile no SKU", "Reconcile", "sku", only(s.Reconcile(ctx, ""))},
		{"mend no SKU", "Mend", "sku", only(s.Mend(ctx, ""))},
	}
	store.FailLoad(errors.New("nothing is read"))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.ErrorIs(t, tt.err, allocation.ErrInvalid)
			var detail *allocation.Error
			require.ErrorAs(t, tt.err, &detail)
			assert.Equal(t, []string{tt.op, tt.field}, []string{detail.Op, detail.Field})
		})
	}
}

func TestUnknownSubjectsAreNamed(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5))
	ctx := t.Context()
	only := func(_ any, err error) error { return err }
	tests := map[string]struct {
		err   error
		field string
		value any
	}{
		"allocate":  {only(s.Allocate(ctx, want("o1", "LAMP", 1), want("o1", "NOPE", 1))), "sku", allocation.SKU("NOPE")},
		"cancel":    {only(s.Cancel(ctx, "nope")), "order", allocation.OrderID("nope")},
		"line":      {only(s.Ship(ctx, "nope", "LAMP")), "order", allocation.OrderID("nope")},
		"count":     {only(s.ChangeBatchQuantity(ctx, allocation.Count{Batch: "nope", Quantity: 1, At: morning})), "batch", allocation.BatchRef("nope")},
		"eta":       {s.ChangeBatchETA(ctx, "nope", morning), "batch", allocation.BatchRef("nope")},
		"threshold": {s.SetLowStock(ctx, "NOPE", 1), "sku", allocation.SKU("NOPE")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, tt.err, allocation.ErrNotFound)
			var detail *allocation.Error
			require.ErrorAs(t, tt.err, &detail)
			assert.Equal(t, tt.field, detail.Field)
			assert.Equal(t, tt.value, detail.Value)
		})
	}
	assert.Empty(t, s.product("LAMP").Lines)
}

func TestNilServiceParts(t *testing.T) {
	_, err := allocation.New(nil, nil).Allocate(t.Context(), want("o1", "LAMP", 1))
	assert.ErrorIs(t, err, allocation.ErrInvalid)
	_, err = allocation.New(allocation.NewUnitOfWork(nil, nil), nil).Allocate(t.Context(), want("o1", "LAMP", 1))
	assert.ErrorIs(t, err, allocation.ErrInvalid)
	//nolint:staticcheck // a nil context is what is tested
	_, err = newShop(t).Allocate(nil, want("o1", "LAMP", 1))
	assert.ErrorIs(t, err, allocation.ErrInvalid)
}

func TestConcurrentCallersNeverSellAUnitTwice(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 50), stock("b2", "SOFA", 50))
	units := allocation.NewUnitOfWork(s.store, &allocation.UnitOptions{Attempts: 10000, Backoff: 1, MaxBackoff: 1})
	service := allocation.New(units, nil)
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
		drifted, err := s.Reconcile(t.Context(), sku)
		require.NoError(t, err)
		assert.Empty(t, drifted)
	}
}
