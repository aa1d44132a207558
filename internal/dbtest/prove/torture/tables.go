package torture

import (
	"context"
	"database/sql"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/sqlstore"
)

// check compares journals, ledger and tables after the run, when nobody works on the database any more.
func (r *run) check(ctx context.Context, db *sql.DB, store *sqlstore.Store, did *history) error {
	b := newBooks(r.settings, did, &r.report)
	parents, err := traceParents(ctx, db)
	if err != nil {
		return err
	}
	service, err := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
	if err != nil {
		return err
	}
	for i := range r.settings.SKUs {
		sku := r.settings.sku(i)
		events, missing, err := harness.Events(ctx, store, sku)
		if err != nil {
			return err
		}
		for _, number := range missing {
			r.report.fault(lost, "product %q: event %d is missing in the ledger", sku, number)
		}
		r.report.Events += len(events)
		b.replay(sku, events, parents[sku])
		audit, err := service.Reconcile(ctx, sku)
		if err != nil {
			return err
		}
		if audit.Drifted() {
			r.report.fault(drift, "Reconcile(%q) = %+v", sku, audit)
		}
	}
	r.report.Orders = len(b.keys)
	b.compare()
	for _, compare := range []func(context.Context, *sql.DB) error{b.numbers, b.counters, b.parts, b.waiting} {
		if err := compare(ctx, db); err != nil {
			return err
		}
	}
	return nil
}

// traceParents reads those of all events, in the order of the events of each product; "" for none.
func traceParents(ctx context.Context, db *sql.DB) (map[allocation.SKU][]string, error) {
	const traced = `SELECT sku, COALESCE(trace_parent, '') FROM allocation_events ORDER BY sku, sequence`
	parents := map[allocation.SKU][]string{}
	return parents, harness.Rows(ctx, db, traced, func(rows *sql.Rows) error {
		var sku allocation.SKU
		var parent string
		if err := rows.Scan(&sku, &parent); err != nil {
			return err
		}
		parents[sku] = append(parents[sku], parent)
		return nil
	})
}

// numbers checks that events have the numbers from 1 to the product's version.
func (b *books) numbers(ctx context.Context, db *sql.DB) error {
	const numbered = `
		SELECT p.sku, p.version, COUNT(*), MIN(e.sequence), MAX(e.sequence)
		FROM allocation_products p JOIN allocation_events e ON e.sku = p.sku GROUP BY p.sku, p.version`
	return harness.Rows(ctx, db, numbered, func(rows *sql.Rows) error {
		var sku allocation.SKU
		var version, events, first, last int
		if err := rows.Scan(&sku, &version, &events, &first, &last); err != nil {
			return err
		}
		if first != 1 || last != version || events != version || b.versions[sku] != version {
			b.report.fault(drift, "product %q has version %d and %d events, %d to %d",
				sku, version, events, first, last)
		}
		return nil
	})
}

// counters compares the batches with their accounts.
func (b *books) counters(ctx context.Context, db *sql.DB) error {
	seen := 0
	const counted = `SELECT ref, purchased, allocated FROM allocation_batches`
	err := harness.Rows(ctx, db, counted, func(rows *sql.Rows) error {
		var ref allocation.BatchRef
		var purchased, allocated allocation.Quantity
		if err := rows.Scan(&ref, &purchased, &allocated); err != nil {
			return err
		}
		seen++
		if a := b.batches[ref]; a == nil || a.purchased != purchased || a.allocated != allocated {
			b.report.fault(drift, "batch %q has %d, %d promised; by the ledger %+v", ref, purchased, allocated, a)
		}
		return nil
	})
	if err == nil && seen != len(b.batches) {
		b.report.fault(lost, "there are %d batches, by the ledger %d", seen, len(b.batches))
	}
	return err
}

// parts compares the lines with what the ledger says of them.
func (b *books) parts(ctx context.Context, db *sql.DB) error {
	const lines = `
		SELECT order_id, sku, line, batch_ref, quantity, shipped, CASE WHEN held_until IS NULL THEN 0 ELSE 1 END,
			late, location, priority, handed_from, partial, may_wait, COALESCE(wanted, 0), COALESCE(hold_for, 0),
			sequence
		FROM allocation_lines`
	rest := map[allocation.LineKey]lineState{}
	for key, line := range b.lines {
		if now := line.now(); len(now.parts) > 0 {
			rest[key] = now
		}
	}
	err := harness.Rows(ctx, db, lines, func(rows *sql.Rows) error {
		var key allocation.LineKey
		var ref allocation.BatchRef
		var quantity, shipped allocation.Quantity
		var held bool
		var is lineState
		var holdFor int64
		err := rows.Scan(&key.OrderID, &key.SKU, &key.Line, &ref, &quantity, &shipped, &held,
			&is.late, &is.terms.Location, &is.terms.Priority, &is.from,
			&is.terms.Partial, &is.terms.Wait, &is.asked, &holdFor, &is.place)
		is.terms.HoldFor = time.Duration(holdFor) * time.Microsecond
		if err != nil {
			return err
		}
		l := rest[key]
		if held == l.held.IsZero() {
			b.report.fault(drift, "%+v: held %t, by the ledger until %s", key, held, l.held)
		}
		if is.late != l.late || is.terms.Location != l.terms.Location || is.terms.Priority != l.terms.Priority ||
			is.from != l.from || !is.isAskedFor(b.lines[key].now()) {
			b.report.fault(drift, "%+v: %+v, by the ledger %+v", key, is, l)
		}
		rest[key] = l.add(ref, -quantity, -shipped)
		return nil
	})
	for key, l := range rest {
		if len(l.parts) > 0 {
			b.report.fault(drift, "%+v: the ledger has more (or less) than the tables by %+v", key, l.parts)
		}
	}
	return err
}

// isAskedFor compares what was asked for with the ledger. A line that has all of its units has no number in the tables.
func (l lineState) isAskedFor(ledger lineState) bool {
	return l.terms.Partial == ledger.terms.Partial && l.terms.Wait == ledger.terms.Wait &&
		l.terms.HoldFor == ledger.terms.HoldFor && l.place == ledger.place &&
		max(l.asked, ledger.quantity()) == ledger.asked
}

// waiting compares the lines that wait with what the ledger says of them.
func (b *books) waiting(ctx context.Context, db *sql.DB) error {
	const waiting = `SELECT order_id, sku, line, quantity, wanted, priority, sequence, partial, handed_from, location
		FROM allocation_waiting`
	rest := map[allocation.LineKey]lineState{}
	for key, line := range b.lines {
		if now := line.now(); now.waiting > 0 {
			rest[key] = now
		}
	}
	err := harness.Rows(ctx, db, waiting, func(rows *sql.Rows) error {
		var key allocation.LineKey
		var is lineState
		err := rows.Scan(&key.OrderID, &key.SKU, &key.Line, &is.waiting, &is.asked, &is.terms.Priority, &is.place,
			&is.terms.Partial, &is.from, &is.terms.Location)
		if err != nil {
			return err
		}
		l := rest[key]
		delete(rest, key)
		if is.waiting != l.waiting || is.asked != l.asked || is.terms.Priority != l.terms.Priority ||
			is.place != l.place || is.terms.Partial != l.terms.Partial || is.from != l.from ||
			is.terms.Location != l.terms.Location {
			b.report.fault(drift, "%+v waits: %+v, by the ledger %+v", key, is, l)
		}
		return nil
	})
	for key, l := range rest {
		b.report.fault(lost, "%+v waits by the ledger, and not by the tables: %+v", key, l)
	}
	return err
}
