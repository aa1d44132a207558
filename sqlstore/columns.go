package sqlstore

import (
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// columns are those of a relation over rows, in which statements take many rows at once.
type columns[R any] []column[R]

// column has a name, a type as PostgreSQL calls it, and what it is for one row.
type column[R any] struct {
	name, kind string
	write      func(v values, row R)
}

// names are those of the columns.
func (c columns[R]) names() string {
	names := make([]string, len(c))
	for i, column := range c {
		names[i] = column.name
	}
	return strings.Join(names, ", ")
}

// values writes one value after the other.
type values interface {
	text(s string)
	number(n int64)
	null()
}

// textIfAny writes NULL for the empty string.
func textIfAny(v values, s string) {
	if s == "" {
		v.null()
		return
	}
	v.text(s)
}

// numberIfAny writes NULL for anything but an int64.
func numberIfAny(v values, number any) {
	if n, ok := number.(int64); ok {
		v.number(n)
		return
	}
	v.null()
}

// instant writes NULL for the zero time.
func instant(v values, t time.Time) { numberIfAny(v, micros(t)) }

var (
	productColumns = columns[allocation.Changes]{
		{"sku", "text", func(v values, c allocation.Changes) { v.text(string(c.SKU)) }},
		{"seen", "bigint", func(v values, c allocation.Changes) { v.number(c.Read) }},
		{"version", "bigint", func(v values, c allocation.Changes) { v.number(newVersion(c)) }},
		{"refused", "bigint", func(v values, c allocation.Changes) { v.number(c.Refused) }},
		{"low_stock", "bigint", func(v values, c allocation.Changes) { v.number(int64(c.LowStock)) }},
	}
	newBatchColumns = columns[allocation.Batch]{
		{"ref", "text", func(v values, b allocation.Batch) { v.text(string(b.Ref)) }},
		{"sku", "text", func(v values, b allocation.Batch) { v.text(string(b.SKU)) }},
		{"purchased", "bigint", func(v values, b allocation.Batch) { v.number(int64(b.Purchased)) }},
		{"allocated", "bigint", func(v values, b allocation.Batch) { v.number(int64(b.Allocated)) }},
		{"eta", "bigint", func(v values, b allocation.Batch) { instant(v, b.ETA) }},
		{"location", "text", func(v values, b allocation.Batch) { v.text(string(b.Location)) }},
		{"best_before", "bigint", func(v values, b allocation.Batch) { instant(v, b.BestBefore) }},
		{"announced_quantity", "bigint", func(v values, b allocation.Batch) { v.number(int64(b.AnnouncedQuantity)) }},
		{"announced_eta", "bigint", func(v values, b allocation.Batch) { instant(v, b.AnnouncedETA) }},
		{"counted_at", "bigint", func(v values, b allocation.Batch) { instant(v, b.CountedAt) }},
		{"shipped_at", "bigint", func(v values, b allocation.Batch) { instant(v, b.ShippedAt) }},
	}
	batchColumns = columns[changedBatch]{
		{"ref", "text", func(v values, b changedBatch) { v.text(string(b.Ref)) }},
		{"sku", "text", func(v values, b changedBatch) { v.text(string(b.sku)) }},
		{"purchased", "bigint", func(v values, b changedBatch) { v.number(int64(b.Purchased)) }},
		{"allocated", "bigint", func(v values, b changedBatch) { v.number(int64(b.Allocated)) }},
		{"eta", "bigint", func(v values, b changedBatch) { instant(v, b.ETA) }},
		{"counted_at", "bigint", func(v values, b changedBatch) { instant(v, b.CountedAt) }},
		{"shipped_at", "bigint", func(v values, b changedBatch) { instant(v, b.ShippedAt) }},
	}
	removedColumns = columns[removedLine]{
		{"order_id", "text", func(v values, l removedLine) { v.text(string(l.OrderID)) }},
		{"sku", "text", func(v values, l removedLine) { v.text(string(l.SKU)) }},
		{"part", "int", func(v values, l removedLine) { v.number(int64(l.from)) }},
	}
	partColumns = columns[linePart]{
		{"order_id", "text", func(v values, p linePart) { v.text(string(p.OrderID)) }},
		{"sku", "text", func(v values, p linePart) { v.text(string(p.SKU)) }},
		{"part", "int", func(v values, p linePart) { v.number(int64(p.number)) }},
		{"batch_ref", "text", func(v values, p linePart) { v.text(string(p.part().Batch)) }},
		{"quantity", "bigint", func(v values, p linePart) { v.number(int64(p.part().Quantity)) }},
		{"shipped", "bigint", func(v values, p linePart) { v.number(int64(p.part().Shipped)) }},
		{"split", "smallint", func(v values, p linePart) { v.number(int64(flag(p.Split))) }},
		{"held_until", "bigint", func(v values, p linePart) { instant(v, p.HeldUntil) }},
		{"sequence", "bigint", func(v values, p linePart) { v.number(p.Sequence) }},
	}
	eventColumns = columns[eventRow]{
		{"sku", "text", func(v values, e eventRow) { v.text(string(e.of.SKU)) }},
		{"sequence", "bigint", func(v values, e eventRow) { v.number(e.sequence) }},
		{"kind", "text", func(v values, e eventRow) { v.text(e.Kind()) }},
		{"at", "bigint", func(v values, e eventRow) { v.number(e.Time().UnixMicro()) }},
		{"batch_ref", "text", func(v values, e eventRow) { ref, _, _ := e.Movement(); textIfAny(v, string(ref)) }},
		{"purchased", "bigint", func(v values, e eventRow) { _, units, _ := e.Movement(); v.number(int64(units)) }},
		{"allocated", "bigint", func(v values, e eventRow) { _, _, units := e.Movement(); v.number(int64(units)) }},
		{"data", "text", func(v values, e eventRow) { v.text(string(e.data)) }},
		{"id", "uuid", func(v values, e eventRow) { v.text(outbox.ID(e.of.SKU, e.sequence, e.Time())) }},
		{"trace_parent", "text", func(v values, e eventRow) { textIfAny(v, e.trace()) }},
		{"unsent_from", "bigint", func(v values, e eventRow) { numberIfAny(v, unsentFrom(*e.of, e.sequence)) }},
	}
)

// newVersion is 0 for a product that is only checked.
func newVersion(c allocation.Changes) int64 {
	if !hasEvents(c) {
		return 0
	}
	return c.Version
}
