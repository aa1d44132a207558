package sqlstore

// statements are all that a store says to its database, except for migrations.
type statements struct {
	loads
	writes
	versions, audit, events *query
}

// loads are one statement for each way to select products.
type loads struct {
	bySKU, byOrder, byBatch, lapsed *query
}

// writes are what a commit consists of.
type writes struct {
	addProduct, setProduct, verify *query
	addBatch, changeBatch          *query
	addPart, removeLine            *query
	addEvent                       *query
}

func (w *writes) all() []*query {
	return []*query{
		w.addProduct, w.setProduct, w.verify, w.addBatch, w.changeBatch, w.addPart, w.removeLine, w.addEvent,
	}
}

func (d *Dialect) statements(prefix string) *statements {
	return &statements{
		loads:  d.loads(prefix),
		writes: d.writes(prefix),
		versions: d.compile(prefix, `
			SELECT p.sku, p.version FROM `+d.list(":skus")+` k CROSS JOIN {products} p WHERE p.sku = k.value`),
		audit: d.compile(prefix, d.auditText()),
		events: d.compile(prefix, `
			SELECT sequence, kind, data FROM {events}
			WHERE sku = :sku AND sequence > :after ORDER BY sequence LIMIT :limit`),
	}
}

func (d *Dialect) loads(prefix string) loads {
	load := func(chosen, furtherLines, furtherBatches string) *query {
		return d.compile(prefix, d.loadText(chosen, furtherLines, furtherBatches))
	}
	return loads{
		bySKU:   load(`SELECT DISTINCT value FROM `+d.list(":skus")+` k`, "", ""),
		byOrder: load(`SELECT sku FROM {lines} WHERE order_id = :order AND part = 0`, "", ""),
		byBatch: load(`SELECT sku FROM {batches} WHERE ref = :batch`, d.newestLines(), namedBatch),
		lapsed: load(`
			SELECT l.sku FROM {lines} l `+d.by("lines_lapsing")+`
			WHERE l.part = 0 AND l.held_until <= :now
			GROUP BY l.sku ORDER BY MIN(l.held_until), l.sku LIMIT :limit`, "", ""),
	}
}

func (d *Dialect) writes(prefix string) writes {
	compile := func(text string) *query { return d.compile(prefix, text) }
	return writes{
		addProduct: compile(`
			INSERT INTO {products} (sku, version, refused, low_stock) VALUES (:sku, :version, :refused, :low_stock)`),
		setProduct: compile(`
			UPDATE {products} SET version = :version, refused = :refused, low_stock = :low_stock
			WHERE sku = :sku AND version = :read`),
		verify: compile(`UPDATE {products} SET version = version WHERE sku = :sku AND version = :read`),
		addBatch: compile(`
			INSERT INTO {batches} (ref, sku, purchased, allocated, eta, location, best_before,
				announced_quantity, announced_eta, counted_at)
			VALUES (:ref, :sku, :purchased, :allocated, :eta, :location, :best_before,
				:announced_quantity, :announced_eta, :counted_at)`),
		changeBatch: compile(`
			UPDATE {batches} SET purchased = purchased + :purchased, allocated = allocated + :allocated,
				eta = :eta, counted_at = :counted_at
			WHERE ref = :ref AND sku = :sku`),
		addPart: compile(`
			INSERT INTO {lines} (order_id, sku, part, batch_ref, quantity, shipped, split, held_until, sequence)
			VALUES (:order_id, :sku, :part, :batch_ref, :quantity, :shipped, :split, :held_until, :sequence)`),
		removeLine: compile(`DELETE FROM {lines} WHERE order_id = :order_id AND sku = :sku`),
		addEvent: compile(`
			INSERT INTO {events} (sku, sequence, kind, at, batch_ref, purchased, allocated, data)
			VALUES (:sku, :sequence, :kind, :at, :batch_ref, :purchased, :allocated, :data)`),
	}
}

// loadText is one SELECT, so that it sees one moment, with rows of three kinds: products, batches, and parts of
// lines. Chosen selects the products. Nothing in it reaches rows of the past: all goes through keys
// and through the indexes of open rows. Where it fetches :more than a page, [loading] cuts.
//
// CROSS JOIN is a join as any other, and tells SQLite to go from left to right.
func (d *Dialect) loadText(chosen, furtherLines, furtherBatches string) string {
	return `
		WITH chosen (sku) AS (` + chosen + `),
		wanted (sku, order_id) AS (
			SELECT l.sku, l.order_id FROM ` + d.list(":orders") + ` o CROSS JOIN {lines} l
			WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku FROM chosen)
			UNION` + d.lapsed + furtherLines + `),
		shown (ref) AS (
			SELECT b.ref FROM chosen c CROSS JOIN {batches} b ` + d.by("batches_by_sku") + ` WHERE b.sku = c.sku AND b.open = 1
			UNION
			SELECT l.batch_ref FROM wanted w CROSS JOIN {lines} l WHERE l.order_id = w.order_id AND l.sku = w.sku` +
		furtherBatches + `)
		SELECT 0, p.sku, '', '', p.version, p.refused, p.low_stock, 0, 0,
			(SELECT l.held_until FROM {lines} l ` + d.by("lines_held") + `
				WHERE l.sku = p.sku AND l.part = 0 AND l.held_until > :now ORDER BY l.held_until LIMIT 1), NULL, NULL, NULL
		FROM chosen c CROSS JOIN {products} p WHERE p.sku = c.sku
		UNION ALL
		SELECT 1, b.sku, b.ref, b.location, b.purchased, b.allocated, b.announced_quantity, 0, 0,
			b.eta, b.best_before, b.announced_eta, b.counted_at
		FROM shown s CROSS JOIN {batches} b WHERE b.ref = s.ref
		UNION ALL
		SELECT 2, l.sku, l.order_id, l.batch_ref, l.part, l.quantity, l.shipped, l.split, l.sequence,
			l.held_until, NULL, NULL, NULL
		FROM wanted w CROSS JOIN {lines} l WHERE l.order_id = w.order_id AND l.sku = w.sku`
}

// newestLines selects the :more newest open lines of a batch.
func (d *Dialect) newestLines() string {
	return `
			UNION
			SELECT newest.sku, newest.order_id FROM (
				SELECT l.sku, l.order_id FROM {lines} l ` + d.by("lines_open") + `
				WHERE l.sku = (SELECT sku FROM {batches} WHERE ref = :batch) AND l.batch_ref = :batch AND l.open = 1
				ORDER BY l.sequence DESC LIMIT :more) newest`
}

const namedBatch = `
			UNION
			SELECT ref FROM {batches} WHERE ref = :batch`

// auditText is one SELECT as well: the version, the counters, the lines' sums and the events' sums.
func (d *Dialect) auditText() string {
	return `
		SELECT 0, '', version, 0 FROM {products} WHERE sku = :sku
		UNION ALL
		SELECT 1, b.ref, b.purchased, b.allocated FROM {batches} b ` + d.by("batches_by_sku") + ` WHERE b.sku = :sku
		UNION ALL
		SELECT 2, l.batch_ref, 0, CAST(SUM(l.quantity - l.shipped) AS BIGINT) FROM {lines} l ` + d.by("lines_open") + `
		WHERE l.sku = :sku AND l.open = 1 GROUP BY l.batch_ref
		UNION ALL
		SELECT 3, batch_ref, CAST(SUM(purchased) AS BIGINT), CAST(SUM(allocated) AS BIGINT) FROM {events}
		WHERE sku = :sku AND batch_ref IS NOT NULL GROUP BY batch_ref`
}
