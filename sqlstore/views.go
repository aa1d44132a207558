package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

var _ views.Reader = (*Store)(nil)

// Order returns what an order got, see [views.OrderReader].
func (s *Store) Order(ctx context.Context, order allocation.OrderID) ([]views.Line, error) {
	const op = "Order"
	if err := s.checkView(ctx, op, order.Validate()); err != nil {
		return nil, err
	}
	var lines []views.Line
	values := map[string]any{"order": string(order)}
	err := s.view(ctx, op, s.statements.views.order, values, func(rows *sql.Rows) error {
		line, part, err := scanPart(rows)
		if len(lines) == 0 || lines[len(lines)-1].SKU != line.SKU {
			line.OrderID = order
			lines = append(lines, line)
		}
		last := &lines[len(lines)-1]
		last.Quantity += part.Quantity
		last.Parts = append(last.Parts, part)
		return err
	})
	if err != nil {
		return nil, err
	}
	return lines, nil
}

// scanPart reads a part and what it says of its line.
func scanPart(rows *sql.Rows) (line views.Line, part views.Part, err error) {
	var heldUntil, eta, bestBefore sql.NullInt64
	err = rows.Scan(
		&line.SKU, &heldUntil, &line.Sequence,
		&part.Batch, &part.Quantity, &part.Shipped, &eta, &part.Location, &bestBefore,
	)
	line.HeldUntil, part.ETA, part.BestBefore = moment(heldUntil), moment(eta), moment(bestBefore)
	return line, part, err
}

// BatchLines returns a page of the lines that wait for units of a batch, see [views.LineReader].
func (s *Store) BatchLines(
	ctx context.Context, batch allocation.BatchRef, after int64, limit int,
) ([]views.BatchLine, error) {
	const op = "BatchLines"
	if err := s.checkView(ctx, op, batch.Validate(), checkLimit(op, limit)); err != nil {
		return nil, err
	}
	var lines []views.BatchLine
	values := map[string]any{"batch": string(batch), "after": after, "page": limit}
	err := s.view(ctx, op, s.statements.views.lines, values, func(rows *sql.Rows) error {
		var line views.BatchLine
		var heldUntil sql.NullInt64
		err := rows.Scan(&line.OrderID, &line.Quantity, &line.Shipped, &heldUntil, &line.Sequence)
		line.HeldUntil = moment(heldUntil)
		lines = append(lines, line)
		return err
	})
	if err != nil {
		return nil, err
	}
	return lines, nil
}

// view runs one query outside any transaction.
func (s *Store) view(
	ctx context.Context, op string, q *query, values map[string]any, row func(*sql.Rows) error,
) error {
	args := q.args(func(name string) any { return values[name] })
	return s.explain(ctx, op, s.pool().each(ctx, q, args, row))
}

// checkView refuses a context with which nothing can be done, and then the first argument with an error.
func (s *Store) checkView(ctx context.Context, op string, arguments ...error) error {
	if err := s.check(ctx, op); err != nil {
		return err
	}
	err := cmp.Or(arguments...)
	var found *allocation.Error
	if errors.As(err, &found) {
		return &allocation.Error{Op: op, Field: found.Field, Value: found.Value, Err: found.Err}
	}
	return err
}

func checkLimit(op string, limit int) error {
	if limit < 1 {
		return invalid(op, "limit", limit, "must be at least 1")
	}
	return nil
}
