package sqlstore

// placesText selects the lines of an order that wait, each with the number of lines before it. Each count reads a range
// of the index.
func (t *templates) placesText() string {
	count := func(condition string) string {
		return `(SELECT COUNT(*) FROM {waiting} o ` + t.indexHint("waiting_served") + ` WHERE o.sku = w.sku AND ` +
			condition + `)`
	}
	return `
		SELECT w.sku, w.line, w.quantity,
			` + count(`o.priority > w.priority`) + `
			+ ` + count(`o.priority = w.priority AND o.sequence < w.sequence`) + `
		FROM {waiting} w WHERE w.order_id = :order
		ORDER BY w.sku, w.line`
}

// queuesText selects how many lines and units wait for each of the chosen products.
func (t *templates) queuesText() string {
	return `
		WITH chosen (sku) AS (SELECT value FROM ` + t.list(":skus") + ` k)
		SELECT p.sku, COUNT(w.sku), CAST(COALESCE(SUM(w.quantity), 0) AS ` + t.integer + `)
		FROM (SELECT p.sku FROM chosen c` + t.lookup("products", "p", "", "p.sku = c.sku") + `) p
		LEFT JOIN {waiting} w ON w.sku = p.sku
		GROUP BY p.sku`
}
