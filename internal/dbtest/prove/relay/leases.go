package relay

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// lease is a row that says whose a product is.
type lease struct {
	sku   allocation.SKU
	owner string
	until time.Time
}

// leases reads all that are there, those that have ended included.
func leases(ctx context.Context, db *sql.DB) (all []lease, err error) {
	const leased = `SELECT sku, owner, not_before FROM allocation_deliveries WHERE claim IS NOT NULL ORDER BY sku`
	err = harness.Rows(ctx, db, leased, func(rows *sql.Rows) error {
		var l lease
		var until int64
		if err := rows.Scan(&l.sku, &l.owner, &until); err != nil {
			return err
		}
		l.until = time.UnixMicro(until)
		all = append(all, l)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the leases: %w", err)
	}
	return all, nil
}

// leasedBy are the products of an owner.
func leasedBy(ctx context.Context, db *sql.DB, owner string) (skus []allocation.SKU, err error) {
	all, err := leases(ctx, db)
	for _, l := range all {
		if l.owner == owner {
			skus = append(skus, l.sku)
		}
	}
	return skus, err
}
