package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"slices"

	"github.com/cosmic-go/allocation"
)

// told appends the events to the ledger.
func (w writer) told(ctx context.Context, c allocation.Changes) error {
	for i, e := range c.Events {
		sequence := c.Read + int64(i) + 1
		data, err := json.Marshal(e)
		if err == nil {
			batch, purchased, allocated := e.Movement()
			_, err = w.exec(ctx, w.addEvent, string(c.SKU), sequence, e.Kind(), e.Time().UnixMicro(),
				sql.NullString{String: string(batch), Valid: batch != ""}, int64(purchased), int64(allocated), string(data))
		}
		if err != nil {
			return &failed{field: "event", value: sequence, err: err}
		}
	}
	return nil
}

// Audit adds up a product in the database, see [allocation.Ledger].
func (s *Store) Audit(ctx context.Context, sku allocation.SKU) (version int64, tallies []allocation.Tally, err error) {
	const op = "Audit"
	if err := s.check(ctx, op); err != nil {
		return 0, nil, err
	}
	byRef := map[allocation.BatchRef]*allocation.Tally{}
	arg := func(string) any { return string(sku) }
	err = s.each(ctx, s.statements.audit, arg, func(rows *sql.Rows) error {
		var kind int
		var ref allocation.BatchRef
		var first, second int64
		if err := rows.Scan(&kind, &ref, &first, &second); err != nil {
			return err
		}
		if kind == 0 {
			version = first
			return nil
		}
		if byRef[ref] == nil {
			byRef[ref] = &allocation.Tally{Batch: ref}
		}
		account(byRef[ref], kind, allocation.Quantity(first), allocation.Quantity(second))
		return nil
	})
	if err != nil {
		return 0, nil, s.explain(ctx, op, err)
	}
	if version == 0 {
		return 0, nil, &allocation.Error{Op: op, Field: "sku", Value: sku, Err: allocation.ErrNotFound}
	}
	for _, t := range byRef {
		tallies = append(tallies, *t)
	}
	slices.SortFunc(tallies, func(a, b allocation.Tally) int { return cmp.Compare(a.Batch, b.Batch) })
	return version, tallies, nil
}

// account enters a row of the audit: counters, lines or events.
func account(t *allocation.Tally, kind int, purchased, allocated allocation.Quantity) {
	switch kind {
	case 1:
		t.Purchased, t.Allocated = purchased, allocated
	case 2:
		t.Promised = allocated
	default:
		t.ToldPurchased, t.ToldAllocated = purchased, allocated
	}
}

// Events returns what happened to a product, see [allocation.Ledger].
func (s *Store) Events(ctx context.Context, sku allocation.SKU, after int64, limit int) ([]allocation.Event, error) {
	const op = "Events"
	if err := s.check(ctx, op); err != nil {
		return nil, err
	}
	arg := func(name string) any {
		return map[string]any{"sku": string(sku), "after": after, "limit": max(limit, 0)}[name]
	}
	var events []allocation.Event
	err := s.each(ctx, s.statements.events, arg, func(rows *sql.Rows) error {
		var sequence int64
		var kind, data string
		if err := rows.Scan(&sequence, &kind, &data); err != nil {
			return err
		}
		event, err := allocation.DecodeEvent(kind, []byte(data))
		if err != nil {
			return &failed{field: "event", value: sequence, err: err}
		}
		events = append(events, event)
		return nil
	})
	if err != nil {
		return nil, s.explain(ctx, op, err)
	}
	return events, nil
}
