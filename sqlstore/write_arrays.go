package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// arrayWrites write a whole unit of work with one statement: oneLine for the shape that a shop has most, and all for
// everything. Both hang on the rows of products that have the versions which were read, and write nothing if
// any is missing. What is wrong is a failure of the statement, which is undone then. Arrays of an unnest that are
// shorter than others are filled up with NULL.
type arrayWrites struct {
	names        *compiler
	oneLine, all *query
}

func newArrayWrites(c *compiler) writer {
	return &arrayWrites{names: c, oneLine: c.compile(oneLineText), all: c.compile(allText)}
}

func (w *arrayWrites) queries() []*query { return []*query{w.oneLine, w.all} }

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

// The rows of products are locked in the order of their SKUs before anything is written, so that those who want
// the same products wait for each other and never in a circle. All joins carry the SKU: without it the planner expects
// one product, and goes through all batches for each.
//
//nolint:misspell // so SQL spells it
const allText = `
	WITH p AS MATERIALIZED (
		SELECT * FROM unnest(CAST(:p_sku AS text[]), CAST(:p_read AS bigint[]), CAST(:p_version AS bigint[]),
			CAST(:p_refused AS bigint[]), CAST(:p_low AS bigint[])) p (sku, read, version, refused, low_stock)),
	held AS MATERIALIZED (
		SELECT o.sku FROM p JOIN {products} o ON o.sku = p.sku AND o.version = p.read
		ORDER BY o.sku FOR NO KEY UPDATE OF o),
	won AS MATERIALIZED (
		SELECT 1 WHERE (SELECT COUNT(*) FROM held) = (SELECT COUNT(*) FROM p WHERE p.read > 0)
			AND NOT EXISTS (SELECT 1 FROM p JOIN {products} o ON o.sku = p.sku WHERE p.read = 0)),
	added AS (
		INSERT INTO {products} (sku, version, refused, low_stock)
		SELECT p.sku, p.version, p.refused, p.low_stock FROM p
		WHERE p.read = 0 AND p.version > 0 AND EXISTS (SELECT 1 FROM won) ORDER BY p.sku RETURNING sku, version),
	moved AS (
		UPDATE {products} o SET version = p.version, refused = p.refused, low_stock = p.low_stock
		FROM p WHERE o.sku = p.sku AND o.version = p.read AND p.version > p.read AND EXISTS (SELECT 1 FROM won)
		RETURNING o.sku, p.read, p.version),
	v AS MATERIALIZED (SELECT sku, 0 AS read, version FROM added UNION ALL SELECT sku, read, version FROM moved),
	new_batches AS (
		INSERT INTO {batches} (ref, sku, purchased, allocated, eta, location, best_before,
			announced_quantity, announced_eta, counted_at, shipped_at)
		SELECT x.ref, x.sku, x.purchased, x.allocated, x.eta, x.location, x.best_before,
			x.announced_quantity, x.announced_eta, x.counted_at, x.shipped_at
		FROM unnest(CAST(:n_sku AS text[]), CAST(:n_ref AS text[]), CAST(:n_purchased AS bigint[]), CAST(:n_allocated AS bigint[]),
			CAST(:n_eta AS bigint[]), CAST(:n_location AS text[]), CAST(:n_best AS bigint[]), CAST(:n_quantity AS bigint[]),
			CAST(:n_announced AS bigint[]), CAST(:n_counted AS bigint[]), CAST(:n_shipped AS bigint[]))
			x (sku, ref, purchased, allocated, eta, location, best_before, announced_quantity, announced_eta, counted_at, shipped_at)
		JOIN v ON v.sku = x.sku),
	changed AS (
		UPDATE {batches} b SET purchased = b.purchased + x.purchased, allocated = b.allocated + x.allocated,
			eta = x.eta, counted_at = x.counted_at, shipped_at = x.shipped_at
		FROM unnest(CAST(:b_sku AS text[]), CAST(:b_ref AS text[]), CAST(:b_purchased AS bigint[]), CAST(:b_allocated AS bigint[]),
			CAST(:b_eta AS bigint[]), CAST(:b_counted AS bigint[]), CAST(:b_shipped AS bigint[])) x (sku, ref, purchased, allocated, eta, counted_at, shipped_at)
		JOIN v ON v.sku = x.sku
		WHERE b.ref = x.ref AND b.sku = x.sku RETURNING b.ref),
	removed AS (
		DELETE FROM {lines} l
		USING unnest(CAST(:r_sku AS text[]), CAST(:r_order AS text[]), CAST(:r_part AS bigint[])) x (sku, order_id, part)
		JOIN v ON v.sku = x.sku
		WHERE l.order_id = x.order_id AND l.sku = x.sku AND l.part >= x.part),
	new_lines AS (
		INSERT INTO {lines} (order_id, sku, part, batch_ref, quantity, shipped, split, held_until, sequence)
		SELECT x.order_id, x.sku, x.part, x.batch_ref, x.quantity, x.shipped, x.split, x.held_until, x.sequence
		FROM ` + unnestLines + ` JOIN v ON v.sku = x.sku WHERE x.new = 1),
	put_lines AS (
		INSERT INTO {lines} (order_id, sku, part, batch_ref, quantity, shipped, split, held_until, sequence)
		SELECT x.order_id, x.sku, x.part, x.batch_ref, x.quantity, x.shipped, x.split, x.held_until, x.sequence
		FROM ` + unnestLines + ` JOIN v ON v.sku = x.sku WHERE x.new = 0
		ON CONFLICT (order_id, sku, part) DO UPDATE SET batch_ref = excluded.batch_ref, quantity = excluded.quantity,
			shipped = excluded.shipped, split = excluded.split, held_until = excluded.held_until, sequence = excluded.sequence),
	told AS (
		INSERT INTO {events} (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
		SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id, x.trace_parent,
			CASE WHEN x.sequence = v.version THEN v.read + 1 END
		FROM unnest(CAST(:e_sku AS text[]), CAST(:e_sequence AS bigint[]), CAST(:e_kind AS text[]), CAST(:e_at AS bigint[]),
			CAST(:e_batch AS text[]), CAST(:e_purchased AS bigint[]), CAST(:e_allocated AS bigint[]), CAST(:e_data AS text[]),
			CAST(:e_id AS uuid[]), CAST(:e_trace AS text[]))
			x (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent)
		JOIN v ON v.sku = x.sku)
	SELECT (SELECT COUNT(*) FROM won),
		1 / CASE WHEN NOT EXISTS (SELECT 1 FROM won) OR (SELECT COUNT(*) FROM changed) = CAST(:changes AS bigint) THEN 1 ELSE 0 END`

const unnestLines = `unnest(CAST(:l_new AS bigint[]), CAST(:l_sku AS text[]), CAST(:l_order AS text[]), CAST(:l_part AS int[]),
			CAST(:l_batch AS text[]), CAST(:l_quantity AS bigint[]), CAST(:l_shipped AS bigint[]), CAST(:l_split AS smallint[]),
			CAST(:l_held AS bigint[]), CAST(:l_sequence AS bigint[]))
			x (new, sku, order_id, part, batch_ref, quantity, shipped, split, held_until, sequence)`

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
	values, err := arraysOf(changes)
	return w.all, w.all.args(values), err
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
