package recipes

import (
	"context"
	"database/sql"
	"testing"

	"github.com/jmoiron/sqlx"

	"github.com/cosmic-go/allocation"
)

type sqlxShop struct {
	*sqlShop
	db *sqlx.DB
}

//recipe:begin
func (s sqlxShop) place(ctx context.Context, tx *sqlx.Tx, inside *allocation.Service, o *Order) error {
	if _, err := tx.NamedExecContext(ctx, `INSERT INTO orders (id, customer) VALUES (:id, :customer)`, o); err != nil {
		return err
	}
	_, err := inside.Allocate(ctx, o.Lines...)
	return err
}

//recipe:end

func (s sqlxShop) join(ctx context.Context, o *Order) error {
	//recipe:begin
	tx, err := s.db.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	inside, committed := s.service.Inside(s.store.Join(tx.Tx))
	if err := s.place(ctx, tx, inside, o); err != nil {
		return err
	}
	return commit(ctx, tx, committed)
	//recipe:end
}

func (s sqlxShop) within(ctx context.Context, o *Order) error {
	//recipe:begin
	return s.store.Within(ctx, s.service, func(ctx context.Context, tx *sql.Tx, inside *allocation.Service) error {
		return s.place(ctx, &sqlx.Tx{Tx: tx, Mapper: s.db.Mapper}, inside, o)
	}, "chair")
	//recipe:end
}

func TestSqlx(t *testing.T) {
	inner := newSQLShop(t)
	s := sqlxShop{inner, sqlx.NewDb(inner.db, "sqlite")}
	s.tryLeaving(t, "Join", s.join)
	s.tryLeaving(t, "Within", s.within)
}
