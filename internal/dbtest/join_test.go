package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

// shop is a host with a table of its own beside a store with ten chairs and ten tables.
type shop struct {
	*engine
	db    *sql.DB
	store *sqlstore.Store
}

func (e *engine) shop(t testing.TB) shop {
	t.Helper()
	db, store := e.fresh(t)
	exec(t, db, `CREATE TABLE orders (id VARCHAR(100) NOT NULL PRIMARY KEY)`)
	service, _ := stocked(t, store)
	require.NoError(t, service.AddBatch(context.Background(), allocation.Batch{Ref: "t", SKU: "table", Purchased: 10}))
	return shop{engine: e, db: db, store: store}
}

func (s shop) begin(t testing.TB) (*sql.Tx, allocation.Store) {
	t.Helper()
	tx, err := s.db.BeginTx(context.Background(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx, s.store.Join(tx)
}

func (s shop) order(t testing.TB, tx *sql.Tx, id string) {
	t.Helper()
	_, err := tx.ExecContext(context.Background(), `INSERT INTO orders (id) VALUES ('`+id+`')`)
	require.NoError(t, err)
}

// want compares what is there with what should be.
func (s shop) want(t testing.TB, orders int, versions map[allocation.SKU]int64) {
	t.Helper()
	var have int
	require.NoError(t, s.db.QueryRowContext(context.Background(), `SELECT COUNT(*) FROM orders`).Scan(&have))
	assert.Equal(t, orders, have, "orders of the host")
	for sku, version := range versions {
		assert.Equal(t, version, load(t, s.store, sku).Version, "version of sku %q", sku)
		audit, err := s.store.Audit(context.Background(), sku)
		require.NoError(t, err)
		for _, tally := range audit.Tallies {
			assert.False(t, tally.Drifted(), "%+v", tally)
		}
	}
}

func TestTheHostsRowAndItsAllocationCommitOrVanishTogether(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		s := e.shop(t)
		for order, end := range map[string]func(tx *sql.Tx) error{"kept": (*sql.Tx).Commit,
			"gone": (*sql.Tx).Rollback} {
			tx, joined := s.begin(t)
			s.order(t, tx, order)
			service, _ := serviceOn(t, joined)
			_, err := service.Allocate(ctx, firm(allocation.OrderID(order), "chair", 1),
				firm(allocation.OrderID(order), "table", 1))
			require.NoError(t, err)
			require.NoError(t, end(tx))
		}
		s.want(t, 1, map[allocation.SKU]int64{"chair": 2, "table": 2})
	})
}

func TestAJoinedStoreSaysSo(t *testing.T) {
	store := onSQLite.store(t, onSQLite.new(t).open(t), nil)
	_, says := store.Join(nil).(interface{ Joined() })
	assert.True(t, says)
	_, err := store.Join(nil).Load(context.Background(), allocation.Query{})
	require.ErrorIs(t, err, allocation.ErrInvalid)
}

// A later product conflicts after the earlier ones were written.
func TestALostRaceInAHostsTransactionWritesNothingAndLeavesItUsable(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		s := e.shop(t)
		chair := decide(t, s.store, "chair", firm("o", "chair", 1))
		table := decide(t, s.store, "table", firm("o", "table", 1))
		service, _ := serviceOn(t, s.store)
		_, err := service.Allocate(ctx, firm("first", "table", 1))
		require.NoError(t, err)

		tx, joined := s.begin(t)
		s.order(t, tx, "o")
		require.ErrorIs(t, joined.Commit(ctx, []allocation.Changes{chair, table}), allocation.ErrConflict)
		require.NoError(t, joined.Commit(ctx, []allocation.Changes{chair}), "the transaction after a lost race")
		require.NoError(t, tx.Commit())
		s.want(t, 1, map[allocation.SKU]int64{"chair": 2, "table": 2})
	})
}

func TestAHostThatCommitsAfterAnErrorHasNothingOfTheFailedCommit(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		s := e.shop(t)
		chair := decide(t, s.store, "chair", firm("o", "chair", 1))
		table := decide(t, s.store, "table", firm("o", "table", 1))
		// The batch belongs to the chairs.
		table.NewBatches = append(table.NewBatches, allocation.Batch{Ref: "b", SKU: "table", Purchased: 1})
		tx, joined := s.begin(t)
		s.order(t, tx, "o")
		err := joined.Commit(ctx, []allocation.Changes{chair, table})
		require.ErrorIs(t, err, allocation.ErrDuplicate)
		requireRefused(t, joined, chair, allocation.ErrDuplicate)
		kept := 1
		if tx.Commit() != nil { // as PostgreSQL answers it
			kept = 0
		}
		s.want(t, kept, map[allocation.SKU]int64{"chair": 1, "table": 1})
	})
}

// requireRefused demands that a store does nothing any more, and says why.
func requireRefused(t *testing.T, joined allocation.Store, c allocation.Changes, reason error) {
	t.Helper()
	ctx := context.Background()
	require.ErrorIs(t, joined.Commit(ctx, []allocation.Changes{c}), reason)
	_, err := joined.Load(ctx, allocation.Query{SKUs: []allocation.SKU{c.SKU}, Now: start, Limit: 1})
	require.ErrorIs(t, err, reason)
	_, err = joined.(allocation.Ledger).Audit(ctx, c.SKU)
	require.ErrorIs(t, err, reason)
	_, err = joined.(allocation.Ledger).Events(ctx, c.SKU, 0, 1)
	require.ErrorIs(t, err, reason)
	var typed *allocation.Error
	require.ErrorAs(t, err, &typed)
	assert.Equal(t, "transaction", typed.Field)
}

// wantNumber demands an error of MariaDB.
func wantNumber(t *testing.T, err error, number uint16) {
	t.Helper()
	var drivers *mysql.MySQLError
	require.ErrorAs(t, err, &drivers)
	require.Equal(t, number, drivers.Number)
}

// After 1213 MariaDB has ended the transaction, and what follows on it would be autocommitted.
func TestNothingIsAutocommittedAfterADeadlockOnMariaDB(t *testing.T) {
	ctx := context.Background()
	s := onMariaDB.shop(t)
	chair := decide(t, s.store, "chair", firm("o", "chair", 1))
	table := decide(t, s.store, "table", firm("o", "table", 1))

	other, err := s.db.BeginTx(ctx, nil)
	require.NoError(t, err)
	for i := range 100 { // the one who has written less is sacrificed
		s.order(t, other, fmt.Sprint("other-", i))
	}
	_, err = other.ExecContext(ctx, `UPDATE allocation_products SET low_stock = 1 WHERE sku = 'table'`)
	require.NoError(t, err)

	tx, joined := s.begin(t)
	s.order(t, tx, "o")
	require.NoError(t, joined.Commit(ctx, []allocation.Changes{chair}))
	waited := make(chan error)
	go func() {
		_, err := other.ExecContext(ctx, `UPDATE allocation_products SET low_stock = 1 WHERE sku = 'chair'`)
		waited <- err
	}()
	err = joined.Commit(ctx, []allocation.Changes{table})
	require.ErrorIs(t, err, allocation.ErrConflict)
	wantNumber(t, err, 1213)
	require.NoError(t, <-waited)
	require.NoError(t, other.Rollback())

	requireRefused(t, joined, table, allocation.ErrConflict)
	_ = tx.Rollback()
	s.want(t, 0, map[allocation.SKU]int64{"chair": 1, "table": 1})
}

func TestNothingIsAutocommittedAfterAnOutdatedSnapshotOnMariaDB(t *testing.T) {
	ctx := context.Background()
	s := onMariaDB.shop(t)
	s.db.SetMaxIdleConns(0)
	chair := decide(t, s.store, "chair", firm("o", "chair", 1))
	table := decide(t, s.store, "table", firm("o", "table", 1))

	tx, joined := s.begin(t)
	_, err := tx.ExecContext(ctx, `SET SESSION innodb_snapshot_isolation = ON`)
	require.NoError(t, err)
	s.order(t, tx, "o")
	_, err = joined.Load(ctx, allocation.Query{SKUs: []allocation.SKU{"chair"}, Now: start, Limit: 1})
	require.NoError(t, err)
	service, _ := serviceOn(t, s.store)
	_, err = service.Allocate(ctx, firm("first", "table", 1))
	require.NoError(t, err)

	err = joined.Commit(ctx, []allocation.Changes{chair, table})
	require.ErrorIs(t, err, allocation.ErrConflict)
	wantNumber(t, err, 1020)
	requireRefused(t, joined, chair, allocation.ErrConflict)
	_ = tx.Rollback()
	s.want(t, 0, map[allocation.SKU]int64{"chair": 1, "table": 2})
}

// The host's own statement may have ended the transaction before the store is asked.
func TestAStoreWritesNothingOnceItsTransactionIsOverOnMariaDB(t *testing.T) {
	ctx := context.Background()
	s := onMariaDB.shop(t)
	chair := decide(t, s.store, "chair", firm("o", "chair", 1))
	tx, joined := s.begin(t)
	_, err := tx.ExecContext(ctx, `ROLLBACK`)
	require.NoError(t, err)
	err = joined.Commit(ctx, []allocation.Changes{chair})
	require.ErrorIs(t, err, allocation.ErrConflict)
	wantNumber(t, err, 1690) // the guard of the first statement that writes
	requireRefused(t, joined, chair, errors.Unwrap(err))
	_ = tx.Commit()
	s.want(t, 0, map[allocation.SKU]int64{"chair": 1})
}

func TestAPoisonedTransactionOfPostgreSQLIsRefused(t *testing.T) {
	ctx := context.Background()
	s := onPostgreSQL.shop(t)
	chair := decide(t, s.store, "chair", firm("o", "chair", 1))
	tx, joined := s.begin(t)
	s.order(t, tx, "o")
	_, err := tx.ExecContext(ctx, `INSERT INTO orders (id) VALUES ('o')`)
	require.Error(t, err)
	err = joined.Commit(ctx, []allocation.Changes{chair}) // 25P02
	require.Error(t, err)
	requireRefused(t, joined, chair, errors.Unwrap(err))
	require.Error(t, tx.Commit())
	s.want(t, 0, map[allocation.SKU]int64{"chair": 1})
}
