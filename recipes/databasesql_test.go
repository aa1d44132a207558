package recipes

import (
	"context"
	"database/sql"
	"testing"

	"github.com/cosmic-go/allocation"
)

type databaseSQL struct{ *sqlShop }

//recipe:begin
func (s databaseSQL) place(ctx context.Context, tx *sql.Tx, inside *allocation.Service, o *Order) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO orders (id, customer) VALUES (?, ?)`, o.ID, o.Customer); err != nil {
		return err
	}
	_, err := inside.Allocate(ctx, o.Lines...)
	return err
}

//recipe:end

func (s *sqlShop) join(ctx context.Context, o *Order) error {
	//recipe:begin
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	inside, committed := s.service.Inside(s.store.Join(tx))
	if err := s.place(ctx, tx, inside, o); err != nil {
		return err
	}
	return commit(ctx, tx, committed)
	//recipe:end
}

//recipe:begin
func commit(ctx context.Context, tx interface{ Commit() error }, committed func(context.Context)) error {
	err := tx.Commit()
	if err == nil {
		committed(ctx)
	}
	return err
}

//recipe:end

func (s *sqlShop) within(ctx context.Context, o *Order) error {
	//recipe:begin
	return s.store.Within(ctx, s.service, func(ctx context.Context, tx *sql.Tx, inside *allocation.Service) error {
		return s.place(ctx, tx, inside, o)
	}, "chair")
	//recipe:end
}

// tryBoth shows both ways with s.place.
func (s *sqlShop) tryBoth(t *testing.T) {
	t.Helper()
	s.tryLeaving(t, "Join", s.join)
	s.tryLeaving(t, "Within", s.within)
}

func TestDatabaseSQL(t *testing.T) {
	s := databaseSQL{newSQLShop(t)}
	s.sqlShop.place = s.place
	s.tryBoth(t)
}
