package sqlstore

import (
	"strconv"
	"strings"
	"sync"

	"github.com/cosmic-go/allocation"
)

// statements are all that a store says to its database, except for migrations.
type statements struct {
	names  *compiler
	writer writer

	bySKU, byOrder, byBatch, lapsed *query // loads, one for each way to select products
	byFewSKUs                       sync.Map
	chosenBy                        [3]*query // the SKUs of all loads but the first

	versions, audit, events *query

	outbox *outboxStatements

	views *viewQueries

	// For Locked.
	first, lockRows *query

	plains sync.Map
}

func (c *compiler) statements() *statements {
	s := &statements{
		names:    c,
		writer:   c.writer(c),
		bySKU:    c.load(`SELECT DISTINCT value FROM `+c.list(":skus")+` k`, "", "", c.Dialect.lapsed),
		byOrder:  c.load(chosenByOrder, "", "", c.Dialect.lapsed),
		byBatch:  c.load(chosenByBatch, c.newestLines(), namedBatch, c.Dialect.lapsed),
		lapsed:   c.load(c.lapsing, "", "", c.Dialect.lapsed),
		chosenBy: [3]*query{c.compile(chosenByOrder), c.compile(chosenByBatch), c.compile(c.lapsing)},
		versions: c.compile(`
			SELECT p.sku, p.version FROM ` + c.list(":skus") + ` k` + c.lookup("products", "p", "", "p.sku = k.value")),
		audit: c.compile(c.auditText()),
		events: c.compile(`
			SELECT sequence, kind, data FROM {events}
			WHERE sku = :sku AND sequence > :after ORDER BY sequence LIMIT :limit`),
		outbox: c.outbox(),
		views:  c.viewQueries(),
	}
	if c.Dialect.first != "" {
		s.first = c.compile(c.Dialect.first)
	}
	if c.Dialect.lockRows != "" {
		s.lockRows = c.compile(c.Dialect.lockRows)
	}
	return s
}

// ahead are the statements that a transaction may need, to be prepared before it takes its connection.
func (s *statements) ahead() []*query {
	queries := s.writer.queries()
	for _, q := range []*query{s.first, s.lockRows} {
		if q != nil {
			queries = append(queries, q)
		}
	}
	return queries
}

const (
	chosenByOrder = `SELECT sku FROM {lines} WHERE order_id = :order AND part = 0`
	chosenByBatch = `SELECT sku FROM {batches} WHERE ref = :batch`
)

// load returns the statement for a query.
func (s *statements) load(q allocation.Query) *query {
	switch {
	case q.Lapsed:
		return s.lapsed
	case q.Order != "":
		return s.byOrder
	case q.Batch != "":
		return s.byBatch
	case len(q.SKUs) == 0 || len(q.SKUs) > s.names.arms:
		return s.bySKU
	}
	n := len(q.SKUs)
	if known, ok := s.byFewSKUs.Load(n); ok {
		return known.(*query)
	}
	made := s.names.load(`SELECT DISTINCT value FROM `+s.names.list(":skus")+` k`, "", "", s.names.lapsedArms(n))
	known, _ := s.byFewSKUs.LoadOrStore(n, made)
	return known.(*query)
}

// lapsedArms repeats lapsedArm for the SKUs :sku0, :sku1 and so on. A UNION ALL would let the rows of all but the
// first stand beside the same ones of a UNION before it.
func (c *compiler) lapsedArms(n int) string {
	var lapsed strings.Builder
	for i := range n {
		if i > 0 {
			lapsed.WriteString(` UNION `)
		}
		lapsed.WriteString(strings.ReplaceAll(c.lapsedArm, ":sku", ":sku"+strconv.Itoa(i)))
	}
	return lapsed.String()
}

// choice returns the statement for the SKUs that a query selects, nil if it names them itself.
func (s *statements) choice(q allocation.Query) *query {
	switch {
	case q.Lapsed:
		return s.chosenBy[2]
	case q.Order != "":
		return s.chosenBy[0]
	case q.Batch != "":
		return s.chosenBy[1]
	}
	return nil
}

// plain returns a statement without markers.
func (s *statements) plain(text string) *query {
	known, _ := s.plains.LoadOrStore(text, &query{text: text})
	return known.(*query)
}

// load compiles one SELECT, so that it sees one moment, with rows of three kinds: products, batches, and parts of
// lines. Chosen selects the products. Nothing in it reaches rows of the past: all goes through keys
// and through the indexes of open rows. Where it fetches :more than a page, [loading] cuts.
func (c *compiler) load(chosen, furtherLines, furtherBatches, lapsed string) *query {
	lines := c.lookup("lines", "l", "", "l.order_id = w.order_id AND l.sku = w.sku")
	return c.compile(`
		WITH chosen (sku) AS (` + chosen + `),
		wanted (sku, order_id) AS (
			SELECT l.sku, l.order_id FROM ` + c.list(":orders") + ` o` +
		c.lookup("lines", "l", "", "l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku FROM chosen)") + `
			UNION` + lapsed + furtherLines + `),
		shown (ref) AS (
			SELECT b.ref FROM chosen c` + c.lookup("batches", "b", "batches_open", "b.sku = c.sku AND b.open = 1") + `
			UNION
			SELECT l.batch_ref FROM wanted w` + lines + furtherBatches + `)
		SELECT 0, p.sku, '', '', p.version, p.refused, p.low_stock, 0, 0,
			(` + c.expiring + `), NULL, NULL, NULL, NULL
		FROM chosen c` + c.lookup("products", "p", "", "p.sku = c.sku") + `
		UNION ALL
		SELECT 1, b.sku, b.ref, b.location, b.purchased, b.allocated, b.announced_quantity, 0, 0,
			b.eta, b.best_before, b.announced_eta, b.counted_at, b.shipped_at
		FROM shown s` + c.lookup("batches", "b", "", "b.ref = s.ref") + `
		UNION ALL
		SELECT 2, l.sku, l.order_id, l.batch_ref, l.part, l.quantity, l.shipped, l.split, l.sequence,
			l.held_until, NULL, NULL, NULL, NULL
		FROM wanted w` + lines)
}

// newestLines selects the :more newest open lines of a batch.
func (c *compiler) newestLines() string {
	return `
			UNION
			SELECT newest.sku, newest.order_id FROM (
				SELECT l.sku, l.order_id FROM {lines} l ` + c.by("lines_open") + `
				WHERE l.sku = (SELECT sku FROM {batches} WHERE ref = :batch) AND l.batch_ref = :batch AND l.open = 1
				ORDER BY l.sequence DESC LIMIT :more) newest`
}

const namedBatch = `
			UNION
			SELECT ref FROM {batches} WHERE ref = :batch`

// auditText is one SELECT as well: the version, the counters, the lines' sums and the events' sums, which those that
// were purged add to.
func (c *compiler) auditText() string {
	return `
		SELECT 0, '', version, 0 FROM {products} WHERE sku = :sku
		UNION ALL
		SELECT 1, b.ref, b.purchased, b.allocated FROM {batches} b ` + c.by("batches_by_sku") + ` WHERE b.sku = :sku
		UNION ALL
` + c.promised + `
		UNION ALL
		SELECT 3, batch_ref, CAST(SUM(purchased) AS ` + c.integer + `), CAST(SUM(allocated) AS ` + c.integer + `) FROM {events}
		WHERE sku = :sku AND batch_ref IS NOT NULL GROUP BY batch_ref
		UNION ALL
		SELECT 3, batch_ref, purchased, allocated FROM {purged} WHERE sku = :sku`
}
