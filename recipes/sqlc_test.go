package recipes

import (
	"context"
	"database/sql"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/recipes/sqlc/orderspgx"
	"github.com/cosmic-go/allocation/recipes/sqlc/orderssql"
)

type sqlcShop struct {
	*sqlShop
	queries *orderssql.Queries
}

//recipe:begin
func (s sqlcShop) place(ctx context.Context, tx *sql.Tx, inside *allocation.Service, o *Order) error {
	row := orderssql.InsertOrderParams{ID: o.ID, Customer: o.Customer}
	if err := s.queries.WithTx(tx).InsertOrder(ctx, row); err != nil {
		return err
	}
	_, err := inside.Allocate(ctx, o.Lines...)
	return err
}

//recipe:end

func TestSqlc(t *testing.T) {
	inner := newSQLShop(t)
	s := sqlcShop{inner, orderssql.New(inner.db)}
	inner.place = s.place
	inner.tryBoth(t)
}

type sqlcPgxShop struct {
	*pgxShop
	queries *orderspgx.Queries
}

//recipe:begin
func (s sqlcPgxShop) place(ctx context.Context, tx pgx.Tx, inside *allocation.Service, o *Order) error {
	row := orderspgx.InsertOrderParams{ID: o.ID, Customer: o.Customer}
	if err := s.queries.WithTx(tx).InsertOrder(ctx, row); err != nil {
		return err
	}
	_, err := inside.Allocate(ctx, o.Lines...)
	return err
}

//recipe:end

func TestSqlcOverPgx(t *testing.T) {
	inner := newPgxShop(t)
	s := sqlcPgxShop{inner, orderspgx.New(inner.pool)}
	inner.place = s.place
	inner.tryBoth(t)
}
