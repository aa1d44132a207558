package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

// What a purge takes on at a time.
const (
	purgedProducts = 1000 // looked at
	purgedEvents   = 1000 // of a product, deleted in one transaction
)

// Purge deletes events that are sent and old, see [outbox.Maintainer]: one product after the other, in the order of
// their SKUs, and up to a thousand events in a transaction, which keeps nobody from selling.
func (s *Store) Purge(ctx context.Context, before time.Time) (int64, error) {
	const op = "Purge"
	if err := s.check(ctx, op); err != nil {
		return 0, err
	}
	before = before.Add(time.Microsecond - 1) // up to the next whole one, which is what can be compared
	var purged int64
	for after, more := allocation.SKU(""), true; more; {
		skus, last, err := s.histories(ctx, after, before)
		if err != nil {
			return purged, s.explain(ctx, op, err)
		}
		for _, sku := range skus {
			events, err := s.purgeProduct(ctx, sku, before)
			purged += events
			if err != nil {
				return purged, s.explain(ctx, op, err)
			}
		}
		after, more = last, last != ""
	}
	return purged, nil
}

// histories returns those of a page of products whose first event is old, and the last product of the page.
func (s *Store) histories(ctx context.Context, after allocation.SKU, before time.Time) (old []allocation.SKU, last allocation.SKU, err error) {
	q := s.statements.outbox.upkeep.histories
	args := q.args(func(name string) any { return map[string]any{"after": string(after), "limit": purgedProducts}[name] })
	err = s.pool().each(ctx, q, args, func(rows *sql.Rows) error {
		var first sql.NullInt64
		err := rows.Scan(&last, &first)
		if first.Valid && first.Int64 < before.UnixMicro() {
			old = append(old, last)
		}
		return err
	})
	return old, last, err
}

// purgeProduct deletes the first events of a product, as long as they are sent and old.
func (s *Store) purgeProduct(ctx context.Context, sku allocation.SKU, before time.Time) (purged int64, err error) {
	for {
		end, err := s.purgeEnd(ctx, sku, before)
		if err != nil || end == 0 {
			return purged, err
		}
		var events int64
		err = s.retry(ctx, func() error {
			events, err = s.purgeUntil(ctx, sku, end)
			return err
		})
		if err != nil {
			return purged, err
		}
		purged += events
	}
}

// purgeEnd is the number of the event after those to delete next, 0 if there are none. What is sent and old stays so,
// so that nothing has to be locked meanwhile.
func (s *Store) purgeEnd(ctx context.Context, sku allocation.SKU, before time.Time) (end int64, err error) {
	q := s.statements.outbox.upkeep.history
	args := q.args(func(name string) any {
		return map[string]any{"sku": string(sku), "before": before.UnixMicro(), "limit": purgedEvents}[name]
	})
	err = s.pool().each(ctx, q, args, func(rows *sql.Rows) error {
		var first, last, young, unsent sql.NullInt64
		err := rows.Scan(&first, &last, &young, &unsent)
		end = last.Int64 + 1
		for _, stays := range []sql.NullInt64{young, unsent} {
			if stays.Valid {
				end = min(end, stays.Int64)
			}
		}
		if !first.Valid || end <= first.Int64 {
			end = 0
		}
		return err
	})
	return end, err
}

// purgeUntil deletes events, and adds what they moved to the sums of their batches.
func (s *Store) purgeUntil(ctx context.Context, sku allocation.SKU, end int64) (events int64, err error) {
	purge, add := s.statements.outbox.upkeep.purge, s.statements.outbox.upkeep.addToTheSums
	err = s.transact(ctx, []*query{purge, add}, func(t *transaction) error {
		events = 0
		moved := map[allocation.BatchRef]allocation.Tally{}
		args := purge.args(func(name string) any { return map[string]any{"sku": string(sku), "end": end}[name] })
		err := t.each(ctx, purge, args, func(rows *sql.Rows) error {
			var ref sql.Null[allocation.BatchRef]
			var purchased, allocated allocation.Quantity
			err := rows.Scan(&ref, &purchased, &allocated)
			events++
			if ref.Valid {
				sums := moved[ref.V]
				sums.ToldPurchased, sums.ToldAllocated = sums.ToldPurchased+purchased, sums.ToldAllocated+allocated
				moved[ref.V] = sums
			}
			return err
		})
		if err != nil || len(moved) == 0 {
			return err
		}
		rows, err := jsonOf(sumsOf(sku, moved))
		if err == nil {
			_, err = t.exec(ctx, add, add.args(func(string) any { return rows })...)
		}
		return err
	})
	return events, err
}

// sumsOf are rows by batch, so that two purges wait for each other in one order.
func sumsOf(sku allocation.SKU, moved map[allocation.BatchRef]allocation.Tally) (rows []map[string]any) {
	for ref, t := range moved {
		rows = append(rows, map[string]any{
			"sku": sku, "batch_ref": ref, "purchased": t.ToldPurchased, "allocated": t.ToldAllocated,
		})
	}
	slices.SortFunc(rows, func(a, b map[string]any) int {
		return cmp.Compare(a["batch_ref"].(allocation.BatchRef), b["batch_ref"].(allocation.BatchRef))
	})
	return rows
}
