package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/cosmic-go/allocation"
)

// rowStatement is a statement whose parameters are columns of one row.
type rowStatement[R any] struct {
	*query
	values columns[R] // of the parameters, in their order
}

func compileRow[R any](t *templates, c columns[R], text string) rowStatement[R] {
	s := rowStatement[R]{query: t.compile(text)}
	for _, name := range s.params {
		s.values = append(s.values, c.named(name))
	}
	return s
}

// arguments returns the arguments of the statement for a row. The result is valid until the next use of the list.
func (s rowStatement[R]) arguments(list *argumentList, row *R) []any {
	list.all = list.all[:0]
	for _, column := range s.values {
		column.write(list, row)
	}
	return list.all
}

// rowCommit writes row by row. This is the fastest way if the database is in the same process, and for single rows
// anywhere.
type rowCommit struct {
	addProduct, setProduct, checkProduct rowStatement[productRow]
	addBatch                             rowStatement[allocation.Batch]
	changeBatch, changeCounters          rowStatement[changedBatch]
	addPart, addPlainPart                rowStatement[lineRow]
	removeLine                           rowStatement[removedLine]
	addEvent                             rowStatement[eventRow]
	endWaiting                           rowStatement[removedLine]
	addWaiting                           rowStatement[allocation.Allocation]
	setServing                           rowStatement[servingRow]
}

func newRowCommit(t *templates) *rowCommit {
	changeBatch := func(c columns[changedBatch]) rowStatement[changedBatch] {
		return compileRow(t, changedColumns, `
			UPDATE {batches} SET `+c.assignments("", "", ":")+`
			WHERE ref = :ref AND sku = :sku`+t.guarded("AND"))
	}
	var signed, signature, signing string
	if t.signature != "" {
		signed, signature, signing = ", "+t.signature, ", :version", ", "+t.signature+" = :version"
	}
	stored := productColumns.stored()
	return &rowCommit{
		addProduct: compileRow(t, productColumns, `
			INSERT INTO {products} (`+stored.list("")+signed+`) VALUES (`+stored.list(":")+signature+`)`),
		setProduct: compileRow(t, productColumns, `
			UPDATE {products} SET `+productColumns.assignments("", "", ":")+signing+`
			WHERE sku = :sku AND version = :seen`+t.guarded("AND")),
		checkProduct: compileRow(t, productColumns, `
			UPDATE {products} SET version = version WHERE sku = :sku AND version = :seen`),
		addBatch:       compileRow(t, batchColumns, insertRow("batches", batchColumns)),
		changeBatch:    changeBatch(changedColumns),
		changeCounters: changeBatch(changedCounters),
		addPart:        compileRow(t, lineColumns, insertRow("lines", lineColumns)),
		addPlainPart:   compileRow(t, lineColumns, insertPlainRow("lines", plainColumns)),
		removeLine: compileRow(t, removedColumns, `DELETE FROM {lines} 
			WHERE order_id = :order_id AND sku = :sku AND line = :line`),
		addEvent: compileRow(t, eventColumns, insertPlainRow("events", eventColumns)),
		endWaiting: compileRow(t, removedColumns, `DELETE FROM {waiting}
			WHERE order_id = :order_id AND sku = :sku AND line = :line`+t.guarded("AND")),
		addWaiting: compileRow(t, waitingColumns, insertRow("waiting", waitingColumns)),
		setServing: compileRow(t, servingColumns, `
			UPDATE {products} SET `+servingColumns.assignments("", "", ":")+` WHERE sku = :sku`+t.guarded("AND")),
	}
}

// insertRow returns the text of an insert of one row.
func insertRow[R any](table string, c columns[R]) string {
	return `
			INSERT INTO {` + table + `} (` + c.list("") + `) VALUES (` + c.list(":") + `)`
}

// insertPlainRow is insertRow with the usual values in the text.
func insertPlainRow[R any](table string, c columns[R]) string {
	return `
			INSERT INTO {` + table + `} (` + c.list("") + `) VALUES (` + c.plainList(":") + `)`
}

func (w *rowCommit) queries() []*query {
	return []*query{
		w.addProduct.query, w.setProduct.query, w.checkProduct.query, w.addBatch.query, w.changeBatch.query,
		w.changeCounters.query, w.addPart.query, w.addPlainPart.query, w.removeLine.query, w.addEvent.query,
		w.endWaiting.query, w.addWaiting.query, w.setServing.query,
	}
}

// write writes batches before the lines that refer to the batches.
//
// Only the first statement has to wait for other writers, so the end of ctx interrupts that statement, and is noticed
// before each further statement: for every statement that can be interrupted some drivers start a goroutine.
func (w *rowCommit) write(ctx context.Context, r runner, rows *relations) error {
	for i := range rows.products {
		if err := w.product(ctx, r, rows, &rows.products[i]); err != nil {
			return err
		}
	}
	r = uninterrupted{r}
	if err := writeEach(ctx, r, rows, w.addBatch, rows.newBatches, aboutNewBatch); err != nil {
		return err
	}
	addPart := w.addPart
	if lineColumns.arePlain(rows.newParts) {
		addPart = w.addPlainPart
	}
	if err := writeEach(ctx, r, rows, addPart, rows.newParts, aboutNewPart); err != nil {
		return err
	}
	if err := w.batches(ctx, r, rows); err != nil {
		return err
	}
	if err := writeEach(ctx, r, rows, w.removeLine, rows.removed, aboutRemoved); err != nil {
		return err
	}
	if err := writeEach(ctx, r, rows, w.addPart, rows.parts, aboutPart); err != nil {
		return err
	}
	if err := w.waiting(ctx, r, rows); err != nil {
		return err
	}
	return writeEach(ctx, r, rows, w.addEvent, rows.events, aboutEvent)
}

// uninterrupted runs each statement to the end, unless the context has ended before.
type uninterrupted struct{ runner }

func (u uninterrupted) exec(ctx context.Context, q *query, args ...any) (int64, error) {
	if ctx.Err() == nil {
		ctx = context.WithoutCancel(ctx)
	}
	return u.runner.exec(ctx, q, args...)
}

// waiting writes what changed about lines that wait.
func (w *rowCommit) waiting(ctx context.Context, r runner, rows *relations) error {
	if !rows.concernWaiting() {
		return nil
	}
	if err := writeEach(ctx, r, rows, w.endWaiting, rows.allEnded(), aboutRemoved); err != nil {
		return err
	}
	if err := writeEach(ctx, r, rows, w.addWaiting, rows.allWaiting(), aboutWaiting); err != nil {
		return err
	}
	return writeEach(ctx, r, rows, w.setServing, rows.servings, aboutServing)
}

// writeEach runs a statement once for each row.
func writeEach[R any](
	ctx context.Context, r runner, all *relations, s rowStatement[R], rows []R, about subject[R],
) error {
	for i := range rows {
		if _, err := r.exec(ctx, s.query, s.arguments(&all.arguments, &rows[i])...); err != nil {
			return about.error(err, rows[i:i+1])
		}
	}
	return nil
}

// product writes the new version if the product has the version that was read.
func (w *rowCommit) product(ctx context.Context, r runner, rows *relations, p *productRow) error {
	s := w.setProduct
	switch {
	case p.isChecked():
		s = w.checkProduct
	case p.seen == 0:
		s = w.addProduct
	}
	matched, err := r.exec(ctx, s.query, s.arguments(&rows.arguments, p)...)
	if p.isChecked() && p.seen == 0 {
		matched++ // the product must not exist
	}
	switch {
	case err != nil:
		return aboutProduct.error(err, []productRow{*p})
	case matched != 1:
		return conflictOn(*p)
	}
	return nil
}

func (w *rowCommit) batches(ctx context.Context, r runner, rows *relations) error {
	for i := range rows.batches {
		matched, err := w.batch(ctx, r, rows, i)
		switch {
		case err != nil:
			return err
		case matched == 0:
			return aboutBatch.error(errMissing, rows.batches[i:i+1])
		}
	}
	return nil
}

var errMissing = errors.New("no such batch of the product")

// change returns the statement for a changed batch.
func (w *rowCommit) change(b *changedBatch) rowStatement[changedBatch] {
	if b.CountersOnly {
		return w.changeCounters
	}
	return w.changeBatch
}

// batch changes the i-th batch, and returns the number of matching rows.
func (w *rowCommit) batch(ctx context.Context, r runner, rows *relations, i int) (int64, error) {
	s := w.change(&rows.batches[i])
	matched, err := r.exec(ctx, s.query, s.arguments(&rows.arguments, &rows.batches[i])...)
	if err != nil {
		return 0, aboutBatch.error(err, rows.batches[i:i+1])
	}
	return matched, nil
}

// checkVersions runs a statement that selects versions by SKU, and returns a conflict unless each product has the
// version that was read. A missing product has version 0. Several statements tell as much as one: versions only grow,
// so at the time of the first statement all products still had the versions that later statements find.
func checkVersions(ctx context.Context, r runner, e *engine, q *query, products []productRow) error {
	if len(products) == 0 {
		return nil
	}
	versions := make(map[allocation.SKU]int64, len(products))
	for _, skus := range cutIDs(e, skusOf(products)) {
		err := r.each(ctx, q, []any{idList(skus)}, func(row scanner) error {
			var sku allocation.SKU
			var version int64
			err := row.Scan(&sku, &version)
			versions[sku] = version
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, p := range products {
		if versions[p.sku] != p.seen {
			return conflictOn(p)
		}
	}
	return nil
}

// conflictOnAny names the product if there is only one.
func conflictOnAny(products []productRow) error {
	if len(products) == 1 {
		return conflictOn(products[0])
	}
	return &subjectError{
		field: "sku", value: skusOf(products),
		err: fmt.Errorf("%w: a version has changed since the read", allocation.ErrConflict),
	}
}

// conflictOn returns the error for a product that another unit of work changed first.
func conflictOn(p productRow) error {
	return &subjectError{
		field: "sku", value: p.sku,
		err: fmt.Errorf("%w: the version is no longer %d", allocation.ErrConflict, p.seen),
	}
}

func skusOf(products []productRow) []allocation.SKU {
	skus := make([]allocation.SKU, len(products))
	for i, p := range products {
		skus[i] = p.sku
	}
	return skus
}
