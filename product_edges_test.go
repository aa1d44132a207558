package allocation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// Somebody changed a counter by hand, as before a Mend.
func TestR12_DriftedBatchIsNotInfinitelyAvailable(t *testing.T) {
	drifted := inWarehouse("a", 3)
	drifted.Allocated = 5
	state := allocation.State{SKU: lamp, Version: 9, Batches: []allocation.Batch{inWarehouse("b", 4), drifted}}
	p, err := state.Product(allocation.Query{SKUs: []allocation.SKU{lamp}, Now: monday})
	require.NoError(t, err)
	units, err := p.Available(monday)
	require.NoError(t, err)
	assert.LessOrEqual(t, units, allocation.Quantity(4), "Available()")
	require.NoError(t, p.SetLowStock(100, monday))
	assert.Len(t, p.Changes().Events, 2, "LowStockSet and LowStockCrossed")
}

// A lapsed hold beyond the page may leave room for everybody: the product asks before it moves a line (R6, R7).
func TestR7_CutMovesNobodyForALapsedHoldThatWasNotLoaded(t *testing.T) {
	p := newTested(t, inWarehouse("a", 20), inWarehouse("b", 20))
	p.allocates(hold("h1", 5, tuesday), hold("h2", 5, tuesday.Add(time.Hour)), whole("o", 10))
	q := allocation.Query{Batch: "a", Now: mondayPlus(2), Limit: 1}
	few := loadTested(t, page(p.state(), q), q)
	_, err := few.ChangeBatchQuantity(counted("a", 12, mondayPlus(2)), mondayPlus(2), nil)
	if err == nil { // with Limit 2 no line moves
		assert.Empty(t, few.Changes().Lines, "lines that moved")
		return
	}
	assert.ErrorIs(t, err, allocation.ErrNotLoaded)
}

// A lapsed hold beyond the page may make room in the line's own batch: the product asks before the line leaves.
func TestR7_GrownLineStaysInItsBatch(t *testing.T) {
	p := newTested(t, inWarehouse("a", 20), inWarehouse("b", 20))
	p.allocates(hold("h1", 5, tuesday), hold("h2", 5, tuesday.Add(time.Hour)), whole("o", 10))
	q := allocation.Query{SKUs: []allocation.SKU{lamp}, Orders: []allocation.OrderID{"o"}, Now: mondayPlus(2), Limit: 1}
	few := loadTested(t, page(p.state(), q), q)
	grown, err := few.ChangeLine(lineOf("o", 18), mondayPlus(2), nil)
	if err == nil { // with Limit 2 the line stays in a
		assert.Equal(t, "a:18", from(grown))
		return
	}
	assert.ErrorIs(t, err, allocation.ErrNotLoaded)
}

// A time within the first microsecond of the year 1 is zero once cut, and a zero time has another
// meaning: a firm line, or a batch in the warehouse.
func TestR11_TimeThatIsZeroOnceCutIsRefused(t *testing.T) {
	almost := time.Time{}.Add(time.Nanosecond)
	p := newTested(t, inWarehouse("a", 20), arriving("b", 5, 1))
	_, err := p.Allocate(monday, nil, hold("h", 1, almost))
	assert.ErrorIs(t, err, allocation.ErrInvalid, "a hold until the year 1")
	assert.ErrorIs(t, slips(p, "b", almost, monday), allocation.ErrInvalid, "an ETA of the year 1")
	_, err = p.ChangeBatchQuantity(counted("a", 1, almost), monday, nil)
	assert.ErrorIs(t, err, allocation.ErrInvalid, "a count of the year 1, taken for a belated one")
}

func TestR11_SameBadBatchGivesTheSameError(t *testing.T) {
	late := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	p := newTested(t)
	named := map[string]bool{}
	for range 100 {
		var detail *allocation.Error
		require.ErrorAs(
			t, p.AddBatch(allocation.Batch{Ref: "a", SKU: lamp, Purchased: 1, ETA: late, BestBefore: late}, monday),
			&detail,
		)
		named[detail.Field] = true
	}
	assert.Len(t, named, 1, "fields that the same mistake was blamed on")
}

// The units stay even though the policy prefers the other batch.
func TestR6_SplitLineLeavesOnlyWhatItsBatchCannotKeep(t *testing.T) {
	p := newTested(t, arriving("b", 10, 2))
	p.allocates(split("o", 8))
	require.NoError(t, p.AddBatch(inWarehouse("a", 10), monday))
	p.cut("b", 7) // one unit too few
	assert.Equal(t, "b:7 a:1", p.line("o"), "batches of the line")
}

func TestR1_ReceivedBatchIsWarehouseStockForItsOwnLines(t *testing.T) {
	p := newTested(t, arriving("b", 10, 5))
	p.allocates(split("o", 8))
	require.NoError(t, p.AddBatch(arriving("a", 10, 2), monday))
	_, err := p.ReceiveBatch(counted("b", 6, monday), monday, nil)
	require.NoError(t, err)
	assert.Equal(t, "b:6 a:2", p.line("o"), "batches of the line: what is here before what will come")
}

func TestR8_ReceiptCountedBeforeTheLastCount(t *testing.T) {
	p := newTested(t, arriving("b", 10, 5))
	noon := monday.Add(3 * time.Hour)
	_, err := p.ChangeBatchQuantity(counted("b", 4, noon), noon, nil)
	require.NoError(t, err)
	_, err = p.ReceiveBatch(counted("b", 10, monday), noon, nil)
	require.NoError(t, err)
	assert.Equal(t, "0/4", p.batch("b"), "the later count stands")
}

func TestR8_CountFromBeforeAShipmentIsRefused(t *testing.T) {
	p := newTested(t, inWarehouse("b", 10))
	p.allocates(whole("o", 4))
	noon := monday.Add(3 * time.Hour)
	_, err := p.Ship("o", noon)
	require.NoError(t, err)
	_, err = p.ChangeBatchQuantity(counted("b", 10, monday), noon, nil)
	require.ErrorIs(t, err, allocation.ErrNotAllowed, "the four that left were counted too")
	assert.Equal(t, "0/6", p.batch("b"))
	_, err = p.ChangeBatchQuantity(counted("b", 5, noon), noon, nil)
	require.NoError(t, err)
	assert.Equal(t, "0/5", p.batch("b"))
}

func TestR12_DecodeEventRefusesNull(t *testing.T) {
	_, err := allocation.DecodeEvent("LineAllocated", []byte("null"))
	assert.ErrorIs(t, err, allocation.ErrInvalid)
}
