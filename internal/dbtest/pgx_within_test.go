package dbtest

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/pgxstore"
)

// pgxCheckout is a host with a table of its own beside a store over pgx with 100 chairs.
type pgxCheckout struct {
	pgxAt
	service *allocation.Service
	heard   func() int
}

func newPgxCheckout(t *testing.T) pgxCheckout {
	t.Helper()
	ctx := context.Background()
	store := pgxMigrated(t, &pgxstore.Options{Notify: true})
	_, err := store.pool.Exec(ctx, `CREATE TABLE orders (id TEXT PRIMARY KEY)`)
	require.NoError(t, err)
	service, _ := telling(t, store)
	require.NoError(t, service.AddBatch(ctx, allocation.Batch{Ref: "b", SKU: "chair", Purchased: 100}))
	heard := hearing(t, store, "allocation_outbox")
	heard()
	return pgxCheckout{pgxAt: store, service: service, heard: heard}
}

// checkOut writes an order's row and allocates a chair in one transaction, and then runs end.
func (s pgxCheckout) checkOut(ctx context.Context, order string, end func(tx pgx.Tx) error) error {
	return s.Within(ctx, s.service, func(ctx context.Context, tx pgx.Tx, inside *allocation.Service) error {
		if _, err := tx.Exec(ctx, `INSERT INTO orders (id) VALUES ($1)`, order); err != nil {
			return err
		}
		if _, err := inside.Allocate(ctx, firm(allocation.OrderID(order), "chair", 1)); err != nil || end == nil {
			return err
		}
		return end(tx)
	}, "chair")
}

// want demands that these orders have a row and a line, and that no connection is in use.
func (s pgxCheckout) want(t *testing.T, orders ...string) {
	t.Helper()
	for _, text := range []string{`SELECT id FROM orders`, `SELECT order_id FROM allocation_lines`} {
		rows, err := s.pool.Query(context.Background(), text)
		require.NoError(t, err)
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		assert.ElementsMatch(t, orders, found, text)
	}
	assert.Zero(t, s.pool.Stat().AcquiredConns(), "connections in use")
}

// TestWithinOverPgx ends the host's function in every way.
func TestWithinOverPgx(t *testing.T) {
	s := newPgxCheckout(t)
	ctx := context.Background()
	require.NoError(t, s.checkOut(ctx, "o", nil))
	s.want(t, "o")
	assert.Equal(t, 1, s.heard(), "a NOTIFY after the commit")
	for name, end := range map[string]func(tx pgx.Tx) error{
		"error":     func(pgx.Tx) error { return errLeft },
		"panic":     func(pgx.Tx) error { panic(errLeft) },
		"goroutine": func(pgx.Tx) error { runtime.Goexit(); return nil },
		"swallowed": func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `SELECT 1 / 0`)
			assert.Error(t, err)
			return nil // COMMIT answers with a rollback
		},
		"own rollback": func(tx pgx.Tx) error { return tx.Rollback(ctx) },
	} {
		ended := make(chan error, 1)
		go func() {
			err := errors.New("the goroutine ended")
			defer func() { _ = recover(); ended <- err }()
			err = s.checkOut(ctx, "p", end)
		}()
		err := <-ended
		require.Error(t, err, name)
		require.NotErrorIs(t, err, allocation.ErrUnknownOutcome, name)
		assert.Equal(t, name == "own rollback", errors.Is(err, allocation.ErrInvalid), "%s: %v", name, err)
		s.want(t, "o")
		assert.Equal(t, 0, s.heard(), name)
	}
	err := s.checkOut(ctx, "o", nil)
	var answer *pgconn.PgError
	require.ErrorAs(t, err, &answer)
	assert.Equal(t, "23505", answer.Code, "the host's own key")
	require.NotErrorIs(t, err, allocation.ErrDuplicate)
	require.ErrorIs(t, s.Within(ctx, s.service, nil), allocation.ErrInvalid)
}

// TestCallersOfWithinOverPgxDontFail races callers inside transactions with callers outside.
func TestCallersOfWithinOverPgxDontFail(t *testing.T) {
	s := newPgxCheckout(t)
	other, _ := telling(t, pgxReach(t, s.dsn, nil))
	ctx := context.Background()
	var callers sync.WaitGroup
	var orders []string
	for i := range 32 {
		order := "o" + strconv.Itoa(i)
		orders = append(orders, order)
		callers.Go(func() { assert.NoError(t, s.checkOut(ctx, order, nil)) })
	}
	for i := range 8 {
		callers.Go(func() {
			_, err := other.Allocate(ctx, firm(allocation.OrderID("x"+strconv.Itoa(i)), "chair", 1))
			assert.NoError(t, err)
		})
	}
	callers.Wait()
	_, err := s.pool.Exec(ctx, `DELETE FROM allocation_lines WHERE order_id LIKE 'x%'`)
	require.NoError(t, err)
	s.want(t, orders...)
}

func TestOpenRowsInATransactionOfPgxAreNamed(t *testing.T) {
	s := newPgxCheckout(t)
	err := s.checkOut(context.Background(), "o", func(tx pgx.Tx) error {
		rows, err := tx.Query(context.Background(), `SELECT id FROM orders`)
		require.NoError(t, err)
		defer rows.Close()
		_, err = s.Join(tx).Load(context.Background(), allocation.Query{SKUs: []allocation.SKU{"chair"}})
		return err
	})
	require.ErrorContains(t, err, "close them first")
	s.want(t)
}
