package sqlstore

import (
	"strconv"
	"strings"
)

const (
	chosenByOrder = `SELECT sku FROM {lines} WHERE order_id = :order AND part = 0
			UNION SELECT sku FROM {waiting} WHERE order_id = :order`
	chosenByBatch = `SELECT sku FROM {batches} WHERE ref = :batch`
)

// chosenByOrders selects the products to lock before a load by order with further orders: the products of all these
// orders. HandOver reads the products of the one order and then those of the other; without the locks on both from the
// beginning, the second read would lock products out of the order of the SKUs, which ends in deadlocks.
func (t *templates) chosenByOrders() string {
	return `SELECT l.sku FROM ` + t.list(":orders") + ` o` +
		t.lookup("lines", "l", "", "l.order_id = o.value AND l.part = 0") + `
			UNION SELECT w.sku FROM ` + t.list(":orders") + ` o` +
		t.lookup("waiting", "w", "", "w.order_id = o.value")
}

// lapsedUnion repeats lapsedArm for so many SKUs. UNION removes duplicates; UNION ALL would keep duplicates of the rows
// of the UNION before.
func (t *templates) lapsedUnion(n int, sku func(n int) string) string {
	var lapsed strings.Builder
	for i := range n {
		if i > 0 {
			lapsed.WriteString(` UNION `)
		}
		lapsed.WriteString(strings.ReplaceAll(t.lapsedArm, ":sku", sku(i)))
	}
	return lapsed.String()
}

// firstExpiry selects held_until of the first live hold of product p, one of so many SKUs. The SKU of each branch is
// the same for all rows, so that the branch finds the hold by the index.
func (t *templates) firstExpiry(n int, sku func(n int) string, otherwise string) string {
	var first strings.Builder
	first.WriteString(`CASE p.sku`)
	for i := range n {
		first.WriteString(t.expiryOf(sku(i)))
	}
	return first.String() + otherwise + ` END`
}

// expiryOf is a branch of firstExpiry.
func (t *templates) expiryOf(sku string) string {
	return ` WHEN ` + sku + ` THEN (` + strings.ReplaceAll(t.expiringArm, ":sku", sku) + `)`
}

// lapsedOfOrder is lapsed for the products of an order: lapsedArm for the first SKUs with units, and lapsed for any
// others.
func (t *templates) lapsedOfOrder() string {
	first := make([]string, fewSKUs)
	for n := range first {
		first[n] = "COALESCE(" + skuOfOrder(n) + ", '')"
	}
	others := "FROM chosen c WHERE c.sku NOT IN (" + strings.Join(first, ", ") + ")"
	return t.lapsedUnion(fewSKUs, skuOfOrder) + ` UNION` + strings.Replace(t.engine.lapsed, "FROM chosen c", others, 1)
}

// skuParameter is the n-th SKU of a statement with a parameter for each SKU.
func skuParameter(n int) string { return ":sku" + strconv.Itoa(n) }

// skuOfOrder selects the n-th SKU for which an order has units. MariaDB takes the answer for a constant, unless the
// select has a UNION with the SKUs for which the order only waits.
func skuOfOrder(n int) string {
	return `(SELECT DISTINCT sku FROM {lines} WHERE order_id = :order AND part = 0 ORDER BY sku LIMIT 1 OFFSET ` +
		strconv.Itoa(n) + `)`
}

// load compiles a load: one SELECT, and so one moment, with rows of three kinds: products, batches, and parts of
// lines. chosen selects the products. All reads use keys and the indexes of open rows, so that batches that are not for
// sale, and shipped lines, cost nothing. The statement fetches :more rows, one beyond the page; [loading] cuts.
func (t *templates) load(chosen, furtherLines, furtherBatches, lapsed, expiring string) *query {
	return t.loadWith(chosen, furtherLines, furtherBatches, lapsed, expiring, "NULL")
}

// loadWith is load; needed selects the earliest needed_by of the lines that wait.
func (t *templates) loadWith(chosen, furtherLines, furtherBatches, lapsed, expiring, needed string) *query {
	lines := t.lookup("lines", "l", "", "l.order_id = w.order_id AND l.sku = w.sku")
	return t.compile(`
		WITH chosen (sku) AS (` + chosen + `),
		wanted (sku, order_id) AS (
			SELECT l.sku, l.order_id FROM ` + t.list(":orders") + ` o` +
		t.lookup("lines", "l", "", "l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku FROM chosen)") + `
			UNION` + t.waitingOrders() + `
			UNION` + lapsed + furtherLines + `),
		shown (ref) AS (
			SELECT b.ref FROM chosen c` + t.lookup("batches", "b", "batches_for_sale", "b.sku = c.sku AND "+forSale) + `
			UNION
			SELECT l.batch_ref FROM wanted w` + lines + furtherBatches + `)
		SELECT 0, p.sku, ` + t.productSelection(expiring, needed).text(loadWidth) + `
		FROM chosen c` + t.lookup("products", "p", "", "p.sku = c.sku") + `
		UNION ALL
		SELECT 1, b.sku, ` + batchSelection.text(loadWidth) + `
		FROM shown s` + t.lookup("batches", "b", "", "b.ref = s.ref") + `
		UNION ALL
		SELECT 2, l.sku, ` + lineSelection.text(loadWidth) + `
		FROM wanted w` + lines + `
		UNION ALL
		SELECT 3, q.sku, ` + waitingSelection.text(loadWidth) + `
		FROM wanted w` + t.lookup("waiting", "q", "", "q.order_id = w.order_id AND q.sku = w.sku"))
}

// forSale is the condition of the index of batches that are for sale.
const forSale = "b.open = 1 AND b.blocked = '' AND b.expired = 0"

// A load reads the kind of the row, the SKU, and these columns, which come from the lists in relations.go:
//
//	kind       texts                 numbers                        numbers or NULL
//	0 product                        version, refused, low_stock,   expiry of the first live hold,
//	                                 low, serving_priority,         first needed_by of the lines
//	                                 serving_sequence, any waiting  that wait
//	1 batch    ref, location, lot,   purchased, allocated,          eta, best_before, announced_eta, arrived_at,
//	           blocked,              announced_quantity, expired    counted_at, counted_quantity, shipped_at
//	           announced_blocked,
//	           split_from
//	2 part     order_id, line,       part, quantity, shipped,       held_until, needed_by, fresh_until
//	           batch_ref, location,  split, sequence, priority,
//	           handed_from           late, partial, may_wait        wanted, hold_for
//	3 waiting  order_id, line,       quantity, wanted, split,       hold_for, needed_by, fresh_until
//	           location,             partial, priority, sequence
//	           handed_from
var (
	loadedProduct  = productColumns.stored().without("sku")
	loadedBatch    = batchColumns.without("sku")
	loadedLine     = lineColumns.without("sku", "held")
	batchSelection = loadedBatch.selected("b")
	lineSelection  = loadedLine.selected("l")
	loadWidth      = widest(loadedProduct.selected("p"), batchSelection, lineSelection, waitingSelection)

	loadedWaiting    = waitingColumns.without("sku")
	waitingSelection = loadedWaiting.selected("q")
)

// productSelection selects the columns of a product, whether anybody waits, the expiry of the first live hold, and the
// earliest needed_by of the lines that wait.
func (t *templates) productSelection(expiring, needed string) selection {
	s := loadedProduct.selected("p")
	s[numberSlot] = append(s[numberSlot], "p.serving_priority", "p.serving_sequence", t.anyWaiting())
	s[nullableSlot] = append(s[nullableSlot], "("+expiring+")", needed)
	return s
}

// leavingLines selects the first :more open lines of a batch in the order of leaving, see [allocation.Rank].
func (t *templates) leavingLines() string {
	return `
			UNION
			SELECT leaving.sku, leaving.order_id FROM (
				SELECT l.sku, l.order_id` + t.openLines("") + ` LIMIT :more) leaving`
}

// openLines continues a SELECT with the open lines l of a batch in the order of leaving. The condition, if any, begins
// with AND.
func (t *templates) openLines(condition string) string {
	return ` FROM {lines} l ` + t.indexHint("lines_leaving") + `
				WHERE l.sku = (SELECT sku FROM {batches} WHERE ref = :batch) AND l.batch_ref = :batch AND l.open = 1` +
		condition + `
				ORDER BY ` + leavingOrder("l.")
}

// openLinesOf joins the unshipped lines l of each batch b, rows with sku and ref. The condition, if any, begins with
// AND.
func (t *templates) openLinesOf(condition string) string {
	return t.lookup("lines", "l", "lines_leaving", "l.sku = b.sku AND l.batch_ref = b.ref AND l.open = 1"+condition)
}

// leavingOrder is the order in which lines leave at a cut, by columns behind a prefix.
func leavingOrder(prefix string) string {
	return prefix + `held DESC, ` + prefix + `priority, ` + prefix + `sequence DESC`
}

const namedBatch = `
			UNION
			SELECT ref FROM {batches} WHERE ref = :batch`

// behindRank are conditions for the lines behind the rank (:held, :priority, :sequence), each for a range of an index
// in the order of leaving.
func (t *templates) behindRank() []string {
	const priority = `CAST(:priority AS `
	return []string{
		` AND l.held = :held AND l.priority = ` + priority + t.integer + `) AND l.sequence < :sequence`,
		` AND l.held = :held AND l.priority > ` + priority + t.integer + `)`,
		` AND l.held < :held`,
	}
}

// fewSKUs is how many SKUs of an order MariaDB looks up by themselves. Beside a flood of lapsed holds, orders with more
// SKUs are slower.
const fewSKUs = 4
