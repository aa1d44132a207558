package allocation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func TestR3_RepeatWithOtherTermsIsAMismatchThatNamesTheField(t *testing.T) {
	for field, repeat := range map[string]allocation.Request{
		"quantity":    only("SHOP-7", neededBy(4, freshUntil(5, whole("o", 3)))),
		"needed by":   only("SHOP-7", neededBy(3, freshUntil(5, whole("o", 2)))),
		"fresh until": only("SHOP-7", neededBy(4, whole("o", 2))),
		"location":    neededBy(4, freshUntil(5, whole("o", 2))),
		"split":       only("SHOP-7", neededBy(4, freshUntil(5, split("o", 2)))),
	} {
		t.Run(field, func(t *testing.T) {
			p := newTested(t, at("SHOP-7", inWarehouse("a", 9)))
			request := only("SHOP-7", neededBy(4, freshUntil(5, whole("o", 2))))
			p.allocates(request)
			err := p.refuses(allocation.ErrMismatch, func() error {
				_, err := p.Allocate(monday, nil, repeat)
				return err
			})
			var detail *allocation.Error
			require.ErrorAs(t, err, &detail)
			assert.Equal(t, field, detail.Field)
			assert.ErrorContains(t, err, `"o"`, "the line")
			request.Priority = 7
			p.stays(func() error { _, err := p.Allocate(monday, nil, request); return err })
		})
	}
}

func TestR3_RepeatNeverWeakensALine(t *testing.T) {
	held := hold("o", 2, mondayPlus(3))
	rows := []struct {
		name   string
		first  allocation.Request
		repeat allocation.Request
		until  time.Time
		events []string
	}{
		{"firm over a hold", held, whole("o", 2), time.Time{}, []string{"HoldConfirmed o"}},
		{"a later hold", held, hold("o", 2, mondayPlus(4)), mondayPlus(4), []string{"HoldExtended o"}},
		{"an earlier hold", held, hold("o", 2, mondayPlus(2)), mondayPlus(3), nil},
		{"the same hold", held, held, mondayPlus(3), nil},
		{"a hold whose time has passed", held, hold("o", 2, mondayPlus(-2)), mondayPlus(3), nil},
		{"a hold over a firm line", whole("o", 2), held, time.Time{}, nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			p := newTested(t, inWarehouse("a", 9))
			first := p.allocates(row.first)[0]
			before := len(p.Changes().Events)
			again := p.allocates(row.repeat)[0]
			assert.Equal(t, row.until, again.HeldUntil)
			assert.Equal(t, row.events, p.recorded(before))
			first.HeldUntil = row.until
			assert.Equal(t, first, again, "nothing else changes")
		})
	}
}

func TestR3_RefusedOrderConfirmsAndExtendsNothing(t *testing.T) {
	p := newTested(t, inWarehouse("a", 9))
	p.allocates(hold("o1", 2, mondayPlus(3)), hold("o2", 2, mondayPlus(3)))
	for _, last := range []allocation.Request{whole("new", 6), whole("o2", 3)} {
		before := p.snapshot()
		_, err := p.Allocate(monday, nil, whole("o1", 2), hold("o2", 2, mondayPlus(9)), last)
		require.Error(t, err)
		assert.Equal(t, before, p.snapshot())
	}
}

func TestA12_RepeatIsNotRefusedBecauseTimeHasPassed(t *testing.T) {
	p := newTested(t, inWarehouse("a", 9), bestBefore(3, arriving("b", 5, 2)))
	request := neededBy(4, freshUntil(4, whole("o", 2)))
	first := p.allocates(request)[0]
	saturday := mondayPlus(5)
	p.stays(func() error {
		again, err := p.Allocate(saturday, nil, request)
		assert.Equal(t, []allocation.Allocation{first}, again)
		return err
	})
	_, err := p.Ship("o", saturday)
	require.NoError(t, err)
	p.stays(func() error {
		again, err := p.Allocate(saturday, nil, request)
		assert.Equal(t, "a:2/2", from(again[0]))
		return err
	})
	p.refuses(allocation.ErrInvalid, func() error {
		_, err := p.Allocate(saturday, nil, neededBy(4, whole("new", 2)))
		return err
	})
}

// A store may hold a batch from before AddBatch refused a BestBefore not after the ETA.
func TestA12_AnnouncementThatWouldBeRefusedTodayIsARepeat(t *testing.T) {
	old := bestBefore(1, arriving("old", 5, 2))
	stored := old
	stored.AnnouncedQuantity, stored.AnnouncedETA = old.Purchased, old.ETA
	state := allocation.State{SKU: lamp, Version: 1, Batches: []allocation.Batch{stored}}
	p := loadTested(t, state, allocation.Query{Batch: "old"})
	p.stays(func() error { return p.AddBatch(old, mondayPlus(9)) })
	old.Purchased++
	p.refuses(allocation.ErrMismatch, func() error { return p.AddBatch(old, mondayPlus(9)) })
}

func TestR1_BatchThatArrivedFirstGoesFirst(t *testing.T) {
	p := newTested(t, arriving("received later", 2, 1), arriving("a received first", 2, 5))
	require.NoError(t, p.AddBatch(inWarehouse("z", 2), mondayPlus(2)))
	_, err := p.ReceiveBatch(counted("received later", 2, mondayPlus(3)), mondayPlus(4), nil)
	require.NoError(t, err)
	_, err = p.ReceiveBatch(counted("a received first", 2, mondayPlus(1)), mondayPlus(4), nil)
	require.NoError(t, err)
	require.NoError(t, p.AddBatch(inWarehouse("b", 2), mondayPlus(2)))
	require.NoError(t, p.AddBatch(inWarehouse("z", 2), mondayPlus(9)), "a repeat")
	given, err := p.Allocate(mondayPlus(9), nil, split("o", 8))
	require.NoError(t, err)
	assert.Equal(t, "a received first:2 b:2 z:2 received later:2", from(given[0]))
}

func TestR1_BatchFromBeforeArrivalsWereRecordedGoesFirst(t *testing.T) {
	p := newTested(t, inWarehouse("a", 2))
	state := p.state()
	state.Batches = append(state.Batches, inWarehouse("old", 2))
	loaded := loadTested(t, state, allocation.Query{SKUs: []allocation.SKU{lamp}, Orders: []allocation.OrderID{"o"}})
	assert.Equal(t, "old:1", from(loaded.allocates(whole("o", 1))[0]))
}
