package sqlstore

import (
	"strings"
	"sync"

	"github.com/cosmic-go/allocation"
)

// statements has all statements of a store except migrations.
type statements struct {
	templates *templates
	writer    writer

	bySKU, byOrder, byBatch, due *query // loads, by the selection of products
	bySKUWithDue                 *query // bySKU with the batches that are due
	queue, overdue               *query // a page of the lines of a product that wait
	byFewSKUs                    sync.Map
	chosenBy                     [4]*query // select the products to lock before each load except a load by SKU

	versions, audit, audits, events *query

	outbox *outboxStatements

	views *viewQueries

	// For Locked.
	lockAll, lockRows *query

	plains sync.Map
}

func (t *templates) statements() *statements {
	lapsedOfBatch, expiringOfBatch := t.engine.lapsed, t.expiring
	lapsedOfOrder, expiringOfOrder := t.engine.lapsed, t.expiring
	lapsedOfOne, expiringOfOne := t.engine.lapsed, t.expiring
	if t.unionArms > 0 {
		of := strings.NewReplacer(":sku", "("+chosenByBatch+")")
		lapsedOfBatch, expiringOfBatch = of.Replace(t.lapsedArm), of.Replace(t.expiringArm)
		lapsedOfOne, expiringOfOne = t.lapsedUnion(1, skuParameter), t.firstExpiry(1, skuParameter, "")
		lapsedOfOrder, expiringOfOrder = t.lapsedOfOrder(), t.firstExpiry(fewSKUs, skuOfOrder, ` ELSE (`+t.expiring+`)`)
	}
	s := &statements{
		templates: t,
		writer:    t.writer(t),
		bySKU:     t.load(`SELECT DISTINCT value FROM `+t.list(":skus")+` k`, "", "", t.engine.lapsed, t.expiring),
		byOrder:   t.load(chosenByOrder, "", "", lapsedOfOrder, expiringOfOrder),
		byBatch:   t.load(chosenByBatch, t.leavingLines(), namedBatch, lapsedOfBatch, expiringOfBatch),
		bySKUWithDue: t.loadWith(`SELECT DISTINCT value FROM `+t.list(":skus")+` k`, "", t.dueBatches(),
			t.engine.lapsed, t.expiring, t.firstNeeded()),
		due:   t.loadWith(t.chosenByDue(), "", t.dueBatches(), t.engine.lapsed, t.expiring, t.firstNeeded()),
		queue: t.load(`SELECT value FROM `+t.list(":skus")+` k`, t.servingPage(), "", lapsedOfOne, expiringOfOne),
		overdue: t.loadWith(`SELECT value FROM `+t.list(":skus")+` k`, t.neededPage(), t.dueBatches(),
			lapsedOfOne, expiringOfOne, t.firstNeeded()),
		versions: t.compile(`
			SELECT p.sku, p.version FROM ` + t.list(":skus") + ` k` + t.lookup("products", "p", "", "p.sku = k.value")),
		audit:  t.compile(t.auditText()),
		audits: t.compile(t.auditsText()),
		events: t.compile(`
			SELECT sequence, kind, data FROM {events}
			WHERE sku = :sku AND sequence > :after ORDER BY sequence LIMIT :limit`),
		outbox: t.outbox(),
		views:  t.viewQueries(),
	}
	if t.unionArms > 0 {
		s.due = t.compile(t.chosenByDue()) // see loadDue
	}
	if t.engine.lockAll != "" {
		s.lockAll = t.compile(t.engine.lockAll)
	}
	if t.engine.lockRows != "" {
		s.lockRows = t.compile(t.engine.lockRows)
		s.chosenBy = [4]*query{
			t.compile(chosenByOrder), t.compile(chosenByBatch), t.compile(t.chosenByDue()),
			t.compile(t.chosenByOrders()),
		}
	}
	return s
}

// ahead returns the statements that a commit may need, to be prepared before the transaction begins.
func (s *statements) ahead() []*query {
	queries := s.writer.queries()
	for _, q := range []*query{s.lockAll, s.lockRows} {
		if q != nil {
			queries = append(queries, q)
		}
	}
	return queries
}

// fewSKUsQuery is what the statement of a load by a few SKUs depends on.
type fewSKUsQuery struct {
	skus int
	due  bool
}

// load returns the statement for a query.
func (s *statements) load(q allocation.Query) *query {
	switch {
	case q.Waiting && q.Due:
		return s.overdue
	case q.Waiting:
		return s.queue
	case q.Due && len(q.SKUs) == 0:
		return s.due
	case q.Order != "":
		return s.byOrder
	case q.Batch != "":
		return s.byBatch
	case len(q.SKUs) == 0 || len(q.SKUs) > s.templates.unionArms:
		if q.Due {
			return s.bySKUWithDue
		}
		return s.bySKU
	}
	few := fewSKUsQuery{len(q.SKUs), q.Due}
	if known, ok := s.byFewSKUs.Load(few); ok {
		return known.(*query)
	}
	t := s.templates
	further, needed := "", "NULL"
	if few.due {
		further, needed = t.dueBatches(), t.firstNeeded()
	}
	made := t.loadWith(`SELECT DISTINCT value FROM `+t.list(":skus")+` k`, "", further,
		t.lapsedUnion(few.skus, skuParameter), t.firstExpiry(few.skus, skuParameter, ""), needed)
	known, _ := s.byFewSKUs.LoadOrStore(few, made)
	return known.(*query)
}

// choice returns the statement that selects the SKUs of a query; nil if the query names the SKUs.
func (s *statements) choice(q allocation.Query) *query {
	switch {
	case q.Due && len(q.SKUs) == 0:
		return s.chosenBy[2]
	case q.Order != "" && len(q.Orders) > 0:
		return s.chosenBy[3]
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

// auditText is one SELECT, and so one moment: version and last event, counters, sums of lines, and sums of events with
// the sums of purged events.
func (t *templates) auditText() string {
	return `
		SELECT 0, '', version, COALESCE((SELECT MAX(sequence) FROM {events} WHERE sku = :sku), 0)
		FROM {products} WHERE sku = :sku
		UNION ALL
		SELECT 1, b.ref, b.purchased, b.allocated
		FROM {batches} b ` + t.indexHint("batches_by_sku") + ` WHERE b.sku = :sku
		UNION ALL
		SELECT 2, l.batch_ref, 0, CAST(SUM(l.quantity - l.shipped) AS ` + t.integer + `)
		FROM (SELECT b.sku, b.ref FROM {batches} b ` + t.indexHint("batches_by_sku") + ` WHERE b.sku = :sku) b` +
		t.openLinesOf("") + ` GROUP BY l.batch_ref
		UNION ALL
		SELECT 3, batch_ref, CAST(SUM(purchased) AS ` + t.integer + `), CAST(SUM(allocated) AS ` + t.integer + `)
		FROM {events} WHERE sku = :sku AND batch_ref IS NOT NULL GROUP BY batch_ref
		UNION ALL
		SELECT 3, batch_ref, purchased, allocated FROM {purged} WHERE sku = :sku`
}

// auditsText is auditText for a page of products behind :after, with the SKU in each row.
func (t *templates) auditsText() string {
	return `
		WITH chosen (sku) AS (SELECT p.sku FROM {products} p WHERE p.sku > :after ORDER BY p.sku LIMIT :page)
		SELECT 0, p.sku, '', p.version, COALESCE((SELECT MAX(sequence) FROM {events} e WHERE e.sku = p.sku), 0)
		FROM chosen c` + t.lookup("products", "p", "", "p.sku = c.sku") + `
		UNION ALL
		SELECT 1, b.sku, b.ref, b.purchased, b.allocated
		FROM chosen c` + t.lookup("batches", "b", "batches_by_sku", "b.sku = c.sku") + `
		UNION ALL
		SELECT 2, l.sku, l.batch_ref, 0, CAST(SUM(l.quantity - l.shipped) AS ` + t.integer + `)
		FROM (SELECT b.sku, b.ref FROM chosen c` +
		t.lookup("batches", "b", "batches_by_sku", "b.sku = c.sku") + `) b` +
		t.openLinesOf("") + ` GROUP BY l.sku, l.batch_ref
		UNION ALL
		SELECT 3, e.sku, e.batch_ref,
			CAST(SUM(e.purchased) AS ` + t.integer + `), CAST(SUM(e.allocated) AS ` + t.integer + `)
		FROM chosen c` + t.lookup("events", "e", "", "e.sku = c.sku AND e.batch_ref IS NOT NULL") + `
		GROUP BY e.sku, e.batch_ref
		UNION ALL
		SELECT 3, g.sku, g.batch_ref, g.purchased, g.allocated
		FROM chosen c` + t.lookup("purged", "g", "", "g.sku = c.sku")
}
