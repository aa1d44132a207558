package allocation_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func TestR9_EveryVerbIsRecorded(t *testing.T) {
	p := newTested(t)
	tomorrow := mondayPlus(1)
	steps := []struct {
		name string
		verb func() error
		want []string
	}{
		{"AddBatch", func() error { return p.AddBatch(inWarehouse("a", 10), monday) }, []string{"BatchAdded a +10 +0"}},
		{
			"AddBatch of a shipment", func() error { return p.AddBatch(arriving("b", 10, 2), monday) },
			[]string{"BatchAdded b +10 +0"},
		},
		{
			"ChangeBatchETA", func() error { return slips(p, "b", mondayPlus(3), monday) },
			[]string{"BatchETAChanged"},
		},
		{
			"Allocate, whole", func() error { _, err := p.Allocate(monday, nil, whole("w", 6)); return err },
			[]string{"LineAllocated w a +0 +6"},
		},
		{
			"Allocate, split", func() error { _, err := p.Allocate(monday, nil, split("s", 6)); return err },
			[]string{"LineAllocated s a +0 +4", "LineAllocated s b +0 +2"},
		},
		{
			"Allocate, two holds", func() error {
				_, err := p.Allocate(monday, nil, hold("h", 2, tomorrow), hold("l", 1, tomorrow))
				return err
			},
			[]string{"LineAllocated h b +0 +2", "LineAllocated l b +0 +1"},
		},
		{
			"Extend", func() error { _, err := p.Extend("h", mondayPlus(2), monday); return err },
			[]string{"HoldExtended h"},
		},
		{"Confirm", func() error { _, err := p.Confirm("h", monday); return err }, []string{"HoldConfirmed h"}},
		{"Sweep", func() error { p.Sweep(tomorrow); return nil }, []string{"HoldLapsed l b +0 -1"}},
		{
			"ChangeLine, more", func() error { _, err := p.ChangeLine(lineOf("h", 4), tomorrow, nil); return err },
			[]string{"LineAllocated h b +0 +2"},
		},
		{
			"ChangeLine, fewer", func() error { _, err := p.ChangeLine(lineOf("h", 3), tomorrow, nil); return err },
			[]string{"LineDeallocated h b +0 -1"},
		},
		{
			"ShipPart", func() error { _, err := p.ShipPart(lineOf("s", 1), tomorrow); return err },
			[]string{"LineShipped s a -1 -1"},
		},
		{"Ship", func() error { _, err := p.Ship("w", tomorrow); return err }, []string{"LineShipped w a -6 -6"}},
		{
			"ReceiveBatch", func() error {
				_, err := p.ReceiveBatch(counted("b", 4, monday), tomorrow, nil)
				return err
			},
			[]string{"LineReleased h b +0 -3", "BatchReceived b -6 +0"},
		},
		{
			"ChangeBatchQuantity", func() error {
				_, err := p.ChangeBatchQuantity(counted("a", 2, tomorrow), tomorrow, nil)
				return err
			},
			[]string{"LineDeallocated s a +0 -1", "BatchQuantityChanged a -1 +0", "LineAllocated s b +0 +1"},
		},
		{
			"Cancel", func() error { _, err := p.Cancel("s", tomorrow); return err },
			[]string{"LineDeallocated s b +0 -3", "LineDeallocated s a +0 -2"},
		},
		{"SetLowStock", func() error { return p.SetLowStock(3, tomorrow) }, []string{"LowStockSet"}},
	}
	for _, step := range steps {
		before := p.Version()
		require.NoError(t, step.verb(), step.name)
		assert.Equal(t, step.want, p.recorded(int(before)), "events of %s", step.name)
		assert.Equal(t, before+int64(len(step.want)), p.Version(), "version after %s", step.name)
		p.checkAccount()
	}
}

func TestR9_VersionGoesOnFromWhatWasRead(t *testing.T) {
	p := newTested(t, inWarehouse("a", 10))
	assert.Equal(t, int64(1), p.Version(), "version of a new product with one event")
	p.allocates(whole("1", 1))
	q := allocation.Query{SKUs: []allocation.SKU{lamp}, Orders: []allocation.OrderID{"2"}, Now: monday}
	loaded := loadTested(t, page(p.state(), q), q)
	assert.Equal(t, int64(2), loaded.Version(), "version that was loaded")
	given := loaded.allocates(whole("2", 1))
	c := loaded.Changes()
	assert.Equal(t, []int64{2, 3}, []int64{c.Read, c.Version}, "read and written version")
	assert.Equal(t, int64(3), given[0].Sequence, "Sequence: the number of the line's first event")
}

func TestR9_SequenceIsTheNumberOfTheLinesFirstEvent(t *testing.T) {
	p := newTested(t, inWarehouse("a", 5), inWarehouse("b", 5))
	p.allocates(hold("h", 1, mondayPlus(1)))
	given, err := p.Allocate(mondayPlus(1), nil, split("1", 7), whole("2", 1))
	require.NoError(t, err)
	for _, a := range given {
		first := slices.IndexFunc(p.Changes().Events, func(e allocation.Event) bool {
			allocated, is := e.(allocation.LineAllocated)
			return is && allocated.OrderID == a.OrderID
		})
		assert.Equal(t, int64(first+1), a.Sequence, "Sequence of order %q", a.OrderID)
	}
}

func TestR9_ChangesAreWhatAStoreWrites(t *testing.T) {
	p := newTested(t, inWarehouse("a", 10), arriving("b", 10, 1), inWarehouse("idle", 1))
	p.allocates(whole("stays", 1), whole("grows", 2), whole("goes", 3), hold("lapses", 1, mondayPlus(1)))
	q := allocation.Query{
		SKUs: []allocation.SKU{lamp}, Orders: []allocation.OrderID{"stays", "grows", "goes", "new", "brief"},
		Now: mondayPlus(1), Limit: 9,
	}
	loaded := loadTested(t, page(p.state(), q), q)
	at := mondayPlus(1)
	_, err := loaded.ChangeLine(lineOf("grows", 4), at, nil)
	require.NoError(t, err)
	_, err = loaded.Cancel("goes", at)
	require.NoError(t, err)
	require.NoError(t, loaded.AddBatch(inWarehouse("c", 5), at))
	_, err = loaded.Allocate(at, nil, whole("new", 4), whole("brief", 1))
	require.NoError(t, err)
	_, err = loaded.Cancel("brief", at)
	require.NoError(t, err)
	require.NoError(t, slips(loaded, "b", mondayPlus(7), at))

	c := loaded.Changes()
	want := []allocation.BatchChange{
		{Ref: "a", Allocated: 2 - 3 - 1 + 4, ArrivedAt: monday, CountersOnly: true}, {Ref: "b", ETA: mondayPlus(7)},
	}
	assert.Equal(t, want, dropZero(c.Batches), "differences of batches")
	require.Len(t, c.NewBatches, 1)
	assert.Equal(t, allocation.BatchRef("c"), c.NewBatches[0].Ref, "new batch")
	assert.Equal(t, []string{"new"}, orders(c.NewLines), "new lines: a line that came and went is none")
	assert.Equal(t, []string{"grows"}, orders(c.Lines), "replaced lines")
	removed := []allocation.LineKey{{OrderID: "goes", SKU: lamp}, {OrderID: "lapses", SKU: lamp}}
	assert.ElementsMatch(t, removed, c.Removed, "removed lines")
}

func dropZero(changes []allocation.BatchChange) []allocation.BatchChange {
	return slices.DeleteFunc(changes,
		func(c allocation.BatchChange) bool { return c == allocation.BatchChange{Ref: c.Ref} })
}

func orders(lines []allocation.Allocation) []string {
	var ids []string
	for _, a := range lines {
		ids = append(ids, string(a.OrderID))
	}
	return ids
}

// An event that moves no counter says so, and names no batch.
func TestEventsWithoutABatchMoveNoUnits(t *testing.T) {
	for _, e := range []allocation.Event{
		allocation.LineRefused{Quantity: 3, Available: 2}, allocation.LineHandedOver{}, allocation.LineLate{},
		allocation.LineWaiting{Quantity: 3, Wanted: 4}, allocation.HoldConfirmed{}, allocation.HoldExtended{},
		allocation.BatchExpired{Batch: "b"}, allocation.BatchBlocked{Batch: "b"}, allocation.BatchUnblocked{Batch: "b"},
		allocation.LowStockSet{From: 1, To: 2}, allocation.LowStockCrossed{Available: 1, Threshold: 2},
	} {
		batch, purchased, allocated := e.Movement()
		assert.Empty(t, batch, e.Kind())
		assert.Zero(t, purchased, "purchased by %s", e.Kind())
		assert.Zero(t, allocated, "allocated by %s", e.Kind())
	}
}
