package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"sync"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// arrayWrites write a whole unit of work with one statement: oneLine for what a shop does most, and others that are put
// together out of what there is to write. All hang on the rows of products that have the versions which were read, and
// write nothing if any is missing. What is wrong is a failure of the statement, which is undone then.
type arrayWrites struct {
	names   *compiler
	oneLine *query
	shapes  sync.Map // *query by shape
}

func newArrayWrites(c *compiler) writer {
	return &arrayWrites{names: c, oneLine: c.compile(oneLineText)}
}

// queries is empty: the drivers prepare.
func (w *arrayWrites) queries() []*query { return nil }

// A batch that doesn't exist is a division by zero, which undoes the statement.
const oneLineText = `
	WITH p AS (
		UPDATE {products} SET version = :version, refused = :refused, low_stock = :low_stock
		WHERE sku = :sku AND version = :read RETURNING sku),
	b AS (
		UPDATE {batches} b SET purchased = b.purchased + :purchased, allocated = b.allocated + :allocated,
			eta = :eta, counted_at = :counted_at, shipped_at = :shipped_at
		FROM p WHERE b.ref = :ref AND b.sku = p.sku RETURNING b.ref),
	l AS (
		INSERT INTO {lines} (order_id, sku, part, batch_ref, quantity, shipped, split, held_until, sequence)
		SELECT :order_id, p.sku, 0, CAST(:batch_ref AS text), CAST(:quantity AS bigint), CAST(:shipped AS bigint),
			CAST(:split AS smallint), CAST(:held_until AS bigint), CAST(:sequence AS bigint) FROM p),
	e AS (
		INSERT INTO {events} (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
		SELECT p.sku, :version, :kind, CAST(:at AS bigint), CAST(:event_batch AS text), CAST(:event_purchased AS bigint),
			CAST(:event_allocated AS bigint), :data, CAST(:id AS uuid), CAST(:trace_parent AS text), :version FROM p)
	SELECT (SELECT COUNT(*) FROM p),
		1 / CASE WHEN (SELECT COUNT(*) FROM p) = (SELECT COUNT(*) FROM b) THEN 1 ELSE 0 END`

func (w *arrayWrites) write(ctx context.Context, r runner, changes []allocation.Changes) error {
	q, args, err := w.statement(changes)
	if err != nil {
		return err
	}
	var won, unused int
	err = r.each(ctx, q, args, func(rows *sql.Rows) error { return rows.Scan(&won, &unused) })
	switch {
	case err != nil:
		return w.about(changes, err)
	case won == 0:
		return lostOne(changes)
	}
	return nil
}

func (w *arrayWrites) statement(changes []allocation.Changes) (*query, []any, error) {
	if isOneLine(changes) {
		values, err := oneLineValues(changes[0])
		return w.oneLine, w.oneLine.args(values), err
	}
	a, err := arraysOf(changes)
	q := w.query(a.shape())
	return q, q.args(a.value), err
}

// query returns the statement for a shape.
func (w *arrayWrites) query(s shape) *query {
	if known, ok := w.shapes.Load(s); ok {
		return known.(*query)
	}
	known, _ := w.shapes.LoadOrStore(s, w.names.compile(s.text()))
	return known.(*query)
}

// isOneLine reports whether one existing product gives one part of one batch to one new line, and tells it once.
func isOneLine(changes []allocation.Changes) bool {
	if len(changes) != 1 {
		return false
	}
	c := changes[0]
	return c.Read > 0 && len(c.Events) == 1 && len(c.NewLines) == 1 && len(c.NewLines[0].Parts) == 1 &&
		len(c.Batches) == 1 && len(c.NewBatches)+len(c.Lines)+len(c.Removed) == 0
}

func oneLineValues(c allocation.Changes) (func(string) any, error) {
	b, a, e := c.Batches[0], c.NewLines[0], c.Events[0]
	part := a.Parts[0]
	data, err := json.Marshal(e)
	if err != nil {
		return nil, &failed{field: "event", value: c.Version, err: err}
	}
	batch, purchased, allocated := e.Movement()
	values := map[string]any{
		"sku": string(c.SKU), "read": c.Read, "version": c.Version, "refused": c.Refused, "low_stock": int64(c.LowStock),
		"ref": string(b.Ref), "purchased": int64(b.Purchased), "allocated": int64(b.Allocated),
		"eta": micros(b.ETA), "counted_at": micros(b.CountedAt), "shipped_at": micros(b.ShippedAt),
		"order_id": string(a.OrderID), "batch_ref": string(part.Batch), "quantity": int64(part.Quantity),
		"shipped": int64(part.Shipped), "split": flag(a.Split), "held_until": micros(a.HeldUntil), "sequence": a.Sequence,
		"kind": e.Kind(), "at": e.Time().UnixMicro(), "event_batch": nullable(string(batch)),
		"event_purchased": int64(purchased), "event_allocated": int64(allocated), "data": string(data),
		"id": outbox.ID(c.SKU, c.Version, e.Time()), "trace_parent": nullable(traceParent(c, 0)),
	}
	return func(name string) any { return values[name] }, nil
}

func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// about says which of the changes an error is about, as far as the broken constraint tells.
func (w *arrayWrites) about(changes []allocation.Changes, err error) error {
	name := constraint(err)
	only := func(field string, taken error, of func(c allocation.Changes) []any) error {
		var values []any
		for _, c := range changes {
			values = append(values, of(c)...)
		}
		f := &failed{field: field, value: values, err: err, taken: taken}
		if len(values) == 1 {
			f.value = values[0]
		}
		return f
	}
	switch name {
	case w.names.prefix + "products_key":
		return only("sku", allocation.ErrConflict, func(c allocation.Changes) []any { return []any{c.SKU} })
	case w.names.prefix + "batches_key":
		return only("batch", allocation.ErrDuplicate, newRefs)
	case w.names.prefix + "lines_key":
		return only("order", allocation.ErrDuplicate, newOrders)
	case w.names.prefix + "never_oversold":
		return only("batch", nil, changedRefs)
	case w.names.prefix + "lines_of_batch":
		return only("order", nil, newOrders)
	}
	return err
}

func newRefs(c allocation.Changes) (refs []any) {
	for _, b := range c.NewBatches {
		refs = append(refs, b.Ref)
	}
	return refs
}

func changedRefs(c allocation.Changes) (refs []any) {
	for _, b := range c.Batches {
		refs = append(refs, b.Ref)
	}
	return refs
}

func newOrders(c allocation.Changes) (orders []any) {
	for _, a := range c.NewLines {
		orders = append(orders, a.OrderID)
	}
	return orders
}
