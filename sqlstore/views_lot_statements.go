package sqlstore

import (
	"math/bits"
	"strconv"
	"strings"
)

// forMany has statements for up to 1, 2, 4 … values. A statement may have room for more values than there are, with
// NULL in their place: a statement for every number would be too many prepared statements.
type forMany []*query

// of returns the statement for n values; the last one for more values than any other has room for.
func (m forMany) of(n int) *query { return m[min(bits.Len(uint(n-1)), len(m)-1)] }

// mostLotBatches is how many batches of a lot one statement reads the lines of.
const mostLotBatches = 16

// openText selects batches for sale, and, with the units of lapsed holds, every batch that has such units and can be
// sold.
func (t *templates) openText(unbound string) string {
	return `
		WITH chosen (sku) AS (SELECT value FROM ` + t.list(":skus") + ` k),` + unbound + `
		SELECT 0, ` + freeBatch.text(freeWidth) + `
		FROM chosen c` + t.lookup("batches", "b", "batches_for_sale", "b.sku = c.sku AND "+forSale+keeps) + `
		UNION ALL
		SELECT u.units, ` + freeBatch.text(freeWidth) + `
		FROM unbound u` +
		t.lookup("batches", "b", "", "b.ref = u.ref AND b.blocked = '' AND b.expired = 0"+keeps)
}

// lotText selects a page of the batches of a lot, and the units of lapsed holds of their products by batch.
func (t *templates) lotText() string {
	return `
		WITH page AS (` + t.ofLot(batchColumns.list("b."), "") + `),
		chosen (sku) AS (SELECT DISTINCT sku FROM page),` + t.lapsedUnits() + `
		SELECT 0, ` + batchColumns.selected("page").text(freeWidth) + ` FROM page
		UNION ALL
		SELECT u.units, ` + selection{textSlot: {"u.ref"}}.text(freeWidth) + ` FROM unbound u`
}

// freeBatch selects the columns of a batch, and freeWidth is their width.
var (
	freeBatch = batchColumns.selected("b")
	freeWidth = widest(freeBatch)
)

// ofLot selects columns of the first :page batches b of a lot that meet a condition, behind :after.
func (t *templates) ofLot(columns, condition string) string {
	arm := func(hint, where string) string {
		return `SELECT * FROM (
				SELECT ` + columns + ` FROM {batches} b ` + hint + `
				WHERE ` + where + ` AND b.ref > :after` + condition + `
				ORDER BY b.ref LIMIT :page) `
	}
	return `SELECT * FROM (
			` + arm("", "b.ref = :lot AND b.lot = ''") + `named
			UNION ALL
			` + arm(t.indexHint("batches_by_lot"), "b.lot = :lot AND b.lot <> ''") + `others) b
			ORDER BY b.ref LIMIT :page`
}

// lotBatchesText selects the batches of a lot that have lines. A limit keeps the planner from reading all lines first.
func (t *templates) lotBatchesText() string {
	has := func(index, condition string) string {
		return `(SELECT 1 FROM {lines} l ` + t.indexHint(index) + ` WHERE ` + condition + ` LIMIT 1) IS NOT NULL`
	}
	return `
		` + t.ofLot("b.ref, b.sku", `
					AND (`+has("lines_leaving", "l.sku = b.sku AND l.batch_ref = b.ref AND l.open = 1")+`
						OR `+has(t.shipped, "l.batch_ref = b.ref AND l.open = 0")+`)`)
}

// lotColumns are the columns of a line of a lot.
const lotColumns = `sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence`

// lotLinesText selects the first :page lines of n batches, (:batch0, :sku0) and so on, in the order of the batches and
// of leaving.
func (t *templates) lotLinesText(n int) string {
	arms := make([]string, n)
	for i := range arms {
		number := strconv.Itoa(i)
		arms[i] = t.linesOf(":sku"+number, ":batch"+number, "")
	}
	return lotPageOf(arms)
}

// lotBehindText selects the first :page lines of a batch of a lot behind the rank (:held, :priority, :sequence).
func (t *templates) lotBehindText() string {
	sku := `(SELECT sku FROM {batches} WHERE ref = :batch AND (lot = :lot OR lot = '' AND ref = :lot))`
	var arms []string
	for _, condition := range t.behindRank() {
		arms = append(arms, t.linesOf(sku, ":batch", condition))
	}
	return lotPageOf(arms)
}

// linesOf selects the first :page lines of a batch that meet a condition, the unshipped lines and the shipped lines
// each by an index in the order of leaving.
func (t *templates) linesOf(sku, batch, condition string) string {
	arm := func(index, open string) string {
		return `
			SELECT * FROM (
				SELECT ` + lotColumns + `, held
				FROM {lines} l ` + t.indexHint(index) + `
				WHERE l.sku = ` + sku + ` AND l.batch_ref = ` + batch + ` AND l.open = ` + open + condition + `
				ORDER BY ` + leavingOrder("l.") + ` LIMIT :page) arm`
	}
	return arm("lines_leaving", "1") + unionAll + arm(t.shipped, "0")
}

const unionAll = `
			UNION ALL`

// lotPageOf joins arms to a page.
func lotPageOf(arms []string) string {
	return `
		SELECT ` + lotColumns + ` FROM (` + strings.Join(arms, unionAll) + `) page
		ORDER BY batch_ref, ` + leavingOrder("") + ` LIMIT :page`
}
