package sqlstore

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// rowWrites write row by row, which is fastest where the database is in the same process, and anywhere for a single row.
type rowWrites struct {
	addProduct, setProduct, verify *query
	addBatch, changeBatch          *query
	addPart, removeLine            *query
	addEvent                       *query
}

func newRowWrites(t *templates) writer {
	compile := t.compile
	return &rowWrites{
		addProduct: compile(`
			INSERT INTO {products} (sku, version, refused, low_stock) VALUES (:sku, :version, :refused, :low_stock)`),
		setProduct: compile(`
			UPDATE {products} SET version = :version, refused = :refused, low_stock = :low_stock
			WHERE sku = :sku AND version = :read`),
		verify: compile(`UPDATE {products} SET version = version WHERE sku = :sku AND version = :read`),
		addBatch: compile(`
			INSERT INTO {batches} (ref, sku, purchased, allocated, eta, location, best_before,
				announced_quantity, announced_eta, counted_at, shipped_at)
			VALUES (:ref, :sku, :purchased, :allocated, :eta, :location, :best_before,
				:announced_quantity, :announced_eta, :counted_at, :shipped_at)`),
		changeBatch: compile(`
			UPDATE {batches} SET purchased = purchased + :purchased, allocated = allocated + :allocated,
				eta = :eta, counted_at = :counted_at, shipped_at = :shipped_at
			WHERE ref = :ref AND sku = :sku`),
		addPart: compile(`
			INSERT INTO {lines} (order_id, sku, part, batch_ref, quantity, shipped, split, held_until, sequence)
			VALUES (:order_id, :sku, :part, :batch_ref, :quantity, :shipped, :split, :held_until, :sequence)`),
		removeLine: compile(`DELETE FROM {lines} WHERE order_id = :order_id AND sku = :sku`),
		addEvent: compile(`
			INSERT INTO {events} (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from)
			VALUES (:sku, :sequence, :kind, :at, :batch_ref, :purchased, :allocated, :data, :id, :trace_parent, :unsent_from)`),
	}
}

func (w *rowWrites) queries() []*query {
	return []*query{
		w.addProduct, w.setProduct, w.verify, w.addBatch, w.changeBatch, w.addPart, w.removeLine, w.addEvent,
	}
}

func (w *rowWrites) write(ctx context.Context, r runner, changes []allocation.Changes) error {
	return rowWriter{runner: r, rowWrites: w}.write(ctx, changes)
}

// rowWriter writes changes, a step for all products at a time.
type rowWriter struct {
	runner
	*rowWrites
}

func (w rowWriter) write(ctx context.Context, changes []allocation.Changes) error {
	steps := []func(context.Context, allocation.Changes) error{w.product, w.added, w.changed, w.events}
	for _, step := range steps {
		for _, c := range changes {
			if err := step(ctx, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// product demands the version that was read, and sets the new one.
func (w rowWriter) product(ctx context.Context, c allocation.Changes) error {
	var rows int64
	var err error
	switch {
	case !hasEvents(c):
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
		return &subjectError{field: "sku", value: c.SKU, err: err, taken: allocation.ErrConflict}
	case rows != 1:
		return conflictOn(c)
	}
	return nil
}

// added writes what must be new: batches first, since lines refer to them.
func (w rowWriter) added(ctx context.Context, c allocation.Changes) error {
	for _, b := range c.NewBatches {
		_, err := w.exec(ctx, w.addBatch, string(b.Ref), string(c.SKU), int64(b.Purchased), int64(b.Allocated),
			micros(b.ETA), string(b.Location), micros(b.BestBefore),
			int64(b.AnnouncedQuantity), micros(b.AnnouncedETA), micros(b.CountedAt), micros(b.ShippedAt))
		if err != nil {
			return &subjectError{field: "batch", value: b.Ref, err: err, taken: allocation.ErrDuplicate}
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
func (w rowWriter) changed(ctx context.Context, c allocation.Changes) error {
	for _, b := range c.Batches {
		matched, err := w.batch(ctx, changedBatch{b, c.SKU})
		switch {
		case err != nil:
			return err
		case matched == 0:
			return &subjectError{field: "batch", value: b.Ref, err: errors.New("it doesn't exist")}
		}
	}
	for _, key := range c.Removed {
		if err := w.remove(ctx, key); err != nil {
			return err
		}
	}
	for _, a := range c.Lines {
		if err := w.remove(ctx, a.Key()); err != nil {
			return err
		}
		if err := w.line(ctx, c.SKU, a, nil); err != nil {
			return err
		}
	}
	return nil
}

// batch returns how many rows it met.
func (w rowWriter) batch(ctx context.Context, b changedBatch) (int64, error) {
	matched, err := w.exec(ctx, w.changeBatch, int64(b.Purchased), int64(b.Allocated),
		micros(b.ETA), micros(b.CountedAt), micros(b.ShippedAt), string(b.Ref), string(b.sku))
	if err != nil {
		err = &subjectError{field: "batch", value: b.Ref, err: err}
	}
	return matched, err
}

func (w rowWriter) line(ctx context.Context, sku allocation.SKU, a allocation.Allocation, taken error) error {
	for i, part := range a.Parts {
		_, err := w.exec(ctx, w.addPart, string(a.OrderID), string(sku), i, string(part.Batch),
			int64(part.Quantity), int64(part.Shipped), flag(a.Split), micros(a.HeldUntil), a.Sequence)
		if err != nil {
			return &subjectError{field: "order", value: a.OrderID, err: err, taken: taken}
		}
	}
	return nil
}

func (w rowWriter) remove(ctx context.Context, key allocation.LineKey) error {
	if _, err := w.exec(ctx, w.removeLine, string(key.OrderID), string(key.SKU)); err != nil {
		return &subjectError{field: "order", value: key.OrderID, err: err}
	}
	return nil
}

// events appends the events to the ledger, and marks the last as unsent.
func (w rowWriter) events(ctx context.Context, c allocation.Changes) error {
	for i, e := range c.Events {
		sequence := c.Read + int64(i) + 1
		data, err := json.Marshal(e)
		if err == nil {
			batch, purchased, allocated := e.Movement()
			_, err = w.exec(ctx, w.addEvent, string(c.SKU), sequence, e.Kind(), e.Time().UnixMicro(),
				nullable(string(batch)), int64(purchased), int64(allocated), string(data),
				outbox.ID(c.SKU, sequence, e.Time()), nullable(traceParent(c, i)), unsentFrom(c, sequence))
		}
		if err != nil {
			return &subjectError{field: "event", value: sequence, err: err}
		}
	}
	return nil
}
