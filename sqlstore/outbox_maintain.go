package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// Limits of one step of a purge.
const (
	purgedProducts = 1000 // to look at
	purgedEvents   = 1000 // of a product, to delete in one transaction
)

// Purge deletes old sent events by SKU, up to a thousand per transaction, see [outbox.Maintainer].
func (s *Store) Purge(ctx context.Context, before time.Time) (int64, error) {
	const op = "Purge"
	if err := s.check(ctx, op); err != nil {
		return 0, err
	}
	before = before.Add(time.Microsecond - 1) // round up to whole microseconds, the precision of stored times
	var purged int64
	for after, more := allocation.SKU(""), true; more; {
		skus, last, err := s.histories(ctx, after, before)
		for _, sku := range skus {
			if err == nil {
				err = s.purgeProduct(ctx, sku, before, &purged)
			}
		}
		if err != nil {
			return purged, s.explain(ctx, op, err)
		}
		after, more = last, last != ""
	}
	return purged, nil
}

// histories reads a page of products. histories returns the products whose first event is old, and the last product
// of the page.
func (s *Store) histories(
	ctx context.Context, after allocation.SKU, before time.Time,
) (old []allocation.SKU, last allocation.SKU, err error) {
	q := s.statements.outbox.upkeep.histories
	args := q.args(func(name string) any {
		return map[string]any{"after": string(after), "limit": purgedProducts}[name]
	})
	err = s.retry(ctx, func() error {
		old, last = nil, ""
		return s.db.each(ctx, q, args, func(rows scanner) error {
			var first sql.NullInt64
			err := rows.Scan(&last, &first)
			if first.Valid && first.Int64 < before.UnixMicro() {
				old = append(old, last)
			}
			return err
		})
	})
	return old, last, err
}

// purgeProduct deletes the first events of a product, up to the first event that is unsent or young.
func (s *Store) purgeProduct(ctx context.Context, sku allocation.SKU, before time.Time, purged *int64) error {
	for more := true; more; {
		var events int64
		err := s.retry(ctx, func() error {
			end, err := s.purgeEnd(ctx, sku, before)
			if more = end > 0; err == nil && more {
				events, err = s.purgeUntil(ctx, sku, end)
			}
			return err
		})
		if err != nil {
			return err
		}
		*purged += events
	}
	return nil
}

// purgeEnd returns the number of the first event to keep in the next step, 0 if there is nothing to delete. Old
// sent events stay old and sent, so no lock is needed between the steps.
func (s *Store) purgeEnd(ctx context.Context, sku allocation.SKU, before time.Time) (end int64, err error) {
	q := s.statements.outbox.upkeep.history
	args := q.args(func(name string) any {
		return map[string]any{"sku": string(sku), "before": before.UnixMicro(), "limit": purgedEvents}[name]
	})
	err = s.db.each(ctx, q, args, func(rows scanner) error {
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

// lastPurged stands in place of a batch in the table purged: the row's purchased is the number of the product's last
// purged event, so that an audit knows the last event of a product without events.
const lastPurged allocation.BatchRef = ""

// purgeUntil deletes events, and adds their movements to the sums of the batches.
func (s *Store) purgeUntil(ctx context.Context, sku allocation.SKU, end int64) (events int64, err error) {
	purge, add := s.statements.outbox.upkeep.purge, s.statements.outbox.upkeep.addToTheSums
	err = s.inTransaction(ctx, s.isolation, []*query{purge, add}, func(t *transaction) error {
		moved := movements{}
		args := purge.args(func(name string) any { return map[string]any{"sku": string(sku), "end": end}[name] })
		err := t.each(ctx, purge, args, func(rows scanner) error {
			events++
			return moved.scan(rows)
		})
		if err != nil || events == 0 {
			return err
		}
		moved[lastPurged] = &movement{purchased: allocation.Quantity(end - 1)}
		for _, some := range cut(moved.sums(sku), s.engine.longest, batchSum.size) {
			list, err := jsonOf(some)
			if err == nil {
				_, err = t.exec(ctx, add, add.args(func(string) any { return list })...)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return events, nil
}

// movements has the sums of the movements of events, by batch.
type movements map[allocation.BatchRef]*movement

type movement struct{ purchased, allocated allocation.Quantity }

func (m movements) scan(rows scanner) error {
	var ref sql.Null[allocation.BatchRef]
	var purchased, allocated allocation.Quantity
	if err := rows.Scan(&ref, &purchased, &allocated); err != nil || !ref.Valid {
		return err
	}
	if m[ref.V] == nil {
		m[ref.V] = &movement{}
	}
	m[ref.V].purchased += purchased
	m[ref.V].allocated += allocated
	return nil
}

// batchSum is what purged events did to a batch.
type batchSum struct {
	SKU       allocation.SKU      `json:"sku"`
	Batch     allocation.BatchRef `json:"batch_ref"`
	Purchased allocation.Quantity `json:"purchased"`
	Allocated allocation.Quantity `json:"allocated"`
}

// size is about the size in JSON.
func (b batchSum) size() int { return jsonSize(b.SKU) + jsonSize(b.Batch) + 80 }

// sums lists the batches sorted, so that two purges can't deadlock.
func (m movements) sums(sku allocation.SKU) []batchSum {
	rows := make([]batchSum, 0, len(m))
	for _, ref := range slices.Sorted(maps.Keys(m)) {
		rows = append(rows, batchSum{sku, ref, m[ref].purchased, m[ref].allocated})
	}
	return rows
}

// Backlog counts the unsent events, see [outbox.Maintainer].
func (s *Store) Backlog(ctx context.Context) (outbox.Backlog, error) {
	const op = "Backlog"
	if err := s.check(ctx, op); err != nil {
		return outbox.Backlog{}, err
	}
	var b outbox.Backlog
	err := s.db.each(ctx, s.statements.outbox.upkeep.backlog, nil, func(rows scanner) error {
		var oldest sql.NullInt64
		err := rows.Scan(&b.Products, &b.Events, &oldest)
		b.Oldest = moment(oldest)
		return err
	})
	if err != nil {
		return outbox.Backlog{}, s.explain(ctx, op, err)
	}
	return b, nil
}

// Failures lists products with a failed first event, see [outbox.Maintainer].
func (s *Store) Failures(ctx context.Context, after allocation.SKU, limit int) ([]outbox.Failure, error) {
	const op = "Failures"
	if err := s.check(ctx, op, checkAfter(after), atLeast(1, "limit", limit)); err != nil {
		return nil, err
	}
	var failures []outbox.Failure
	q := s.statements.outbox.upkeep.failures
	args := q.args(func(name string) any { return map[string]any{"after": string(after), "limit": limit}[name] })
	err := s.db.each(ctx, q, args, func(rows scanner) error {
		var f outbox.Failure
		var retryAt, dead int64
		err := rows.Scan(&f.SKU, &f.Sequence, &f.Tries, &retryAt, &dead, &f.Error)
		if f.Dead = dead != 0; !f.Dead {
			f.RetryAt = time.UnixMicro(retryAt).UTC()
		}
		failures = append(failures, f)
		return err
	})
	if err != nil {
		return nil, s.explain(ctx, op, err)
	}
	return failures, nil
}

// Retry makes a failed event due again, see [outbox.Maintainer]. A relay that is trying the event keeps the lease.
func (s *Store) Retry(ctx context.Context, sku allocation.SKU) error {
	const op = "Retry"
	if err := s.check(ctx, op, sku.Validate()); err != nil {
		return err
	}
	forgive := s.statements.outbox.upkeep.retry
	err := s.retry(ctx, func() error {
		matched, err := s.db.exec(ctx, forgive, forgive.args(func(string) any { return string(sku) })...)
		if err == nil && matched == 0 {
			err = noFailure("sku", sku)
		}
		return err
	})
	return s.explain(ctx, op, err)
}

// Skip gives a failed event up and keeps leases, see [outbox.Maintainer].
func (s *Store) Skip(ctx context.Context, sku allocation.SKU, sequence int64) error {
	const op = "Skip"
	if err := s.check(ctx, op, sku.Validate()); err != nil {
		return err
	}
	arg := func(name string) any {
		if name == "sku" {
			return string(sku)
		}
		return sequence // the failed event, and the last event that counts as sent
	}
	forgive, mark := s.statements.outbox.upkeep.skip, s.statements.outbox.upkeep.mark
	err := s.retry(ctx, func() error {
		return s.inTransaction(ctx, s.isolation, []*query{forgive, mark}, func(t *transaction) error {
			matched, err := t.exec(ctx, forgive, forgive.args(arg)...)
			if err == nil && matched == 0 {
				err = noFailure("sequence", sequence)
			}
			if err != nil {
				return err
			}
			_, err = t.exec(ctx, mark, mark.args(arg)...)
			return err
		})
	})
	return s.explain(ctx, op, err)
}

func noFailure(field string, value any) error {
	err := fmt.Errorf("%w: no such failure of a first unsent event", allocation.ErrNotFound)
	return &subjectError{field: field, value: value, err: err}
}
