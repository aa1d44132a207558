package dbtest

import (
	"context"
	"database/sql"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
	"github.com/cosmic-go/allocation/storetest"
)

// at is a store that knows where its data are.
type at struct {
	*sqlstore.Store
	db    *sql.DB
	place place
	spied *spy // nil without
}

func TestTheStoreKeepsItsPromises(t *testing.T) {
	sideBySide(t, slices.Concat(engines, strictEngines), func(t *testing.T, e *engine) {
		next := e.emptyPlaces(t)
		storetest.Run(t, storetest.Config{
			New:    func(t testing.TB) allocation.Store { return reach(t, next(t)) },
			Topics: e.topics,
			Second: second,
			Reopen: reopen,
			Join: func(_ testing.TB, store allocation.Store, fn func(allocation.Store) error) error {
				return hosted{store.(at)}.inTx(context.Background(), fn)
			},
			Guests: func(t testing.TB, store allocation.Store) storetest.HostRows { return hostRows(t, store.(at)) },
			Within: func(t testing.TB, store allocation.Store) storetest.HostTransactions {
				return hostTransactions(t, store.(at))
			},
		})
	})
}

// reach opens a store. On the drivers that the spy can watch, a statement that is in no golden file fails the test.
func reach(t testing.TB, p place) at {
	t.Helper()
	if !slices.Contains(slices.Concat(engines, strictEngines), p.engine) {
		db := p.open(t)
		return at{Store: p.store(t, db, nil), db: db, place: p}
	}
	spied, db := p.spied(t)
	p.golden(t, spied)
	return at{Store: p.store(t, db, nil), db: db, place: p, spied: spied}
}

func second(t testing.TB, store allocation.Store) allocation.Store {
	t.Helper()
	return reach(t, store.(at).place)
}

func reopen(t testing.TB, store allocation.Store) allocation.Store {
	t.Helper()
	before := store.(at)
	require.NoError(t, before.db.Close())
	return reach(t, before.place)
}

// emptyPlaces returns a way to have migrated databases without products, that is quicker than to migrate each: a
// copy of a file, or the same database with its rows removed.
func (e *engine) emptyPlaces(t *testing.T) func(t testing.TB) place {
	t.Helper()
	if e.dialect != sqlstore.SQLite {
		p := e.new(t)
		db := p.open(t)
		e.migrated(t, db)
		return func(t testing.TB) place {
			t.Helper()
			for _, table := range []string{
				"deliveries", "purged", "events", "waiting", "lines", "batches", "products",
			} {
				exec(t, db, `DELETE FROM allocation_`+table)
			}
			return p
		}
	}
	first := e.new(t)
	db := first.open(t)
	e.migrated(t, db)
	exec(t, db, `PRAGMA wal_checkpoint(TRUNCATE)`)
	content, err := os.ReadFile(fileOf(first.dsn))
	require.NoError(t, err)
	return func(t testing.TB) place {
		t.Helper()
		p := e.new(t)
		require.NoError(t, os.WriteFile(fileOf(p.dsn), content, 0o600))
		return p
	}
}

// fileOf is the file of a data source name of SQLite.
func fileOf(dsn string) string {
	file, _, _ := strings.Cut(strings.TrimPrefix(dsn, "file:"), "?")
	return file
}

func TestAStoreInATransactionOfTheHostKeepsItsPromises(t *testing.T) {
	sideBySide(t, engines, func(t *testing.T, e *engine) {
		next := e.emptyPlaces(t)
		storetest.Run(t, storetest.Config{
			New:    func(t testing.TB) allocation.Store { return hosted{reach(t, next(t))} },
			Topics: []storetest.Topic{storetest.Load, storetest.Commit, storetest.Context, storetest.Ledger},
		})
	})
}

// hosted is a host that does each thing in a transaction of its own, and a Store by that.
type hosted struct{ at }

func (h hosted) inTx(ctx context.Context, fn func(store allocation.Store) error) error {
	if ctx == nil {
		return fn(h.Join(&sql.Tx{}))
	}
	tx, err := h.db.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := fn(h.Join(tx)); err != nil {
		return err
	}
	return tx.Commit()
}

func (h hosted) Load(ctx context.Context, q allocation.Query) (states []allocation.State, err error) {
	err = h.inTx(ctx, func(store allocation.Store) error {
		states, err = store.Load(ctx, q)
		return err
	})
	return states, err
}

func (h hosted) Commit(ctx context.Context, changes []allocation.Changes) error {
	return h.inTx(ctx, func(store allocation.Store) error { return store.Commit(ctx, changes) })
}

func (h hosted) Audit(ctx context.Context, sku allocation.SKU) (a allocation.Audit, err error) {
	err = h.inTx(ctx, func(store allocation.Store) error {
		a, err = store.(allocation.Ledger).Audit(ctx, sku)
		return err
	})
	return a, err
}

func (h hosted) Events(
	ctx context.Context, sku allocation.SKU, after int64, limit int,
) (events []allocation.Event, err error) {
	err = h.inTx(ctx, func(store allocation.Store) error {
		events, err = store.(allocation.Ledger).Events(ctx, sku, after, limit)
		return err
	})
	return events, err
}

func TestAStoreWithLocksKeepsItsPromises(t *testing.T) {
	sideBySide(t, engines, func(t *testing.T, e *engine) {
		next := e.emptyPlaces(t)
		storetest.Run(t, storetest.Config{
			New:    func(t testing.TB) allocation.Store { return lockers{reach(t, next(t))} },
			Topics: []storetest.Topic{storetest.Load, storetest.Commit, storetest.Context, storetest.Isolation},
		})
	})
}

// lockers does each thing in a transaction with locks.
type lockers struct{ at }

func (l lockers) Load(ctx context.Context, q allocation.Query) (states []allocation.State, err error) {
	err = l.Locked(ctx, func(store allocation.Store) error {
		states, err = store.Load(ctx, q)
		return err
	})
	return states, err
}

func (l lockers) Commit(ctx context.Context, changes []allocation.Changes) error {
	return l.Locked(ctx, func(store allocation.Store) error { return store.Commit(ctx, changes) })
}
