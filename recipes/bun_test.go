package recipes

import (
	"context"
	"database/sql"
	"testing"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"

	"github.com/cosmic-go/allocation"
)

type bunShop struct {
	*sqlShop
	db *bun.DB
}

//recipe:begin
func (s bunShop) place(ctx context.Context, tx bun.IConn, inside *allocation.Service, o *Order) error {
	if _, err := s.db.NewInsert().Model(o).Conn(tx).Exec(ctx); err != nil {
		return err
	}
	_, err := inside.Allocate(ctx, o.Lines...)
	return err
}

//recipe:end

func (s bunShop) join(ctx context.Context, o *Order) error {
	//recipe:begin
	var committed func(context.Context)
	err := s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		var inside *allocation.Service
		inside, committed = s.service.Inside(s.store.Join(tx.Tx))
		return s.place(ctx, tx, inside, o)
	})
	if err == nil {
		committed(ctx)
	}
	return err
	//recipe:end
}

func (s bunShop) within(ctx context.Context, o *Order) error {
	//recipe:begin
	return s.store.Within(ctx, s.service, func(ctx context.Context, tx *sql.Tx, inside *allocation.Service) error {
		return s.place(ctx, tx, inside, o)
	}, "chair")
	//recipe:end
}

func TestBun(t *testing.T) {
	inner := newSQLShop(t)
	s := bunShop{inner, bun.NewDB(inner.db, sqlitedialect.New())}
	s.tryLeaving(t, "Join", s.join)
	s.tryLeaving(t, "Within", s.within)
}
