package sqlstore

import (
	"strconv"
	"strings"
)

// viewQueries are the statements of the read models. As in a load, all reads use keys and the indexes of open rows.
type viewQueries struct {
	order, lines, batches *query
	queues, places        *query

	stock, open forMany // by products; the last statement is for any number

	lot, lotBatches, lotBehind *query
	lotLines                   forMany // by batches

	due *query

	products, lowProducts, waitedFor, lowWaitedFor *query
	orders, ledgers                                *query
	entries                                        forMany // by products
}

func (t *templates) viewQueries() *viewQueries {
	v := &viewQueries{
		order: t.compile(`
			SELECT l.sku, l.line, l.held_until, l.sequence, l.needed_by, l.fresh_until, l.location, l.priority, l.late,
				l.batch_ref, l.quantity, l.shipped, b.eta, b.location, b.best_before, 0, l.part AS part
			FROM (SELECT * FROM {lines} WHERE order_id = :order) l` +
			t.lookup("batches", "b", "", "b.ref = l.batch_ref") + `
			UNION ALL
			SELECT w.sku, w.line, NULL, w.sequence, w.needed_by, w.fresh_until, w.location, w.priority, 0,
				'', 0, 0, NULL, '', NULL, w.quantity, 1000000000
			FROM {waiting} w WHERE w.order_id = :order
			ORDER BY sku, line, part`),
		lines:   t.compile(t.batchLinesText()),
		batches: t.compile(t.batchesText()),

		queues: t.compile(t.queuesText()),
		places: t.compile(t.placesText()),

		lot:        t.compile(t.lotText()),
		lotBatches: t.compile(t.lotBatchesText()),
		lotBehind:  t.compile(t.lotBehindText()),

		due: t.compile(t.dueText()),

		products:    t.compile(t.productsText(t.chosenText("", ""))),
		lowProducts: t.compile(t.productsText(t.chosenText("products_low", " AND p.low = 1"))),
		waitedFor:   t.compile(t.productsText(t.waitedForText())),
		lowWaitedFor: t.compile(t.productsText(t.chosenText("products_low",
			" AND p.low = 1 AND "+t.firstWaiting()+" IS NOT NULL"))),
		orders:  t.compile(t.ordersText()),
		ledgers: t.compile(t.ledgersText()),
	}
	for n := 1; n <= mostLotBatches; n *= 2 {
		v.lotLines = append(v.lotLines, t.compile(t.lotLinesText(n)))
	}
	for n := 1; n <= mostLedgers; n *= 2 {
		v.entries = append(v.entries, t.compile(t.entriesText(n)))
	}
	for n := 1; n <= t.unionArms; n *= 2 {
		skus := make([]string, n)
		for i := range skus {
			skus[i] = ":sku" + strconv.Itoa(i)
		}
		v.stock = append(v.stock, t.compile(t.stockText(t.lapsedUnits(skus...))))
		v.open = append(v.open, t.compile(t.openText(t.lapsedUnits(skus...))))
	}
	v.stock = append(v.stock, t.compile(t.stockText(t.lapsedUnits())))
	v.open = append(v.open, t.compile(t.openText(t.lapsedUnits())))
	return v
}

// batchLinesText selects a page of a batch's open lines behind the rank (:held, :priority, :sequence) in the order of
// leaving. The columns of a rank are sorted in different directions, so no range of the index has all lines behind a
// rank. Each of the arms reads a range, and no more than a page.
func (t *templates) batchLinesText() string {
	arms := t.behindRank()
	for i, condition := range arms {
		arms[i] = `
			SELECT * FROM (
				SELECT l.order_id, l.line, l.quantity, l.shipped, l.held_until, l.priority, l.sequence, l.held` +
			t.openLines(condition) + ` LIMIT :page) arm` + strconv.Itoa(i+1)
	}
	return `
		SELECT order_id, line, quantity, shipped, held_until, priority, sequence FROM (` +
		strings.Join(arms, `
			UNION ALL`) + `) page
		ORDER BY ` + leavingOrder("") + ` LIMIT :page`
}

// stockText selects the versions of products, the free units of batches for sale, and in any batch that can be sold the
// units of lapsed holds and of the live lines of :order. A batch with more promised than purchased units keeps some.
func (t *templates) stockText(unbound string) string {
	return `
		WITH chosen (sku) AS (SELECT value FROM ` + t.list(":skus") + ` k),` + unbound + `,
		freed (ref, units) AS (
			SELECT f.ref, CAST(SUM(f.units) AS ` + t.integer + `) FROM (
				SELECT u.ref, u.units FROM unbound u
				UNION ALL
				SELECT l.batch_ref, l.quantity - l.shipped
				FROM chosen c` + t.lookup("lines", "l", "", ownLines) + `) f
			GROUP BY f.ref)
		SELECT p.sku, p.version, NULL, 0 FROM chosen c` + t.lookup("products", "p", "", "p.sku = c.sku") + `
		UNION ALL
		SELECT b.sku, 0, b.eta, b.purchased - b.allocated
		FROM chosen c` + t.lookup("batches", "b", "batches_for_sale", "b.sku = c.sku AND "+forSale+keeps) + `
		UNION ALL
		SELECT b.sku, 0, b.eta, u.units + CASE WHEN b.open = 1 THEN 0 ELSE b.purchased - b.allocated END
		FROM freed u` +
		t.lookup("batches", "b", "", "b.ref = u.ref AND b.blocked = '' AND b.expired = 0"+keeps)
}

// ownLines is the condition for the live lines of :order. Without an order no line is looked up. The condition leaves
// "open" out, so that the planner doesn't take the index of all open lines of the product.
const ownLines = `:order <> '' AND l.order_id = :order AND l.sku = c.sku AND l.shipped < l.quantity
					AND (l.held_until IS NULL OR l.held_until > :now)`

// batchesText selects a page of a product's batches, and the units of lapsed holds in any of the batches.
func (t *templates) batchesText() string {
	return `
		WITH chosen (sku) AS (SELECT sku FROM {products} WHERE sku = :sku),` + t.lapsedUnits(":sku") + `
		SELECT 0, ` + loadedBatch.selected("page").text(viewWidth) + `
		FROM (
			SELECT * FROM {batches} b ` + t.indexHint("batches_by_sku") + `
			WHERE b.sku = :sku AND b.ref > :after ORDER BY b.ref LIMIT :page) page
		UNION ALL
		SELECT u.units, ` + selection{textSlot: {"u.ref"}}.text(viewWidth) + ` FROM unbound u`
}

// viewWidth is that of a batch.
var viewWidth = widest(loadedBatch.selected(""))
