package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// Every exchange of a transaction goes wrong in every way; order row and line are both there or both not.
func TestFaultsAtEveryStepWithin(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		r := e.breaking(t)
		exec(t, r.by.db, `CREATE TABLE orders (id VARCHAR(100) NOT NULL PRIMARY KEY)`)
		books := shop{engine: e, db: r.by.db}
		sku, order := allocation.SKU("fresh"), "o"
		service, _ := serviceOn(t, e.store(t, r.by.db, nil))
		tried := 0
		for _, f := range r.faults() {
			for n := 1; ; n++ {
				r.by.restore(t)
				exec(t, r.by.db, `DELETE FROM orders`)
				batch := allocation.Batch{Ref: "fresh", SKU: sku, Purchased: 5}
				require.NoError(t, service.AddBatch(t.Context(), batch))
				r.breaker.arm(n, &f.fault, func(x exchange) bool { return r.suits(f, x) })
				err := r.checkout(order, sku)
				struck, _, _ := r.breaker.disarm()
				where := fmt.Sprintf("%s at %d, %+v", f.name, n, struck)
				if struck == nil {
					require.NoError(t, err, where)
					break
				}
				tried++
				rows := books.ofOrder(t, order)
				switch {
				case err == nil:
					require.Equal(t, [2]int{1, 1}, rows, where)
				case errors.Is(err, allocation.ErrUnknownOutcome):
					require.Equal(t, rows[0], rows[1], where)
					require.True(t, r.commits(*struck), where)
				default:
					require.Equal(t, [2]int{}, rows, where)
					require.NotErrorIs(t, err, allocation.ErrConflict, where)
				}
				require.Zero(t, r.db.Stats().InUse, "connections in use after %s", where)
				if rows[0] == 0 {
					require.NoError(t, r.checkout(order, sku), "the repeat after %s", where)
				}
				require.Equal(t, [2]int{1, 1}, books.ofOrder(t, order), where)
			}
		}
		assert.Greater(t, tried, 20, "cases")
	})
}

// checkout places an order on the rig's store, with a Service that knows nothing.
func (r *rig) checkout(order string, sku allocation.SKU) error {
	units := allocation.NewUnitOfWork(r.store, &allocation.UnitOfWorkOptions{
		Now: memory.NewClock(start).Now, Backoff: time.Microsecond, Attempts: 3,
	})
	service, err := allocation.New(units, nil)
	if err != nil {
		return err
	}
	return r.store.Within(context.Background(), service,
		func(ctx context.Context, tx *sql.Tx, inside *allocation.Service) error {
			if _, err := tx.ExecContext(ctx, `INSERT INTO orders (id) VALUES ('`+order+`')`); err != nil {
				return err
			}
			_, err := inside.Allocate(ctx, firm(allocation.OrderID(order), sku, 1))
			return err
		}, sku)
}

// ofOrder counts the rows and the lines of an order.
func (s shop) ofOrder(t testing.TB, order string) (counts [2]int) {
	t.Helper()
	for i, query := range []string{
		`SELECT COUNT(*) FROM orders WHERE id = '` + order + `'`,
		`SELECT COUNT(*) FROM allocation_lines WHERE order_id = '` + order + `'`,
	} {
		require.NoError(t, s.db.QueryRowContext(context.Background(), query).Scan(&counts[i]))
	}
	return counts
}

// A host's own Rollback is no unknown outcome: nothing was committed.
func rollBackInside(t *testing.T, s shop) {
	t.Helper()
	service, told := telling(t, s.store)
	err := s.store.Within(t.Context(), service,
		func(ctx context.Context, tx *sql.Tx, inside *allocation.Service) error {
			defer tx.Rollback()
			s.order(t, tx, "o")
			_, err := inside.Allocate(ctx, firm("o", "chair", 1))
			return err
		}, "chair")
	require.ErrorIs(t, err, allocation.ErrInvalid)
	require.NotErrorIs(t, err, allocation.ErrUnknownOutcome)
	assert.Zero(t, told.Load(), "events told")
	s.want(t, 0, map[allocation.SKU]int64{"chair": 1})
}
