package sqlstore

import (
	"strconv"
	"strings"
)

// chosenText selects a page of products from :from until :until that meet a condition.
func (t *templates) chosenText(index, condition string) string {
	hint := ""
	if index != "" {
		hint = t.indexHint(index)
	}
	return `
			SELECT p.sku FROM {products} p ` + hint + `
			WHERE p.sku >= :from AND p.sku < :until` + condition + `
			ORDER BY p.sku LIMIT :page`
}

// waitedForText selects a page of products from :from until :until that lines wait for.
func (t *templates) waitedForText() string {
	return `
			SELECT DISTINCT w.sku FROM {waiting} w ` + t.indexHint("waiting_served") + `
			WHERE w.sku >= :from AND w.sku < :until
			ORDER BY w.sku LIMIT :page`
}

// firstWaiting selects the sequence of the line that is served first of the product p; NULL if no line waits.
func (t *templates) firstWaiting() string {
	return `(SELECT w.sequence FROM {waiting} w ` + t.indexHint("waiting_served") + `
				WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1)`
}

// productsText selects a page of products, the free units of their batches for sale, and in any batch that can be sold
// the units of lapsed holds.
func (t *templates) productsText(chosen string) string {
	return `
		WITH chosen (sku) AS (` + chosen + `),` + t.lapsedUnits() + `
		SELECT p.sku, p.version, NULL, 0, p.low_stock, p.low,
			CASE WHEN ` + t.firstWaiting() + ` IS NULL THEN 0 ELSE 1 END
		FROM chosen c` + t.lookup("products", "p", "", "p.sku = c.sku") + `
		UNION ALL
		SELECT b.sku, 0, b.eta, b.purchased - b.allocated, 0, 0, 0
		FROM chosen c` + t.lookup("batches", "b", "batches_for_sale", "b.sku = c.sku AND "+forSale+keeps) + `
		UNION ALL
		SELECT b.sku, 0, b.eta, u.units + CASE WHEN b.open = 1 THEN 0 ELSE b.purchased - b.allocated END, 0, 0, 0
		FROM unbound u` +
		t.lookup("batches", "b", "", "b.ref = u.ref AND b.blocked = '' AND b.expired = 0"+keeps)
}

// ordersText selects a page of orders from :from until :until, among lines with units and lines that wait.
func (t *templates) ordersText() string {
	arm := func(table, alias string) string {
		return `
			SELECT * FROM (
				SELECT DISTINCT o.order_id FROM {` + table + `} o
				WHERE o.order_id >= :from AND o.order_id < :until
				ORDER BY o.order_id LIMIT :page) ` + alias
	}
	return `
		SELECT order_id FROM (` + arm("lines", "given") + `
			UNION` + arm("waiting", "queued") + `) o
		ORDER BY order_id LIMIT :page`
}

// ledgersText selects a page of products from :from until :until that have events behind the last event from before
// :since, and the number of that event, 0 for none. Of the product :place only events behind :number count. The last
// event is no MAX, for which MariaDB reads all events of each product.
func (t *templates) ledgersText() string {
	before := `COALESCE((SELECT e.sequence FROM {events} e
				WHERE e.sku = p.sku AND e.at < ` + t.hidden(":since") + ` ORDER BY e.sequence DESC LIMIT 1), 0)`
	const last = `(SELECT e.sequence FROM {events} e WHERE e.sku = p.sku ORDER BY e.sequence DESC LIMIT 1)`
	return `
		SELECT p.sku, ` + before + `
		FROM {products} p
		WHERE p.sku >= :from AND p.sku < :until AND ` + last + ` > ` + before + `
			AND (p.sku <> :place OR ` + last + ` > ` + t.hidden(":number") + `)
		ORDER BY p.sku LIMIT :page`
}

// entriesText selects the first :page events of n products, each behind a number: (:sku0, :after0) and so on.
func (t *templates) entriesText(n int) string {
	arms := make([]string, n)
	for i := range arms {
		arms[i] = entriesOf(strconv.Itoa(i))
	}
	return `
		SELECT sku, sequence, kind, data FROM (` + strings.Join(arms, unionAll) + `) page
		ORDER BY sku, sequence LIMIT :page`
}

// entriesOf selects the first :page events of the product with a number among the parameters.
func entriesOf(number string) string {
	return `
			SELECT * FROM (
				SELECT e.sku, e.sequence, e.kind, e.data FROM {events} e
				WHERE e.sku = :sku` + number + ` AND e.sequence > :after` + number + `
				ORDER BY e.sequence LIMIT :page) arm`
}

// mostLedgers is how many products one statement reads the events of.
const mostLedgers = 16
