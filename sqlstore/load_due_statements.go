package sqlstore

// dueBatches adds the batches that are due to the batches of a load.
func (t *templates) dueBatches() string {
	return `
			UNION
			SELECT b.ref FROM chosen c` + t.lookup("batches", "b", "batches_due_by_sku", t.dueOf("c.sku"))
}

// chosenByDue selects the SKUs of the first :limit holds and batches that are due behind the turn (:from, :behind),
// however many are due. Each arm reads as many entries of its index.
func (t *templates) chosenByDue() string {
	return `
			SELECT DISTINCT oldest.sku FROM (
				SELECT due.sku FROM (
					SELECT holds.moment, holds.sku FROM (` + t.lapsing + `) holds
					UNION ALL
					SELECT lots.moment, lots.sku FROM (` + t.comingDue + `) lots` + t.waitingDue() + `) due
				ORDER BY due.moment, due.sku LIMIT ` + t.limit + `) oldest`
}
