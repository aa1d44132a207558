package dbtest

import (
	"context"
	"database/sql"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/sqlstore"
)

// start is when the tests' clocks begin.
var start = time.Date(2030, 1, 1, 9, 0, 0, 0, time.UTC)

// dsn has the settings that the package comment of sqlstore asks for. Turns come in no order, and take long under the
// race detector.
func dsn(file string) string {
	pragmas := []string{"foreign_keys(1)", "journal_mode(WAL)", "busy_timeout(60000)", "synchronous(NORMAL)"}
	return "file:" + file + "?" + url.Values{"_pragma": pragmas}.Encode()
}

// newFile names a database file that doesn't exist yet.
func newFile(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "stock.db")
}

// open opens a SQLite database.
func open(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// openSpied is open with a spy between.
func openSpied(t testing.TB, dsn string) (*spy, *sql.DB) {
	t.Helper()
	connector, err := sqlite.NewConnector(dsn)
	require.NoError(t, err)
	spied := &spy{Connector: connector}
	db := sql.OpenDB(spied)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return spied, db
}

// storeOn returns a store on a database that may not be migrated.
func storeOn(t testing.TB, db *sql.DB, opts *sqlstore.Options) *sqlstore.Store {
	t.Helper()
	store, err := sqlstore.New(db, sqlstore.SQLite, opts)
	require.NoError(t, err)
	return store
}

// migrated returns a store on a database that it migrates.
func migrated(t testing.TB, db *sql.DB) *sqlstore.Store {
	t.Helper()
	store := storeOn(t, db, nil)
	require.NoError(t, store.Migrate(context.Background()))
	return store
}

// serviceOn returns a service with a clock to set.
func serviceOn(t require.TestingT, store allocation.Store) (*allocation.Service, *memory.Clock) {
	clock := memory.NewClock(start)
	opts := allocation.UnitOfWorkOptions{Now: clock.Now}
	if !isJoined(store) {
		opts.Attempts = 1000
	}
	return newService(t, allocation.NewUnitOfWork(store, &opts), nil), clock
}

// isJoined reports whether a store is inside a host's transaction, where there is one attempt.
func isJoined(store allocation.Store) bool {
	_, joined := store.(interface{ Joined() })
	return joined
}

// newService returns a service whose options can be honoured.
func newService(
	t require.TestingT, units allocation.UnitOfWork, opts *allocation.ServiceOptions,
) *allocation.Service {
	service, err := allocation.New(units, opts)
	require.NoError(t, err)
	return service
}

// stocked returns a service on a store with a batch "b" of ten chairs.
func stocked(t testing.TB, store allocation.Store) (*allocation.Service, *memory.Clock) {
	t.Helper()
	service, clock := serviceOn(t, store)
	require.NoError(t, service.AddBatch(context.Background(), allocation.Batch{Ref: "b", SKU: "chair", Purchased: 10}))
	return service, clock
}

func firm(order allocation.OrderID, sku allocation.SKU, units allocation.Quantity) allocation.Request {
	return allocation.Request{OrderLine: allocation.OrderLine{OrderID: order, SKU: sku, Quantity: units}}
}

// load reads one product with the lines of some orders.
func load(t testing.TB, store allocation.Store, sku allocation.SKU, orders ...allocation.OrderID) allocation.State {
	t.Helper()
	states, err := store.Load(context.Background(), allocation.Query{
		SKUs: []allocation.SKU{sku}, Orders: orders, Now: start, Limit: 100,
	})
	require.NoError(t, err)
	require.Len(t, states, 1, "products of sku %q", sku)
	return states[0]
}

// decide returns what allocating requests would write.
func decide(
	t testing.TB, store allocation.Store, sku allocation.SKU, requests ...allocation.Request,
) allocation.Changes {
	t.Helper()
	q := allocation.Query{SKUs: []allocation.SKU{sku}, Now: start, Limit: 100}
	for _, r := range requests {
		q.Orders = append(q.Orders, r.OrderID)
	}
	states, err := store.Load(context.Background(), q)
	require.NoError(t, err)
	require.Len(t, states, 1, "products of sku %q", sku)
	product, err := states[0].Product(q)
	require.NoError(t, err)
	_, err = product.Allocate(start, nil, requests...)
	require.NoError(t, err)
	return product.Changes()
}

// exec changes rows by hand.
func exec(t testing.TB, db *sql.DB, statement string, args ...any) {
	t.Helper()
	_, err := db.ExecContext(context.Background(), statement, args...)
	require.NoError(t, err)
}
