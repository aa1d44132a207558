package sqlstore

import (
	"strconv"
	"strings"
	"sync"

	"github.com/cosmic-go/allocation"
)

// statements are all that a store says to its database, except for migrations.
type statements struct {
	templates *templates
	writer    writer

	bySKU, byOrder, byBatch, lapsed *query // loads, one for each way to select products
	byFewSKUs                       sync.Map
	chosenBy                        [3]*query // the SKUs of all loads but the first

	versions, audit, events *query

	outbox *outboxStatements

	views *viewQueries

	// For Locked.
	lockAll, lockRows *query

	plains sync.Map
}

func (t *templates) statements() *statements {
	s := &statements{
		templates: t,
		writer:    t.writer(t),
		bySKU:     t.load(`SELECT DISTINCT value FROM `+t.list(":skus")+` k`, "", "", t.Dialect.lapsed),
		byOrder:   t.load(chosenByOrder, "", "", t.Dialect.lapsed),
		byBatch:   t.load(chosenByBatch, t.newestLines(), namedBatch, t.Dialect.lapsed),
		lapsed:    t.load(t.lapsing, "", "", t.Dialect.lapsed),
		chosenBy:  [3]*query{t.compile(chosenByOrder), t.compile(chosenByBatch), t.compile(t.lapsing)},
		versions: t.compile(`
			SELECT p.sku, p.version FROM ` + t.list(":skus") + ` k` + t.lookup("products", "p", "", "p.sku = k.value")),
		audit: t.compile(t.auditText()),
		events: t.compile(`
			SELECT sequence, kind, data FROM {events}
			WHERE sku = :sku AND sequence > :after ORDER BY sequence LIMIT :limit`),
		outbox: t.outbox(),
		views:  t.viewQueries(),
	}
	if t.Dialect.lockAll != "" {
		s.lockAll = t.compile(t.Dialect.lockAll)
	}
	if t.Dialect.lockRows != "" {
		s.lockRows = t.compile(t.Dialect.lockRows)
	}
	return s
}

// ahead are the statements that a transaction may need, to be prepared before it takes its connection.
func (s *statements) ahead() []*query {
	queries := s.writer.queries()
	for _, q := range []*query{s.lockAll, s.lockRows} {
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
	case len(q.SKUs) == 0 || len(q.SKUs) > s.templates.unionArms:
		return s.bySKU
	}
	n := len(q.SKUs)
	if known, ok := s.byFewSKUs.Load(n); ok {
		return known.(*query)
	}
	made := s.templates.load(`SELECT DISTINCT value FROM `+s.templates.list(":skus")+` k`, "", "", s.templates.lapsedUnion(n))
	known, _ := s.byFewSKUs.LoadOrStore(n, made)
	return known.(*query)
}

// lapsedArms repeats lapsedArm for the SKUs :sku0, :sku1 and so on. A UNION ALL would let the rows of all but the
// first stand beside the same ones of a UNION before it.
func (t *templates) lapsedUnion(n int) string {
	var lapsed strings.Builder
	for i := range n {
		if i > 0 {
			lapsed.WriteString(` UNION `)
		}
		lapsed.WriteString(strings.ReplaceAll(t.lapsedArm, ":sku", ":sku"+strconv.Itoa(i)))
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
func (t *templates) load(chosen, furtherLines, furtherBatches, lapsed string) *query {
	lines := t.lookup("lines", "l", "", "l.order_id = w.order_id AND l.sku = w.sku")
	return t.compile(`
		WITH chosen (sku) AS (` + chosen + `),
		wanted (sku, order_id) AS (
			SELECT l.sku, l.order_id FROM ` + t.list(":orders") + ` o` +
		t.lookup("lines", "l", "", "l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku FROM chosen)") + `
			UNION` + lapsed + furtherLines + `),
		shown (ref) AS (
			SELECT b.ref FROM chosen c` + t.lookup("batches", "b", "batches_open", "b.sku = c.sku AND b.open = 1") + `
			UNION
			SELECT l.batch_ref FROM wanted w` + lines + furtherBatches + `)
		SELECT 0, p.sku, '', '', p.version, p.refused, p.low_stock, 0, 0,
			(` + t.expiring + `), NULL, NULL, NULL, NULL
		FROM chosen c` + t.lookup("products", "p", "", "p.sku = c.sku") + `
		UNION ALL
		SELECT 1, b.sku, b.ref, b.location, b.purchased, b.allocated, b.announced_quantity, 0, 0,
			b.eta, b.best_before, b.announced_eta, b.counted_at, b.shipped_at
		FROM shown s` + t.lookup("batches", "b", "", "b.ref = s.ref") + `
		UNION ALL
		SELECT 2, l.sku, l.order_id, l.batch_ref, l.part, l.quantity, l.shipped, l.split, l.sequence,
			l.held_until, NULL, NULL, NULL, NULL
		FROM wanted w` + lines)
}

// newestLines selects the :more newest open lines of a batch.
func (t *templates) newestLines() string {
	return `
			UNION
			SELECT newest.sku, newest.order_id FROM (
				SELECT l.sku, l.order_id FROM {lines} l ` + t.indexHint("lines_open") + `
				WHERE l.sku = (SELECT sku FROM {batches} WHERE ref = :batch) AND l.batch_ref = :batch AND l.open = 1
				ORDER BY l.sequence DESC LIMIT :more) newest`
}

const namedBatch = `
			UNION
			SELECT ref FROM {batches} WHERE ref = :batch`

// auditText is one SELECT as well: the version, the counters, the lines' sums and the events' sums, which those that
// were purged add to.
func (t *templates) auditText() string {
	return `
		SELECT 0, '', version, 0 FROM {products} WHERE sku = :sku
		UNION ALL
		SELECT 1, b.ref, b.purchased, b.allocated FROM {batches} b ` + t.indexHint("batches_by_sku") + ` WHERE b.sku = :sku
		UNION ALL
` + t.promised + `
		UNION ALL
		SELECT 3, batch_ref, CAST(SUM(purchased) AS ` + t.integer + `), CAST(SUM(allocated) AS ` + t.integer + `) FROM {events}
		WHERE sku = :sku AND batch_ref IS NOT NULL GROUP BY batch_ref
		UNION ALL
		SELECT 3, batch_ref, purchased, allocated FROM {purged} WHERE sku = :sku`
}
