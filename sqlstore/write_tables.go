package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/cosmic-go/allocation"
)

// tableWrites write each table with one statement, whose rows come as a JSON array: the number of round trips doesn't
// depend on that of products or lines.
type tableWrites struct {
	held, addProducts, setProducts          *query
	addBatches, changeBatches, countBatches *query
	removeLines, addLines, addEvents        *query
}

// jsonTable is a relation over a parameter that has a JSON array.
func jsonTable(param, rows string, columns ...string) string {
	return "JSON_TABLE(" + param + ", '" + rows + "' COLUMNS (" + strings.Join(columns, ", ") + "))"
}

// rowsOf is a jsonTable over an array of objects: columns are names, each with its type.
func rowsOf(columns ...string) string {
	for i, column := range columns {
		name, _, _ := strings.Cut(column, " ")
		columns[i] = column + " PATH '$." + name + "'"
	}
	return jsonTable(":rows", "$[*]", columns...) + " x"
}

func newTableWrites(c *compiler) writer {
	compile := c.compile
	changes := rowsOf("sku VARBINARY(255)", "ref VARBINARY(255)", "purchased BIGINT", "allocated BIGINT", "eta BIGINT", "counted_at BIGINT", "shipped_at BIGINT") + `
		STRAIGHT_JOIN {batches} b FORCE INDEX (PRIMARY) ON b.ref = x.ref AND b.sku = x.sku`
	return &tableWrites{
		held: compile(c.lockRows),
		addProducts: compile(`
			INSERT INTO {products} (sku, version, refused, low_stock)
			SELECT x.sku, x.version, x.refused, x.low_stock FROM ` +
			rowsOf("sku VARBINARY(255)", "version BIGINT", "refused BIGINT", "low_stock BIGINT")),
		setProducts: compile(`UPDATE ` +
			rowsOf("sku VARBINARY(255)", "seen BIGINT", "version BIGINT", "refused BIGINT", "low_stock BIGINT") + `
			STRAIGHT_JOIN {products} p FORCE INDEX (PRIMARY) ON p.sku = x.sku AND p.version = x.seen
			SET p.version = x.version, p.refused = x.refused, p.low_stock = x.low_stock`),
		addBatches: compile(`
			INSERT INTO {batches} (ref, sku, purchased, allocated, eta, location, best_before,
				announced_quantity, announced_eta, counted_at, shipped_at)
			SELECT x.ref, x.sku, x.purchased, x.allocated, x.eta, x.location, x.best_before,
				x.announced_quantity, x.announced_eta, x.counted_at, x.shipped_at FROM ` +
			rowsOf("sku VARBINARY(255)", "ref VARBINARY(255)", "purchased BIGINT", "allocated BIGINT", "eta BIGINT",
				"location VARBINARY(255)", "best_before BIGINT", "announced_quantity BIGINT", "announced_eta BIGINT", "counted_at BIGINT", "shipped_at BIGINT")),
		changeBatches: compile(`UPDATE ` + changes + `
			SET b.purchased = b.purchased + x.purchased, b.allocated = b.allocated + x.allocated,
				b.eta = x.eta, b.counted_at = x.counted_at, b.shipped_at = x.shipped_at`),
		countBatches: compile(`SELECT COUNT(*) FROM ` + changes),
		removeLines: compile(`DELETE l FROM ` + rowsOf("sku VARBINARY(255)", "order_id VARBINARY(255)") + `
			STRAIGHT_JOIN {lines} l FORCE INDEX (PRIMARY) ON l.order_id = x.order_id AND l.sku = x.sku`),
		addLines: compile(`
			INSERT INTO {lines} (order_id, sku, part, batch_ref, quantity, shipped, split, held_until, sequence)
			SELECT x.order_id, x.sku, x.part, x.batch_ref, x.quantity, x.shipped, x.split, x.held_until, x.sequence FROM ` +
			rowsOf("sku VARBINARY(255)", "order_id VARBINARY(255)", "part INT", "batch_ref VARBINARY(255)", "quantity BIGINT",
				"shipped BIGINT", "split INT", "held_until BIGINT", "sequence BIGINT")),
		addEvents: compile(`
			INSERT INTO {events} (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
			SELECT x.sku, x.sequence, x.kind, x.at, x.batch_ref, x.purchased, x.allocated, x.data, x.id, x.trace_parent, x.unsent_from FROM ` +
			rowsOf("sku VARBINARY(255)", "sequence BIGINT", "kind VARCHAR(64)", "at BIGINT", "batch_ref VARBINARY(255)",
				"purchased BIGINT", "allocated BIGINT", "data LONGTEXT", "id CHAR(36)", "trace_parent VARCHAR(255)", "unsent_from BIGINT")),
	}
}

func (w *tableWrites) queries() []*query {
	return []*query{
		w.held, w.addProducts, w.setProducts, w.addBatches, w.changeBatches, w.countBatches,
		w.removeLines, w.addLines, w.addEvents,
	}
}

func (w *tableWrites) write(ctx context.Context, r runner, changes []allocation.Changes) error {
	by := tableWriter{runner: r, tableWrites: w}
	if slices.ContainsFunc(changes, func(c allocation.Changes) bool { return !tells(c) }) {
		if err := by.hold(ctx, changes); err != nil {
			return err
		}
	}
	t, err := tablesOf(changes)
	if err != nil {
		return err
	}
	if err := by.products(ctx, changes, t); err != nil {
		return err
	}
	if err := by.batches(ctx, t); err != nil {
		return err
	}
	if err := by.rows(ctx, w.removeLines, t.removed, &failed{field: "order"}); err != nil {
		return err
	}
	if err := by.rows(ctx, w.addLines, t.parts, &failed{field: "order", taken: allocation.ErrDuplicate}); err != nil {
		return err
	}
	return by.rows(ctx, w.addEvents, t.events, &failed{field: "event"})
}

type tableWriter struct {
	runner
	*tableWrites
}

// rows runs a statement over rows, if there are any.
func (w tableWriter) rows(ctx context.Context, q *query, rows []row, about *failed) error {
	_, err := w.affect(ctx, q, rows, about)
	return err
}

func (w tableWriter) affect(ctx context.Context, q *query, rows []row, about *failed) (int64, error) {
	if len(rows) == 0 {
		return 0, nil
	}
	text, err := json.Marshal(rows)
	if err != nil {
		return 0, err
	}
	affected, err := w.exec(ctx, q, string(text))
	if err != nil {
		about.value, about.err = subjects(rows), err
		return 0, about
	}
	return affected, nil
}

// hold locks all products, which are in the order of their SKUs, and compares their versions. It is needed where a
// product is only checked: an update that changes nothing doesn't say whether it found anything.
func (w tableWriter) hold(ctx context.Context, changes []allocation.Changes) error {
	skus := make([]allocation.SKU, len(changes))
	for i, c := range changes {
		skus[i] = c.SKU
	}
	versions := make(map[allocation.SKU]int64, len(changes))
	err := w.each(ctx, w.held, []any{list(skus)}, func(rows *sql.Rows) error {
		var sku allocation.SKU
		var version int64
		err := rows.Scan(&sku, &version)
		versions[sku] = version
		return err
	})
	if err != nil {
		return err
	}
	return compare(changes, versions)
}

// products demands the versions that were read, and sets the new ones, which always differ.
func (w tableWriter) products(ctx context.Context, changes []allocation.Changes, t *tables) error {
	about := &failed{field: "sku", taken: allocation.ErrConflict}
	moved, err := w.affect(ctx, w.setProducts, t.products, about)
	switch {
	case err != nil:
		return err
	case moved != int64(len(t.products)):
		return lostOne(changes)
	}
	return w.rows(ctx, w.addProducts, t.newProducts, about)
}

func (w tableWriter) batches(ctx context.Context, t *tables) error {
	if err := w.rows(ctx, w.addBatches, t.newBatches, &failed{field: "batch", taken: allocation.ErrDuplicate}); err != nil {
		return err
	}
	changed, err := w.affect(ctx, w.changeBatches, t.batches, &failed{field: "batch"})
	if err != nil || changed == int64(len(t.batches)) {
		return err
	}
	return w.countedBatches(ctx, t.batches)
}

// countedBatches looks whether all batches exist: one that has its values already isn't counted as changed.
func (w tableWriter) countedBatches(ctx context.Context, batches []row) error {
	text, err := json.Marshal(batches)
	if err != nil {
		return err
	}
	var exist int
	err = w.each(ctx, w.countBatches, []any{string(text)}, func(rows *sql.Rows) error { return rows.Scan(&exist) })
	if err == nil && exist != len(batches) {
		err = errors.New("it doesn't exist")
	}
	if err != nil {
		return &failed{field: "batch", value: subjects(batches), err: err}
	}
	return nil
}
