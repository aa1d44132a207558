package allocation_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// lamp is the product of the model's tests.
const lamp allocation.SKU = "RED-LAMP"

// monday is the moment at which the model's tests begin.
var monday = time.Date(2031, time.March, 3, 9, 0, 0, 0, time.UTC)

// mondayPlus is so many days later.
func mondayPlus(days int) time.Time { return monday.AddDate(0, 0, days) }

// tested is a product whose account is checked after every test (R9), whatever the test is about.
type tested struct {
	*allocation.Product
	t    *testing.T
	base allocation.State // what was loaded
}

func newTested(t *testing.T, batches ...allocation.Batch) *tested {
	t.Helper()
	product, err := allocation.NewProduct(lamp)
	require.NoError(t, err)
	p := &tested{Product: product, t: t}
	t.Cleanup(p.checkAccount)
	for _, b := range batches {
		require.NoError(t, p.AddBatch(b, monday))
	}
	return p
}

// loadTested is the product that a query brings; its events begin after the state's version.
func loadTested(t *testing.T, state allocation.State, q allocation.Query) *tested {
	t.Helper()
	asLoaded := state
	asLoaded.Lines = slices.Clone(state.Lines)
	for i, a := range asLoaded.Lines {
		asLoaded.Lines[i].Parts = slices.Clone(a.Parts) // the product takes the state over
	}
	product, err := state.Product(q)
	require.NoError(t, err)
	p := &tested{Product: product, t: t, base: asLoaded}
	t.Cleanup(p.checkAccount)
	return p
}

func inWarehouse(ref allocation.BatchRef, units allocation.Quantity) allocation.Batch {
	return allocation.Batch{Ref: ref, SKU: lamp, Purchased: units}
}

func arriving(ref allocation.BatchRef, units allocation.Quantity, days int) allocation.Batch {
	return allocation.Batch{Ref: ref, SKU: lamp, Purchased: units, ETA: mondayPlus(days)}
}

func lineOf(order allocation.OrderID, units allocation.Quantity) allocation.OrderLine {
	return allocation.OrderLine{OrderID: order, SKU: lamp, Quantity: units}
}

func whole(order allocation.OrderID, units allocation.Quantity) allocation.Request {
	return allocation.Request{OrderLine: lineOf(order, units)}
}

func split(order allocation.OrderID, units allocation.Quantity) allocation.Request {
	return allocation.Request{OrderLine: lineOf(order, units), Split: true}
}

func hold(order allocation.OrderID, units allocation.Quantity, until time.Time) allocation.Request {
	return allocation.Request{OrderLine: lineOf(order, units), HoldUntil: until}
}

func counted(ref allocation.BatchRef, units allocation.Quantity, at time.Time) allocation.Count {
	return allocation.Count{Batch: ref, Quantity: units, At: at}
}

// allocates gives every request its stock under the default policy.
func (p *tested) allocates(requests ...allocation.Request) []allocation.Allocation {
	p.t.Helper()
	given, err := p.Allocate(monday, nil, requests...)
	require.NoError(p.t, err)
	return given
}

// from says which batches a line comes from: "A:3 B:4/1" is 3 units of A, and 4 of B of which 1 is shipped.
func from(a allocation.Allocation) string {
	parts := make([]string, len(a.Parts))
	for i, part := range a.Parts {
		parts[i] = fmt.Sprintf("%s:%d", part.Batch, part.Quantity)
		if part.Shipped > 0 {
			parts[i] += fmt.Sprintf("/%d", part.Shipped)
		}
	}
	return strings.Join(parts, " ")
}

// line says which batches the line of an order comes from, "" if there is no such line.
func (p *tested) line(order allocation.OrderID) string {
	p.t.Helper()
	a, err := p.Line(order, monday)
	if err != nil {
		require.ErrorIs(p.t, err, allocation.ErrNotFound)
		return ""
	}
	return from(a)
}

// batch says "allocated/purchased" of a batch.
func (p *tested) batch(ref allocation.BatchRef) string {
	p.t.Helper()
	for b := range p.Batches() {
		if b.Ref == ref {
			return fmt.Sprintf("%d/%d", b.Allocated, b.Purchased)
		}
	}
	require.Failf(p.t, "no such batch", "batch %q", ref)
	return ""
}

// told lists the events after the first so many, without the product's own fields.
func (p *tested) told(after int) []string {
	var told []string
	for _, e := range p.Changes().Events[after:] {
		told = append(told, toldOf(e))
	}
	return told
}

// toldOf is an event in one line: its kind, whom it concerns and what moved.
func toldOf(e allocation.Event) string {
	ref, purchased, allocated := e.Movement()
	text := e.Kind()
	switch e := e.(type) {
	case allocation.LineAllocated:
		text += " " + string(e.OrderID)
	case allocation.LineDeallocated:
		text += " " + string(e.OrderID)
	case allocation.LineReleased:
		text += " " + string(e.OrderID)
	case allocation.LineShipped:
		text += " " + string(e.OrderID)
	case allocation.HoldLapsed:
		text += " " + string(e.OrderID)
	case allocation.LowStockCrossed:
		text += fmt.Sprintf(" available %d of %d, low %t", e.Available, e.Threshold, e.Low)
	}
	if ref != "" {
		text += fmt.Sprintf(" %s %+d %+d", ref, purchased, allocated)
	}
	return text
}

// refuses runs a verb that must fail with the given reason and change nothing.
func (p *tested) refuses(reason error, verb func() error) error {
	p.t.Helper()
	before := p.snapshot()
	err := verb()
	require.ErrorIs(p.t, err, reason)
	assert.Equal(p.t, before, p.snapshot(), "what the product is after a refusal")
	return err
}

// stays runs a verb that must succeed and change nothing: no event, no new version.
func (p *tested) stays(verb func() error) {
	p.t.Helper()
	before := p.snapshot()
	require.NoError(p.t, verb())
	assert.Equal(p.t, before, p.snapshot(), "what the product is after a repeat")
}

// runsOut runs a verb that must find too little stock and change nothing.
func (p *tested) runsOut(verb func() error) []allocation.Shortage {
	p.t.Helper()
	before := p.snapshot()
	var short *allocation.OutOfStockError
	require.ErrorAs(p.t, verb(), &short)
	assert.Equal(p.t, before, p.snapshot(), "what the product is after a shortage")
	return short.Shortages
}

// snapshot is everything that a commit would write, and the batches as they are.
type snapshot struct {
	changes allocation.Changes
	batches []allocation.Batch
}

func (p *tested) snapshot() snapshot {
	return snapshot{changes: p.Changes(), batches: slices.Collect(p.Batches())}
}

// state is a product that was new, as a store would keep it.
func (p *tested) state() allocation.State {
	p.t.Helper()
	c := p.Changes()
	require.Zero(p.t, c.Read, "only a new product knows all of itself")
	return allocation.State{
		SKU: c.SKU, Version: c.Version, Refused: c.Refused, LowStock: c.LowStock, Batches: c.NewBatches, Lines: c.NewLines,
	}
}

// page is what a store would load of the state: the lines of the orders, the lapsed holds and those of the
// batch, the last two at most Limit of them.
func page(s allocation.State, q allocation.Query) allocation.State {
	var lapsed, onBatch, other []allocation.Allocation
	for _, a := range s.Lines {
		if a.Lapsed(q.Now) {
			lapsed = append(lapsed, a)
		}
		if slices.ContainsFunc(a.Parts, func(p allocation.Part) bool { return p.Batch == q.Batch && p.Quantity > p.Shipped }) {
			onBatch = append(onBatch, a)
		}
		if a.OrderID == q.Order || slices.Contains(q.Orders, a.OrderID) {
			other = append(other, a)
		}
	}
	slices.SortFunc(lapsed, func(a, b allocation.Allocation) int { return a.HeldUntil.Compare(b.HeldUntil) })
	slices.SortFunc(onBatch, func(a, b allocation.Allocation) int { return cmp.Compare(b.Sequence, a.Sequence) })
	if s.MoreLapsed = len(lapsed) > q.Limit; s.MoreLapsed {
		lapsed = lapsed[:q.Limit]
	}
	if len(onBatch) > q.Limit {
		onBatch = onBatch[:q.Limit]
		s.LinesFrom = onBatch[q.Limit-1].Sequence
	}
	s.Lines = nil
	for _, a := range slices.Concat(lapsed, onBatch, other) {
		if !slices.ContainsFunc(s.Lines, func(b allocation.Allocation) bool { return a.OrderID == b.OrderID }) {
			a.Parts = slices.Clone(a.Parts)
			s.Lines = append(s.Lines, a)
		}
	}
	return s
}

// checkAccount is R9: the events add up to the counters, the version counts them, what is promised is what
// the lines have, and no event in between promises more than is there.
func (p *tested) checkAccount() {
	p.t.Helper()
	c := p.Changes()
	assert.Equal(p.t, c.Read+int64(len(c.Events)), c.Version, "version after %d events", len(c.Events))
	assert.Equal(p.t, c.Version, p.Version(), "Version()")
	counters := map[allocation.BatchRef]allocation.Batch{}
	for _, b := range p.base.Batches {
		counters[b.Ref] = b
	}
	for i, e := range c.Events {
		ref, purchased, allocated := e.Movement()
		if ref == "" {
			assert.Zero(p.t, [2]allocation.Quantity{purchased, allocated}, "movement of no batch by event %d, %s", i, e.Kind())
			continue
		}
		b := counters[ref]
		b.Purchased += purchased
		b.Allocated += allocated
		counters[ref] = b
		assert.GreaterOrEqual(p.t, b.Allocated, allocation.Quantity(0), "allocated of %q after event %d, %s", ref, i, e.Kind())
		assert.GreaterOrEqual(p.t, b.Available(), allocation.Quantity(0), "available of %q after event %d, %s", ref, i, e.Kind())
	}
	promised := p.promised(c)
	for b := range p.Batches() {
		told := counters[b.Ref]
		assert.Equal(p.t, [2]allocation.Quantity{told.Purchased, told.Allocated}, [2]allocation.Quantity{b.Purchased, b.Allocated},
			"purchased and allocated of batch %q, as told and as counted", b.Ref)
		assert.Equal(p.t, promised[b.Ref], b.Allocated, "what the lines have of batch %q, and its counter", b.Ref)
	}
}

// promised adds up what every batch owes: what it owed when it was loaded, and what lines got or lost since.
func (p *tested) promised(c allocation.Changes) map[allocation.BatchRef]allocation.Quantity {
	sum := map[allocation.BatchRef]allocation.Quantity{}
	add := func(a allocation.Allocation, sign allocation.Quantity) {
		var units allocation.Quantity
		for _, part := range a.Parts {
			sum[part.Batch] += sign * (part.Quantity - part.Shipped)
			units += part.Quantity
		}
		assert.Equal(p.t, a.Quantity, units, "the line of order %q and the sum of its parts", a.OrderID)
	}
	for _, b := range p.base.Batches {
		sum[b.Ref] = b.Allocated
	}
	for _, a := range p.base.Lines {
		replaced := slices.ContainsFunc(c.Lines, func(b allocation.Allocation) bool { return a.Key() == b.Key() })
		if replaced || slices.Contains(c.Removed, a.Key()) {
			add(a, -1)
		}
	}
	for _, a := range slices.Concat(c.NewLines, c.Lines) {
		add(a, 1)
	}
	return sum
}
