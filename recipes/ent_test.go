package recipes

import (
	"context"
	"database/sql"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"entgo.io/ent/schema/field"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

//recipe:begin
type joinedDriver struct{ *entsql.Driver } // in a transaction of the host, which nobody else commits

func (d joinedDriver) Tx(context.Context) (dialect.Tx, error) { return dialect.NopTx(d), nil }
func (d joinedDriver) Close() error                           { return nil }

func entDriver(tx *sql.Tx) dialect.Driver {
	return joinedDriver{entsql.NewDriver(dialect.SQLite, entsql.Conn{ExecQuerier: tx})}
}

//recipe:end

type entShop struct{ *sqlShop }

// create does as the generated code of client.Order.Create().SetID(o.ID).SetCustomer(o.Customer).Exec(ctx).
func create(ctx context.Context, driver dialect.Driver, o *Order) error {
	return sqlgraph.CreateNode(ctx, driver, &sqlgraph.CreateSpec{
		Table:  "orders",
		ID:     &sqlgraph.FieldSpec{Column: "id", Type: field.TypeString, Value: o.ID},
		Fields: []*sqlgraph.FieldSpec{{Column: "customer", Type: field.TypeString, Value: o.Customer}},
	})
}

func (s entShop) place(ctx context.Context, tx *sql.Tx, inside *allocation.Service, o *Order) error {
	if err := create(ctx, entDriver(tx), o); err != nil {
		return err
	}
	_, err := inside.Allocate(ctx, o.Lines...)
	return err
}

func TestEnt(t *testing.T) {
	s := entShop{newSQLShop(t)}
	s.sqlShop.place = s.place
	s.tryBoth(t)
}

// TestEntCommitsNothingByItself shows a transaction of ent's own, as generated code begins one for several statements.
func TestEntCommitsNothingByItself(t *testing.T) {
	s := newSQLShop(t)
	tx, err := s.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	plain := entsql.NewDriver(dialect.SQLite, entsql.Conn{ExecQuerier: tx})
	assert.Panics(t, func() { _, _ = plain.Tx(t.Context()) }, "the plain driver in a transaction")
	driver := entDriver(tx)
	own, err := driver.Tx(t.Context())
	require.NoError(t, err)
	var result sql.Result
	require.NoError(t, own.Exec(t.Context(), `INSERT INTO orders VALUES ('o1', 'c1')`, []any{}, &result))
	require.NoError(t, own.Commit())
	require.NoError(t, driver.Close())
	require.NoError(t, tx.Rollback())
	assert.Zero(t, s.count(t, `SELECT COUNT(*) FROM orders`), "rows after the host's rollback")
}
