package harness

import (
	"context"
	"database/sql"

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

// Events reads all events of a product, page by page.
func Events(ctx context.Context, ledger allocation.Ledger, sku allocation.SKU) (all []allocation.Event, err error) {
	const page = 10_000
	for {
		events, err := ledger.Events(ctx, sku, int64(len(all)), page)
		if err != nil || len(events) == 0 {
			return all, err
		}
		all = append(all, events...)
	}
}
