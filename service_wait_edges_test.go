package allocation_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func TestServiceR15ANamedSKUWithALineThatWaitsCanNotBeShippedOrConfirmed(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 1))
	served, waits := want("o", "LAMP", 1), mayWait("o", "LAMP", 1)
	served.Line, waits.Line = "1", "2"
	s.mustAllocate(served)
	s.mustAllocate(waits)
	ctx := t.Context()
	for name, command := range map[string]func() ([]allocation.Allocation, error){
		"Ship":    func() ([]allocation.Allocation, error) { return s.Ship(ctx, "o", "LAMP") },
		"Confirm": func() ([]allocation.Allocation, error) { return s.Confirm(ctx, "o", "LAMP") },
		"Extend": func() ([]allocation.Allocation, error) {
			return s.Extend(ctx, "o", morning.AddDate(0, 0, 1), "LAMP")
		},
	} {
		s.unchanged("LAMP", func() {
			_, err := command()
			require.ErrorIs(t, err, allocation.ErrNotAllowed, name)
			require.ErrorContains(t, err, `line "2"`, name)
		})
	}
	lines, err := s.Ship(ctx, "o")
	require.NoError(t, err)
	require.Len(t, lines, 1, "without SKUs the line that waits is passed over")
}

func TestServiceR15ALineThatGrowsAndIsServedWholeTellsNothingOfWaiting(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 5))
	r := mayWait("o", "LAMP", 2)
	r.Split, r.Partial = true, true
	s.mustAllocate(r)
	before := s.product("LAMP").Version
	grown, err := s.ChangeLine(t.Context(), allocation.OrderLine{OrderID: "o", SKU: "LAMP", Quantity: 5})
	require.NoError(t, err)
	assert.EqualValues(t, 5, grown.Quantity)
	assert.EqualValues(t, 0, grown.Waiting)
	assert.Equal(t, []string{"LineAllocated"}, s.kinds("LAMP", before))
}

func TestServiceR15ALineThatGrowsWaitsForASingleUnit(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 4))
	r := mayWait("o", "LAMP", 2)
	r.Split, r.Partial = true, true
	s.mustAllocate(r)
	grown, err := s.ChangeLine(t.Context(), allocation.OrderLine{OrderID: "o", SKU: "LAMP", Quantity: 5})
	require.NoError(t, err)
	assert.EqualValues(t, 4, grown.Quantity)
	assert.EqualValues(t, 1, grown.Waiting)
}

func TestServiceR15ACachedCopyIsKeptOnlyWhileNobodyWaits(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 9))
	var hits []bool
	s.Service = newService(t, s.units, &allocation.ServiceOptions{
		CacheLookup: func(_ context.Context, _ allocation.SKU, hit bool) { hits = append(hits, hit) },
	})
	s.mustAllocate(want("o-1", "LAMP", 1))
	s.mustAllocate(want("o-2", "LAMP", 1)) // from the cache
	s.mustAllocate(mayWait("waiter", "LAMP", 20))
	s.mustAllocate(want("o-3", "LAMP", 1))
	s.mustAllocate(want("o-4", "LAMP", 1))
	require.Len(t, hits, 5)
	assert.Equal(t, []bool{true, false, false}, []bool{hits[1], hits[3], hits[4]}, "hits of o-2, o-3 and o-4")
}

func TestServiceR12TermsDoNotHideABadLine(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 9))
	for _, bad := range []allocation.Request{want("", "LAMP", 1), want("o", "", 1), want("o", "LAMP", 0)} {
		bad.Priority = 1
		s.unchanged("LAMP", func() {
			_, err := s.Allocate(t.Context(), bad)
			require.ErrorIs(t, err, allocation.ErrInvalid)
		})
	}
}

func TestServiceR15AFreedUnitIsNotGivenToALineWhoseTimeHasPassed(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 1))
	s.mustAllocate(want("owner", "LAMP", 1))
	late := mayWait("late", "LAMP", 1)
	late.NeededBy = morning.Add(time.Hour)
	s.mustAllocate(late)
	s.mustAllocate(mayWait("patient", "LAMP", 1))
	s.clock.Advance(2 * time.Hour)
	before := s.product("LAMP").Version
	_, err := s.Cancel(t.Context(), "owner")
	require.NoError(t, err)
	assert.Equal(t, []string{"LineDeallocated", "LineWaiting", "LineAllocated"}, s.kinds("LAMP", before))
	assert.EqualValues(t, 1, s.has("patient", "LAMP"))
	assert.Empty(t, s.queue("LAMP"))
}

func TestServiceR15ASweepThatEndsTheWaitingOfSomeServesTheFirstInLine(t *testing.T) {
	for _, alone := range []bool{false, true} {
		s := newShop(t, stock("B-1", "LAMP", 2))
		s.Service = newService(t, s.units, &allocation.ServiceOptions{NoGroupCommit: alone})
		for _, order := range []allocation.OrderID{"hold-1", "hold-2"} {
			hold := want(order, "LAMP", 1)
			hold.HoldUntil = morning.Add(time.Hour)
			s.mustAllocate(hold)
		}
		for i, order := range []allocation.OrderID{"third", "second", "first"} {
			r := mayWait(order, "LAMP", 1)
			r.Priority = i
			if order == "third" {
				r.NeededBy = morning.Add(time.Hour)
			}
			s.mustAllocate(r)
		}
		s.clock.Advance(2 * time.Hour)
		_, err := s.Sweep(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, 1, s.has("first", "LAMP"))
		assert.EqualValues(t, 1, s.has("second", "LAMP"))
		assert.Empty(t, s.queue("LAMP"))
	}
}

func TestServiceR11HoldForIsCutToMicroseconds(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 1))
	r := want("o", "LAMP", 1)
	r.HoldFor = time.Minute + 1500*time.Nanosecond
	given := s.mustAllocate(r)
	assert.Equal(t, time.Minute+time.Microsecond, given[0].HoldFor)
	assert.Equal(t, morning.Add(time.Minute+time.Microsecond), given[0].HeldUntil)
}

func TestServiceAPartialLineGrowsByWhatThereIs(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 3))
	r := want("o", "LAMP", 2)
	r.Split, r.Partial = true, true
	s.mustAllocate(r)
	grown, err := s.ChangeLine(t.Context(), allocation.OrderLine{OrderID: "o", SKU: "LAMP", Quantity: 5})
	require.NoError(t, err)
	assert.EqualValues(t, 3, grown.Quantity)
	assert.EqualValues(t, 5, grown.Wanted)
	_, err = s.ChangeLine(t.Context(), allocation.OrderLine{OrderID: "o", SKU: "LAMP", Quantity: 6})
	var short *allocation.OutOfStockError
	require.ErrorAs(t, err, &short, "no further unit is there")
}

func TestServiceB10NobodyJumpsALineBehindAPageThatDoesNotFit(t *testing.T) {
	const page = 4
	s := newShop(t, stock("B-1", "LAMP", 1))
	units := allocation.NewUnitOfWork(s.store, &allocation.UnitOfWorkOptions{Now: s.clock.Now, PageSize: page})
	s.Service = newService(t, units, nil)
	s.mustAllocate(want("owner", "LAMP", 1))
	line := 0
	queue := func(lines int, location allocation.Location) {
		for range lines {
			line++
			r := mayWait(allocation.OrderID(fmt.Sprint("waiter-", line)), "LAMP", 1)
			r.Location = location
			s.mustAllocate(r)
		}
	}
	queue(page, "")
	queue(2*page+1, "BERLIN")
	queue(1, "")
	require.NoError(t, s.AddBatch(t.Context(), stock("B-2", "LAMP", page+1)))
	_, err := s.Allocate(t.Context(), want("walk-in", "LAMP", 1))
	var short *allocation.OutOfStockError
	require.ErrorAs(t, err, &short)
	assert.EqualValues(t, 1, s.has(allocation.OrderID(fmt.Sprint("waiter-", line)), "LAMP"))
}

// The units of a receipt are used up in the middle of a page. Serving ends there, however many lines still wait.
func TestServiceB10AReceiptThatIsUsedUpReadsNoFurtherPage(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 1))
	s.mustAllocate(want("owner", "LAMP", 1))
	s.crowd("LAMP", 450, nil)
	store := &asked{Store: s.store}
	require.NoError(t, serve(t, store, settings{}).AddBatch(t.Context(), stock("B-2", "LAMP", 50)))
	assert.Len(t, s.queue("LAMP"), 400)
	assert.Zero(t, s.product("LAMP").Serving, "no unit is left to go on with")
	assert.LessOrEqual(t, len(store.skus), 5, "reads: three further pages would be three more")
}

// Serving has come to the second page. Units for a line that was passed over on the first page go to the line at once.
func TestServiceB10NewUnitsGoToALineThatWasPassedOver(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 1))
	s.mustAllocate(want("owner", "LAMP", 1))
	s.crowd("LAMP", 450, func(r *allocation.Request) {
		if r.OrderID == "LAMP-00007" {
			r.Location = "Berlin"
		}
	})
	require.NoError(t, s.AddBatch(t.Context(), stock("B-2", "LAMP", 500)))
	require.NotZero(t, s.product("LAMP").Serving, "a page of lines was served")
	berlin := stock("B-3", "LAMP", 1)
	berlin.Location = "Berlin"
	require.NoError(t, s.AddBatch(t.Context(), berlin))
	assert.EqualValues(t, 1, s.has("LAMP-00007", "LAMP"))
}

// A hold that lost units to a cut waits for them. When the hold lapses, the waiting ends, and an event tells so.
func TestServiceR7ALapsedHoldWaitsNoLonger(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 4))
	r := mayWait("o", "LAMP", 4)
	r.Split, r.HoldFor = true, time.Hour
	s.mustAllocate(r)
	_, err := s.ChangeBatchQuantity(t.Context(), allocation.Count{Batch: "B-1", Quantity: 1, At: morning})
	require.NoError(t, err)
	require.Equal(t, []allocation.OrderID{"o"}, s.queue("LAMP"))
	s.clock.Advance(time.Hour)
	before := s.product("LAMP").Version
	_, err = s.Sweep(t.Context())
	require.NoError(t, err)
	assert.Empty(t, s.queue("LAMP"))
	assert.Equal(t, []string{"HoldLapsed", "LineWaiting"}, s.kinds("LAMP", before))
}

// A product is unknown, and the line of those who wait for another, where serving goes on, can't be read: the failure
// is the answer.
func TestServiceAQueueThatCanNotBeReadIsNoAnswer(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 1))
	s.mustAllocate(want("owner", "LAMP", 1))
	s.crowd("LAMP", 250, nil)
	require.NoError(t, s.AddBatch(t.Context(), stock("B-2", "LAMP", 400)))
	require.NotZero(t, s.product("LAMP").Serving, "a page of lines was served")
	s.store.FailLoad(nil, errBroken)
	_, err := s.Allocate(t.Context(), want("late", "LAMP", 1), want("late", "SOFA", 1))
	require.ErrorIs(t, err, errBroken)
}

// A command on a batch may free units, and reads those who wait before the command decides: one decision is enough.
func TestServiceB10ACommandOnABatchDecidesOnce(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 1))
	s.mustAllocate(want("owner", "LAMP", 1))
	s.mustAllocate(mayWait("o", "LAMP", 1))
	store := &asked{Store: s.store}
	decided := 0
	units := allocation.NewUnitOfWork(store, nil)
	err := units.Do(t.Context(), func(ctx context.Context, r allocation.Repository) error {
		decided++
		p, err := r.GetByBatch(ctx, "B-1")
		if err != nil {
			return err
		}
		_, err = p.ChangeBatchQuantity(allocation.Count{Batch: "B-1", Quantity: 2, At: r.Now()}, r.Now(), nil)
		return err
	})
	require.NoError(t, err)
	assert.EqualValues(t, 1, s.has("o", "LAMP"))
	assert.Equal(t, 1, decided, "runs of the function")
	assert.Equal(t, [][]allocation.SKU{nil, {"LAMP"}}, store.skus, "reads: by batch, and of those who wait")
}

// A line wants more units while a hold has lapsed. The order that waits already gets the unit of the hold, and the line
// waits for the further unit behind this order.
func TestServiceR15ALineThatWantsMoreUnitsWaitsBehindTheQueue(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 3))
	hold, split := want("hold", "LAMP", 1), mayWait("split", "LAMP", 2)
	hold.HoldUntil = morning.Add(time.Minute)
	split.Split = true
	s.mustAllocate(hold, split)
	s.mustAllocate(mayWait("first", "LAMP", 1))
	s.clock.Advance(time.Hour)
	line, err := s.ChangeLine(t.Context(), want("split", "LAMP", 3).OrderLine)
	require.NoError(t, err)
	assert.EqualValues(t, 1, line.Waiting)
	assert.EqualValues(t, 1, s.has("first", "LAMP"))
}
