package sqlstore

// upkeepStatements are what the people who run a shop need.
type upkeepStatements struct {
	backlog, failures   *query
	retry, skip         *query
	mark                *query
	histories, history  *query
	purge, addToTheSums *query
}

func (c *compiler) upkeep() upkeepStatements {
	return upkeepStatements{
		backlog: c.compile(c.backlogText()),
		failures: c.compile(`
			SELECT d.sku, d.sequence, d.tries, d.retry_at, d.dead, d.error FROM {deliveries} d
			WHERE d.sku > :after AND d.tries > 0 AND d.sequence = ` + c.first("d.sku") + ` ORDER BY d.sku LIMIT :limit`),
		retry: c.compile(c.forgive("")),
		skip:  c.compile(c.forgive(" AND sequence = :sequence")),
		mark:  c.compile(c.mark()),
		histories: c.compile(`
			SELECT p.sku, (SELECT e.at FROM {events} e WHERE e.sku = p.sku ORDER BY e.sequence LIMIT 1)
			FROM (SELECT sku FROM {products} WHERE sku > :after ORDER BY sku LIMIT :limit) p ORDER BY p.sku`),
		history: c.compile(`
			SELECT MIN(t.sequence), MAX(t.sequence), MIN(CASE WHEN t.at >= :before THEN t.sequence END), ` + c.first(":sku") + `
			FROM (SELECT e.sequence, e.at FROM {events} e WHERE e.sku = :sku ORDER BY e.sequence LIMIT :limit) t`),
		purge: c.compile(`
			DELETE FROM {events} WHERE sku = :sku AND sequence < :end RETURNING batch_ref, purchased, allocated`),
		addToTheSums: c.compile(`
			INSERT INTO {purged} (sku, batch_ref, purchased, allocated)
			SELECT x.sku, x.batch_ref, x.purchased, x.allocated
			FROM ` + c.records("sku text", "batch_ref text", "purchased bigint", "allocated bigint") + c.addToSums),
	}
}

// backlogText reads each mark, and of each product the first unsent event.
func (c *compiler) backlogText() string {
	return `
		SELECT COUNT(*), COALESCE(CAST(SUM(g.events) AS ` + c.integer + `), 0),
			MIN((SELECT f.at FROM {events} f WHERE f.sku = g.sku AND f.sequence = g.sequence))
		FROM (
			SELECT e.sku, MIN(e.unsent_from) AS sequence, SUM(e.sequence - e.unsent_from + 1) AS events
			FROM ` + c.marked("e", "> ''") + ` GROUP BY e.sku) g`
}

// forgive forgets the failure of a product's first unsent event. A lease stays.
func (c *compiler) forgive(further string) string {
	return `
		UPDATE {deliveries} SET tries = 0, dead = 0, not_before = CASE WHEN claim IS NULL THEN ` + longAgo + ` ELSE not_before END
		WHERE sku = :sku AND tries > 0 AND sequence = ` + c.first(":sku") + further
}

// longAgo is the zero time as it is kept.
const longAgo = `-62135596800000000`

// addOnConflict adds to the sums of a batch that has some.
const addOnConflict = `
		ON CONFLICT (sku, batch_ref) DO UPDATE
		SET purchased = {purged}.purchased + excluded.purchased, allocated = {purged}.allocated + excluded.allocated`
