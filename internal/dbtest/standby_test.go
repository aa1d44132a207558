package dbtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/pgxstore"
	"github.com/cosmic-go/allocation/views"
)

// While the primary is down, connections go to the standby, which refuses writes. When the primary is back, the next
// attempt of a command finds the primary, although the pool was full of connections to the standby.
func TestWritesLeaveTheStandby(t *testing.T) {
	pair := servers.DedicatedPair(t, &servers.Options{Fast: true})
	for _, way := range waysToBoth[:2] {
		t.Run(way.name, func(t *testing.T) {
			ctx := t.Context()
			database, err := pair.Primary().CreateDatabase(ctx)
			require.NoError(t, err)
			store := way.open(t, pair.DSN(database.DSN))
			require.NoError(t, store.Migrate(ctx))
			stocked(t, store)
			service := newService(t, allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Attempts: 3}), nil)
			require.NoError(t, pair.CaughtUp(ctx))

			require.NoError(t, pair.Primary().Kill())
			assert.Eventually(t, func() bool { // each connection to the primary is lost once
				_, err = service.Allocate(ctx, firm("o", "chair", 1))
				return assert.ObjectsAreEqual(true, isReadOnly(err))
			}, time.Minute, time.Millisecond, "the standby never answers")
			require.ErrorIs(t, err, allocation.ErrConflict)
			_, err = store.Claim(ctx, outbox.Claim{
				Owner: "relay", Products: 1, Events: 1, Now: start, Until: start.Add(time.Minute),
			})
			require.ErrorIs(t, err, allocation.ErrConflict, "a relay")
			require.True(t, isReadOnly(err), "%v", err)

			require.NoError(t, pair.Primary().Start(ctx))
			_, err = service.Allocate(ctx, firm("o", "chair", 1))
			require.NoError(t, err, "the primary is back")
		})
	}
}

// isReadOnly reports whether a server refused a write.
func isReadOnly(err error) bool {
	var answer interface{ SQLState() string }
	return errors.As(err, &answer) && answer.SQLState() == "25006"
}

// A host's transaction on a standby keeps its connection, which is the host's.
func TestAJoinedTransactionKeepsItsConnectionToAStandby(t *testing.T) {
	ctx, pair := t.Context(), servers.DedicatedPair(t, &servers.Options{Fast: true})
	dsn := onBoth(t, pair)
	require.NoError(t, pair.CaughtUp(ctx))
	pool := pgxPool(t, dsn.standby, func(c *pgxpool.Config) { c.MaxConns = 1 })
	store, err := pgxstore.New(pool, nil)
	require.NoError(t, err)
	refused := func() (session uint32) {
		tx, err := pool.Begin(ctx)
		require.NoError(t, err)
		service := newService(t, allocation.NewUnitOfWork(store.Join(tx), nil), nil)
		_, err = service.Allocate(ctx, firm("o", "chair", 1))
		require.ErrorIs(t, err, allocation.ErrConflict)
		require.True(t, isReadOnly(err), "%v", err)
		require.NoError(t, tx.Rollback(ctx))
		return tx.Conn().PgConn().PID()
	}
	first := refused()
	assert.Equal(t, first, refused(), "the session of the host's transaction")
}

// standbyDSN has the DSNs of one database on both servers.
type standbyDSN struct{ primary, standby string }

// onBoth makes a database with ten chairs, an order, a hold, and a line that waits.
func onBoth(t *testing.T, pair *servers.Pair) standbyDSN {
	t.Helper()
	ctx := t.Context()
	database, err := pair.Primary().CreateDatabase(ctx)
	require.NoError(t, err)
	store := overSQL(t, database.DSN)
	require.NoError(t, store.Migrate(ctx))
	service, _ := stocked(t, store)
	_, err = service.Allocate(ctx, firm("known", "chair", 2))
	require.NoError(t, err)
	_, err = service.Allocate(ctx, held("basket", "chair", 3))
	require.NoError(t, err)
	late := firm("late", "chair", 9)
	late.Wait = true
	_, err = service.Allocate(ctx, late)
	require.NoError(t, err)
	return standbyDSN{database.DSN, pair.OnStandby(database)}
}

// reads are the methods that only read.
var reads = map[string]func(ctx context.Context, s shopStore) (any, error){
	"Load": func(ctx context.Context, s shopStore) (any, error) {
		return s.Load(ctx, allocation.Query{
			SKUs: []allocation.SKU{"chair"}, Orders: []allocation.OrderID{"known", "basket", "late"},
			Now: start, Limit: 9,
		})
	},
	"Load by order": func(ctx context.Context, s shopStore) (any, error) {
		return s.Load(ctx, allocation.Query{Order: "known", Now: start, Limit: 9})
	},
	"a check of versions": func(ctx context.Context, s shopStore) (any, error) {
		states, err := s.Load(ctx, allocation.Query{SKUs: []allocation.SKU{"chair"}, Now: start, Limit: 9})
		if err != nil {
			return nil, err
		}
		return nil, s.Commit(ctx, []allocation.Changes{{
			SKU: "chair", Read: states[0].Version, Version: states[0].Version,
		}})
	},
	"Audit":       func(ctx context.Context, s shopStore) (any, error) { return s.Audit(ctx, "chair") },
	"Events":      func(ctx context.Context, s shopStore) (any, error) { return s.Events(ctx, "chair", 0, 99) },
	"Backlog":     func(ctx context.Context, s shopStore) (any, error) { return s.Backlog(ctx) },
	"Failures":    func(ctx context.Context, s shopStore) (any, error) { return s.Failures(ctx, "", 99) },
	"CheckSchema": func(ctx context.Context, s shopStore) (any, error) { return nil, s.CheckSchema(ctx) },
	"Reconcile": func(ctx context.Context, s shopStore) (any, error) {
		service, err := shopAt(s)
		if err != nil {
			return nil, err
		}
		return service.Reconcile(ctx, "chair")
	},
	"a repeated Allocate": func(ctx context.Context, s shopStore) (any, error) {
		service, err := shopAt(s)
		if err != nil {
			return nil, err
		}
		return service.Allocate(ctx, firm("known", "chair", 2))
	},

	"Order": func(ctx context.Context, s shopStore) (any, error) { return s.Order(ctx, "late") },
	"Stock": func(ctx context.Context, s shopStore) (any, error) { return s.Stock(ctx, start, "chair") },
	"StockFor": func(ctx context.Context, s shopStore) (any, error) {
		return s.StockFor(ctx, start, "basket", "chair")
	},
	"Batches":     func(ctx context.Context, s shopStore) (any, error) { return s.Batches(ctx, start, "chair", "", 9) },
	"OpenBatches": func(ctx context.Context, s shopStore) (any, error) { return s.OpenBatches(ctx, start, "chair") },
	"BatchLines": func(ctx context.Context, s shopStore) (any, error) {
		return s.BatchLines(ctx, "b", allocation.Rank{}, 9)
	},
	"LotBatches": func(ctx context.Context, s shopStore) (any, error) { return s.LotBatches(ctx, start, "b", "", 9) },
	"LotLines":   func(ctx context.Context, s shopStore) (any, error) { return s.LotLines(ctx, "b", views.Key{}, 9) },
	"Due": func(ctx context.Context, s shopStore) (any, error) {
		return s.Due(ctx, lapse.Add(time.Hour), views.Key{}, 9)
	},
	"Orders": func(ctx context.Context, s shopStore) (any, error) { return s.Orders(ctx, "", "", 9) },
}

// shopAt is a service at the time of the tests.
func shopAt(s allocation.Store) (*allocation.Service, error) {
	units := allocation.NewUnitOfWork(s, &allocation.UnitOfWorkOptions{Now: memory.NewClock(start).Now, Attempts: 2})
	return allocation.New(units, nil)
}

func TestReadsWorkOnAStandby(t *testing.T) {
	ctx, pair := t.Context(), servers.DedicatedPair(t, &servers.Options{Fast: true})
	dsn := onBoth(t, pair)
	require.NoError(t, pair.CaughtUp(ctx))
	primary := overSQL(t, dsn.primary)
	for _, way := range waysToBoth[:2] {
		standby := way.open(t, dsn.standby)
		for name, read := range reads {
			t.Run(way.name+"/"+name, func(t *testing.T) {
				want, err := read(ctx, primary)
				if errors.Is(err, errors.ErrUnsupported) {
					t.Skip(err)
				}
				require.NoError(t, err)
				got, err := read(ctx, standby)
				require.NoError(t, err)
				assert.Equal(t, want, got)
			})
		}
		t.Run(way.name+"/a command that writes", func(t *testing.T) {
			service, err := shopAt(standby)
			require.NoError(t, err)
			_, err = service.Allocate(ctx, firm("new", "chair", 1))
			require.ErrorIs(t, err, allocation.ErrConflict)
			assert.True(t, isReadOnly(err), "%v", err)
		})
	}
}

// A commit that waits for a lost standby is acknowledged if somebody cancels the wait: hosts are warned of that.
func TestACancelledWaitForTheStandbyIsAcknowledged(t *testing.T) {
	pair := servers.DedicatedPair(t, &servers.Options{Fast: true})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dsn := onBoth(t, pair)
	require.NoError(t, pair.Standby().Kill())
	service, err := shopAt(overSQL(t, dsn.primary))
	require.NoError(t, err)
	answered := make(chan error, 1)
	go func() {
		_, err := service.Allocate(ctx, firm("unsafe", "chair", 1))
		answered <- err
	}()
	admin := pgxPool(t, dsn.primary)
	for cancelled := 0; cancelled == 0; {
		require.Empty(t, answered, "the commit did not wait")
		const wait = `SELECT COUNT(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`
		require.NoError(t, admin.QueryRow(ctx, wait).Scan(&cancelled))
	}
	require.NoError(t, <-answered, "PostgreSQL says by a warning that the commit may not have been replicated")
}
