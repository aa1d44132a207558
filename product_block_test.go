package allocation_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// blocks blocks a batch on Monday.
func (p *tested) blocks(ref allocation.BatchRef, reason string) []allocation.OrderLine {
	p.t.Helper()
	released, err := p.BlockBatch(ref, reason, monday, nil)
	require.NoError(p.t, err)
	return released
}

func TestC5_LinesOfABlockedBatchMoveOrAreReleased(t *testing.T) {
	p := newTested(t, inWarehouse("a", 9), arriving("b", 6, 1))
	p.allocates(whole("1", 3), whole("2", 3), whole("3", 3))
	before := len(p.Changes().Events)
	assert.Equal(t, []allocation.OrderLine{lineOf("3", 3)}, p.blocks("a", "recall"), "released lines")
	assert.Equal(t, []string{
		"LineDeallocated 1 a +0 -3", "LineDeallocated 2 a +0 -3", "LineReleased 3 a +0 -3", "BatchBlocked",
		"LineAllocated 1 b +0 +3", "LineAllocated 2 b +0 +3",
	}, p.recorded(before), "events")
	assert.Equal(t, "0/9", p.batch("a"), "allocated/purchased of a")
	available, err := p.Available(monday)
	require.NoError(t, err)
	assert.Zero(t, available, "units available")

	assert.Equal(t, allocation.Quantity(0), p.runsOut(func() error {
		_, err := p.Allocate(monday, nil, whole("3", 3))
		return err
	})[0].Available, "units for the line")
	require.NoError(t, p.UnblockBatch("a", monday))
	p.allocates(whole("3", 9))
	assert.Equal(t, "a:9", p.line("3"), "the line after unblocking")
}

func TestC5_BlockingAndUnblockingAreRepeatedWithoutHarm(t *testing.T) {
	p := newTested(t, inWarehouse("a", 9))
	p.stays(func() error { return p.UnblockBatch("a", monday) })
	p.blocks("a", "recall")
	p.stays(func() error {
		_, err := p.BlockBatch("a", "recall", mondayPlus(1), nil)
		return err
	})
	before := len(p.Changes().Events)
	p.blocks("a", "recall, class II")
	assert.Equal(t, []string{"BatchBlocked"}, p.recorded(before), "events")
	assert.Equal(t, "recall, class II", p.found("a").Blocked, "reason")
	require.NoError(t, p.UnblockBatch("a", monday))
	p.stays(func() error { return p.UnblockBatch("a", monday) })
}

func TestC5_LowStockFollowsABlock(t *testing.T) {
	p := newTested(t, inWarehouse("a", 9), inWarehouse("b", 2))
	require.NoError(t, p.SetLowStock(5, monday))
	before := len(p.Changes().Events)
	p.blocks("a", "recall")
	require.NoError(t, p.UnblockBatch("a", monday))
	p.splits("a", allocation.Batch{Ref: "c", Purchased: 7, Blocked: "dented"})
	assert.Equal(t, []string{
		"BatchBlocked", "LowStockCrossed available 2 of 5, low true",
		"BatchUnblocked", "LowStockCrossed available 11 of 5, low false",
		"BatchSplit a -7 +0", "BatchAdded c +7 +0", "LowStockCrossed available 4 of 5, low true",
	}, p.recorded(before), "events")
}

func TestC5_NothingIsTakenFromABlockedBatch(t *testing.T) {
	p := newTested(t, inWarehouse("a", 9), inWarehouse("b", 2))
	p.blocks("b", "dented")
	p.allocates(split("1", 9))
	p.runsOut(func() error {
		_, err := p.ChangeLine(lineOf("1", 10), monday, nil)
		return err
	})
	assert.Equal(t, []allocation.OrderLine{lineOf("1", 2)}, p.cut("a", 7), "lines that a cut releases")
	assert.Empty(t, p.cut("b", 1), "a blocked batch is counted")
	assert.Equal(t, "0/1", p.batch("b"), "allocated/purchased of b")
}

// A store may have lines on a blocked batch, from before the block by another program.
func TestC5_BlockedUnitsAreNotShipped(t *testing.T) {
	p := newTested(t, inWarehouse("a", 9))
	p.allocates(split("1", 4))
	_, err := p.ShipPart(lineOf("1", 1), monday)
	require.NoError(t, err)
	state := p.state()
	state.Batches[0].Blocked = "recall"
	loaded := loadTested(t, state, allocation.Query{Order: "1", Now: monday, Limit: 10})
	loaded.refuses(allocation.ErrNotAllowed, func() error {
		_, err := loaded.ShipPart(lineOf("1", 2), monday)
		return err
	})
	loaded.refuses(allocation.ErrNotAllowed, func() error {
		_, err := loaded.Ship("1", monday)
		return err
	})
	loaded.stays(func() error {
		_, err := loaded.ShipPart(lineOf("1", 1), monday)
		return err
	})
	_, err = loaded.Cancel("1", monday)
	require.NoError(t, err)
	assert.Equal(t, "0/8", loaded.batch("a"), "allocated/purchased")
}

func TestC5_ABatchMayBeAnnouncedBlocked(t *testing.T) {
	p := newTested(t)
	returned := allocation.Batch{Ref: "return-1", SKU: lamp, Purchased: 2, Lot: "a", Blocked: "to be inspected"}
	require.NoError(t, p.AddBatch(returned, monday))
	require.NoError(t, p.UnblockBatch("return-1", monday))
	p.stays(func() error { return p.AddBatch(returned, mondayPlus(1)) })
	for name, change := range map[string]func(b *allocation.Batch){
		"not blocked": func(b *allocation.Batch) { b.Blocked = "" },
		"another lot": func(b *allocation.Batch) { b.Lot = "b" },
		"its own lot": func(b *allocation.Batch) { b.Lot = "return-1" },
	} {
		t.Run(name, func(t *testing.T) {
			other := returned
			change(&other)
			p.refuses(allocation.ErrMismatch, func() error { return p.AddBatch(other, monday) })
		})
	}
}

func TestC_TheLotOfABatchIsItsOwnRefUnlessStated(t *testing.T) {
	p := newTested(t)
	stated := inWarehouse("a", 2)
	stated.Lot = "a"
	require.NoError(t, p.AddBatch(stated, monday))
	p.stays(func() error { return p.AddBatch(inWarehouse("a", 2), monday) })
	assert.Empty(t, p.found("a").Lot, "lot")
}

func TestC5_ABlockThatNeedsMoreLinesSaysSo(t *testing.T) {
	p := newTested(t, inWarehouse("a", 9), inWarehouse("b", 9))
	p.allocates(whole("1", 3), whole("2", 3), whole("3", 3))
	q := allocation.Query{Batch: "a", Now: monday, Limit: 2}
	loaded := loadTested(t, page(p.state(), q), q)
	loaded.refuses(allocation.ErrNotLoaded, func() error {
		_, err := loaded.BlockBatch("a", "recall", monday, nil)
		return err
	})
}

// A command that names a batch which is not there must not answer that all is well.
func TestBatchesThatAreNotThere(t *testing.T) {
	count := allocation.Count{Batch: "x", Quantity: 1, At: monday}
	split := parted("y", 1, "")
	rows := map[string]func(p *tested) error{
		"BlockBatch":   func(p *tested) error { _, err := p.BlockBatch("x", "recall", monday, nil); return err },
		"UnblockBatch": func(p *tested) error { return p.UnblockBatch("x", monday) },
		"SplitBatch":   func(p *tested) error { _, err := p.SplitBatch("x", split, monday, nil); return err },
		"ReceiveBatch": func(p *tested) error { _, err := p.ReceiveBatch(count, monday, nil); return err },
		"ChangeBatchQuantity": func(p *tested) error {
			_, err := p.ChangeBatchQuantity(count, monday, nil)
			return err
		},
		"ChangeBatchETA": func(p *tested) error {
			_, err := p.ChangeBatchETA("x", mondayPlus(1), monday, nil)
			return err
		},
	}
	for name, command := range rows {
		t.Run(name, func(t *testing.T) {
			p := newTested(t, inWarehouse("a", 9))
			p.refuses(allocation.ErrNotFound, func() error { return command(p) })
		})
	}
}

func TestBlockBatchNeedsAReason(t *testing.T) {
	p := newTested(t, inWarehouse("a", 5))
	for _, reason := range []string{"", " recall", strings.Repeat("r", 256)} {
		p.refuses(allocation.ErrInvalid, func() error { _, err := p.BlockBatch("a", reason, monday, nil); return err })
	}
}
