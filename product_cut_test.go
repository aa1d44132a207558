package allocation_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// cut is the verb that most of R6 is about.
func (p *tested) cut(ref allocation.BatchRef, units allocation.Quantity) []allocation.OrderLine {
	p.t.Helper()
	released, err := p.ChangeBatchQuantity(counted(ref, units, monday), monday, nil)
	require.NoError(p.t, err)
	return released
}

func TestR6_CutMovesTheNewestLines(t *testing.T) {
	rows := []struct {
		name     string
		batches  []allocation.Batch
		requests []allocation.Request // all from batch a
		to       allocation.Quantity
		lines    map[allocation.OrderID]string
		released []allocation.OrderLine
	}{
		{
			"nobody has to leave while there is room", []allocation.Batch{inWarehouse("a", 10), inWarehouse("b", 10)},
			[]allocation.Request{whole("1", 3), whole("2", 3)}, 6,
			map[allocation.OrderID]string{"1": "a:3", "2": "a:3"}, nil,
		},
		{
			"the newest leaves, the others stay", []allocation.Batch{inWarehouse("a", 10), inWarehouse("b", 10)},
			[]allocation.Request{whole("9", 3), whole("5", 3), whole("7", 3)}, 8,
			map[allocation.OrderID]string{"9": "a:3", "5": "a:3", "7": "b:3"}, nil,
		},
		{
			"as many leave as it takes", []allocation.Batch{inWarehouse("a", 10), inWarehouse("b", 10)},
			[]allocation.Request{whole("1", 3), whole("2", 3), whole("3", 3)}, 4,
			map[allocation.OrderID]string{"1": "a:3", "2": "b:3", "3": "b:3"}, nil,
		},
		{
			"to nothing", []allocation.Batch{inWarehouse("a", 10), arriving("b", 10, 1)},
			[]allocation.Request{whole("1", 5), whole("2", 5)}, 0,
			map[allocation.OrderID]string{"1": "b:5", "2": "b:5"}, nil,
		},
		{
			"a whole line moves whole, to a batch that takes all of it", []allocation.Batch{
				inWarehouse("a", 10), arriving("b", 4, 1), arriving("c", 9, 2),
			},
			[]allocation.Request{whole("1", 5)}, 4,
			map[allocation.OrderID]string{"1": "c:5"}, nil,
		},
		{
			"a whole line that fits nowhere is released whole", []allocation.Batch{
				inWarehouse("a", 10), arriving("b", 4, 1),
			},
			[]allocation.Request{whole("1", 5), whole("2", 5)}, 9,
			map[allocation.OrderID]string{"1": "a:5", "2": ""}, []allocation.OrderLine{lineOf("2", 5)},
		},
		{
			"a split line is spread", []allocation.Batch{
				inWarehouse("a", 10), arriving("b", 3, 1), arriving("c", 9, 2),
			},
			[]allocation.Request{split("1", 8)}, 0,
			map[allocation.OrderID]string{"1": "b:3 c:5"}, nil,
		},
		{
			"a split line loses only what fits nowhere", []allocation.Batch{inWarehouse("a", 10), arriving("b", 3, 1)},
			[]allocation.Request{split("1", 8)}, 2,
			map[allocation.OrderID]string{"1": "a:2 b:3"}, []allocation.OrderLine{lineOf("1", 3)},
		},
		{
			"a split line that gets nothing is gone", []allocation.Batch{inWarehouse("a", 10)},
			[]allocation.Request{split("1", 8)}, 0,
			map[allocation.OrderID]string{"1": ""}, []allocation.OrderLine{lineOf("1", 8)},
		},
		{
			"of the leaving lines the oldest chooses first", []allocation.Batch{
				inWarehouse("a", 10), arriving("b", 5, 1),
			},
			[]allocation.Request{whole("1", 4), whole("2", 5)}, 3,
			map[allocation.OrderID]string{"1": "b:4", "2": ""}, []allocation.OrderLine{lineOf("2", 5)},
		},
		{
			"what is released is reported oldest first", []allocation.Batch{inWarehouse("a", 10)},
			[]allocation.Request{whole("x", 4), whole("y", 2), whole("w", 4)}, 0,
			map[allocation.OrderID]string{}, []allocation.OrderLine{lineOf("x", 4), lineOf("y", 2), lineOf("w", 4)},
		},
		{
			"the room that a large line leaves is used by a smaller one", []allocation.Batch{inWarehouse("a", 10)},
			[]allocation.Request{whole("1", 6), whole("2", 4)}, 5,
			map[allocation.OrderID]string{"1": "", "2": "a:4"}, []allocation.OrderLine{lineOf("1", 6)},
		},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			p := newTested(t, row.batches...)
			p.allocates(row.requests...)
			assert.Equal(t, row.released, p.cut("a", row.to), "released lines")
			for _, r := range row.requests {
				assert.Equal(t, row.lines[r.OrderID], p.line(r.OrderID), "batches of the line of order %q", r.OrderID)
			}
		})
	}
}

func TestR6_MoreUnitsMoveNobody(t *testing.T) {
	p := newTested(t, inWarehouse("a", 10), inWarehouse("b", 10))
	p.allocates(whole("1", 10))
	before := len(p.Changes().Events)
	assert.Empty(t, p.cut("a", 12), "released lines")
	assert.Equal(t, []string{"BatchQuantityChanged a +2 +0"}, p.recorded(before), "events")
	assert.Equal(t, "10/12", p.batch("a"), "allocated/purchased of batch a")
}

func TestR6_LinesMoveUnderTheGivenPolicyAndKeepTheirTerms(t *testing.T) {
	p := newTested(t, inWarehouse("a", 10), inWarehouse("b", 10), at("hull", arriving("c", 10, 1)))
	p.allocates(hold("h", 5, mondayPlus(1)))
	before := len(p.Changes().Events)
	released, err := p.ChangeBatchQuantity(counted("a", 4, monday), monday, allocation.PreferLocations("hull"))
	require.NoError(t, err)
	assert.Empty(t, released, "released lines")
	moved, err := lone(p.Lines("h", monday))
	require.NoError(t, err)
	assert.Equal(t, "c:5", from(moved), "batches of the line")
	assert.Equal(t, mondayPlus(1), moved.HeldUntil, "HeldUntil")
	assert.Equal(t, []string{"LineDeallocated h a +0 -5", "BatchQuantityChanged a -6 +0", "LineAllocated h c +0 +5"},
		p.recorded(before), "events")
	last := p.Changes().Events[before+2].(allocation.LineAllocated)
	assert.Equal(t, mondayPlus(1), last.HeldUntil, "HeldUntil of the event")
}

func TestR6_MovedLineKeepsItsAge(t *testing.T) {
	p := newTested(t, inWarehouse("a", 4), inWarehouse("b", 8), inWarehouse("c", 4))
	p.allocates(whole("old", 4), whole("new", 4))
	p.cut("a", 3)
	require.Equal(t, []string{"b:4", "b:4"}, []string{p.line("old"), p.line("new")}, "batches of the lines")
	p.cut("b", 4)
	assert.Equal(t, []string{"b:4", "c:4"}, []string{p.line("old"), p.line("new")}, "batches: the older promise stays")
}

func TestR6_ShippedUnitsStay(t *testing.T) {
	setUp := func(t *testing.T, request allocation.Request, others ...allocation.Batch) *tested {
		t.Helper()
		p := newTested(t, append(others, inWarehouse("a", 10))...)
		p.allocates(request)
		_, err := p.ShipPart(lineOf("o", 3), monday)
		require.NoError(t, err)
		require.Equal(t, "5/7", p.batch("a"), "allocated/purchased of batch a")
		return p
	}
	t.Run("only open units move", func(t *testing.T) {
		p := setUp(t, whole("o", 8), arriving("b", 5, 1))
		assert.Empty(t, p.cut("a", 4), "released lines")
		assert.Equal(t, "a:3/3 b:5", p.line("o"), "batches of the line")
	})
	t.Run("only open units are released", func(t *testing.T) {
		p := setUp(t, whole("o", 8))
		assert.Equal(t, []allocation.OrderLine{lineOf("o", 5)}, p.cut("a", 4), "released lines")
		assert.Equal(t, "a:3/3", p.line("o"), "batches of the line")
		p.stays(func() error { _, err := p.Allocate(monday, nil, whole("o", 3)); return err })
	})
	t.Run("a split line", func(t *testing.T) {
		p := setUp(t, split("o", 8), arriving("b", 2, 1))
		assert.Equal(t, []allocation.OrderLine{lineOf("o", 2)}, p.cut("a", 1), "released lines")
		assert.Equal(t, "a:4/3 b:2", p.line("o"), "batches of the line")
	})
	t.Run("a line that has shipped whole doesn't move", func(t *testing.T) {
		p := setUp(t, whole("o", 8))
		_, err := p.Ship("o", monday)
		require.NoError(t, err)
		assert.Empty(t, p.cut("a", 0), "released lines")
		assert.Equal(t, "a:8/8", p.line("o"), "batches of the line")
	})
}

func TestR6_ReceivingFewerThanPromised(t *testing.T) {
	p := newTested(t, arriving("a", 10, 1), arriving("b", 4, 2))
	p.allocates(whole("1", 4), whole("2", 4), whole("3", 2))
	before := len(p.Changes().Events)
	released, err := p.ReceiveBatch(counted("a", 3, monday), monday, nil)
	require.NoError(t, err)
	assert.Equal(t, []allocation.OrderLine{lineOf("2", 4)}, released, "released lines")
	assert.Equal(t, []string{"b:4", "", "a:2"}, []string{p.line("1"), p.line("2"), p.line("3")}, "batches of the lines")
	assert.Equal(t, []string{
		"LineDeallocated 1 a +0 -4", "LineReleased 2 a +0 -4", "BatchReceived a -7 +0", "LineAllocated 1 b +0 +4",
	}, p.recorded(before), "events")
	for b := range p.Batches() {
		if b.Ref == "a" {
			assert.Zero(t, b.ETA, "ETA of a batch that has arrived")
			assert.Equal(t, monday, b.CountedAt, "CountedAt")
		}
	}
}

// crowded returns a product with batch a full of four lines of two units, 1 to 4, and room for all
// lines in b.
func crowded(t *testing.T) allocation.State {
	t.Helper()
	p := newTested(t, inWarehouse("a", 8), arriving("b", 8, 1))
	p.allocates(whole("1", 2), whole("2", 2), whole("3", 2), whole("4", 2))
	return p.state()
}

func TestR6_CutNeedsTheLinesOfTheBatch(t *testing.T) {
	state := crowded(t)
	load := func(t *testing.T, q allocation.Query) *tested {
		t.Helper()
		q.Now = monday
		return loadTested(t, page(state, q), q)
	}
	cutTo := func(p *tested, units allocation.Quantity) func() error {
		return func() error {
			_, err := p.ChangeBatchQuantity(counted("a", units, monday), monday, nil)
			return err
		}
	}
	t.Run("not loaded at all", func(t *testing.T) {
		p := load(t, allocation.Query{SKUs: []allocation.SKU{lamp}, Orders: []allocation.OrderID{"4", "3"}, Limit: 10})
		p.refuses(allocation.ErrNotLoaded, cutTo(p, 6))
		assert.NoError(t, cutTo(p, 8)(), "a count that moves nobody")
	})
	t.Run("the page is enough", func(t *testing.T) {
		p := load(t, allocation.Query{Batch: "a", Limit: 2})
		require.NoError(t, cutTo(p, 4)())
		c := p.Changes()
		require.Len(t, c.Lines, 2)
		assert.Empty(t, c.NewLines, "lines that the store doesn't have")
		assert.Equal(t, []allocation.OrderID{"4", "3"}, []allocation.OrderID{c.Lines[0].OrderID, c.Lines[1].OrderID},
			"moved lines")
	})
	t.Run("the page is too small", func(t *testing.T) {
		p := load(t, allocation.Query{Batch: "a", Limit: 2})
		p.refuses(allocation.ErrNotLoaded, cutTo(p, 3))
	})
	t.Run("an older line that is known by its order is not one of the newest", func(t *testing.T) {
		p := load(t, allocation.Query{Batch: "a", Limit: 2, Orders: []allocation.OrderID{"1"}})
		p.refuses(allocation.ErrNotLoaded, cutTo(p, 3))
	})
	t.Run("the page has all of them", func(t *testing.T) {
		p := load(t, allocation.Query{Batch: "a", Limit: 4})
		require.NoError(t, cutTo(p, 0)())
		assert.Len(t, p.Changes().Lines, 4, "moved lines")
	})
	t.Run("a line that is new in this unit of work is the newest", func(t *testing.T) {
		p := load(t, allocation.Query{Batch: "b", Limit: 1, Orders: []allocation.OrderID{"5"}})
		p.allocates(whole("5", 3))
		_, err := p.ChangeBatchQuantity(counted("b", 2, monday), monday, nil)
		require.NoError(t, err)
		assert.Empty(t, p.line("5"), "the line had nowhere to go")
	})
}

// If the lines of the batch were not loaded, a larger page would not bring them, so the unit of work
// does not try.
func TestR6_LinesThatWereNotLoadedNeedNoLargerPage(t *testing.T) {
	store := memory.New()
	require.NoError(t, store.Seed(inWarehouse("a", 8)))
	units := allocation.NewUnitOfWork(store,
		&allocation.UnitOfWorkOptions{Now: func() time.Time { return mondayPlus(1) }})
	_, err := newService(t, units, nil).Allocate(t.Context(), whole("o", 5))
	require.NoError(t, err)
	runs := 0
	err = units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		runs++
		p, err := products.Get(ctx, lamp)
		require.NoError(t, err)
		_, err = p.ChangeBatchQuantity(counted("a", 4, monday), products.Now(), nil)
		return err
	})
	require.ErrorIs(t, err, allocation.ErrNotLoaded)
	assert.Equal(t, 1, runs, "runs of the unit of work")
}

func TestR6_CountersThatDisagreeWithTheLinesAreAnError(t *testing.T) {
	state := crowded(t)
	state.Lines = state.Lines[:1]
	q := allocation.Query{Batch: "a", Limit: 10, Now: monday}
	p, err := state.Product(q)
	require.NoError(t, err)
	_, err = p.ChangeBatchQuantity(counted("a", 1, monday), monday, nil)
	require.ErrorIs(t, err, allocation.ErrNotAllowed)
	assert.Empty(t, p.Changes().Events, "events of a refusal")
}

// The policy prefers the other batch, but is asked only about lines that the cut batch has no room
// for.
func TestR6_ALineThatFitsExactlyStays(t *testing.T) {
	p := newTested(t, inWarehouse("a", 10), at("hull", arriving("b", 4, 1)))
	p.allocates(whole("1", 6), whole("2", 4))
	before := len(p.Changes().Events)
	released, err := p.ChangeBatchQuantity(counted("a", 4, monday), monday, allocation.PreferLocations("hull"))
	require.NoError(t, err)
	assert.Equal(t, []allocation.OrderLine{lineOf("1", 6)}, released, "released lines")
	assert.Equal(t, "a:4", p.line("2"), "batches of the line")
	assert.Equal(t, []string{"LineReleased 1 a +0 -6", "BatchQuantityChanged a -6 +0"}, p.recorded(before), "events")
}

func TestR6_LapsedHoldsStayWhileTheBatchHasRoomForThem(t *testing.T) {
	for to, events := range map[allocation.Quantity][]string{
		10: {"BatchQuantityChanged a -2 +0"},
		9:  {"HoldLapsed h a +0 -4", "BatchQuantityChanged a -3 +0"},
	} {
		p := newTested(t, inWarehouse("a", 12))
		p.allocates(hold("h", 4, mondayPlus(1)), whole("1", 6))
		before := len(p.Changes().Events)
		_, err := p.ChangeBatchQuantity(counted("a", to, mondayPlus(1)), mondayPlus(1), nil)
		require.NoError(t, err)
		assert.Equal(t, events, p.recorded(before), "events of a count of %d units", to)
	}
}
