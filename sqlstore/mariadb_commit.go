package sqlstore

import (
	"context"
	"slices"
)

// mariaDBCommit writes each table with one statement, so that the number of round trips depends on neither products
// nor lines. New rows come as a list behind VALUES, which saves the server the parsing of JSON (measured: two thirds
// of the time). Several changed products, batches and removed lines come as a JSON array. Each statement has the
// guard. A commit without locks is a [script]; the statements one by one serve transactions of a host and of Locked,
// and show the rows concerned after an error of a script.
type mariaDBCommit struct {
	*rowCommit

	lockProducts                *query
	setProducts                 *query
	changeBatches, countBatches *query
	changeSums                  *query // changeBatches for counters alone
	removeLines                 *query
	endWaiting, setServings     *query
	setBoth, setBothCounters    rowStatement[relations] // a product and its batch

	addProducts, addBatches, addParts, addEvents string // text before the rows
	addPlainParts                                string // addParts for plain lines
	addWaiting                                   string

	classify func(error) class
	engine   *engine
}

func newMariaDBCommit(t *templates) writer {
	changes := func(c columns[changedBatch]) string {
		return c.table() + `
		STRAIGHT_JOIN {batches} b FORCE INDEX (PRIMARY) ON b.ref = x.ref AND b.sku = x.sku`
	}
	changeBatches := func(c columns[changedBatch]) *query {
		return t.compile(`UPDATE ` + changes(c) + `
			SET ` + c.assignments("b.", "b.", "x.") + t.guarded("WHERE"))
	}
	setBoth := func(c columns[changedBatch]) rowStatement[relations] {
		return compileRow(t, firstRows, `
			UPDATE {products} p STRAIGHT_JOIN {batches} b FORCE INDEX (PRIMARY) ON b.ref = :batch_ref AND b.sku = p.sku
			SET `+productColumns.assignments("p.", "p.", ":product_")+`,
				`+c.assignments("b.", "b.", ":batch_")+`
			WHERE p.sku = :product_sku AND p.version = :product_seen`+t.guarded("AND"))
	}
	stored := productColumns.stored()
	single := newRowCommit(t)
	single = &rowCommit{ // the other statements are unused
		setProduct: single.setProduct, changeBatch: single.changeBatch, changeCounters: single.changeCounters,
	}
	return &mariaDBCommit{
		rowCommit:    single,
		lockProducts: t.compile(t.lockRows),
		setProducts: t.compile(`UPDATE ` + productColumns.table() + `
			STRAIGHT_JOIN {products} p FORCE INDEX (PRIMARY) ON p.sku = x.sku AND p.version = x.seen
			SET ` + productColumns.assignments("p.", "p.", "x.") + t.guarded("WHERE")),
		changeBatches: changeBatches(changedColumns),
		changeSums:    changeBatches(changedCounters),
		countBatches:  t.compile(`SELECT COUNT(*) FROM ` + changes(changedColumns.keys())),
		removeLines: t.compile(`DELETE l FROM ` + removedColumns.table() + `
			STRAIGHT_JOIN {lines} l FORCE INDEX (PRIMARY)
			ON l.order_id = x.order_id AND l.sku = x.sku AND l.line = x.line` +
			t.guarded("WHERE")),
		endWaiting: t.compile(`DELETE w FROM ` + endedColumns.table() + `
			STRAIGHT_JOIN {waiting} w FORCE INDEX (PRIMARY)
			ON w.order_id = x.order_id AND w.sku = x.sku AND w.line = x.line` +
			t.guarded("WHERE")),
		setServings: t.compile(`UPDATE ` + servingColumns.table() + `
			STRAIGHT_JOIN {products} p FORCE INDEX (PRIMARY) ON p.sku = x.sku
			SET ` + servingColumns.assignments("p.", "p.", "x.") + t.guarded("WHERE")),
		addWaiting:      t.compile(`INSERT INTO {waiting} (` + waitingColumns.list("") + `) VALUES `).text,
		setBoth:         setBoth(changedColumns),
		setBothCounters: setBoth(changedCounters),
		addProducts:     t.compile(`INSERT INTO {products} (` + stored.list("") + `) VALUES `).text,
		addBatches:      t.compile(`INSERT INTO {batches} (` + batchColumns.list("") + `) VALUES `).text,
		addParts:        t.compile(`INSERT INTO {lines} (` + lineColumns.list("") + `) VALUES `).text,
		addPlainParts:   t.compile(`INSERT INTO {lines} (` + plainColumns.list("") + `) VALUES `).text,
		addEvents:       t.compile(`INSERT INTO {events} (` + eventColumns.list("") + `) VALUES `).text,
		classify:        t.classify,
		engine:          t.engine,
	}
}

func (w *mariaDBCommit) queries() []*query {
	return []*query{
		w.setBoth.query, w.setBothCounters.query, w.lockProducts, w.setProduct.query, w.setProducts,
		w.changeBatch.query, w.changeCounters.query, w.changeBatches, w.changeSums, w.countBatches, w.removeLines,
		w.endWaiting, w.setServings,
	}
}

func (w *mariaDBCommit) write(ctx context.Context, r runner, rows *relations) error {
	if slices.ContainsFunc(rows.products, productRow.isChecked) {
		if err := w.lockAndCompare(ctx, r, rows); err != nil {
			return err
		}
		changed := *rows // a second transaction needs the versions to check again
		changed.products = slices.DeleteFunc(slices.Clone(rows.products), productRow.isChecked)
		rows = &changed
	}
	if err := w.counters(ctx, r, rows); err != nil {
		return err
	}
	return w.lines(ctx, r, rows)
}

// lockAndCompare locks all products in the order of the SKUs, and compares the versions. A commit that only checks
// some products needs the lock, because an UPDATE without a change reports no row on MariaDB.
func (w *mariaDBCommit) lockAndCompare(ctx context.Context, r runner, rows *relations) error {
	return checkVersions(ctx, r, w.engine, w.lockProducts, rows.products)
}

// counters writes products and batches: with one statement if there is one of each, otherwise products first,
// because a version conflict must not look like a missing batch.
func (w *mariaDBCommit) counters(ctx context.Context, r runner, rows *relations) error {
	if len(rows.products) == 1 && rows.products[0].seen > 0 && len(rows.batches) == 1 && len(rows.newBatches) == 0 {
		matched, err := w.productAndBatch(ctx, r, rows)
		if err != nil || matched > 0 {
			return err
		}
	}
	if err := w.products(ctx, r, rows); err != nil {
		return err
	}
	return w.batches(ctx, r, rows)
}

// productAndBatch returns the number of changed rows, 0 if the product or the batch is missing or has another
// version. The product's row always changes.
func (w *mariaDBCommit) productAndBatch(ctx context.Context, r runner, rows *relations) (int64, error) {
	s := w.both(rows)
	matched, err := r.exec(ctx, s.query, s.arguments(&rows.arguments, rows)...)
	switch {
	case err == nil:
		return matched, nil
	case w.classify(err) == refused: // only batches have a check that can fail here
		return 0, aboutBatch.error(err, rows.batches)
	}
	return 0, &subjectError{field: "sku", value: rows.products[0].sku, err: err}
}

// both returns the statement for one product and its batch.
func (w *mariaDBCommit) both(rows *relations) rowStatement[relations] {
	if rows.changeCounters() {
		return w.setBothCounters
	}
	return w.setBoth
}

// several returns the statement for several changed batches, and the columns of its rows.
func (w *mariaDBCommit) several(rows *relations) (*query, columns[changedBatch]) {
	if rows.changeCounters() {
		return w.changeSums, changedCounters
	}
	return w.changeBatches, changedColumns
}

// insertOf returns the text before parts of lines, and the columns of the rows.
func (w *mariaDBCommit) insertOf(parts []lineRow) (text string, c columns[lineRow]) {
	if lineColumns.arePlain(parts) {
		return w.addPlainParts, plainColumns
	}
	return w.addParts, lineColumns
}

// products writes the new versions, which always differ, if the products have the versions that were read.
func (w *mariaDBCommit) products(ctx context.Context, r runner, rows *relations) error {
	if len(rows.products) == 1 && rows.products[0].seen > 0 {
		return w.product(ctx, r, rows, &rows.products[0])
	}
	known, added := partProducts(rows.products)
	matched, err := writeRows(ctx, w, r, w.setProducts, productColumns, known, aboutProduct)
	switch {
	case err != nil:
		return err
	case matched != int64(len(known)):
		return conflictOnAny(rows.products)
	}
	return insertRows(ctx, w, r, w.addProducts, productColumns.stored(), added, aboutProduct)
}

// partProducts tells known products from new ones.
func partProducts(products []productRow) (known, added []productRow) {
	for i, p := range products {
		if p.seen == 0 {
			if added == nil {
				known = append(make([]productRow, 0, len(products)), products[:i]...)
			}
			added = append(added, p)
		} else if added != nil {
			known = append(known, p)
		}
	}
	if added == nil {
		return products, nil
	}
	return known, added
}

func (w *mariaDBCommit) batches(ctx context.Context, r runner, rows *relations) error {
	err := insertRows(ctx, w, r, w.addBatches, batchColumns, rows.newBatches, aboutNewBatch)
	if err != nil {
		return err
	}
	var matched int64
	if len(rows.batches) == 1 {
		matched, err = w.batch(ctx, r, rows, 0)
	} else {
		q, c := w.several(rows)
		matched, err = writeRows(ctx, w, r, q, c, rows.batches, aboutBatch)
	}
	if err != nil || matched == int64(len(rows.batches)) {
		return err
	}
	return w.countedBatches(ctx, r, rows.batches)
}

// countedBatches returns an error unless all batches exist. An UPDATE doesn't count a batch that has the new values
// already.
func (w *mariaDBCommit) countedBatches(ctx context.Context, r runner, batches []changedBatch) error {
	exist := 0
	err := eachPart(w, changedColumns.keys(), batches, func(list string, _ []changedBatch) error {
		return r.each(ctx, w.countBatches, []any{list}, func(row scanner) error {
			var some int
			err := row.Scan(&some)
			exist += some
			return err
		})
	})
	if err == nil && exist != len(batches) {
		err = errMissing
	}
	if err != nil {
		return aboutBatch.error(err, batches)
	}
	return nil
}

// lines writes lines and events. Changed lines are removed and written again.
func (w *mariaDBCommit) lines(ctx context.Context, r runner, rows *relations) error {
	_, err := writeRows(ctx, w, r, w.removeLines, removedColumns, rows.removed, aboutRemoved)
	if err != nil {
		return err
	}
	parts := rows.allParts()
	text, c := w.insertOf(parts)
	err = insertRows(ctx, w, r, text, c, parts, aboutNewPart)
	if err != nil {
		return err
	}
	if err := w.waiting(ctx, r, rows); err != nil {
		return err
	}
	return insertRows(ctx, w, r, w.addEvents, eventColumns, rows.events, aboutEvent)
}

// waiting writes what changed about lines that wait.
func (w *mariaDBCommit) waiting(ctx context.Context, r runner, rows *relations) error {
	if _, err := writeRows(ctx, w, r, w.endWaiting, endedColumns, rows.allEnded(), aboutRemoved); err != nil {
		return err
	}
	err := insertRows(ctx, w, r, w.addWaiting, waitingColumns, rows.allWaiting(), aboutWaiting)
	if err != nil {
		return err
	}
	_, err = writeRows(ctx, w, r, w.setServings, servingColumns, rows.servings, aboutServing)
	return err
}

// eachPart calls fn with rows as a JSON array, in parts of a limited size.
func eachPart[R any](w *mariaDBCommit, c columns[R], rows []R, fn func(list string, part []R) error) error {
	for len(rows) > 0 {
		list, n := c.json(rows, w.engine.longest)
		if err := fn(list, rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// writeRows runs a statement over rows, if any, and returns the number of matching rows of the table.
func writeRows[R any](
	ctx context.Context, w *mariaDBCommit, r runner, q *query, c columns[R], rows []R, about subject[R],
) (matched int64, err error) {
	err = eachPart(w, c, rows, func(list string, part []R) error {
		some, err := r.exec(ctx, q, list)
		matched += some
		if err != nil {
			return about.error(err, part)
		}
		return nil
	})
	return matched, err
}

// insertRows inserts rows, if any.
func insertRows[R any](
	ctx context.Context, w *mariaDBCommit, r runner, text string, c columns[R], rows []R, about subject[R],
) error {
	for len(rows) > 0 {
		tuples, n := c.tuples(rows, w.engine.longest)
		if _, err := r.exec(ctx, &query{text: text + tuples, literal: true}); err != nil {
			return about.error(err, rows[:n])
		}
		rows = rows[n:]
	}
	return nil
}
