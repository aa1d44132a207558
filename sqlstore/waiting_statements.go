package sqlstore

// anyWaiting selects 1 if any line of product p waits. PostgreSQL would read the whole table for a product for which
// nobody waits, beside the long queue of another product, unless the order demands the index.
func (t *templates) anyWaiting() string {
	if t.expectFew != nil {
		return `COALESCE((SELECT 1 FROM {waiting} w
			WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1), 0)`
	}
	return `CASE WHEN EXISTS (SELECT 1 FROM {waiting} w ` + t.indexHint("waiting_served") +
		` WHERE w.sku = p.sku) THEN 1 ELSE 0 END`
}

// firstNeeded selects the earliest needed_by of the lines of product p that wait and are due behind the turn.
func (t *templates) firstNeeded() string {
	return `(SELECT MIN(w.needed_by) FROM {waiting} w ` + t.indexHint("waiting_needed_by_sku") + `
			WHERE w.sku = p.sku AND ` + behind("w.needed_by", "w.sku", t.since) + `)`
}

// waitingOrders selects the products and orders of the lines that wait of the orders of the query.
func (t *templates) waitingOrders() string {
	return `
			SELECT w.sku, w.order_id FROM ` + t.list(":orders") + ` o` +
		t.lookup("waiting", "w", "", "w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen)")
}

// servingPage selects the first :more lines that wait at the place (:serving_priority, :serving_sequence) or behind.
// Each of the two parts reads one range of the index.
func (t *templates) servingPage() string {
	lines := `SELECT w.sku, w.order_id, w.priority, w.sequence FROM {waiting} w ` + t.indexHint("waiting_served") + `
					WHERE w.sku = :sku0 AND `
	return `
			UNION
			SELECT page.sku, page.order_id FROM (
				SELECT * FROM (` + lines + `w.priority = :serving_priority AND w.sequence >= :serving_sequence
					ORDER BY w.sequence LIMIT :more) same
				UNION ALL
				SELECT * FROM (` + lines + `w.priority < :serving_priority
					ORDER BY w.priority DESC, w.sequence LIMIT :more) lower
				ORDER BY priority DESC, sequence LIMIT :more) page`
}

// neededPage selects the first :more lines that wait although needed_by has passed.
func (t *templates) neededPage() string {
	return `
			UNION
			SELECT page.sku, page.order_id FROM (
				SELECT w.sku, w.order_id FROM {waiting} w ` + t.indexHint("waiting_needed_by_sku") + `
				WHERE w.sku = :sku0 AND w.needed_by < :now ORDER BY w.needed_by, w.order_id, w.line LIMIT :more) page`
}

// waitingDue selects what the sweep has to do about lines that wait, as moment and SKU: lines whose needed_by has
// passed, and products whose serving has to go on, which come before everything else.
func (t *templates) waitingDue() string {
	return `
					UNION ALL
					SELECT needed.moment, needed.sku FROM (
						SELECT w.needed_by + 1 AS moment, w.sku FROM {waiting} w ` + t.indexHint("waiting_needed") + `
						WHERE w.needed_by < ` + t.present + ` AND ` + behind("w.needed_by", "w.sku", t.since) + `
						ORDER BY w.needed_by, w.sku LIMIT ` + t.limit + `) needed
					UNION ALL
					SELECT serving.moment, serving.sku FROM (
						SELECT ` + beginning + ` AS moment, marked.sku
						FROM {products} marked ` + t.indexHint("products_serving") + `
						WHERE marked.serving_sequence > 0 AND ` + behind(beginning, "marked.sku", t.from) + `
						ORDER BY marked.sku LIMIT ` + t.limit + `) serving`
}

// beginning is the zero time in microseconds.
const beginning = "-62135596800000000"

// behind is the condition for an entry of an index that comes behind the turn (:from, :behind).
func behind(at, sku, from string) string {
	return at + " >= " + from + " AND (" + at + " > " + from + " OR " + sku + " > :behind)"
}
