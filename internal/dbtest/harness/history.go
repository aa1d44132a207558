package harness

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/cosmic-go/allocation"
)

// openShare is the part of the used-up batches, the newest, whose lines have not been shipped: one in so many.
const openShare = 20

// history writes the rows of a product that has been sold batch after batch, one unit a line: :batches batches with
// :each lines each. Every unit of the first :gone batches has been shipped; every unit of the others is promised, one
// line in ten as a hold until 2100. Counters, lines and events agree. The other braces are of columns that version 3
// of the tables began with.
var history = []string{
	`INSERT INTO allocation_products (sku, version, refused, low_stock{, written})
		VALUES (':sku', :batches + :lines + :shipped, 0, 0{, version})`,
	`INSERT INTO allocation_batches (ref, sku, purchased, allocated, location, announced_quantity, shipped_at)
		SELECT CONCAT('used-', b.n), ':sku',
			CASE WHEN b.n > :gone THEN :each ELSE 0 END, CASE WHEN b.n > :gone THEN :each ELSE 0 END,
			'', :each, CASE WHEN b.n > :gone THEN NULL ELSE 1767225600000000 END
		FROM {batches} b`,
	`INSERT INTO allocation_lines (order_id, sku, part, batch_ref, quantity, shipped, split, held_until, {held}
			sequence)
		SELECT CONCAT('earlier-', (b.n - 1) * :each + l.n), ':sku', 0, CONCAT('used-', b.n), 1,
			CASE WHEN b.n > :gone THEN 0 ELSE 1 END, 0,
			CASE WHEN b.n > :gone AND l.n * 10 <= :each THEN 4102444800000000 END,
			{is held} :batches + (b.n - 1) * :each + l.n
		FROM {batches} b CROSS JOIN {each} l`,
	`INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data{, written_for})
		SELECT ':sku', b.n, 'BatchAdded', 1767225600000000, CONCAT('used-', b.n), :each, 0,
			CONCAT('{"sku":":sku","at":"2026-01-01T00:00:00Z","batch":"used-', b.n, '","quantity":', :each, '}'){, 3}
		FROM {batches} b`,
	`INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data{, written_for})
		SELECT ':sku', :batches + (b.n - 1) * :each + l.n, 'LineAllocated', 1767225600000000,
			CONCAT('used-', b.n), 0, 1,
			CONCAT('{"sku":":sku","at":"2026-01-01T00:00:00Z","order_id":"earlier-', (b.n - 1) * :each + l.n,
				'","batch":"used-', b.n, '","quantity":1',
				CASE WHEN b.n > :gone AND l.n * 10 <= :each THEN ',"held_until":"2100-01-01T00:00:00Z"' ELSE '' END,
				'}'){, 3}
		FROM {batches} b CROSS JOIN {each} l`,
	`INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data{, written_for})
		SELECT ':sku', :batches + :lines + (b.n - 1) * :each + l.n, 'LineShipped', 1767225600000000,
			CONCAT('used-', b.n), -1, -1,
			CONCAT('{"sku":":sku","at":"2026-01-01T00:00:00Z","order_id":"earlier-', (b.n - 1) * :each + l.n,
				'","batch":"used-', b.n, '","quantity":1}'){, 3}
		FROM {gone} b CROSS JOIN {each} l`,
}

// newColumns fills in the columns that version 3 of the tables began with; before leaves the columns out.
var (
	newColumns = []string{
		"{held}", "held,", "{is held}", "CASE WHEN b.n > :gone AND l.n * 10 <= :each THEN 1 ELSE 0 END,",
		"{, written_for}", ", written_for", "{, 3}", ", 3",
		"{, written}", "/*SQLite: , written*/", "{, version}", "/*SQLite: , :batches + :lines + :shipped*/",
	}
	before = []string{
		"{held}", "", "{is held}", "", "{, written_for}", "", "{, 3}", "", "{, written}", "", "{, version}", "",
	}
)

// LoadHistory writes the past of a product straight into the tables, of version 3 or later: earlier lines, spread
// evenly over used-up batches. The number of batches has to be a divisor of the number of lines and a multiple of 20.
func (p *Place) LoadHistory(ctx context.Context, db *sql.DB, sku allocation.SKU, lines, batches int) error {
	return p.loadHistory(ctx, db, newColumns, sku, lines, batches)
}

// LoadHistoryOfVersion2 is LoadHistory for tables of version 2.
func (p *Place) LoadHistoryOfVersion2(ctx context.Context, db *sql.DB, sku allocation.SKU, lines, batches int) error {
	return p.loadHistory(ctx, db, before, sku, lines, batches)
}

func (p *Place) loadHistory(
	ctx context.Context, db *sql.DB, columns []string, sku allocation.SKU, lines, batches int,
) error {
	each, gone := lines/batches, batches-batches/openShare
	series := func(n int) string { return fmt.Sprintf(p.series, n) }
	version := strings.NewReplacer(columns...)
	fill := strings.NewReplacer(
		":sku", string(sku), ":batches", fmt.Sprint(batches), ":lines", fmt.Sprint(lines),
		":each", fmt.Sprint(each), ":gone", fmt.Sprint(gone), ":shipped", fmt.Sprint(gone*each),
		"{batches}", series(batches), "{each}", series(each), "{gone}", series(gone),
	)
	for _, statement := range history {
		if _, err := db.ExecContext(ctx, p.text(fill.Replace(version.Replace(statement)))); err != nil {
			return fmt.Errorf("load the history: %w", err)
		}
	}
	return p.Settle(ctx, db)
}
