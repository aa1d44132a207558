package sides

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/sqlstore"
)

// Line asks for one unit.
type Line struct{ Order, SKU string }

// errShort is the answer to a line that can't be met.
var errShort = errors.New("out of stock")

// Side is one way to allocate the lines of an order, all of them or none.
type Side interface {
	// Place allocates one unit for each line, or returns errShort.
	Place(ctx context.Context, lines []Line) error
}

// Name says which side is measured, and with how many connections.
type Name struct {
	Kind        string
	Connections int
}

// The kinds of sides.
const (
	library = "library"
	single  = "single"
	locking = "locking"
)

// Library is the library with its defaults.
func Library(connections int) Name { return Name{library, connections} }

// Single is the best single statement by hand.
func Single(connections int) Name { return Name{single, connections} }

// Locking is the transaction by hand that locks the batch first.
func Locking(connections int) Name { return Name{locking, connections} }

func (n Name) String() string {
	return fmt.Sprintf("%s, %d connections", map[string]string{
		library: "library", single: "by hand, single statement", locking: "by hand, FOR UPDATE",
	}[n.Kind], n.Connections)
}

// Open opens a side with a pool of its own.
func Open(ctx context.Context, e *harness.Engine, dsn string, name Name) (Side, *sql.DB, error) {
	db, err := e.Pool(dsn, name.Connections)
	if err != nil {
		return nil, nil, err
	}
	side, err := open(ctx, e, db, name.Kind)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return side, db, nil
}

func open(ctx context.Context, e *harness.Engine, db *sql.DB, kind string) (Side, error) {
	if kind == library {
		return newLibrary(db, e)
	}
	s, err := byHand[e.Name].prepare(ctx, db)
	if kind == locking {
		return lockingSide{s}, err
	}
	return singleSide{s}, err
}

// LibrarySide is the library with its defaults. The methods here use no part of the library that older commits lack.
type LibrarySide struct {
	store   *sqlstore.Store
	service *allocation.Service
}

func newLibrary(db *sql.DB, e *harness.Engine) (LibrarySide, error) {
	store, err := sqlstore.New(db, e.Dialect, nil)
	if err != nil {
		return LibrarySide{}, err
	}
	service, err := service(allocation.New(allocation.NewUnitOfWork(store, nil), nil))
	return LibrarySide{store: store, service: service}, err
}

// service takes the results of allocation.New: a Service, and an error at the commits that return one.
func service(results ...any) (*allocation.Service, error) {
	s, _ := results[0].(*allocation.Service)
	if len(results) == 1 || results[1] == nil {
		return s, nil
	}
	return nil, results[1].(error)
}

// Place allocates through the Service.
func (l LibrarySide) Place(ctx context.Context, lines []Line) error {
	_, err := l.service.Allocate(ctx, requests(lines)...)
	var short *allocation.OutOfStockError
	if errors.As(err, &short) {
		return errShort
	}
	return err
}

func requests(lines []Line) []allocation.Request {
	requests := make([]allocation.Request, len(lines))
	for i, l := range lines {
		requests[i].OrderLine = allocation.OrderLine{
			OrderID: allocation.OrderID(l.Order), SKU: allocation.SKU(l.SKU), Quantity: 1,
		}
	}
	return requests
}

func (l LibrarySide) importOrders(ctx context.Context, orders [][]Line) (harness.Slice, error) {
	all := make([][]allocation.Request, len(orders))
	for i, lines := range orders {
		all[i] = requests(lines)
	}
	began := time.Now()
	_, errs := l.service.AllocateEach(ctx, all)
	return harness.Slice{Done: len(all), Took: time.Since(began)}, errors.Join(errs...)
}

// AddBatch adds a batch of a product, which may be new.
func (l LibrarySide) AddBatch(ctx context.Context, ref, sku string, units int64) error {
	return l.service.AddBatch(ctx, allocation.Batch{
		Ref: allocation.BatchRef(ref), SKU: allocation.SKU(sku), Purchased: allocation.Quantity(units),
	})
}

// Stock adds the products of a workload with a batch of units each.
func (l LibrarySide) Stock(ctx context.Context, w Workload, units int64) error {
	return Stock(ctx, l.store, w, units)
}

// Stock adds the products of a workload to a store, with a batch of units each.
func Stock(ctx context.Context, store allocation.Store, w Workload, units int64) error {
	skus := make([]allocation.SKU, w.SKUs)
	for i := range skus {
		skus[i] = allocation.SKU(w.SKU(i))
	}
	return harness.Stock(ctx, store, allocation.Quantity(units), skus...)
}

// fill adds a product with a past, and with a batch of units for its future: so many earlier lines, which together
// have taken every unit of so many batches.
func (l LibrarySide) fill(ctx context.Context, sku string, lines, batches int, units int64) error {
	for i := range batches {
		if err := l.AddBatch(ctx, fmt.Sprint("used-up-", i), sku, int64(lines/batches)); err != nil {
			return err
		}
	}
	orders := make([][]Line, lines/batches*batches)
	for i := range orders {
		orders[i] = []Line{{fmt.Sprint("earlier-", i), sku}}
	}
	if _, err := l.importOrders(ctx, orders); err != nil {
		return err
	}
	return l.AddBatch(ctx, "stock-of-"+sku, sku, units)
}
