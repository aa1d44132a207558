package sqlstore

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// arrays are the rows of all relations of a statement.
type arrays struct {
	products   []allocation.Changes
	newBatches []allocation.Batch
	batches    []changedBatch
	removed    []removedLine
	newParts   []linePart
	parts      []linePart
	events     []toldEvent
}

type changedBatch struct {
	allocation.BatchChange
	sku allocation.SKU
}

// removedLine has the number of the first part that goes.
type removedLine struct {
	sku   allocation.SKU
	order allocation.OrderID
	from  int
}

type linePart struct {
	*allocation.Allocation
	number int
}

func (p linePart) part() allocation.Part { return p.Parts[p.number] }

type toldEvent struct {
	allocation.Event
	of       *allocation.Changes
	sequence int64
	data     []byte
}

func arraysOf(changes []allocation.Changes) (*arrays, error) {
	a := &arrays{products: changes}
	for i := range changes {
		c := &changes[i]
		a.newBatches = append(a.newBatches, c.NewBatches...)
		for _, b := range c.Batches {
			a.batches = append(a.batches, changedBatch{b, c.SKU})
		}
		for _, order := range c.Removed {
			a.removed = append(a.removed, removedLine{c.SKU, order, 0})
		}
		for _, l := range c.Lines {
			a.removed = append(a.removed, removedLine{c.SKU, l.OrderID, len(l.Parts)})
		}
		a.newParts = appendParts(a.newParts, c.NewLines)
		a.parts = appendParts(a.parts, c.Lines)
		if err := a.told(c); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func appendParts(parts []linePart, lines []allocation.Allocation) []linePart {
	for i := range lines {
		for number := range lines[i].Parts {
			parts = append(parts, linePart{&lines[i], number})
		}
	}
	return parts
}

func (a *arrays) told(c *allocation.Changes) error {
	for i, e := range c.Events {
		sequence := c.Read + int64(i) + 1
		data, err := json.Marshal(e)
		if err != nil {
			return &failed{field: "event", value: sequence, err: err}
		}
		a.events = append(a.events, toldEvent{e, c, sequence, data})
	}
	return nil
}

// shape says which relations have rows.
func (a *arrays) shape() shape {
	first := a.products[0]
	return shape{
		one:         len(a.products) == 1 && first.Read > 0 && tells(first),
		newProducts: slices.ContainsFunc(a.products, func(c allocation.Changes) bool { return c.Read == 0 }),
		newBatches:  len(a.newBatches) > 0, batches: len(a.batches) > 0,
		removed: len(a.removed) > 0, newLines: len(a.newParts) > 0, putLines: len(a.parts) > 0,
	}
}

// value is that of a parameter.
func (a *arrays) value(param string) any {
	relation, name, _ := strings.Cut(param, "_")
	switch relation {
	case "p":
		return productColumns.literal(name, a.products)
	case "n":
		return newBatchColumns.literal(name, a.newBatches)
	case "b":
		return batchColumns.literal(name, a.batches)
	case "r":
		return removedColumns.literal(name, a.removed)
	case "l":
		return partColumns.literal(name, a.newParts)
	case "u":
		return partColumns.literal(name, a.parts)
	case "e":
		return eventColumns.literal(name, a.events)
	case "changed":
		return len(a.batches)
	}
	return oneProductValue(a.products[0], name)
}

func oneProductValue(c allocation.Changes, name string) any {
	switch name {
	case "sku":
		return string(c.SKU)
	case "read":
		return c.Read
	case "version":
		return c.Version
	case "refused":
		return c.Refused
	default:
		return int64(c.LowStock)
	}
}

var (
	productColumns = columns[allocation.Changes]{
		{"sku", "text", func(a *array, c allocation.Changes) { a.string(string(c.SKU)) }},
		{"read", "bigint", func(a *array, c allocation.Changes) { a.number(c.Read) }},
		{"version", "bigint", func(a *array, c allocation.Changes) { a.number(newVersion(c)) }},
		{"refused", "bigint", func(a *array, c allocation.Changes) { a.number(c.Refused) }},
		{"low_stock", "bigint", func(a *array, c allocation.Changes) { a.number(int64(c.LowStock)) }},
	}
	newBatchColumns = columns[allocation.Batch]{
		{"ref", "text", func(a *array, b allocation.Batch) { a.string(string(b.Ref)) }},
		{"sku", "text", func(a *array, b allocation.Batch) { a.string(string(b.SKU)) }},
		{"purchased", "bigint", func(a *array, b allocation.Batch) { a.number(int64(b.Purchased)) }},
		{"allocated", "bigint", func(a *array, b allocation.Batch) { a.number(int64(b.Allocated)) }},
		{"eta", "bigint", func(a *array, b allocation.Batch) { a.time(b.ETA) }},
		{"location", "text", func(a *array, b allocation.Batch) { a.string(string(b.Location)) }},
		{"best_before", "bigint", func(a *array, b allocation.Batch) { a.time(b.BestBefore) }},
		{"announced_quantity", "bigint", func(a *array, b allocation.Batch) { a.number(int64(b.AnnouncedQuantity)) }},
		{"announced_eta", "bigint", func(a *array, b allocation.Batch) { a.time(b.AnnouncedETA) }},
		{"counted_at", "bigint", func(a *array, b allocation.Batch) { a.time(b.CountedAt) }},
		{"shipped_at", "bigint", func(a *array, b allocation.Batch) { a.time(b.ShippedAt) }},
	}
	batchColumns = columns[changedBatch]{
		{"ref", "text", func(a *array, b changedBatch) { a.string(string(b.Ref)) }},
		{"sku", "text", func(a *array, b changedBatch) { a.string(string(b.sku)) }},
		{"purchased", "bigint", func(a *array, b changedBatch) { a.number(int64(b.Purchased)) }},
		{"allocated", "bigint", func(a *array, b changedBatch) { a.number(int64(b.Allocated)) }},
		{"eta", "bigint", func(a *array, b changedBatch) { a.time(b.ETA) }},
		{"counted_at", "bigint", func(a *array, b changedBatch) { a.time(b.CountedAt) }},
		{"shipped_at", "bigint", func(a *array, b changedBatch) { a.time(b.ShippedAt) }},
	}
	removedColumns = columns[removedLine]{
		{"order_id", "text", func(a *array, l removedLine) { a.string(string(l.order)) }},
		{"sku", "text", func(a *array, l removedLine) { a.string(string(l.sku)) }},
		{"part", "int", func(a *array, l removedLine) { a.number(int64(l.from)) }},
	}
	partColumns = columns[linePart]{
		{"order_id", "text", func(a *array, p linePart) { a.string(string(p.OrderID)) }},
		{"sku", "text", func(a *array, p linePart) { a.string(string(p.SKU)) }},
		{"part", "int", func(a *array, p linePart) { a.number(int64(p.number)) }},
		{"batch_ref", "text", func(a *array, p linePart) { a.string(string(p.part().Batch)) }},
		{"quantity", "bigint", func(a *array, p linePart) { a.number(int64(p.part().Quantity)) }},
		{"shipped", "bigint", func(a *array, p linePart) { a.number(int64(p.part().Shipped)) }},
		{"split", "smallint", func(a *array, p linePart) { a.number(int64(flag(p.Split))) }},
		{"held_until", "bigint", func(a *array, p linePart) { a.time(p.HeldUntil) }},
		{"sequence", "bigint", func(a *array, p linePart) { a.number(p.Sequence) }},
	}
	eventColumns = columns[toldEvent]{
		{"sku", "text", func(a *array, e toldEvent) { a.string(string(e.of.SKU)) }},
		{"sequence", "bigint", func(a *array, e toldEvent) { a.number(e.sequence) }},
		{"kind", "text", func(a *array, e toldEvent) { a.string(e.Kind()) }},
		{"at", "bigint", func(a *array, e toldEvent) { a.number(e.Time().UnixMicro()) }},
		{"batch_ref", "text", func(a *array, e toldEvent) { ref, _, _ := e.Movement(); a.stringIfAny(string(ref)) }},
		{"purchased", "bigint", func(a *array, e toldEvent) { _, units, _ := e.Movement(); a.number(int64(units)) }},
		{"allocated", "bigint", func(a *array, e toldEvent) { _, _, units := e.Movement(); a.number(int64(units)) }},
		{"data", "text", func(a *array, e toldEvent) { a.string(string(e.data)) }},
		{"id", "uuid", func(a *array, e toldEvent) { a.string(outbox.ID(e.of.SKU, e.sequence, e.Time())) }},
		{"trace_parent", "text", func(a *array, e toldEvent) {
			a.stringIfAny(traceParent(*e.of, int(e.sequence-e.of.Read-1)))
		}},
		{"unsent_from", "bigint", func(a *array, e toldEvent) {
			if e.sequence != e.of.Version {
				a.null()
				return
			}
			a.number(e.of.Read + 1)
		}},
	}
)

// newVersion is 0 for a product that is only checked.
func newVersion(c allocation.Changes) int64 {
	if !tells(c) {
		return 0
	}
	return c.Version
}
