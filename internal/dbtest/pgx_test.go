package dbtest

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/pgxstore"
	"github.com/cosmic-go/allocation/storetest"
)

// pgxPool opens a pool of pgx.
func pgxPool(t testing.TB, dsn string, settings ...func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(dsn)
	require.NoError(t, err)
	for _, set := range settings {
		set(config)
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// pgxAt is a store over pgx that knows its pool.
type pgxAt struct {
	*pgxstore.Store
	pool  *pgxpool.Pool
	dsn   string
	loser *loser // nil for none
}

func pgxReach(t testing.TB, dsn string, opts *pgxstore.Options, settings ...func(*pgxpool.Config)) pgxAt {
	t.Helper()
	pool := pgxPool(t, dsn, settings...)
	store, err := pgxstore.New(pool, opts)
	require.NoError(t, err)
	return pgxAt{Store: store, pool: pool, dsn: dsn}
}

// TestTheStoreOverPgxKeepsItsPromises runs the whole suite in the default mode of pgx, and the topics that depend on
// the mode or on the level of isolation in some others.
func TestTheStoreOverPgxKeepsItsPromises(t *testing.T) {
	few := []storetest.Topic{storetest.Commit, storetest.Guests}
	mode := func(mode pgx.QueryExecMode) func(*pgxpool.Config) {
		return func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = mode }
	}
	for name, c := range map[string]struct {
		set    func(*pgxpool.Config)
		topics []storetest.Topic
	}{
		"default":         {func(*pgxpool.Config) {}, nil},
		"exec":            {mode(pgx.QueryExecModeExec), few},
		"simple protocol": {mode(pgx.QueryExecModeSimpleProtocol), few},
		"serializable": {func(c *pgxpool.Config) {
			c.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable"
		}, []storetest.Topic{storetest.Isolation, storetest.Guests, storetest.Within}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			next := onPostgreSQL.emptyPlaces(t)
			storetest.Run(t, storetest.Config{
				New: func(t testing.TB) allocation.Store {
					l := &loser{}
					store := pgxReach(t, next(t).dsn, &pgxstore.Options{Notify: true}, c.set, l.listen)
					store.loser = l
					return store
				},
				Topics: c.topics,
				Second: func(t testing.TB, store allocation.Store) allocation.Store {
					return pgxReach(t, store.(pgxAt).dsn, nil, c.set)
				},
				Reopen: func(t testing.TB, store allocation.Store) allocation.Store {
					before := store.(pgxAt)
					before.pool.Close()
					return pgxReach(t, before.dsn, nil, c.set)
				},
				Join: func(_ testing.TB, store allocation.Store, fn func(allocation.Store) error) error {
					s := store.(pgxAt)
					return pgx.BeginFunc(context.Background(), s.pool, func(tx pgx.Tx) error { return fn(s.Join(tx)) })
				},
				Guests: func(t testing.TB, store allocation.Store) storetest.HostRows {
					return pgxHostRows(t, store.(pgxAt))
				},
				Within: func(t testing.TB, store allocation.Store) storetest.HostTransactions {
					return pgxHostTransactions(t, store.(pgxAt))
				},
			})
		})
	}
}

// pgxHostRows makes an empty table of the host's.
func pgxHostRows(t testing.TB, store pgxAt) storetest.HostRows {
	t.Helper()
	for _, text := range []string{
		"CREATE TABLE IF NOT EXISTS " + hostTable + " (id VARCHAR(255) NOT NULL PRIMARY KEY)",
		"DELETE FROM " + hostTable,
	} {
		_, err := store.pool.Exec(context.Background(), text)
		require.NoError(t, err)
	}
	return storetest.HostRows{
		Row: onPostgreSQL.hostRow,
		Keys: func() []string {
			rows, err := store.pool.Query(context.Background(), "SELECT id FROM "+hostTable)
			require.NoError(t, err)
			keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			return keys
		},
	}
}

// pgxHostTransactions makes an empty table of the host's, too.
func pgxHostTransactions(t testing.TB, store pgxAt) storetest.HostTransactions {
	t.Helper()
	return storetest.HostTransactions{
		Within: func(
			ctx context.Context, service *allocation.Service, fn storetest.HostFunc, skus ...allocation.SKU,
		) error {
			return store.Within(ctx, service, func(ctx context.Context, tx pgx.Tx, inside *allocation.Service) error {
				return fn(ctx, func(key string) error {
					_, err := tx.Exec(ctx, "INSERT INTO "+hostTable+" (id) VALUES ($1)", key)
					return err
				}, inside)
			}, skus...)
		},
		Keys: pgxHostRows(t, store).Keys, LoseAnswer: func() { store.loser.armed.Store(true) },
	}
}

// loser is a tracer of pgx that loses the answer to the next COMMIT once armed.
type loser struct{ armed, cut atomic.Bool }

// listen puts the loser between a pool and the server.
func (l *loser) listen(c *pgxpool.Config) {
	dial := c.ConnConfig.DialFunc
	c.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		return deaf{conn, &l.cut}, err
	}
	c.ConnConfig.Tracer = l
}

func (l *loser) TraceQueryStart(ctx context.Context, _ *pgx.Conn, query pgx.TraceQueryStartData) context.Context {
	l.cut.Store(query.SQL == "commit" && l.armed.CompareAndSwap(true, false))
	return ctx
}

func (l *loser) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) { l.cut.Store(false) }
