package allocation_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func TestProductNeverGuessesAboutOrdersThatWereNotLoaded(t *testing.T) {
	kept := newTested(t, inWarehouse("a", 10))
	kept.allocates(whole("kept", 2))
	q := allocation.Query{
		SKUs: []allocation.SKU{lamp}, Orders: []allocation.OrderID{"kept", "none"}, Now: monday, Limit: 9,
	}
	verbs := map[string]func(p *tested, order allocation.OrderID) error{
		"Allocate": func(p *tested, order allocation.OrderID) error {
			_, err := p.Allocate(monday, nil, whole(order, 2))
			return err
		},
		"Lines":  func(p *tested, order allocation.OrderID) error { _, err := p.Lines(order, monday); return err },
		"Cancel": func(p *tested, order allocation.OrderID) error { _, err := p.Cancel(order, monday); return err },
		"Change": func(p *tested, order allocation.OrderID) error {
			_, err := p.ChangeLine(lineOf(order, 3), monday, nil)
			return err
		},
		"Confirm": func(p *tested, order allocation.OrderID) error { _, err := p.Confirm(order, monday); return err },
		"Extend": func(p *tested, order allocation.OrderID) error {
			_, err := p.Extend(order, mondayPlus(1), monday)
			return err
		},
		"Ship": func(p *tested, order allocation.OrderID) error { _, err := p.Ship(order, monday); return err },
		"ShipPart": func(p *tested, order allocation.OrderID) error {
			_, err := p.ShipPart(lineOf(order, 1), monday)
			return err
		},
	}
	for name, verb := range verbs {
		t.Run(name, func(t *testing.T) {
			p := loadTested(t, page(kept.state(), q), q)
			p.refuses(allocation.ErrNotLoaded, func() error { return verb(p, "somebody-else") })
			if name != "Allocate" {
				p.refuses(allocation.ErrNotFound, func() error { return verb(p, "none") })
			}
			if name != "Extend" {
				assert.NoError(t, verb(p, "kept"))
			}
		})
	}
	t.Run("a query by order says whether the order has a line", func(t *testing.T) {
		q := allocation.Query{Order: "none", Now: monday, Limit: 9}
		p := loadTested(t, page(kept.state(), q), q)
		p.refuses(allocation.ErrNotFound, func() error { _, err := p.Lines("none", monday); return err })
		p.refuses(allocation.ErrNotLoaded, func() error { _, err := p.Lines("kept", monday); return err })
	})
	t.Run("a new product knows that it has none", func(t *testing.T) {
		p := newTested(t)
		p.refuses(allocation.ErrNotFound, func() error { _, err := p.Lines("o", monday); return err })
	})
}

func TestStateThatContradictsItselfIsNotLoaded(t *testing.T) {
	line := func(units allocation.Quantity, parts ...allocation.Part) allocation.Allocation {
		return allocation.Allocation{OrderLine: lineOf("o", units), Sequence: 2, Parts: parts}
	}
	rows := map[string]allocation.Allocation{
		"a part of an unknown batch":      line(2, allocation.Part{Batch: "x", Quantity: 2}),
		"more shipped than allocated":     line(2, allocation.Part{Batch: "a", Quantity: 2, Shipped: 3}),
		"parts that don't add up":         line(3, allocation.Part{Batch: "a", Quantity: 2}),
		"a line without parts":            line(0),
		"a line without parts, but units": line(3),
	}
	for name, bad := range rows {
		t.Run(name, func(t *testing.T) {
			state := allocation.State{
				SKU: lamp, Version: 2, Batches: []allocation.Batch{inWarehouse("a", 9)},
				Lines: []allocation.Allocation{bad},
			}
			_, err := state.Product(allocation.Query{Order: "o", Now: monday})
			var detail *allocation.Error
			require.ErrorAs(t, err, &detail)
			assert.Equal(t, lamp, detail.Value, "which product")
			assert.NotErrorIs(t, err, allocation.ErrMismatch, "that is for what callers say")
		})
	}
}

func TestProductHandsOutCopies(t *testing.T) {
	p := newTested(t, inWarehouse("a", 5), inWarehouse("b", 5))
	given := p.allocates(split("o", 7))
	before := p.snapshot()
	given[0].Parts[0].Quantity = 99
	line, err := lone(p.Lines("o", monday))
	require.NoError(t, err)
	line.Parts[1].Shipped = 1
	c := p.Changes()
	c.NewLines[0].Parts[0].Batch = "z"
	c.Events[0] = nil
	assert.Equal(t, before, p.snapshot(), "what the product is")
}

func TestBatchesStopsWhenTheLoopDoes(t *testing.T) {
	p := newTested(t, inWarehouse("a", 5), inWarehouse("b", 5))
	var seen []allocation.BatchRef
	for b := range p.Batches() {
		seen = append(seen, b.Ref)
		break
	}
	assert.Equal(t, []allocation.BatchRef{"a"}, seen, "batches of the loop")
}

func TestCountersOnlyMeansThatNothingElseOfTheBatchChanged(t *testing.T) {
	rows := map[string]struct {
		verb func(p *tested) error
		want bool
	}{
		"Allocate": {func(p *tested) error { _, err := p.Allocate(monday, nil, whole("o", 2)); return err }, true},
		"Cancel":   {func(p *tested) error { _, err := p.Cancel("kept", monday); return err }, true},
		"Ship, which sets ShippedAt beside the counters": {
			func(p *tested) error { _, err := p.Ship("kept", monday); return err }, false},
		"a count, which sets CountedAt beside the counters": {func(p *tested) error {
			_, err := p.ChangeBatchQuantity(allocation.Count{Batch: "a", Quantity: 9, At: monday}, monday, nil)
			return err
		}, false},
		"a block": {func(p *tested) error { _, err := p.BlockBatch("a", "wet", monday, nil); return err }, false},
	}
	kept := newTested(t, inWarehouse("a", 10))
	kept.allocates(whole("kept", 2))
	q := allocation.Query{
		Batch: "a", Orders: []allocation.OrderID{"kept", "o"}, Now: monday, Limit: 9,
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			p := loadTested(t, page(kept.state(), q), q)
			require.NoError(t, row.verb(p))
			changes := p.Changes().Batches
			require.Len(t, changes, 1)
			assert.Equal(t, row.want, changes[0].CountersOnly)
		})
	}
}

// A line that waits has no units in the queue's entry, waits for some of the wanted units, and is announced by
// AnyWaiting. A store that says otherwise is not believed.
func TestR15_AQueueThatContradictsItselfIsRefused(t *testing.T) {
	parts := []allocation.Part{part("a", 0, 0)}
	waiting := allocation.Allocation{OrderLine: lineOf("o", 0), MayWait: true, Waiting: 2, Wanted: 2, Sequence: 1}
	q := allocation.Query{SKUs: []allocation.SKU{lamp}, Now: monday, Waiting: true, Limit: 9}
	load := func(change func(*allocation.State, *allocation.Allocation)) error {
		state := allocation.State{SKU: lamp, Version: 3, AnyWaiting: true}
		a := waiting
		change(&state, &a)
		state.Waiting = []allocation.Allocation{a}
		_, err := state.Product(q)
		return err
	}
	require.NoError(t, load(func(*allocation.State, *allocation.Allocation) {}))
	for name, change := range map[string]func(*allocation.State, *allocation.Allocation){
		"waits for nothing":      func(_ *allocation.State, a *allocation.Allocation) { a.Waiting = 0 },
		"waits for less":         func(_ *allocation.State, a *allocation.Allocation) { a.Waiting = -1 },
		"has units":              func(_ *allocation.State, a *allocation.Allocation) { a.Quantity = 1 },
		"has parts":              func(_ *allocation.State, a *allocation.Allocation) { a.Parts = parts },
		"wants too little":       func(_ *allocation.State, a *allocation.Allocation) { a.Wanted = 1 },
		"nobody is said to wait": func(s *allocation.State, _ *allocation.Allocation) { s.AnyWaiting = false },
	} {
		assert.ErrorContains(t, load(change), "the store contradicts itself", name)
	}
}
