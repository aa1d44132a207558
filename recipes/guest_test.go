package recipes

import (
	"context"
	"testing"

	"github.com/cosmic-go/allocation/sqlstore"
)

func (s *sqlShop) ride(ctx context.Context, o *Order) error {
	//recipe:begin
	row := sqlstore.Row{Insert: `INSERT INTO orders (id, customer)`, Values: []any{o.ID, o.Customer}}
	_, err := s.service.With(row).Allocate(ctx, o.Lines...)
	return err
	//recipe:end
}

func TestGuests(t *testing.T) {
	s := newSQLShop(t)
	s.try(t, "With", 1, s.ride)
}
