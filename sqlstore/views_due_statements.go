package sqlstore

import "strings"

// dueText selects a page of each kind of what is due, as (kind, at, sku, batch, order, line, quantity, promised, told).
// [Store.Due] merges the pages. Kinds have a number and a letter, see dueKinds.
func (t *templates) dueText() string {
	arms := []string{
		t.dueArrivals(), t.dueExpiries(), t.dueExpiriesOnTheWay(), t.dueExpiriesTold(), t.dueHolds(), t.dueLines(),
		t.dueWaiting(),
	}
	for i := range arms {
		arms[i] = `
		SELECT * FROM (` + arms[i] + ` LIMIT :page) arm` + string(rune('0'+i))
	}
	return strings.Join(arms, `
		UNION ALL`)
}

// hidden is a numeric parameter as the engine needs it, see present.
func (t *templates) hidden(param string) string { return strings.ReplaceAll(t.present, ":now", param) }

// few is expectFew, as a further condition, on an engine that needs the condition.
func (t *templates) few(column string) string {
	if t.expectFew == nil {
		return ""
	}
	return " AND " + t.expectFew(column)
}

// window is the condition for a moment up to :by, at or behind the place of the kind with a letter. Columns are those
// by which rows of one moment are sorted, with the names of the parameters.
func (t *templates) window(at, letter string, columns ...[2]string) string {
	from := t.hidden(":" + letter + "_at")
	behind, ties := []string{at + " > " + from}, []string{at + " = " + from}
	for _, column := range columns {
		param := ":" + letter + "_" + column[1]
		behind = append(behind, strings.Join(append(ties, column[0]+" > "+param), " AND "))
		ties = append(ties, column[0]+" = "+param)
	}
	return at + " <= " + t.hidden(":by") + " AND " + at + " >= " + from + " AND (" + strings.Join(behind, " OR ") + ")"
}

// batchesDue selects batches by a moment, found by the first column of an index.
func (t *templates) batchesDue(kind, index, first, at, letter, told, condition string) string {
	return `
			SELECT ` + kind + ` AS kind, ` + at + ` AS moment, b.sku AS sku, b.ref AS ref, '' AS order_id, '' AS line,
				b.purchased AS units, b.allocated AS promised, ` + told + ` AS told
			FROM {batches} b ` + t.indexHint(index) + `
			WHERE ` + t.window(at, letter, [2]string{"b.sku", "sku"}, [2]string{"b.ref", "batch"}) +
		condition + t.few(first) + `
			ORDER BY ` + at + `, b.sku, b.ref`
}

func (t *templates) dueArrivals() string {
	return t.batchesDue("0", "batches_arriving", "b.eta", "b.eta", "a", "0", " AND b.purchased > 0")
}

// dueExpiries selects batches that expire. Due of a batch is the expiry, except for a batch on the way with dated
// lines.
func (t *templates) dueExpiries() string {
	return t.batchesDue("1", "batches_due", "b.due", "b.due", "b", "0",
		" AND b.best_before = b.due AND (b.dated = 0 OR b.eta IS NULL)")
}

// onTheWay is the condition for a batch b on the way that may have dated lines. A bound that all times of arrival meet
// lets every planner take the index of arrivals.
func (t *templates) onTheWay() string { return `b.eta >= ` + t.hidden(":first") + ` AND b.dated = 1` }

// dueExpiriesOnTheWay selects the batches that dueExpiries leaves out.
func (t *templates) dueExpiriesOnTheWay() string {
	return t.batchesDue("1", "batches_arriving", "b.eta", "b.best_before", "b", "0",
		" AND "+t.onTheWay()+" AND b.expired = 0 AND b.purchased > 0")
}

// dueExpiriesTold selects batches with promises whose expiry was recorded.
func (t *templates) dueExpiriesTold() string {
	return t.batchesDue("1", "batches_expired", "b.best_before", "b.best_before", "b", "1",
		" AND b.expired = 1 AND b.allocated > 0")
}

// dueHolds selects holds with the units of all parts; only a hold that may be split has several.
func (t *templates) dueHolds() string {
	return `
			SELECT 2 AS kind, h.held_until AS moment, h.sku AS sku, '' AS ref, h.order_id AS order_id, h.line AS line,
				CASE WHEN h.split = 0 THEN h.quantity - h.shipped ELSE (
					SELECT CAST(SUM(l.quantity - l.shipped) AS ` + t.integer + `) FROM {lines} l
					WHERE l.order_id = h.order_id AND l.sku = h.sku AND l.line = h.line) END AS units,
				0 AS promised, 0 AS told
			FROM {lines} h ` + t.indexHint("lines_lapsing") + `
			WHERE h.part = 0 AND ` + t.window(t.lapses.at, "c", [2]string{t.lapses.sku, "sku"},
		[2]string{"h.order_id", "order"}, [2]string{"h.line", "line"}) + t.few(t.lapses.at) + `
			ORDER BY ` + t.lapses.order
}

// dueLines selects the unshipped lines with NeededBy of batches on the way, unless their hold ends by then.
func (t *templates) dueLines() string {
	return `
			SELECT 3 AS kind, l.needed_by + 1 AS moment, l.sku AS sku, l.batch_ref AS ref, l.order_id AS order_id,
				l.line AS line, l.quantity - l.shipped AS units, 0 AS promised, l.late AS told
			FROM (SELECT b.sku, b.ref FROM {batches} b ` + t.indexHint("batches_arriving") + `
				WHERE ` + t.onTheWay() + t.few("b.eta") + `) b` +
		t.openLinesOf(" AND (l.held_until IS NULL OR l.held_until > l.needed_by + 1) AND "+
			t.window("l.needed_by + 1", "d", [2]string{"l.sku", "sku"}, [2]string{"l.batch_ref", "batch"},
				[2]string{"l.order_id", "order"}, [2]string{"l.line", "line"})) + `
			ORDER BY l.needed_by, l.sku, l.batch_ref, l.order_id, l.line`
}

// dueWaiting selects lines that wait, by the first moment after NeededBy.
func (t *templates) dueWaiting() string {
	return `
			SELECT 4 AS kind, w.needed_by + 1 AS moment, w.sku AS sku, '' AS ref, w.order_id AS order_id,
				w.line AS line, w.quantity AS units, 0 AS promised, 0 AS told
			FROM {waiting} w ` + t.indexHint("waiting_needed") + `
			WHERE w.needed_by >= ` + t.hidden(":e_at") + ` - 1 AND w.needed_by < ` + t.hidden(":by") + `
				AND ` + t.window("w.needed_by + 1", "e", [2]string{"w.sku", "sku"},
		[2]string{"w.order_id", "order"}, [2]string{"w.line", "line"}) + t.few("w.needed_by") + `
			ORDER BY w.needed_by, w.sku, w.order_id, w.line`
}
