package recipes

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/pgxstore"
)

// pgxShop is a shop on PostgreSQL.
type pgxShop struct {
	shop
	pool  *pgxpool.Pool
	store *pgxstore.Store
	place func(ctx context.Context, tx pgx.Tx, inside *allocation.Service, o *Order) error
}

// newPgxShop skips the test on a machine without PostgreSQL, unless ALLOCATION_REQUIRE_SERVERS is set.
func newPgxShop(t *testing.T) *pgxShop {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), servers.Shared(t, servers.PostgreSQL).Database(t))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	s := &pgxShop{pool: pool}
	s.store, err = pgxstore.New(pool, nil)
	require.NoError(t, err)
	require.NoError(t, s.store.Migrate(t.Context()))
	_, err = pool.Exec(t.Context(), createOrders)
	require.NoError(t, err)
	s.count = func(t *testing.T, query string) (n int) {
		t.Helper()
		require.NoError(t, pool.QueryRow(t.Context(), query).Scan(&n), query)
		return n
	}
	s.newService(t, s.store)
	return s
}

type pgxItself struct{ *pgxShop }

//recipe:begin
func (s pgxItself) place(ctx context.Context, tx pgx.Tx, inside *allocation.Service, o *Order) error {
	if _, err := tx.Exec(ctx, `INSERT INTO orders (id, customer) VALUES ($1, $2)`, o.ID, o.Customer); err != nil {
		return err
	}
	_, err := inside.Allocate(ctx, o.Lines...)
	return err
}

//recipe:end

func (s *pgxShop) join(ctx context.Context, o *Order) error {
	//recipe:begin
	var committed func(context.Context)
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var inside *allocation.Service
		inside, committed = s.service.Inside(s.store.Join(tx))
		return s.place(ctx, tx, inside, o)
	})
	if err == nil {
		committed(ctx)
	}
	return err
	//recipe:end
}

func (s *pgxShop) within(ctx context.Context, o *Order) error {
	//recipe:begin
	return s.store.Within(ctx, s.service, func(ctx context.Context, tx pgx.Tx, inside *allocation.Service) error {
		return s.place(ctx, tx, inside, o)
	}, "chair")
	//recipe:end
}

// tryBoth shows both ways with s.place.
func (s *pgxShop) tryBoth(t *testing.T) {
	t.Helper()
	s.tryLeaving(t, "Join", s.join)
	s.tryLeaving(t, "Within", s.within)
}

func TestPgx(t *testing.T) {
	s := pgxItself{newPgxShop(t)}
	s.pgxShop.place = s.place
	s.tryBoth(t)
}
