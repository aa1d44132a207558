package dbtest

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/pgxstore"
	"github.com/cosmic-go/allocation/storetest"
)

// inMode sets the way in which pgx sends statements.
func inMode(mode pgx.QueryExecMode) func(*pgxpool.Config) {
	return func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = mode }
}

// TestTheStoreOverPgxKeepsItsPromisesBehindAPooler has the promises about guests, whose statements share a round trip
// with the commit.
func TestTheStoreOverPgxKeepsItsPromisesBehindAPooler(t *testing.T) {
	for name, mode := range map[string]pgx.QueryExecMode{
		"exec": pgx.QueryExecModeExec, "cache_describe": pgx.QueryExecModeCacheDescribe,
		"simple_protocol": pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			next := behind(poolable, pooled(inTurns))[0].emptyPlaces(t)
			storetest.Run(t, storetest.Config{
				New: func(t testing.TB) allocation.Store {
					store := pgxReach(t, next(t).dsn, &pgxstore.Options{Notify: true}, inMode(mode))
					require.NoError(t, store.CheckSchema(t.Context()))
					return store
				},
				Topics: []storetest.Topic{storetest.Guests},
				Join: func(_ testing.TB, store allocation.Store, fn func(allocation.Store) error) error {
					s := store.(pgxAt)
					return pgx.BeginFunc(context.Background(), s.pool, func(tx pgx.Tx) error { return fn(s.Join(tx)) })
				},
				Guests: func(t testing.TB, store allocation.Store) storetest.HostRows {
					return pgxHostRows(t, store.(pgxAt))
				},
			})
		})
	}
}

func TestCheckSchemaRefusesTheDefaultOfPgxBehindAPooler(t *testing.T) {
	p := behind(poolable, pooled(nil))[0].new(t)
	p.migrated(t, p.open(t))
	err := pgxReach(t, p.dsn, nil).CheckSchema(t.Context())
	require.ErrorIs(t, err, allocation.ErrInvalid)
	require.ErrorContains(t, err, "default_query_exec_mode=exec")
}

// TestNotificationsDontPassAPooler has a store behind a pooler whose commits wake a listener beside the pooler.
func TestNotificationsDontPassAPooler(t *testing.T) {
	direct := onPostgreSQL.new(t)
	direct.migrated(t, direct.open(t))
	woken := listening(t, direct.dsn, nil)
	behind := throughPooler(t, direct.dsn, nil)
	store := pgxReach(t, behind, &pgxstore.Options{Notify: true}, inMode(pgx.QueryExecModeExec))
	var logged bytes.Buffer
	deaf := make(chan struct{}, 100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- store.Listen(ctx, func() { deaf <- struct{}{} }, &pgxstore.ListenOptions{
			Logger: slog.New(slog.NewTextHandler(&logged, nil)),
		})
	}()
	<-deaf // once, after LISTEN

	service, _ := stocked(t, store)
	for _, order := range []allocation.OrderID{"a", "b", "c"} {
		<-woken
		_, err := service.Allocate(t.Context(), firm(order, "chair", 1))
		require.NoError(t, err)
	}
	<-woken
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	assert.Empty(t, deaf, "notifications that passed the pooler")
	assert.Contains(t, logged.String(), "LISTEN through a pooler")
}
