package allocation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// Nothing keeps a product due once everything that was due has been told or is gone, so that the sweep looks at no
// product in vain.
func TestWhatMakesAProductDueIsToldOrGone(t *testing.T) {
	for name, c := range map[string]struct {
		bestBefore time.Time
		command    func(s shop) error
		due        time.Time // of the batch, after the command
	}{
		"the dated line is cancelled": {time.Time{}, func(s shop) error {
			_, err := s.Cancel(s.t.Context(), "dated")
			return err
		}, time.Time{}},
		"the dated line is cancelled, and the batch will expire": {daysOn(9), func(s shop) error {
			_, err := s.Cancel(s.t.Context(), "dated")
			return err
		}, daysOn(9)},
		"the dated line is handed over, and then cancelled": {time.Time{}, func(s shop) error {
			if _, err := s.HandOver(s.t.Context(), "dated", "order"); err != nil {
				return err
			}
			_, err := s.Cancel(s.t.Context(), "order")
			return err
		}, time.Time{}},
		"the dated line is changed": {time.Time{}, func(s shop) error {
			_, err := s.ChangeLine(s.t.Context(), want("dated", "LAMP", 1).OrderLine)
			return err
		}, daysOn(3).Add(time.Microsecond)},
		"another command tells of the expiry": {daysOn(2), func(s shop) error {
			s.clock.Set(daysOn(2))
			_, err := s.ChangeLine(s.t.Context(), want("dated", "LAMP", 1).OrderLine)
			return err
		}, daysOn(3).Add(time.Microsecond)},
	} {
		t.Run(name, func(t *testing.T) {
			ship := stock("b1", "LAMP", 4)
			ship.ETA, ship.BestBefore = daysOn(1), c.bestBefore
			s := newShop(t, ship)
			r := want("dated", "LAMP", 2)
			r.NeededBy = daysOn(3)
			_, err := s.Allocate(t.Context(), r)
			require.NoError(t, err)
			require.NoError(t, c.command(s))
			assert.Equal(t, c.due, s.product("LAMP").Batches[0].Due)
		})
	}
}

// As long as other lines of the batch are not known, the batch stays due, since one of them may be dated as well.
func TestABatchStaysDueForUnknownLines(t *testing.T) {
	ship := stock("b1", "LAMP", 4)
	ship.ETA = daysOn(1)
	s := newShop(t, ship)
	for _, order := range []allocation.OrderID{"o1", "o2"} {
		r := want(order, "LAMP", 2)
		r.NeededBy = daysOn(3)
		_, err := s.Allocate(t.Context(), r)
		require.NoError(t, err)
	}
	_, err := s.Cancel(t.Context(), "o1")
	require.NoError(t, err)
	s.clock.Set(daysOn(4))
	swept, err := s.Sweep(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, swept)
	assert.Equal(t, []bool{true}, s.lateMarks(t))
	assert.Zero(t, s.product("LAMP").Batches[0].Due)
}
