package sqlstore

import "strings"

// shape is what there is to write, besides events.
type shape struct {
	one                         bool // a single product, which exists and changes
	newProducts, newBatches     bool
	batches                     bool // that change
	removed, newLines, putLines bool
}

// text puts a statement together out of the parts that have rows: to start the others would take longer than to carry
// these out. Every part hangs on won alone, which is there if all products have their versions; so no part may have rows of a
// product that is only checked. Joined with the products, of which the planner expects few, each row would go through
// all of them.
func (s shape) text() string {
	parts := []struct {
		wanted bool
		text   string
	}{
		{s.one, oneProduct},
		{!s.one, heldProducts},
		{!s.one && !s.newProducts, allHeld},
		{s.newProducts, addProducts},
		{!s.one, moveProducts},
		{s.newBatches, addBatches},
		{s.batches, changeBatches},
		{s.removed, removeLines},
		{s.newLines, addLines},
		{s.putLines, putLines},
		{true, tellEvents},
	}
	var wanted []string
	for _, part := range parts {
		if part.wanted {
			wanted = append(wanted, part.text)
		}
	}
	check := "1"
	if s.batches {
		check = allChanged
	}
	return "WITH " + strings.Join(wanted, ",\n\t") + "\n\tSELECT (SELECT COUNT(*) FROM won), " + check
}

const ifWon = "EXISTS (SELECT 1 FROM won)"

const oneProduct = `p AS (
		UPDATE {products} SET version = :one_version, refused = :one_refused, low_stock = :one_low_stock
		WHERE sku = :one_sku AND version = :one_read RETURNING 1),
	won AS (SELECT 1 FROM p)`

// The rows of products are locked in the order of their SKUs before anything is written, so that those who want
// the same products wait for each other and never in a circle.
//
//nolint:misspell // so SQL spells it
var heldProducts = `p AS MATERIALIZED (
		SELECT * FROM ` + productColumns.unnest("p") + ` WHERE ` + few("x.seen") + `),
	held AS MATERIALIZED (
		SELECT o.sku FROM p JOIN {products} o ON o.sku = p.sku AND o.version = p.seen
		ORDER BY o.sku FOR NO KEY UPDATE OF o)`

const allHeld = `won AS (
		SELECT 1 WHERE (SELECT COUNT(*) FROM held) = (SELECT COUNT(*) FROM p))`

// Products with a seen of 0 must not exist. They are written before anything hangs on it, so that of two who add a
// product the one that comes second is told so.
const addProducts = `met AS (
		SELECT 1 WHERE (SELECT COUNT(*) FROM held) = (SELECT COUNT(*) FROM p WHERE p.seen > 0)
			AND NOT EXISTS (SELECT 1 FROM p JOIN {products} o ON o.sku = p.sku WHERE p.seen = 0)),
	added AS (
		INSERT INTO {products} (sku, version, refused, low_stock)
		SELECT p.sku, p.version, p.refused, p.low_stock FROM p
		WHERE p.seen = 0 AND p.version > 0 AND EXISTS (SELECT 1 FROM met) ORDER BY p.sku RETURNING 1),
	won AS (SELECT 1 FROM met WHERE (SELECT COUNT(*) FROM added) >= 0)`

const moveProducts = `moved AS (
		UPDATE {products} o SET version = p.version, refused = p.refused, low_stock = p.low_stock
		FROM p WHERE o.sku = p.sku AND o.version = p.seen AND p.version > p.seen AND ` + ifWon + `)`

var addBatches = `new_batches AS (
		INSERT INTO {batches} (` + newBatchColumns.names() + `)
		SELECT * FROM ` + newBatchColumns.unnest("n") + ` WHERE ` + ifWon + `)`

var changeBatches = `changed AS (
		UPDATE {batches} b SET purchased = b.purchased + x.purchased, allocated = b.allocated + x.allocated,
			eta = x.eta, counted_at = x.counted_at, shipped_at = x.shipped_at
		FROM ` + batchColumns.unnest("b") + `
		WHERE b.ref = x.ref AND b.sku = x.sku AND ` + few("x.allocated") + ` AND ` + ifWon + ` RETURNING 1)`

// A batch that doesn't exist is a division by zero, which undoes the statement.
const allChanged = `
		1 / CASE WHEN NOT ` + ifWon + ` OR (SELECT COUNT(*) FROM changed) = CAST(:changed AS bigint) THEN 1 ELSE 0 END`

var removeLines = `removed AS (
		DELETE FROM {lines} l USING ` + removedColumns.unnest("r") + `
		WHERE l.order_id = x.order_id AND l.sku = x.sku AND l.part >= x.part AND ` + few("x.part") + ` AND ` + ifWon + `)`

var addLines = `new_lines AS (` + insertLines("l") + `)`

var putLines = `put_lines AS (` + insertLines("u") + `
		ON CONFLICT (order_id, sku, part) DO UPDATE SET batch_ref = excluded.batch_ref, quantity = excluded.quantity,
			shipped = excluded.shipped, split = excluded.split, held_until = excluded.held_until, sequence = excluded.sequence)`

func insertLines(prefix string) string {
	return `
		INSERT INTO {lines} (` + partColumns.names() + `)
		SELECT * FROM ` + partColumns.unnest(prefix) + ` WHERE ` + ifWon
}

var tellEvents = `told AS (
		INSERT INTO {events} (` + eventColumns.names() + `)
		SELECT * FROM ` + eventColumns.unnest("e") + ` WHERE ` + ifWon + `)`
