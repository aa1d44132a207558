package allocation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// Dated lines of a shipment that slips move where the terms hold, and the others are late; undated lines stay.
func TestA5_LinesOfAShipmentThatSlips(t *testing.T) {
	p := newTested(t, arriving("ship", 10, 2))
	p.allocates(neededBy(4, whole("moves", 3)), neededBy(4, whole("late", 4)), whole("undated", 3))
	require.NoError(t, p.AddBatch(arriving("other", 3, 3), monday))
	late, err := p.ChangeBatchETA("ship", mondayPlus(6), monday, nil)
	require.NoError(t, err)
	assert.Equal(t, []allocation.OrderLine{lineOf("late", 4)}, late)
	assert.Equal(t, "other:3", p.line("moves"))
	assert.Equal(t, "ship:4", p.line("late"))
	assert.Equal(t, "ship:3", p.line("undated"))
}

// If a shipment will have expired on arrival, undated lines leave, too.
func TestA5_LinesOfAShipmentThatWillHaveExpired(t *testing.T) {
	ship := arriving("ship", 10, 2)
	ship.BestBefore = mondayPlus(5)
	p := newTested(t, ship)
	p.allocates(whole("moves", 3), whole("late", 4))
	require.NoError(t, p.AddBatch(arriving("other", 3, 3), monday))
	late, err := p.ChangeBatchETA("ship", mondayPlus(6), monday, nil)
	require.NoError(t, err)
	assert.Equal(t, []allocation.OrderLine{lineOf("late", 4)}, late)
	assert.Equal(t, "other:3", p.line("moves"))

	_, err = p.ChangeBatchETA("ship", mondayPlus(4), monday, nil)
	require.NoError(t, err)
	lines, err := p.Lines("late", monday)
	require.NoError(t, err)
	assert.False(t, lines[0].Late, "in time again")
	b := p.found("ship")
	assert.Equal(t, ship.BestBefore, b.Due, "no line has a date, so only the expiry is due")
}

// A count from before the batch's last count tells of the arrival and of nothing else.
func TestReceiveBatchKeepsALaterCount(t *testing.T) {
	p := newTested(t, arriving("ship", 10, 2))
	_, err := p.ChangeBatchQuantity(counted("ship", 8, mondayPlus(3)), mondayPlus(3), nil)
	require.NoError(t, err)
	_, err = p.ReceiveBatch(counted("ship", 10, mondayPlus(2)), mondayPlus(3), nil)
	require.NoError(t, err)
	b := p.found("ship")
	assert.True(t, b.ETA.IsZero(), "the batch has arrived")
	assert.Equal(t, []any{allocation.Quantity(8), allocation.Quantity(8), mondayPlus(3)},
		[]any{b.Purchased, b.CountedQuantity, b.CountedAt})
}

// A hold under the key of a line that was cancelled in the same unit of work lapses like any other.
func TestR7_AHoldInThePlaceOfACancelledLineLapses(t *testing.T) {
	p := newTested(t, inWarehouse("a", 5))
	p.allocates(whole("o", 5))
	_, err := p.Cancel("o", monday)
	require.NoError(t, err)
	p.allocates(hold("o", 5, monday.Add(time.Hour)))
	_, err = p.Allocate(mondayPlus(1), nil, whole("next", 5))
	require.NoError(t, err)
	assert.Equal(t, "a:5", p.line("next"))
}
