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

// tested is a product whose account is checked after every test (R9), whatever the subject of the
// test.
type tested struct {
	*allocation.Product
	t    *testing.T
	base allocation.State // the loaded state
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

// loadTested returns the product loaded by a query; the events begin after the version of the state.
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

// from names the batches of a line: "A:3 B:4/1" is 3 units of A, and 4 units of B of which 1 is
// shipped.
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

// lone returns the line of an order that has a single line of the product.
func lone(lines []allocation.Allocation, err error) (allocation.Allocation, error) {
	if err != nil {
		return allocation.Allocation{}, err
	}
	if len(lines) != 1 {
		return allocation.Allocation{}, fmt.Errorf("%d lines, want 1", len(lines))
	}
	return lines[0], nil
}

// line names the batches of an order's line, "" if there is no line.
func (p *tested) line(order allocation.OrderID) string {
	p.t.Helper()
	a, err := lone(p.Lines(order, monday))
	if err != nil {
		require.ErrorIs(p.t, err, allocation.ErrNotFound)
		return ""
	}
	return from(a)
}

// batch returns "allocated/purchased" of a batch.
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

// recorded lists the events after the first so many, without the fields of the product.
func (p *tested) recorded(after int) []string {
	var texts []string
	for _, e := range p.Changes().Events[after:] {
		texts = append(texts, eventText(e))
	}
	return texts
}

// eventText is an event in one line: the kind, the order and the batch, and the movement.
func eventText(e allocation.Event) string {
	ref, purchased, allocated := e.Movement()
	text := e.Kind()
	switch e := e.(type) {
	case allocation.LineAllocated:
		text += " " + lineText(e.OrderID, e.Line)
	case allocation.LineDeallocated:
		text += " " + lineText(e.OrderID, e.Line)
	case allocation.LineReleased:
		text += " " + lineText(e.OrderID, e.Line)
	case allocation.LineHandedOver:
		text += " " + lineText(e.OrderID, e.Line) + " from " + string(e.From)
	case allocation.LineShipped:
		text += " " + lineText(e.OrderID, e.Line)
	case allocation.HoldConfirmed:
		text += " " + lineText(e.OrderID, e.Line)
	case allocation.HoldExtended:
		text += " " + lineText(e.OrderID, e.Line)
	case allocation.HoldLapsed:
		text += " " + lineText(e.OrderID, e.Line)
	case allocation.LineLate:
		text += fmt.Sprintf(" %s %t", lineText(e.OrderID, e.Line), e.Late)
	case allocation.LineWaiting:
		text += fmt.Sprintf(" %s for %d of %d", lineText(e.OrderID, e.Line), e.Quantity, e.Wanted)
	case allocation.LowStockCrossed:
		text += fmt.Sprintf(" available %d of %d, low %t", e.Available, e.Threshold, e.Low)
	}
	if ref != "" {
		text += fmt.Sprintf(" %s %+d %+d", ref, purchased, allocated)
	}
	return text
}

// lineText is the order, and the LineID behind a slash unless empty.
func lineText(order allocation.OrderID, line allocation.LineID) string {
	if line == "" {
		return string(order)
	}
	return fmt.Sprintf("%s/%s", order, line)
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

// snapshot returns the changes and the batches.
func (p *tested) snapshot() snapshot {
	return snapshot{changes: p.Changes(), batches: slices.Collect(p.Batches())}
}

// state is a new product as a store would load the product.
func (p *tested) state() allocation.State {
	p.t.Helper()
	c := p.Changes()
	require.Zero(p.t, c.Read, "only a new product knows all of itself")
	return allocation.State{
		SKU: c.SKU, Version: c.Version, Refused: c.Refused,
		LowStock: c.LowStock, Batches: c.NewBatches, Lines: c.NewLines,
	}
}

// page is the part of a state that a store would load: the lines of the orders, the lapsed holds and
// the lines of the batch, both at most Limit.
func page(s allocation.State, q allocation.Query) allocation.State {
	var lapsed, onBatch, other []allocation.Allocation
	for _, a := range s.Lines {
		if a.Lapsed(q.Now) {
			lapsed = append(lapsed, a)
		}
		if slices.ContainsFunc(a.Parts,
			func(p allocation.Part) bool { return p.Batch == q.Batch && p.Quantity > p.Shipped }) {
			onBatch = append(onBatch, a)
		}
		if a.OrderID == q.Order || slices.Contains(q.Orders, a.OrderID) {
			other = append(other, a)
		}
	}
	slices.SortFunc(lapsed, func(a, b allocation.Allocation) int {
		return cmp.Or(a.HeldUntil.Compare(b.HeldUntil), cmp.Compare(a.OrderID, b.OrderID), cmp.Compare(a.Line, b.Line))
	})
	slices.SortFunc(onBatch, func(a, b allocation.Allocation) int { return a.Rank().Compare(b.Rank()) })
	if s.MoreLapsed = len(lapsed) > q.Limit; s.MoreLapsed {
		lapsed = lapsed[:q.Limit]
	}
	if s.MoreLines = len(onBatch) > q.Limit; s.MoreLines {
		onBatch = onBatch[:q.Limit]
		s.LinesFrom = onBatch[q.Limit-1].Rank()
	}
	s.Lines = nil
	for _, a := range slices.Concat(lapsed, onBatch, other) {
		if !slices.ContainsFunc(s.Lines, func(b allocation.Allocation) bool { return a.Key() == b.Key() }) {
			a.Parts = slices.Clone(a.Parts)
			s.Lines = append(s.Lines, a)
		}
	}
	return s
}

// checkAccount checks R9: the events add up to the counters, the version counts the events, the
// promises equal the lines, and after no event more is promised than there is.
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
			assert.Zero(p.t, [2]allocation.Quantity{purchased, allocated},
				"movement of no batch by event %d, %s", i, e.Kind())
			continue
		}
		b := counters[ref]
		b.Purchased += purchased
		b.Allocated += allocated
		counters[ref] = b
		assert.GreaterOrEqual(p.t, b.Allocated, allocation.Quantity(0),
			"allocated of %q after event %d, %s", ref, i, e.Kind())
		assert.GreaterOrEqual(p.t, b.Available(), allocation.Quantity(0),
			"available of %q after event %d, %s", ref, i, e.Kind())
	}
	promised := p.promised(c)
	for b := range p.Batches() {
		recorded := counters[b.Ref]
		want := [2]allocation.Quantity{recorded.Purchased, recorded.Allocated}
		assert.Equal(p.t, want, [2]allocation.Quantity{b.Purchased, b.Allocated},
			"purchased and allocated of batch %q, as recorded and as counted", b.Ref)
		assert.Equal(p.t, promised[b.Ref], b.Allocated, "what the lines have of batch %q, and its counter", b.Ref)
	}
}

// promised adds up the promises of every batch: the promises when loaded, and the changes of lines
// since.
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

// slips changes the ETA of a batch under the default policy.
func slips(p interface {
	ChangeBatchETA(allocation.BatchRef, time.Time, time.Time, allocation.Policy) ([]allocation.OrderLine, error)
}, ref allocation.BatchRef, eta, now time.Time) error {
	_, err := p.ChangeBatchETA(ref, eta, now, nil)
	return err
}
