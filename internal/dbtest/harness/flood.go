package harness

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/cosmic-go/allocation"
)

// flood writes the rows of a product with holds that nobody has cleared: :batches batches with :each holds of one
// unit each, and one unit more. The holds lapsed on 1 January 2026, one every microsecond. Counters, lines and events
// agree.
var flood = []string{
	`INSERT INTO allocation_products (sku, version, refused, low_stock /*SQLite: , written*/)
		VALUES (':sku', :batches + :holds, 0, 0 /*SQLite: , :batches + :holds*/)`,
	`INSERT INTO allocation_batches (ref, sku, purchased, allocated, location, announced_quantity)
		SELECT CONCAT(':sku-', b.n), ':sku', :each + 1, :each, '', :each + 1 FROM {batches} b`,
	`INSERT INTO allocation_lines (order_id, sku, part, batch_ref, quantity, shipped, split, held_until, held,
			sequence)
		SELECT CONCAT('cart-', (l.n - 1) * :batches + b.n), ':sku', 0, CONCAT(':sku-', b.n), 1, 0, 0,
			1767225600000000 + (l.n - 1) * :batches + b.n, 1, :batches + (l.n - 1) * :batches + b.n
		FROM {each} l CROSS JOIN {batches} b`,
	`INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, written_for)
		SELECT ':sku', b.n, 'BatchAdded', 1767225600000000, CONCAT(':sku-', b.n), :each + 1, 0,
			CONCAT('{"sku":":sku","at":"2026-01-01T00:00:00Z","batch":":sku-', b.n, '","quantity":', :each + 1, '}'), 3
		FROM {batches} b`,
	`INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, written_for)
		SELECT ':sku', :batches + (l.n - 1) * :batches + b.n, 'LineAllocated', 1767225600000000,
			CONCAT(':sku-', b.n), 0, 1,
			CONCAT('{"sku":":sku","at":"2026-01-01T00:00:00Z","order_id":"cart-', (l.n - 1) * :batches + b.n,
				'","batch":":sku-', b.n, '","quantity":1}'), 3
		FROM {each} l CROSS JOIN {batches} b`,
}

// LoadFlood writes a product with lapsed holds straight into the tables. The holds are spread evenly over the batches,
// so the number of batches has to be a divisor of the number of holds.
func (e *Engine) LoadFlood(ctx context.Context, db *sql.DB, sku allocation.SKU, holds, batches int) error {
	each := holds / batches
	series := func(n int) string { return fmt.Sprintf(e.series, n) }
	fill := strings.NewReplacer(
		":sku", string(sku), ":batches", fmt.Sprint(batches), ":holds", fmt.Sprint(holds), ":each", fmt.Sprint(each),
		"{batches}", series(batches), "{each}", series(each),
	)
	var statements []string
	for _, statement := range flood {
		statements = append(statements, fill.Replace(statement))
	}
	if err := e.Load(ctx, db, statements); err != nil {
		return fmt.Errorf("load the flood: %w", err)
	}
	return e.Settle(ctx, db)
}

// queue writes the rows of a product for which :waiting lines wait for one unit each, in Berlin, and which has free
// units in Munich alone. Serving has offered everything that is free to everybody who waits.
var queue = []string{
	`INSERT INTO allocation_products (sku, version, refused, low_stock /*SQLite: , written*/)
		VALUES (':sku', 1 + :waiting, 0, 0 /*SQLite: , 1 + :waiting*/)`,
	`INSERT INTO allocation_batches (ref, sku, purchased, allocated, location, announced_quantity)
		VALUES ('munich-of-:sku', ':sku', :free, 0, 'Munich', :free)`,
	`INSERT INTO allocation_waiting (order_id, sku, line, quantity, wanted, split, partial, location, priority,
			handed_from, sequence)
		SELECT CONCAT('waits-', w.n), ':sku', '', 1, 1, 0, 0, 'Berlin', 0, '', 1 + w.n FROM {waiting} w`,
	`INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, written_for)
		VALUES (':sku', 1, 'BatchAdded', 1767225600000000, 'munich-of-:sku', :free, 0,
			'{"sku":":sku","at":"2026-01-01T00:00:00Z","batch":"munich-of-:sku","quantity"::free}', 3)`,
	`INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, written_for)
		SELECT ':sku', 1 + w.n, 'LineWaiting', 1767225600000000, NULL, 0, 0,
			CONCAT('{"sku":":sku","at":"2026-01-01T00:00:00Z","order_id":"waits-', w.n, '","quantity":1,"wanted":1}'), 3
		FROM {waiting} w`,
}

// LoadQueue writes a product for which lines wait straight into the tables. The orders are called waits-1, waits-2 and
// so on, in the order of serving.
func (e *Engine) LoadQueue(ctx context.Context, db *sql.DB, sku allocation.SKU, waiting int) error {
	fill := strings.NewReplacer(
		":sku", string(sku), ":waiting", fmt.Sprint(waiting), ":free", fmt.Sprint(Plenty),
		"{waiting}", fmt.Sprintf(e.series, waiting),
	)
	for _, statement := range queue {
		if waiting == 0 && strings.Contains(statement, "{waiting}") { // a series has one row at least
			continue
		}
		if _, err := db.ExecContext(ctx, e.text(fill.Replace(statement))); err != nil {
			return fmt.Errorf("load the queue: %w", err)
		}
	}
	if e.Name == "mariadb" {
		if _, err := db.ExecContext(ctx, `ANALYZE TABLE allocation_waiting`); err != nil { //nolint:misspell // SQL
			return err
		}
	}
	return e.Settle(ctx, db)
}
