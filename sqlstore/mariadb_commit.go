package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/cosmic-go/allocation"
)

// tableWrites write each table with one statement: the number of round trips doesn't depend on that of products or lines. Rows come
// as a JSON array or, where there are many, in the statement itself, which spares the server to take the array apart
// (measured: two thirds of the time). A commit that is one line needs neither.
type tableWrites struct {
	*rowWrites

	lockProducts, addProducts, setProducts  *query
	addBatches, changeBatches, countBatches *query
	removeLines                             *query
	setBoth                                 *query // a product and its batch
	addParts, addEvents                     string // with rows to come

	classify func(error) class
}

func newTableWrites(t *templates) writer {
	compile := t.compile
	changes := batchColumns.table() + `
		STRAIGHT_JOIN {batches} b FORCE INDEX (PRIMARY) ON b.ref = x.ref AND b.sku = x.sku`
	return &tableWrites{
		rowWrites:    newRowWrites(t).(*rowWrites),
		lockProducts: compile(t.lockRows),
		addProducts: compile(`
			INSERT INTO {products} (sku, version, refused, low_stock)
			SELECT x.sku, x.version, x.refused, x.low_stock FROM ` + productColumns.table()),
		setProducts: compile(`UPDATE ` + productColumns.table() + `
			STRAIGHT_JOIN {products} p FORCE INDEX (PRIMARY) ON p.sku = x.sku AND p.version = x.seen
			SET p.version = x.version, p.refused = x.refused, p.low_stock = x.low_stock`),
		addBatches: compile(`
			INSERT INTO {batches} (` + newBatchColumns.names() + `) SELECT * FROM ` + newBatchColumns.table()),
		changeBatches: compile(`UPDATE ` + changes + `
			SET b.purchased = b.purchased + x.purchased, b.allocated = b.allocated + x.allocated,
				b.eta = x.eta, b.counted_at = x.counted_at, b.shipped_at = x.shipped_at`),
		countBatches: compile(`SELECT COUNT(*) FROM ` + changes),
		removeLines: compile(`DELETE l FROM ` + removedColumns.table() + `
			STRAIGHT_JOIN {lines} l FORCE INDEX (PRIMARY) ON l.order_id = x.order_id AND l.sku = x.sku`),
		setBoth: compile(`
			UPDATE {products} p STRAIGHT_JOIN {batches} b FORCE INDEX (PRIMARY) ON b.ref = :ref AND b.sku = p.sku
			SET p.version = :version, p.refused = :refused, p.low_stock = :low_stock,
				b.purchased = b.purchased + :purchased, b.allocated = b.allocated + :allocated,
				b.eta = :eta, b.counted_at = :counted_at, b.shipped_at = :shipped_at
			WHERE p.sku = :sku AND p.version = :seen`),
		addParts:  compile(`INSERT INTO {lines} (` + partColumns.names() + `) VALUES `).text,
		addEvents: compile(`INSERT INTO {events} (` + eventColumns.names() + `) VALUES `).text,
		classify:  t.classify,
	}
}

func (w *tableWrites) queries() []*query {
	return []*query{
		w.setBoth, w.lockProducts, w.addProduct, w.setProduct, w.addProducts, w.setProducts, w.addBatches, w.changeBatch,
		w.changeBatches, w.countBatches, w.removeLines, w.addPart, w.addEvent,
	}
}

func (w *tableWrites) write(ctx context.Context, r runner, changes []allocation.Changes) error {
	tables := tableWriter{rowWriter{runner: r, rowWrites: w.rowWrites}, w}
	if isOneLine(changes) {
		return tables.oneLine(ctx, changes)
	}
	if slices.ContainsFunc(changes, func(c allocation.Changes) bool { return !hasEvents(c) }) {
		if err := tables.lockAndCompare(ctx, changes); err != nil {
			return err
		}
		changes = slices.DeleteFunc(slices.Clone(changes), func(c allocation.Changes) bool { return !hasEvents(c) })
	}
	rows, err := relationsOf(changes)
	if err != nil {
		return err
	}
	if err := tables.counters(ctx, changes, rows); err != nil {
		return err
	}
	return tables.lines(ctx, rows)
}

// oneLine needs no arrays.
func (w tableWriter) oneLine(ctx context.Context, changes []allocation.Changes) error {
	c := changes[0]
	if err := w.counters(ctx, changes, &relations{batches: []changedBatch{{c.Batches[0], c.SKU}}}); err != nil {
		return err
	}
	if err := w.added(ctx, c); err != nil {
		return err
	}
	return w.events(ctx, c)
}

type tableWriter struct {
	rowWriter
	*tableWrites
}

// writeRows runs a statement over rows, if there are any, and returns how many it met. An error is about their subjects.
func writeRows[R any](
	ctx context.Context, r runner, q *query, c columns[R], rows []R, about subjectError, subject func(row R) any,
) (int64, error) {
	if len(rows) == 0 {
		return 0, nil
	}
	matched, err := r.exec(ctx, q, c.json(rows))
	if err == nil {
		return matched, nil
	}
	about.err, about.value = err, subjects(rows, subject)
	return 0, &about
}

// maxInsert is about how many bytes of rows an insert has, well below what a server takes by default (16 MiB).
const maxInsert = 1 << 20

// insert adds rows, if there are any.
func insert[R any](
	ctx context.Context, r runner, text string, c columns[R], rows []R, about subjectError, subject func(row R) any,
) error {
	for len(rows) > 0 {
		tuples, n := c.tuples(rows, maxInsert)
		if _, err := r.exec(ctx, &query{text: text + tuples, literal: true}); err != nil {
			about.err, about.value = err, subjects(rows[:n], subject)
			return &about
		}
		rows = rows[n:]
	}
	return nil
}

// subjects are what an error of a statement over rows is about.
func subjects[R any](rows []R, subject func(row R) any) any {
	if len(rows) == 1 {
		return subject(rows[0])
	}
	all := make([]any, len(rows))
	for i, row := range rows {
		all[i] = subject(row)
	}
	return all
}

// hold locks all products, which are in the order of their SKUs, and compares their versions. It is needed where a
// product is only checked: an update that changes nothing doesn't say whether it found anything.
func (w tableWriter) lockAndCompare(ctx context.Context, changes []allocation.Changes) error {
	skus := make([]allocation.SKU, len(changes))
	for i, c := range changes {
		skus[i] = c.SKU
	}
	versions := make(map[allocation.SKU]int64, len(changes))
	err := w.each(ctx, w.lockProducts, []any{idList(skus)}, func(rows *sql.Rows) error {
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

// counters writes products and batches: at once if there is one of each, else the products first, since a version
// that isn't the one that was read has to be told from a batch that doesn't exist.
func (w tableWriter) counters(ctx context.Context, changes []allocation.Changes, rows *relations) error {
	if len(changes) == 1 && changes[0].Read > 0 && len(rows.batches) == 1 && len(rows.newBatches) == 0 {
		matched, err := w.productAndBatch(ctx, changes[0], rows.batches[0])
		if err != nil || matched > 0 {
			return err
		}
	}
	if err := w.products(ctx, changes); err != nil {
		return err
	}
	return w.batches(ctx, rows)
}

// both returns how many rows it changed, none if anything is missing: a product always changes.
func (w tableWriter) productAndBatch(ctx context.Context, c allocation.Changes, b changedBatch) (int64, error) {
	matched, err := w.exec(ctx, w.setBoth, string(b.Ref), c.Version, c.Refused, int64(c.LowStock), int64(b.Purchased), int64(b.Allocated),
		micros(b.ETA), micros(b.CountedAt), micros(b.ShippedAt), string(c.SKU), c.Read)
	switch {
	case err == nil:
		return matched, nil
	case w.classify(err) == refused: // only a batch has a check that can fail here
		return 0, &subjectError{field: "batch", value: b.Ref, err: err}
	}
	return 0, &subjectError{field: "sku", value: c.SKU, err: err}
}

// products demands the versions that were read, and sets the new ones, which always differ.
func (w tableWriter) products(ctx context.Context, changes []allocation.Changes) error {
	if len(changes) == 1 {
		return w.product(ctx, changes[0])
	}
	var added, known []allocation.Changes
	for _, c := range changes {
		if c.Read == 0 {
			added = append(added, c)
		} else {
			known = append(known, c)
		}
	}
	about := subjectError{field: "sku", taken: allocation.ErrConflict}
	subject := func(c allocation.Changes) any { return c.SKU }
	moved, err := writeRows(ctx, w, w.setProducts, productColumns, known, about, subject)
	switch {
	case err != nil:
		return err
	case moved != int64(len(known)):
		return conflictOnAny(changes)
	}
	_, err = writeRows(ctx, w, w.addProducts, productColumns, added, about, subject)
	return err
}

func (w tableWriter) batches(ctx context.Context, rows *relations) error {
	_, err := writeRows(ctx, w, w.addBatches, newBatchColumns, rows.newBatches, subjectError{field: "batch", taken: allocation.ErrDuplicate},
		func(b allocation.Batch) any { return b.Ref })
	if err != nil {
		return err
	}
	var matched int64
	if len(rows.batches) == 1 {
		matched, err = w.batch(ctx, rows.batches[0])
	} else {
		matched, err = writeRows(ctx, w, w.changeBatches, batchColumns, rows.batches, subjectError{field: "batch"}, changedBatch.subject)
	}
	if err != nil || matched == int64(len(rows.batches)) {
		return err
	}
	return w.countedBatches(ctx, rows.batches)
}

// countedBatches looks whether all batches exist: one that has its values already isn't counted as changed.
func (w tableWriter) countedBatches(ctx context.Context, batches []changedBatch) error {
	var exist int
	err := w.each(ctx, w.countBatches, []any{batchColumns.json(batches)}, func(rows *sql.Rows) error { return rows.Scan(&exist) })
	if err == nil && exist != len(batches) {
		err = errors.New("it doesn't exist")
	}
	if err != nil {
		return &subjectError{field: "batch", value: subjects(batches, changedBatch.subject), err: err}
	}
	return nil
}

// lines writes the parts of lines anew, and the events.
func (w tableWriter) lines(ctx context.Context, rows *relations) error {
	_, err := writeRows(ctx, w, w.removeLines, removedColumns, rows.removed, subjectError{field: "order"},
		func(l removedLine) any { return l.OrderID })
	if err != nil {
		return err
	}
	err = insert(ctx, w, w.addParts, partColumns, append(rows.newParts, rows.parts...),
		subjectError{field: "order", taken: allocation.ErrDuplicate}, func(p linePart) any { return p.OrderID })
	if err != nil {
		return err
	}
	return insert(ctx, w, w.addEvents, eventColumns, rows.events, subjectError{field: "event"},
		func(e eventRow) any { return e.sequence })
}
