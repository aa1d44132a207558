package allocation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// counts returns the call of ChangeBatchQuantity for batch a.
func (p *tested) counts(units allocation.Quantity, at, now time.Time) func() error {
	return func() error { _, err := p.ChangeBatchQuantity(counted("a", units, at), now, nil); return err }
}

// Ten are counted by a clock 50 seconds ahead, three are shipped, and then the count arrives.
func TestA16_ACountAheadOfTheClock(t *testing.T) {
	second := func(n int) time.Time { return monday.Add(time.Duration(n) * time.Second) }
	shipped := func(t *testing.T, at time.Time) *tested {
		t.Helper()
		p := newTested(t, inWarehouse("a", 10))
		p.allocates(whole("o", 3))
		_, err := p.Ship("o", at)
		require.NoError(t, err)
		return p
	}
	t.Run("is refused after a shipment", func(t *testing.T) {
		p := shipped(t, second(5))
		p.refuses(allocation.ErrNotAllowed, p.counts(10, second(50), second(10)))
		p.refuses(allocation.ErrNotAllowed, p.counts(10, second(70), second(64)))
		require.NoError(t, p.counts(7, second(10), second(11))())
		assert.Equal(t, "0/7", p.batch("a"))
	})
	t.Run("is taken a minute after the shipment", func(t *testing.T) {
		p := shipped(t, second(5))
		require.NoError(t, p.counts(7, second(115), second(65))())
		assert.Equal(t, "0/7", p.batch("a"))
	})
	t.Run("swallows no true count", func(t *testing.T) {
		p := newTested(t, inWarehouse("a", 10))
		require.NoError(t, p.counts(10, second(50), second(0))())
		p.allocates(whole("o", 3))
		_, err := p.Ship("o", second(5))
		require.NoError(t, err)
		p.refuses(allocation.ErrNotAllowed, p.counts(7, second(10), second(10)))
		p.stays(p.counts(10, second(50), second(10)))
		p.stays(p.counts(10, second(50), monday.Add(-time.Hour)))
		p.refuses(allocation.ErrMismatch, p.counts(7, second(50), second(10)))
		require.NoError(t, p.counts(7, second(51), second(65))())
	})
	t.Run("swallows no true count that is delivered late", func(t *testing.T) {
		p := newTested(t, inWarehouse("a", 10))
		p.allocates(whole("o", 3))
		require.NoError(t, p.counts(10, second(60), second(0))())
		p.refuses(allocation.ErrNotAllowed, p.counts(7, second(10), second(70)))
		p.refuses(allocation.ErrNotAllowed, p.counts(7, second(0), second(70)))
		p.stays(p.counts(7, second(0).Add(-time.Microsecond), second(70))) // from before the last count by any clock
		p.stays(p.counts(10, second(10), second(70)))                      // agrees with the batch
		_, err := p.Ship("o", second(20))
		require.NoError(t, err)
		p.refuses(allocation.ErrNotAllowed, p.counts(7, second(10), second(70))) // of which 3 units have left
		p.stays(p.counts(7, second(20), second(70)))
	})
	t.Run("lets an arrival be repeated after a recount", func(t *testing.T) {
		p := newTested(t, arriving("a", 10, 1))
		receive := func(units allocation.Quantity, at, now time.Time) func() error {
			return func() error { return errorOf(p.ReceiveBatch(counted("a", units, at), now, nil)) }
		}
		require.NoError(t, p.counts(9, second(50), second(0))())
		p.refuses(allocation.ErrNotAllowed, receive(8, second(10), second(60)))
		require.NoError(t, receive(8, second(60), second(60))())
		require.NoError(t, p.counts(7, second(80), second(80))())
		p.stays(receive(8, second(60), second(90)))
	})
	t.Run("more than a minute is bad data, unless repeated", func(t *testing.T) {
		p := newTested(t, inWarehouse("a", 10))
		p.refuses(allocation.ErrInvalid, p.counts(9, second(61), second(0)))
		require.NoError(t, p.counts(9, second(60), second(0))())
		p.stays(p.counts(9, second(60), second(-60)))
	})
}

// An unknown result of the last count makes every result a repeat.
func TestR8_ACountOfAnEarlierVersion(t *testing.T) {
	store := memory.New()
	b := stock("b1", "LAMP", 10)
	require.NoError(t, store.Seed(b))
	state, _ := store.Product("LAMP")
	state.Batches[0].CountedAt, state.Batches[0].CountedQuantity = monday, -1
	p, err := state.Product(allocation.Query{Batch: "b1"})
	require.NoError(t, err)
	for _, units := range []allocation.Quantity{0, 4, 10} {
		released, err := p.ChangeBatchQuantity(counted("b1", units, monday), monday, nil)
		require.NoError(t, err)
		assert.Empty(t, released)
	}
	assert.Empty(t, p.Changes().Events)
}

// An arrival decides which lines are late, so all lines of the batch have to be known.
func TestR14_AnArrivalThatNeedsMoreLinesSaysSo(t *testing.T) {
	p := newTested(t, arriving("a", 9, 1))
	for _, order := range []allocation.OrderID{"1", "2", "3"} {
		p.allocates(neededBy(2, whole(order, 3)))
	}
	q := allocation.Query{Batch: "a", Now: mondayPlus(1), Limit: 2}
	loaded := loadTested(t, page(p.state(), q), q)
	loaded.refuses(allocation.ErrNotLoaded, func() error {
		_, err := loaded.ReceiveBatch(allocation.Count{Batch: "a", Quantity: 9, At: mondayPlus(1)}, mondayPlus(1), nil)
		return err
	})
}

// A batch was counted, and was empty. Another quantity of the same time is a mismatch, as after any other count.
func TestTwoCountsOfOneTimeDifferAlthoughTheFirstFoundNothing(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5))
	_, err := s.ChangeBatchQuantity(t.Context(), allocation.Count{Batch: "b1", Quantity: 0, At: morning})
	require.NoError(t, err)
	_, err = s.ChangeBatchQuantity(t.Context(), allocation.Count{Batch: "b1", Quantity: 3, At: morning})
	require.ErrorIs(t, err, allocation.ErrMismatch)
}
