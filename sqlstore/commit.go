package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/cosmic-go/allocation"
)

// Commit writes all changes in one short transaction, or only reads if there is nothing but versions to check.
// See [allocation.Store].
func (s *Store) Commit(ctx context.Context, changes []allocation.Changes) error {
	const op = "Commit"
	if err := s.check(ctx, op); err != nil {
		return err
	}
	work := s.write
	if !slices.ContainsFunc(changes, tells) {
		work = s.verify
	}
	if err := work(ctx, changes); err != nil {
		return s.explain(ctx, op, err)
	}
	return nil
}

func tells(c allocation.Changes) bool { return len(c.Events) > 0 }

// verify checks versions with one SELECT.
func (s *Store) verify(ctx context.Context, changes []allocation.Changes) error {
	if len(changes) == 0 {
		return nil
	}
	skus := make([]allocation.SKU, len(changes))
	for i, c := range changes {
		skus[i] = c.SKU
	}
	versions := make(map[allocation.SKU]int64, len(changes))
	arg := func(string) any { return list(skus) }
	err := s.each(ctx, s.statements.versions, arg, func(rows *sql.Rows) error {
		var sku allocation.SKU
		var version int64
		err := rows.Scan(&sku, &version)
		versions[sku] = version
		return err
	})
	if err != nil {
		return err
	}
	for _, c := range changes {
		if versions[c.SKU] != c.Read {
			return lost(c)
		}
	}
	return nil
}

// write begins with the products, by SKU, under the condition that they have the versions that were read: its
// first statement is a write that waits for its turn, and whoever comes second finds another version.
func (s *Store) write(ctx context.Context, changes []allocation.Changes) error {
	return s.inTransaction(ctx, func(t *transaction) error {
		w := writer{transaction: t, writes: &s.statements.writes}
		steps := []func(context.Context, allocation.Changes) error{w.product, w.added, w.changed, w.told}
		for _, step := range steps {
			for _, c := range changes {
				if err := step(ctx, c); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// writer writes changes, a step for all products at a time.
type writer struct {
	*transaction
	*writes
}

// product demands the version that was read, and sets the new one.
func (w writer) product(ctx context.Context, c allocation.Changes) error {
	var rows int64
	var err error
	switch {
	case !tells(c):
		rows, err = w.exec(ctx, w.verify, string(c.SKU), c.Read)
		if c.Read == 0 {
			rows++ // it must not exist
		}
	case c.Read == 0:
		rows, err = w.exec(ctx, w.addProduct, string(c.SKU), c.Version, c.Refused, int64(c.LowStock))
	default:
		rows, err = w.exec(ctx, w.setProduct, c.Version, c.Refused, int64(c.LowStock), string(c.SKU), c.Read)
	}
	switch {
	case err != nil:
		return &failed{field: "sku", value: c.SKU, err: err, taken: allocation.ErrConflict}
	case rows != 1:
		return lost(c)
	}
	return nil
}

// lost is the answer to whom another unit of work came before.
func lost(c allocation.Changes) error {
	return &failed{
		field: "sku", value: c.SKU,
		err: fmt.Errorf("%w: its version is not %d any more", allocation.ErrConflict, c.Read),
	}
}

// added writes what must be new: batches first, since lines refer to them.
func (w writer) added(ctx context.Context, c allocation.Changes) error {
	for _, b := range c.NewBatches {
		_, err := w.exec(ctx, w.addBatch, string(b.Ref), string(c.SKU), int64(b.Purchased), int64(b.Allocated),
			micros(b.ETA), string(b.Location), micros(b.BestBefore),
			int64(b.AnnouncedQuantity), micros(b.AnnouncedETA), micros(b.CountedAt))
		if err != nil {
			return &failed{field: "batch", value: b.Ref, err: err, taken: allocation.ErrDuplicate}
		}
	}
	for _, a := range c.NewLines {
		if err := w.line(ctx, c.SKU, a, allocation.ErrDuplicate); err != nil {
			return err
		}
	}
	return nil
}

// changed writes what is there already.
func (w writer) changed(ctx context.Context, c allocation.Changes) error {
	for _, b := range c.Batches {
		rows, err := w.exec(ctx, w.changeBatch, int64(b.Purchased), int64(b.Allocated),
			micros(b.ETA), micros(b.CountedAt), string(b.Ref), string(c.SKU))
		if err == nil && rows == 0 {
			err = errors.New("it doesn't exist")
		}
		if err != nil {
			return &failed{field: "batch", value: b.Ref, err: err}
		}
	}
	for _, order := range c.Removed {
		if err := w.remove(ctx, c.SKU, order); err != nil {
			return err
		}
	}
	for _, a := range c.Lines {
		if err := w.remove(ctx, c.SKU, a.OrderID); err != nil {
			return err
		}
		if err := w.line(ctx, c.SKU, a, nil); err != nil {
			return err
		}
	}
	return nil
}

func (w writer) line(ctx context.Context, sku allocation.SKU, a allocation.Allocation, taken error) error {
	for i, part := range a.Parts {
		_, err := w.exec(ctx, w.addPart, string(a.OrderID), string(sku), i, string(part.Batch),
			int64(part.Quantity), int64(part.Shipped), flag(a.Split), micros(a.HeldUntil), a.Sequence)
		if err != nil {
			return &failed{field: "order", value: a.OrderID, err: err, taken: taken}
		}
	}
	return nil
}

// flag is how a bool is kept.
func flag(set bool) int {
	if set {
		return 1
	}
	return 0
}

func (w writer) remove(ctx context.Context, sku allocation.SKU, order allocation.OrderID) error {
	if _, err := w.exec(ctx, w.removeLine, string(order), string(sku)); err != nil {
		return &failed{field: "order", value: order, err: err}
	}
	return nil
}
