package sqlstore

import "strings"

// keeps is true for a batch that will keep beyond :now, and beyond the arrival.
const keeps = `
				AND (b.best_before IS NULL OR b.best_before > :now AND (b.eta IS NULL OR b.best_before > b.eta))`

// lapsedUnits selects the units of lapsed holds of the chosen products, by batch, as unbound (ref, units). On an engine
// with unionArms the SKUs of the chosen products are parameters, if given. One pass over the index of holds reads each
// hold once, so that the cost is near that of a bare sum.
func (t *templates) lapsedUnits(skus ...string) string {
	if t.unbound != "" {
		return t.unbound
	}
	holds := `(SELECT h.* FROM chosen c` + t.lookup("lines", "h", "lines_held", t.held("c.sku")) + `) h`
	arms := []string{t.unitsOf(holds, "")}
	if t.unionArms > 0 && len(skus) > 0 {
		arms = arms[:0]
		for _, sku := range skus {
			arms = append(arms, t.unitsOfSKU(sku))
		}
	}
	return `
		unbound (ref, units) AS (` + strings.Join(arms, `
			UNION ALL`) + `)`
}

// unitsOfSKU sums up the units of the lapsed holds of one product by batch.
func (t *templates) unitsOfSKU(sku string) string {
	return t.unitsOf(`{lines} h `+t.indexHint("lines_held"), ` WHERE `+t.held(sku))
}

// unitsOf sums up the unshipped units of holds h by batch.
func (t *templates) unitsOf(holds, where string) string {
	const ref = `COALESCE(l.batch_ref, h.batch_ref)`
	return `
			SELECT ` + ref + ` AS ref,
				CAST(SUM(COALESCE(l.quantity - l.shipped, h.quantity - h.shipped)) AS ` + t.integer + `) AS units
			FROM ` + holds + t.splits + where + ` GROUP BY ` + ref
}

// partsOfSplit finds all parts of a hold that may be split. The parts of any other hold are not looked up.
const partsOfSplit = `l.order_id = CASE WHEN h.split = 1 THEN h.order_id END AND l.sku = h.sku AND l.line = h.line`
