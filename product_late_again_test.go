package allocation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// dated has a split line of 8 units over two batches on the way, needed by a day.
func dated(t *testing.T, firstETA, secondETA, neededBy time.Time) shop {
	t.Helper()
	one, two := stock("b1", "LAMP", 4), stock("b2", "LAMP", 4)
	one.ETA, two.ETA = firstETA, secondETA
	s := newShop(t, one, two)
	r := want("o1", "LAMP", 8)
	r.Split, r.NeededBy = true, neededBy
	_, err := s.Allocate(t.Context(), r)
	require.NoError(t, err)
	return s
}

// lateMarks has Late of each LineLate of the product.
func (s shop) lateMarks(t *testing.T) (late []bool) {
	t.Helper()
	events, err := s.store.Events(t.Context(), "LAMP", 0, 1000)
	require.NoError(t, err)
	for _, e := range events {
		if marked, is := e.(allocation.LineLate); is {
			late = append(late, marked.Late)
		}
	}
	return late
}

func daysOn(n int) time.Time { return morning.AddDate(0, 0, n) }

// A line that was late because of one batch, and is in time again, is late again if the other batch doesn't come.
func TestR14_ALineInTimeAgainCanBeLateAgain(t *testing.T) {
	s := dated(t, daysOn(1), daysOn(2), daysOn(3))
	_, err := s.ChangeBatchETA(t.Context(), "b1", daysOn(5))
	require.NoError(t, err)
	_, err = s.ChangeBatchQuantity(t.Context(), allocation.Count{Batch: "b2", Quantity: 5, At: morning})
	require.NoError(t, err)
	s.clock.Set(daysOn(1))
	_, err = s.ReceiveBatch(t.Context(), allocation.Count{Batch: "b1", Quantity: 4, At: daysOn(1)})
	require.NoError(t, err)
	require.Equal(t, []bool{true, false}, s.lateMarks(t))
	for _, b := range s.product("LAMP").Batches {
		assert.Equal(t, !b.ETA.IsZero(), b.Dated, "only a batch on the way is dated: batch %q", b.Ref)
	}
	s.clock.Set(daysOn(4))
	swept, err := s.Sweep(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, swept, "marks")
	assert.Equal(t, []bool{true, false, true}, s.lateMarks(t))
}

// A line stays late if units of any of its batches arrived after NeededBy.
func TestR14_ALineWithUnitsThatCameLateStaysLate(t *testing.T) {
	s := dated(t, daysOn(1), daysOn(1), daysOn(2))
	s.clock.Set(daysOn(3))
	_, err := s.Sweep(t.Context())
	require.NoError(t, err)
	_, err = s.ReceiveBatch(t.Context(), allocation.Count{Batch: "b1", Quantity: 4, At: daysOn(3)})
	require.NoError(t, err)
	reportedLate := allocation.Count{Batch: "b2", Quantity: 4, At: daysOn(1)}
	_, err = s.ReceiveBatch(t.Context(), reportedLate)
	require.NoError(t, err)
	assert.Equal(t, []bool{true}, s.lateMarks(t))
}
