package sqlstore

// outboxStatements serve the outbox. An event with a mark is the last event of a commit with unsent events; an
// index has the marks of each product, sorted by number.
type outboxStatements struct {
	// For Claim. claimable is nil if take finds the products itself.
	claimable, take, unsent, release *query

	// For Settle. The statements of a list run one after the other.
	sent, failure []*query
	giveBack      *query

	upkeep upkeepStatements
}

func (t *templates) outbox() *outboxStatements {
	o := &outboxStatements{
		take:    t.compile(t.take(t)),
		unsent:  t.compile(t.unsentText()),
		release: t.compile(`DELETE FROM {deliveries} WHERE sku = :sku AND claim = :claim`),
		sent: t.settleWith(`
			DELETE FROM {deliveries}
			WHERE sku = :sku AND owner = :owner AND claim IS NOT NULL AND (tries = 0 OR sequence <= :sent)`),
		failure: t.settleWith(`
			UPDATE {deliveries} SET claim = NULL, not_before = :retry_at, retry_at = :retry_at,
				sequence = :sequence, tries = :tries, dead = :dead, error = :error
			WHERE sku = :sku AND owner = :owner AND claim IS NOT NULL`),
		giveBack: t.compile(`
			UPDATE {deliveries} SET claim = NULL, not_before = retry_at
			WHERE sku = :sku AND owner = :owner AND claim IS NOT NULL`),
		upkeep: t.upkeep(),
	}
	if t.engine.claimable != nil {
		o.claimable = t.compile(t.engine.claimable(t))
	}
	return o
}

// settleWith returns statements that first clear marks and then change the delivery. In the reverse order a rival
// could find the product claimable and the events unsent.
func (t *templates) settleWith(delivery string) []*query {
	if t.oneStatement {
		return []*query{t.compile(`WITH marks AS (` + t.mark() + `)` + delivery)}
	}
	return []*query{t.compile(t.mark()), t.compile(delivery)}
}

// marked returns the marked events of products whose SKU meets a condition.
func (t *templates) marked(alias, condition string) string {
	return `{events} ` + alias + ` ` + t.indexHint("events_unsent") + ` WHERE ` + t.unsent(alias, condition)
}

func (t *templates) unsent(alias, condition string) string {
	text := t.unsentSKU(alias) + ` ` + condition
	if t.partial {
		text += ` AND ` + alias + `.unsent_from IS NOT NULL`
	}
	return text
}

// first returns the number of a product's first unsent event, NULL if there is none.
func (t *templates) first(sku string) string {
	return `(SELECT h.unsent_from FROM ` + t.marked("h", "= "+sku) + ` ORDER BY h.sequence LIMIT 1)`
}

// busy returns a relation of the products that are leased, or that wait after a failure. A failure ends once its
// event is sent, by any owner. The relation is read at once; a lookup per product would need a plan that depends on
// the number of rows.
func (t *templates) busy() string {
	return `busy (sku) AS (
			SELECT d.sku FROM {deliveries} d
			WHERE d.not_before > :now OR d.dead = 1 AND d.sequence >= ` + t.first("d.sku") + `)`
}

// A recursion stands inside FROM: in Citus nothing else may recurse.

// walk skips from product to product with unsent events, however many events each product has, until enough
// claimable products are found, and selects the claimable products.
func (t *templates) walk(columns string) string {
	next := func(condition string) string {
		return `(SELECT MIN(` + t.unsentSKU("e") + `) FROM ` + t.marked("e", condition) + `)`
	}
	const found = `w.found + CASE WHEN w.sku IN (SELECT sku FROM busy) THEN 0 ELSE 1 END`
	return `
		` + columns + ` FROM (
			WITH RECURSIVE ` + t.busy() + `,
			walk (sku, found) AS (
				SELECT ` + next("> :after") + `, 0
				UNION ALL
				SELECT ` + next("> w.sku") + `, ` + found + ` FROM walk w
				WHERE w.sku IS NOT NULL AND ` + found + ` < :products)
			SELECT w.sku FROM walk w WHERE w.sku NOT IN (SELECT sku FROM busy)) w
		WHERE w.sku IS NOT NULL`
}

// leaseColumns begins the insert of leases. The first unsent event of each product is known.
const leaseColumns = `INSERT INTO {deliveries} (sku, owner, claim, not_before, sequence, tries, retry_at, dead, error)
		SELECT `

// takeOver takes over the row of a product that is claimable again. Rivals wait for each other, and each checks the
// row that the rival left. Tries count for the first unsent event.
const takeOver = `
		ON CONFLICT (sku) DO UPDATE SET
			owner = excluded.owner, claim = excluded.claim, not_before = excluded.not_before,
			sequence = CASE WHEN {deliveries}.sequence < excluded.sequence
				THEN excluded.sequence ELSE {deliveries}.sequence END,
			tries = CASE WHEN {deliveries}.sequence < excluded.sequence THEN 0 ELSE {deliveries}.tries END,
			dead = 0
		WHERE {deliveries}.not_before <= :now AND ({deliveries}.dead = 0 OR {deliveries}.sequence < excluded.sequence)
		RETURNING sku, sequence, tries, claim`

// unsentText selects the first unsent events of products, unsorted, by key, and the number of the last.
func (t *templates) unsentText() string {
	return `
		SELECT w.sku, w.last, e.sequence, e.kind, e.data, e.trace_parent FROM (
			WITH RECURSIVE leased (sku, sequence, last) AS (
				SELECT k.value, ` + t.first("k.value") + `,
					(SELECT h.sequence FROM ` + t.marked("h", "= k.value") + ` ORDER BY h.sequence DESC LIMIT 1)
				FROM ` + t.list(":skus") + ` k),
			wanted (sku, sequence, until, last) AS (
				SELECT l.sku, l.sequence,
					CASE WHEN l.last - l.sequence < :events THEN l.last ELSE l.sequence + :events - 1 END, l.last
				FROM leased l WHERE l.sequence IS NOT NULL
				UNION ALL
				SELECT w.sku, w.sequence + 1, w.until, w.last FROM wanted w WHERE w.sequence < w.until)
			SELECT * FROM wanted) w` +
		t.lookup("events", "e", "", "e.sku = w.sku AND e.sequence = w.sequence")
}

// mark clears the marks up to :sent. If :sent falls inside a commit, the mark of that commit moves to :sent + 1.
// Later marks are neither read nor changed, and no mark moves backwards.
func (t *templates) mark() string {
	return `
		UPDATE {events} AS e ` + t.indexHint("events_unsent") + `
		SET unsent_from = CASE WHEN e.sequence <= :sent THEN NULL ELSE :sent + 1 END
		WHERE ` + t.unsent("e", "= :sku") + ` AND e.unsent_from <= :sent AND e.sequence <= COALESCE((
			SELECT MIN(h.sequence) FROM ` + t.marked("h", "= :sku") + ` AND h.sequence >= :sent), :sent)`
}

// upkeepStatements serve the maintenance of the outbox.
type upkeepStatements struct {
	backlog, failures   *query
	retry, skip         *query
	mark                *query
	histories, history  *query
	purge, addToTheSums *query
}

func (t *templates) upkeep() upkeepStatements {
	return upkeepStatements{
		backlog: t.compile(t.backlogText()),
		failures: t.compile(`
			SELECT d.sku, d.sequence, d.tries, d.retry_at, d.dead, d.error FROM {deliveries} d
			WHERE d.sku > :after AND d.tries > 0 AND d.sequence = ` + t.first("d.sku") + `
			ORDER BY d.sku LIMIT :limit`),
		retry: t.compile(t.forgive("")),
		skip:  t.compile(t.forgive(" AND sequence = :sequence" + t.guarded("AND"))),
		mark:  t.compile(t.mark() + t.guarded("AND")),
		histories: t.compile(`
			SELECT p.sku, (SELECT e.at FROM {events} e WHERE e.sku = p.sku ORDER BY e.sequence LIMIT 1)
			FROM (SELECT sku FROM {products} WHERE sku > :after ORDER BY sku LIMIT :limit) p ORDER BY p.sku`),
		history: t.compile(`
			SELECT MIN(t.sequence), MAX(t.sequence), MIN(CASE WHEN t.at >= :before THEN t.sequence END),
				` + t.first(":sku") + `
			FROM (SELECT e.sequence, e.at FROM {events} e WHERE e.sku = :sku ORDER BY e.sequence LIMIT :limit) t`),
		purge: t.compile(`
			DELETE FROM {events} WHERE sku = :sku AND sequence < :end` + t.guarded("AND") +
			` RETURNING batch_ref, purchased, allocated`),
		addToTheSums: t.compile(`
			INSERT INTO {purged} (sku, batch_ref, purchased, allocated)
			SELECT x.sku, x.batch_ref, x.purchased, x.allocated
			FROM ` + t.records("sku text", "batch_ref text", "purchased bigint", "allocated bigint") + t.addToSums),
	}
}

// backlogText reads every mark, and the first unsent event of each product.
func (t *templates) backlogText() string {
	return `
		SELECT COUNT(*), COALESCE(CAST(SUM(g.events) AS ` + t.integer + `), 0),
			MIN((SELECT f.at FROM {events} f WHERE f.sku = g.sku AND f.sequence = g.sequence))
		FROM (
			SELECT e.sku, MIN(e.unsent_from) AS sequence, SUM(e.sequence - e.unsent_from + 1) AS events
			FROM ` + t.marked("e", "> ''") + ` GROUP BY e.sku) g`
}

// forgive clears the failure of a product's first unsent event. A lease stays.
func (t *templates) forgive(further string) string {
	return `
		UPDATE {deliveries} SET tries = 0, dead = 0,
			not_before = CASE WHEN claim IS NULL THEN ` + longAgo + ` ELSE not_before END
		WHERE sku = :sku AND tries > 0 AND sequence = ` + t.first(":sku") + further
}

// longAgo is the stored form of the zero time.
const longAgo = `-62135596800000000`

// addOnConflict adds to existing sums of a batch, and replaces the number of the last purged event.
const addOnConflict = `
		ON CONFLICT (sku, batch_ref) DO UPDATE
		SET purchased = CASE WHEN {purged}.batch_ref = '' THEN 0 ELSE {purged}.purchased END + excluded.purchased,
			allocated = {purged}.allocated + excluded.allocated`
