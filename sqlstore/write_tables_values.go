package sqlstore

import (
	"encoding/json"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// row is an object of a jsonTable; a column that is NULL is left out. It begins with the subject of an error.
type row struct {
	subject any
	columns map[string]any
}

func (r row) MarshalJSON() ([]byte, error) { return json.Marshal(r.columns) }

// subjects are what an error of a statement over rows is about.
func subjects(rows []row) any {
	if len(rows) == 1 {
		return rows[0].subject
	}
	all := make([]any, len(rows))
	for i, r := range rows {
		all[i] = r.subject
	}
	return all
}

// time leaves the zero time out.
func (r row) time(name string, t time.Time) { r.ifAny(name, micros(t)) }

func (r row) ifAny(name string, value any) {
	if value != nil {
		r.columns[name] = value
	}
}

// tables are the rows of all statements.
type tables struct {
	newProducts, products []row
	newBatches, batches   []row
	removed, parts        []row
	events                []row
}

func tablesOf(changes []allocation.Changes) (*tables, error) {
	t := &tables{}
	for _, c := range changes {
		if !tells(c) {
			continue
		}
		t.product(c)
		t.ofBatches(c)
		for _, line := range c.NewLines {
			t.line(c.SKU, line)
		}
		for _, line := range c.Lines {
			t.remove(c.SKU, line.OrderID)
			t.line(c.SKU, line)
		}
		for _, order := range c.Removed {
			t.remove(c.SKU, order)
		}
		if err := t.told(c); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *tables) product(c allocation.Changes) {
	r := row{c.SKU, map[string]any{
		"sku": c.SKU, "seen": c.Read, "version": c.Version, "refused": c.Refused, "low_stock": c.LowStock,
	}}
	if c.Read == 0 {
		t.newProducts = append(t.newProducts, r)
		return
	}
	t.products = append(t.products, r)
}

func (t *tables) ofBatches(c allocation.Changes) {
	for _, b := range c.NewBatches {
		r := row{b.Ref, map[string]any{
			"sku": c.SKU, "ref": b.Ref, "purchased": b.Purchased, "allocated": b.Allocated,
			"location": b.Location, "announced_quantity": b.AnnouncedQuantity,
		}}
		r.time("eta", b.ETA)
		r.time("best_before", b.BestBefore)
		r.time("announced_eta", b.AnnouncedETA)
		r.time("counted_at", b.CountedAt)
		r.time("shipped_at", b.ShippedAt)
		t.newBatches = append(t.newBatches, r)
	}
	for _, b := range c.Batches {
		r := row{b.Ref, map[string]any{"sku": c.SKU, "ref": b.Ref, "purchased": b.Purchased, "allocated": b.Allocated}}
		r.time("eta", b.ETA)
		r.time("counted_at", b.CountedAt)
		r.time("shipped_at", b.ShippedAt)
		t.batches = append(t.batches, r)
	}
}

func (t *tables) line(sku allocation.SKU, line allocation.Allocation) {
	for i, part := range line.Parts {
		r := row{line.OrderID, map[string]any{
			"sku": sku, "order_id": line.OrderID, "part": i, "batch_ref": part.Batch, "quantity": part.Quantity,
			"shipped": part.Shipped, "split": flag(line.Split), "sequence": line.Sequence,
		}}
		r.time("held_until", line.HeldUntil)
		t.parts = append(t.parts, r)
	}
}

func (t *tables) remove(sku allocation.SKU, order allocation.OrderID) {
	t.removed = append(t.removed, row{order, map[string]any{"sku": sku, "order_id": order}})
}

func (t *tables) told(c allocation.Changes) error {
	for i, e := range c.Events {
		sequence := c.Read + int64(i) + 1
		data, err := json.Marshal(e)
		if err != nil {
			return &failed{field: "event", value: sequence, err: err}
		}
		batch, purchased, allocated := e.Movement()
		r := row{sequence, map[string]any{
			"sku": c.SKU, "sequence": sequence, "kind": e.Kind(), "at": e.Time().UnixMicro(),
			"purchased": purchased, "allocated": allocated, "data": string(data), "id": outbox.ID(c.SKU, sequence, e.Time()),
		}}
		r.ifAny("batch_ref", nullable(string(batch)))
		r.ifAny("trace_parent", nullable(traceParent(c, i)))
		r.ifAny("unsent_from", unsentFrom(c, sequence))
		t.events = append(t.events, r)
	}
	return nil
}
