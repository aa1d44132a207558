package pgxstore_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/pgxstore"
	"github.com/cosmic-go/allocation/sqlstore"
)

// The tests on a server are in internal/dbtest, whose requirements would otherwise be this module's.

func unconnected(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), "postgres://nobody@127.0.0.1:1/nothing?pool_min_conns=0")
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func TestNewRefusesBadArguments(t *testing.T) {
	pool := unconnected(t)
	for name, c := range map[string]struct {
		pool  *pgxpool.Pool
		opts  sqlstore.Options
		field string
	}{
		"no pool":         {nil, sqlstore.Options{}, "pool"},
		"engine's prefix": {pool, sqlstore.Options{TablePrefix: "pg_"}, "table prefix"},
		"quote in schema": {pool, sqlstore.Options{Schema: `"`}, "schema"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pgxstore.New(c.pool, &pgxstore.Options{Options: c.opts})
			require.ErrorIs(t, err, allocation.ErrInvalid)
			var typed *allocation.Error
			require.ErrorAs(t, err, &typed)
			assert.Equal(t, "New", typed.Op)
			assert.Equal(t, c.field, typed.Field)
		})
	}
	_, err := pgxstore.New(pool, nil)
	assert.NoError(t, err)
}

func TestAStoreThatNewDidNotMakeIsErrInvalid(t *testing.T) {
	ctx := context.Background()
	for name, store := range map[string]*pgxstore.Store{"nil": nil, "zero": {}} {
		t.Run(name, func(t *testing.T) {
			for method, err := range map[string]error{
				"Notify": store.Notify(ctx),
				"Listen": store.Listen(ctx, func() {}, nil),
				"Commit": store.Commit(ctx, nil),
				"Locked": store.Locked(ctx, func(allocation.Store) error { return nil }),
				"Within": store.Within(ctx, nil, nil),
				"Join":   store.Join(nil).Commit(ctx, nil),
			} {
				assert.ErrorIs(t, err, allocation.ErrInvalid, method)
			}
		})
	}
}

func TestListenRefusesBadArguments(t *testing.T) {
	store, err := pgxstore.New(unconnected(t), nil)
	require.NoError(t, err)
	require.ErrorIs(t, store.Listen(t.Context(), nil, nil), allocation.ErrInvalid)
	require.ErrorIs(t, store.Listen(t.Context(), func() {}, &pgxstore.ListenOptions{Pause: -1}), allocation.ErrInvalid)
	require.ErrorIs(t, store.Notify(nil), allocation.ErrInvalid) //nolint:staticcheck // nil on purpose
}

// TestListenEndsWithItsContext has no server to connect to: Listen tries until the context ends.
func TestListenEndsWithItsContext(t *testing.T) {
	store, err := pgxstore.New(unconnected(t), nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, store.Listen(ctx, func() {}, nil), context.Canceled)
	require.ErrorIs(t, store.Join(nil).Commit(t.Context(), nil), allocation.ErrInvalid)
}
