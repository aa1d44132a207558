package harness

import (
	"context"
	"database/sql"
	"errors"
	"sort"

	"github.com/cosmic-go/allocation"
)

// Querier is a database, or one connection to a database.
type Querier interface {
	// QueryContext is the method of [sql.DB] and [sql.Conn].
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Rows calls a function for each row of a statement.
func Rows(ctx context.Context, db Querier, statement string, row func(*sql.Rows) error) error {
	rows, err := db.QueryContext(ctx, statement)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Events reads all events of a product, and returns the numbers of events that are missing before the last.
func Events(
	ctx context.Context, ledger allocation.Ledger, sku allocation.SKU,
) (all []allocation.Event, missing []int64, err error) {
	after := func(number int64, limit int) ([]allocation.Event, error) {
		return ledger.Events(ctx, sku, number, limit)
	}
	last, err := lastNumber(func(number int64) (bool, error) {
		events, err := after(number, 1)
		return len(events) > 0, err
	})
	if err != nil {
		return nil, nil, err
	}
	if all, err = after(0, int(last)); err != nil {
		return nil, nil, err
	}
	missing, err = gaps(0, last, len(all), func(number int64) (int, error) {
		events, err := after(number, int(last))
		return len(events), err
	})
	return all, missing, err
}

// lastNumber finds the number of the last event by asking whether there are events behind a number.
func lastNumber(behind func(number int64) (bool, error)) (last int64, err error) {
	isLast := func(number int) bool {
		more, failed := behind(int64(number))
		err = errors.Join(err, failed)
		return !more || err != nil
	}
	high := 1
	for !isLast(high) {
		high *= 2
	}
	return int64(sort.Search(high, isLast)), err
}

// gaps returns the numbers after from, up to to, that are missing, if have of the numbers are there. The function
// behind returns how many numbers up to the end are there after a number.
func gaps(from, to int64, have int, behind func(number int64) (int, error)) (missing []int64, err error) {
	switch {
	case int64(have) == to-from:
		return nil, nil
	case have == 0:
		for number := from + 1; number <= to; number++ {
			missing = append(missing, number)
		}
		return missing, nil
	}
	middle := from + (to-from)/2
	beyond, err := behind(middle)
	if err != nil {
		return nil, err
	}
	rest, err := behind(to)
	if err != nil {
		return nil, err
	}
	second := beyond - rest
	low, err := gaps(from, middle, have-second, behind)
	if err != nil {
		return nil, err
	}
	high, err := gaps(middle, to, second, behind)
	return append(low, high...), err
}
