package recipes

import (
	"context"
	"database/sql"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/sqlstore"
)

// GORM with PrepareStmt starts a goroutine that ends with the process.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(servers.M{M: m}, goleak.IgnoreAnyFunction("gorm.io/gorm/internal/lru.NewLRU[...].func1"))
}

// Order is the row of the host's table orders, together with the lines to allocate.
type Order struct {
	ID       string
	Customer string
	Lines    []allocation.Request `bun:"-" gorm:"-"`
}

const createOrders = `CREATE TABLE orders (id TEXT PRIMARY KEY, customer TEXT NOT NULL)`

// shop is a host with a Service, whatever the library for its database.
type shop struct {
	service *allocation.Service
	told    int    // calls of Committed
	leave   func() // if set, runs after the command inside a transaction, before the transaction commits

	// count returns the result of a query for a single number, outside of every transaction.
	count func(t *testing.T, query string) int
}

// newService gives the shop a Service with ten chairs.
func (s *shop) newService(t *testing.T, store allocation.Store) {
	t.Helper()
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{
		Attempt: func(ctx context.Context, op string, _ int) (context.Context, func(error)) {
			return ctx, func(error) {
				if s.leave != nil && op != "Transact" {
					s.leave()
				}
			}
		},
		Committed: func(context.Context, []allocation.Event) { s.told++ },
	})
	var err error
	s.service, err = allocation.New(units, nil)
	require.NoError(t, err)
	require.NoError(t, s.service.AddBatch(t.Context(), allocation.Batch{Ref: "b1", SKU: "chair", Purchased: 10}))
}

// sqlShop is a shop on SQLite.
type sqlShop struct {
	shop
	db    *sql.DB
	store *sqlstore.Store
	place func(ctx context.Context, tx *sql.Tx, inside *allocation.Service, o *Order) error
}

func newSQLShop(t *testing.T) *sqlShop {
	t.Helper()
	settings := url.Values{
		// Every transaction takes the write lock when it begins, and waits for other writers.
		"_txlock": {"immediate"},
		"_pragma": {"foreign_keys(1)", "journal_mode(WAL)", "busy_timeout(10000)"},
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "shop.db")+"?"+settings.Encode())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	s := &sqlShop{db: db}
	s.store, err = sqlstore.New(db, sqlstore.SQLite, nil)
	require.NoError(t, err)
	require.NoError(t, s.store.Migrate(t.Context()))
	_, err = db.ExecContext(t.Context(), createOrders)
	require.NoError(t, err)
	s.count = func(t *testing.T, query string) (n int) {
		t.Helper()
		require.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&n), query)
		return n
	}
	s.newService(t, s.store)
	return s
}

// try shows that row and line of an order are both there after the commit, and neither after a refusal, and that
// Committed hears of a commit once. A refusal outside of a transaction is a commit as well.
func (s *shop) try(
	t *testing.T, name string, toldOfRefusal int, place func(ctx context.Context, o *Order) error,
) {
	t.Helper()
	t.Run(name+" commits", func(t *testing.T) {
		s.told = 0
		require.NoError(t, place(t.Context(), order(name+"-sold", 1)))
		s.check(t, name+"-sold", 1, 1)
	})
	t.Run(name+" undoes the row of a refused order", func(t *testing.T) {
		s.told = 0
		var refused *allocation.OutOfStockError
		require.ErrorAs(t, place(t.Context(), order(name+"-refused", 1000)), &refused)
		s.check(t, name+"-refused", 0, toldOfRefusal)
	})
}

// tryLeaving is try, and shows as well that neither row nor line is there if the caller leaves between the command and
// the commit of the transaction.
func (s *shop) tryLeaving(t *testing.T, name string, place func(ctx context.Context, o *Order) error) {
	t.Helper()
	s.try(t, name, 0, place)
	t.Run(name+" undoes row and line if the caller leaves", func(t *testing.T) {
		s.told = 0
		ctx, cancel := context.WithCancel(t.Context())
		s.leave = cancel
		defer func() { s.leave = nil }()
		require.Error(t, place(ctx, order(name+"-left", 1)))
		require.Error(t, ctx.Err(), "the command inside has run")
		s.check(t, name+"-left", 0, 0)
	})
}

func order(id string, quantity allocation.Quantity) *Order {
	line := allocation.OrderLine{OrderID: allocation.OrderID(id), SKU: "chair", Quantity: quantity}
	return &Order{ID: id, Customer: "c1", Lines: []allocation.Request{{OrderLine: line}}}
}

// check compares the numbers of an order's rows and lines, and of the calls of Committed.
func (s *shop) check(t *testing.T, id string, want, told int) {
	t.Helper()
	assert.Equal(t, want, s.count(t, "SELECT COUNT(*) FROM orders WHERE id = '"+id+"'"), "rows of the order")
	lines := s.count(t, "SELECT COUNT(*) FROM allocation_lines WHERE order_id = '"+id+"'")
	assert.Equal(t, want, lines, "lines of the order")
	assert.Equal(t, told, s.told, "calls of Committed")
}
