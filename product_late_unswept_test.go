package allocation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// A lateness is told whether or not the sweep came between NeededBy and the command that brings the units.
func TestR14_NoLatenessIsLostWithoutASweep(t *testing.T) {
	receive := func(at time.Time) func(s shop) error {
		return func(s shop) error {
			return errorOf(s.ReceiveBatch(s.t.Context(), allocation.Count{Batch: "b1", Quantity: 4, At: at}))
		}
	}
	for name, c := range map[string]struct {
		command func(s shop) error
		late    []bool
	}{
		"the units arrive after NeededBy":                    {receive(daysOn(3)), []bool{true}},
		"the units arrived in time, and the message is late": {receive(daysOn(2)), nil},
		"fewer units arrived in time, the message is late, and the line moves to the warehouse": {func(s shop) error {
			require.NoError(s.t, s.AddBatch(s.t.Context(), stock("here", "LAMP", 4)))
			return errorOf(s.ReceiveBatch(s.t.Context(), allocation.Count{Batch: "b1", Quantity: 3, At: daysOn(2)}))
		}, []bool{true}},
		"the units are split off as arrived": {func(s shop) error {
			return errorOf(s.SplitBatch(s.t.Context(), "b1", stock("b2", "", 4)))
		}, []bool{true}},
		"the batch is cut, and the line moves to the warehouse": {func(s shop) error {
			require.NoError(s.t, s.AddBatch(s.t.Context(), stock("here", "LAMP", 4)))
			return errorOf(s.ChangeBatchQuantity(s.t.Context(), allocation.Count{Batch: "b1", At: daysOn(3)}))
		}, []bool{true}},
		"the batch is blocked, and the line moves to the warehouse": {func(s shop) error {
			require.NoError(s.t, s.AddBatch(s.t.Context(), stock("here", "LAMP", 4)))
			return errorOf(s.BlockBatch(s.t.Context(), "b1", "torn"))
		}, []bool{true}},
		"the batch slips, and the line moves to the warehouse": {func(s shop) error {
			require.NoError(s.t, s.AddBatch(s.t.Context(), stock("here", "LAMP", 4)))
			return errorOf(s.ChangeBatchETA(s.t.Context(), "b1", daysOn(9)))
		}, []bool{true}},
		"the line grows, and moves to the warehouse": {func(s shop) error {
			require.NoError(s.t, s.AddBatch(s.t.Context(), stock("here", "LAMP", 5)))
			_, err := s.ChangeLine(s.t.Context(), want("o1", "LAMP", 5).OrderLine)
			return err
		}, []bool{true}},
		"the line is cancelled": {func(s shop) error {
			_, err := s.Cancel(s.t.Context(), "o1")
			return err
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			ship := stock("b1", "LAMP", 4)
			ship.ETA = daysOn(1)
			s := newShop(t, ship)
			r := want("o1", "LAMP", 4)
			r.NeededBy = daysOn(2)
			_, err := s.Allocate(t.Context(), r)
			require.NoError(t, err)
			s.clock.Set(daysOn(3))
			require.NoError(t, c.command(s))
			assert.Equal(t, c.late, s.lateMarks(t))
			_, err = s.Sweep(t.Context())
			require.NoError(t, err)
			assert.Equal(t, c.late, s.lateMarks(t), "after a sweep")
			if c.late != nil {
				assert.True(t, s.product("LAMP").Lines[0].Late, "the mark")
			}
		})
	}
}

// A count by a clock ahead says that the units are there, so a line is in time although the count comes after NeededBy.
func TestR14_UnitsThatAreThereAreNotLateByACountAhead(t *testing.T) {
	ship := stock("b1", "LAMP", 4)
	ship.ETA = morning.Add(10 * time.Second)
	s := newShop(t, ship)
	r := want("o1", "LAMP", 4)
	r.NeededBy = morning.Add(20 * time.Second)
	_, err := s.Allocate(t.Context(), r)
	require.NoError(t, err)
	_, err = s.ReceiveBatch(t.Context(), allocation.Count{Batch: "b1", Quantity: 4, At: morning.Add(time.Minute)})
	require.NoError(t, err)
	assert.Empty(t, s.lateMarks(t))
	s.clock.Advance(time.Hour)
	_, err = s.Ship(t.Context(), "o1")
	require.NoError(t, err)
	assert.Empty(t, s.lateMarks(t), "after a shipment")
}

// A line that gets further units from the warehouse after NeededBy had all of its units in time.
func TestR14_GrowthAfterNeededByIsNotLate(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 9))
	r := want("o1", "LAMP", 4)
	r.NeededBy = daysOn(2)
	_, err := s.Allocate(t.Context(), r)
	require.NoError(t, err)
	s.clock.Set(daysOn(3))
	_, err = s.ChangeLine(t.Context(), want("o1", "LAMP", 5).OrderLine)
	require.NoError(t, err)
	assert.Empty(t, s.lateMarks(t))
}

// The answer to the repeat that finds a line late says so.
func TestR14_TheAnswerOfARepeatTellsThatTheLineIsLate(t *testing.T) {
	ship := stock("b1", "LAMP", 4)
	ship.ETA = daysOn(1)
	s := newShop(t, ship)
	held := want("o1", "LAMP", 4)
	held.NeededBy, held.HoldUntil = daysOn(2), daysOn(9)
	_, err := s.Allocate(t.Context(), held)
	require.NoError(t, err)
	s.clock.Set(daysOn(3))
	firm := held
	firm.HoldUntil = time.Time{}
	given, err := s.Allocate(t.Context(), firm)
	require.NoError(t, err)
	require.Len(t, given, 1)
	assert.True(t, given[0].Late, "the commit that makes the hold firm tells LineLate, too")
}
