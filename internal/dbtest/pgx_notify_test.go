package dbtest

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/pgxstore"
	"github.com/cosmic-go/allocation/sqlstore"
)

// listening returns a channel with a value for every wake of another process, here another pool.
func listening(t *testing.T, dsn string, opts *pgxstore.Options) (woken <-chan struct{}) {
	t.Helper()
	store := pgxReach(t, dsn, opts)
	wakes := make(chan struct{}, 1000)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- store.Listen(ctx, func() { wakes <- struct{}{} }, &pgxstore.ListenOptions{Pause: time.Millisecond})
	}()
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
	<-wakes // the first, after LISTEN
	return wakes
}

// hearing returns a function that counts the notifications since the call before. A marker ends each count.
func hearing(t *testing.T, store pgxAt, channel string) (heard func() int) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, store.dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(ctx)) })
	_, err = conn.Exec(ctx, "LISTEN "+channel)
	require.NoError(t, err)
	return func() int {
		_, err := store.pool.Exec(ctx, `SELECT pg_notify($1, 'marker')`, channel)
		require.NoError(t, err)
		for count := 0; ; count++ {
			n, err := conn.WaitForNotification(ctx)
			require.NoError(t, err)
			if n.Payload == "marker" {
				return count
			}
		}
	}
}

func pgxMigrated(t testing.TB, opts *pgxstore.Options, settings ...func(*pgxpool.Config)) pgxAt {
	t.Helper()
	store := pgxReach(t, onPostgreSQL.empty(t), opts, settings...)
	require.NoError(t, store.Migrate(context.Background()))
	return store
}

func TestACommitOverPgxWakesRelaysOfOtherProcesses(t *testing.T) {
	ctx := context.Background()
	opts := &pgxstore.Options{Options: sqlstore.Options{TablePrefix: "north_"}, Notify: true}
	store := pgxMigrated(t, opts)
	heard := hearing(t, store, "north_outbox")
	woken := listening(t, store.dsn, opts)
	service, _ := serviceOn(t, store)

	require.NoError(t, service.AddBatch(ctx, allocation.Batch{Ref: "b", SKU: "chair", Purchased: 10}))
	<-woken
	assert.Equal(t, 1, heard(), "a batch")
	_, err := service.Allocate(ctx, firm("o", "chair", 1))
	require.NoError(t, err)
	assert.Equal(t, 1, heard(), "a line")
	_, err = service.Allocate(ctx, firm("o", "chair", 1))
	require.NoError(t, err)
	assert.Equal(t, 0, heard(), "a repeat writes nothing")

	locking := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{LockFirst: true})
	locked, err := allocation.New(locking, nil)
	require.NoError(t, err)
	_, err = locked.Allocate(ctx, firm("p", "chair", 1))
	require.NoError(t, err)
	assert.Equal(t, 1, heard(), "a line with locks")
	require.ErrorIs(t, locking.Do(ctx, func(ctx context.Context, products allocation.Repository) error {
		_, err := products.Get(ctx, "chair")
		return errors.Join(err, errUnwanted)
	}), errUnwanted)
	assert.Equal(t, 0, heard(), "a rollback")

	south := pgxReach(t, store.dsn, &pgxstore.Options{Options: sqlstore.Options{TablePrefix: "south_"}})
	require.NoError(t, south.Notify(ctx))
	assert.Equal(t, 0, heard(), "other tables")
}

var errUnwanted = errors.New("the host has changed its mind")

func TestACommitOverPgxSendsNothingUnlessAsked(t *testing.T) {
	ctx := context.Background()
	store := pgxMigrated(t, nil)
	heard := hearing(t, store, "allocation_outbox")
	service, _ := stocked(t, store)
	_, err := service.Allocate(ctx, firm("p", "chair", 1))
	require.NoError(t, err)
	tx, err := store.pool.Begin(ctx)
	require.NoError(t, err)
	joined, _ := serviceOn(t, store.Join(tx))
	_, err = joined.Allocate(ctx, firm("o", "chair", 1))
	require.NoError(t, err)
	require.NoError(t, tx.Commit(ctx))
	assert.Equal(t, 0, heard())
	require.NoError(t, store.Notify(ctx)) // so a host says that it has committed
	assert.Equal(t, 1, heard())
}

// TestAGroupOverPgxSendsOneNotify counts the statements of 64 callers on one product.
func TestAGroupOverPgxSendsOneNotify(t *testing.T) {
	ctx := context.Background()
	counts := &statementCount{}
	store := pgxMigrated(t, &pgxstore.Options{Notify: true}, func(c *pgxpool.Config) { c.ConnConfig.Tracer = counts })
	service, _ := serviceOn(t, store)
	require.NoError(t, service.AddBatch(ctx, allocation.Batch{Ref: "b", SKU: "chair", Purchased: 1000}))
	counts.commits.Store(0)
	counts.notifies.Store(0)
	var callers sync.WaitGroup
	for i := range 64 {
		callers.Go(func() {
			_, err := service.Allocate(ctx, firm(allocation.OrderID("o"+strconv.Itoa(i)), "chair", 1))
			assert.NoError(t, err)
		})
	}
	callers.Wait()
	assert.Positive(t, counts.notifies.Load())
	assert.LessOrEqual(t, counts.notifies.Load(), counts.commits.Load(), "one for each group at most")
	assert.Less(t, counts.commits.Load(), int64(64), "callers share commits")
}

// statementCount counts commits and notifies.
type statementCount struct{ commits, notifies atomic.Int64 }

func (c *statementCount) TraceQueryStart(
	ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData,
) context.Context {
	switch {
	case isCommit(data.SQL):
		c.commits.Add(1)
	case data.SQL == `SELECT pg_notify($1, '')`:
		c.notifies.Add(1)
	}
	return ctx
}

func (c *statementCount) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func TestListenBeginsAgainAfterALostConnection(t *testing.T) {
	ctx := context.Background()
	server := servers.Shared(t, servers.PostgreSQL)
	store := pgxReach(t, server.Database(t), nil)
	woken := listening(t, store.dsn, nil)
	for range 3 {
		tag, err := store.pool.Exec(ctx, `
			SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND query LIKE 'LISTEN %'`)
		require.NoError(t, err)
		require.EqualValues(t, 1, tag.RowsAffected())
		<-woken // connected again
		require.NoError(t, store.Notify(ctx))
		<-woken
	}
}

// isCommit recognises the one statement of a commit.
func isCommit(text string) bool {
	return strings.HasPrefix(strings.TrimSpace(text), "WITH p AS") && strings.Contains(text, "allocation_events")
}
