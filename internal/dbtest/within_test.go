package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/sqlstore"
)

// telling is a Service that counts what Committed hears.
func telling(t testing.TB, store allocation.Store) (service *allocation.Service, told *atomic.Int64) {
	t.Helper()
	told = &atomic.Int64{}
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{
		Now: memory.NewClock(start).Now, Attempts: 100,
		Committed: func(_ context.Context, events []allocation.Event) { told.Add(int64(len(events))) },
	})
	return newService(t, units, nil), told
}

// checkOut writes an order's row and allocates a line for a chair, in one transaction.
func checkOut(
	ctx context.Context, store *sqlstore.Store, service *allocation.Service, order string, skus ...allocation.SKU,
) error {
	return store.Within(ctx, service, func(ctx context.Context, tx *sql.Tx, inside *allocation.Service) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO orders (id) VALUES ('`+order+`')`); err != nil {
			return err
		}
		_, err := inside.Allocate(ctx, firm(allocation.OrderID(order), "chair", 1))
		return err
	}, skus...)
}

// agree demands that the orders with a row are the orders with a line, and returns them.
func (s shop) agree(t testing.TB) (orders []string) {
	t.Helper()
	rows, err := s.db.QueryContext(context.Background(), `SELECT id FROM orders ORDER BY id`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var id string
		require.NoError(t, rows.Scan(&id))
		orders = append(orders, id)
	}
	require.NoError(t, rows.Err())
	lines, err := s.db.QueryContext(context.Background(), `SELECT DISTINCT order_id FROM allocation_lines`)
	require.NoError(t, err)
	defer lines.Close()
	var placed []string
	for lines.Next() {
		var id string
		require.NoError(t, lines.Scan(&id))
		placed = append(placed, id)
	}
	require.NoError(t, lines.Err())
	slices.Sort(placed)
	require.Equal(t, orders, placed, "orders with a row, and orders with a line")
	return orders
}

// withinTests show a transaction from its beginning to its end on one database, which is put back for each.
var withinTests = []struct {
	name    string
	engines []*engine
	show    func(t *testing.T, s shop)
}{
	{"all is committed", engines, func(t *testing.T, s shop) { endWithin(t, s, nil) }},
	{"an error undoes all", engines, func(t *testing.T, s shop) { endWithin(t, s, func() error { return errLeft }) }},
	{"a panic undoes all", engines, func(t *testing.T, s shop) { endWithin(t, s, func() error { panic(errLeft) }) }},
	{"the end of the goroutine undoes all", engines, func(t *testing.T, s shop) {
		endWithin(t, s, func() error { runtime.Goexit(); return nil })
	}},
	{"a function that rolls back by itself is a mistake", engines, rollBackInside},
	{"a command that loses a race is repeated inside", remote, func(t *testing.T, s shop) {
		loseInside(t, s, sql.LevelDefault, 1)
	}},
	{"a serializable transaction that loses a race is repeated", remote[:1], func(t *testing.T, s shop) {
		loseInside(t, s, sql.LevelSerializable, 2)
	}},
	{"a lost race of the host's statement runs the function again", remote, loseAHostsStatement},
	{"a host's broken constraint is the host's", engines, breakAHostsConstraint},
	{"a repeated transaction finds its line", engines, repeatWithin},
	{"rows and lines agree, whoever wins", engines, raceWithin},
	{"open rows are named", remote, leaveRowsOpen},
	{"a swallowed error parts no row from its lines", engines, swallowAnError},
	{"a unit of work in a host's transaction can lock first", remote, lockFirstInside},
	{"callers with deadlines hear of their deadline", engines, leaveWithin},
}

func TestWithin(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		s := e.shop(t)
		for _, tt := range withinTests {
			if !slices.Contains(tt.engines, e) {
				continue
			}
			t.Run(tt.name, func(t *testing.T) {
				for _, table := range []string{"deliveries", "purged", "events", "lines", "batches", "products"} {
					exec(t, s.db, `DELETE FROM allocation_`+table)
				}
				exec(t, s.db, `DELETE FROM orders`)
				service, _ := stocked(t, s.store)
				table := allocation.Batch{Ref: "t", SKU: "table", Purchased: 10}
				require.NoError(t, service.AddBatch(t.Context(), table))
				tt.show(t, s)
				assert.Zero(t, s.db.Stats().InUse, "connections in use")
			})
		}
	})
}

var errLeft = errors.New("the customer left")

// endWithin ends a transaction with the function end; nil commits.
func endWithin(t *testing.T, s shop, end func() error) {
	t.Helper()
	service, told := telling(t, s.store)
	require.NoError(t, checkOut(t.Context(), s.store, service, "before", "chair"))
	ended := make(chan error, 1)
	go func() {
		err := errLeft
		defer func() { _ = recover(); ended <- err }()
		err = s.store.Within(t.Context(), service,
			func(ctx context.Context, tx *sql.Tx, inside *allocation.Service) error {
				if _, err := tx.ExecContext(ctx, `INSERT INTO orders (id) VALUES ('o')`); err != nil {
					return err
				}
				_, err := inside.Allocate(ctx, firm("o", "chair", 1), firm("o", "table", 1))
				if err != nil || end == nil {
					return err
				}
				return end()
			}, "chair", "table")
	}()
	if err := <-ended; end == nil {
		require.NoError(t, err)
		s.want(t, 2, map[allocation.SKU]int64{"chair": 3, "table": 2})
		assert.EqualValues(t, 3, told.Load(), "events told")
	} else {
		require.Same(t, errLeft, err)
		s.want(t, 1, map[allocation.SKU]int64{"chair": 2, "table": 1})
		assert.EqualValues(t, 1, told.Load(), "events told")
	}
	require.NoError(t, checkOut(t.Context(), s.store, service, "after", "chair"))
	s.agree(t)
}

// overtake allocates in another process, the first time that a policy is asked.
func overtake(t testing.TB, s shop) allocation.Policy {
	t.Helper()
	rival, _ := serviceOn(t, s.engine.store(t, s.db, nil))
	done := false
	return func(a, b allocation.Batch) int {
		if !done {
			done = true
			_, err := rival.Allocate(context.Background(), firm("rival", "chair", 1))
			require.NoError(t, err)
			exec(t, s.db, `INSERT INTO orders (id) VALUES ('rival')`)
		}
		return allocation.EarliestFirst(a, b)
	}
}

// loseInside lets a rival commit between the read and the write of a command. SQLite has one writer, and so no race.
func loseInside(t *testing.T, s shop, level sql.IsolationLevel, wanted int) {
	t.Helper()
	store := s.engine.store(t, s.db, &sqlstore.Options{Isolation: level})
	service, told := telling(t, store)
	second := allocation.Batch{Ref: "b2", SKU: "chair", Purchased: 1}
	require.NoError(t, service.AddBatch(t.Context(), second)) // so that a policy is asked
	told.Store(0)
	policy := overtake(t, s)
	runs := 0
	require.NoError(t, store.Within(t.Context(), service.WithPolicy(policy),
		func(ctx context.Context, tx *sql.Tx, inside *allocation.Service) error {
			runs++
			s.order(t, tx, "o")
			_, err := inside.Allocate(ctx, firm("o", "chair", 1))
			return err
		}))
	assert.Equal(t, wanted, runs, "runs of the function")
	assert.EqualValues(t, 1, told.Load(), "events told")
	assert.Equal(t, []string{"o", "rival"}, s.agree(t))
}

// hostsRace fails the first time as a server does.
var hostsRace = map[*engine]string{
	onPostgreSQL: `DO $$ BEGIN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END $$`,
	onMariaDB:    `SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213`,
}

func loseAHostsStatement(t *testing.T, s shop) {
	t.Helper()
	service, told := telling(t, s.store)
	runs := 0
	require.NoError(t, s.store.Within(t.Context(), service,
		func(ctx context.Context, tx *sql.Tx, inside *allocation.Service) error {
			runs++
			s.order(t, tx, "o")
			if _, err := inside.Allocate(ctx, firm("o", "chair", 1)); err != nil {
				return err
			}
			if runs == 1 {
				_, err := tx.ExecContext(ctx, hostsRace[s.engine])
				return fmt.Errorf("count the order: %w", err)
			}
			return nil
		}, "chair"))
	assert.Equal(t, 2, runs)
	assert.EqualValues(t, 1, told.Load(), "events told")
	s.want(t, 1, map[allocation.SKU]int64{"chair": 2})
}

func breakAHostsConstraint(t *testing.T, s shop) {
	t.Helper()
	service, _ := telling(t, s.store)
	_, err := s.db.ExecContext(t.Context(), `INSERT INTO orders (id) VALUES ('taken')`)
	require.NoError(t, err)
	err = checkOut(t.Context(), s.store, service, "taken", "chair")
	require.Error(t, err)
	require.NotErrorIs(t, err, allocation.ErrDuplicate, "the broken constraint is the host's")
	require.NotErrorIs(t, err, allocation.ErrConflict)
}

// A repeat on a cached product breaks the store's unique key, after which PostgreSQL refuses the transaction.
func repeatWithin(t *testing.T, s shop) {
	t.Helper()
	service, told := telling(t, s.store)
	require.NoError(t, checkOut(t.Context(), s.store, service, "o", "chair"))
	require.NoError(t, s.store.Within(t.Context(), service,
		func(ctx context.Context, _ *sql.Tx, inside *allocation.Service) error {
			_, err := inside.Allocate(ctx, firm("o", "chair", 1))
			return err
		}))
	assert.EqualValues(t, 1, told.Load(), "events told")
	s.want(t, 1, map[allocation.SKU]int64{"chair": 2})
}

func raceWithin(t *testing.T, s shop) {
	t.Helper()
	const callers, stock = 64, 10                        // and each caller wants one
	other, _ := telling(t, s.engine.store(t, s.db, nil)) // another process
	service, told := telling(t, s.store)
	var all sync.WaitGroup
	var placed, short atomic.Int64
	for i := range callers {
		one, skus := service, []allocation.SKU{"chair"}
		if i%4 == 0 {
			one = other
		}
		if i%8 == 1 {
			skus = nil
		}
		all.Go(func() {
			err := checkOut(context.Background(), s.store, one, fmt.Sprint("o", i), skus...)
			var refused *allocation.OutOfStockError
			switch {
			case err == nil:
				placed.Add(1)
			case errors.As(err, &refused):
				short.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	assert.EqualValues(t, stock, placed.Load())
	assert.EqualValues(t, callers-stock, short.Load())
	assert.Len(t, s.agree(t), stock)
	assert.LessOrEqual(t, told.Load(), int64(stock))
	s.want(t, stock, map[allocation.SKU]int64{"chair": 1 + stock})
}

func leaveRowsOpen(t *testing.T, s shop) {
	t.Helper()
	for i := range 3 {
		exec(t, s.db, fmt.Sprintf(`INSERT INTO orders (id) VALUES ('%d-%s')`, i, strings.Repeat("x", 90)))
	}
	service, _ := telling(t, s.store)
	err := s.store.Within(t.Context(), service,
		func(ctx context.Context, tx *sql.Tx, inside *allocation.Service) error {
			rows, err := tx.QueryContext(ctx, `SELECT a.id FROM orders a, orders b, orders c, orders d, orders e`)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				if _, err := inside.Allocate(ctx, firm("o", "chair", 1)); err != nil {
					return err
				}
			}
			return rows.Err()
		})
	require.ErrorContains(t, err, "the rows of a query are still open in the transaction")
	require.NotErrorIs(t, err, allocation.ErrUnknownOutcome)
}

// PostgreSQL ends the transaction with the first error; the others undo the statement alone.
func swallowAnError(t *testing.T, s shop) {
	t.Helper()
	service, told := telling(t, s.store)
	require.NoError(t, checkOut(t.Context(), s.store, service, "o", "chair"))
	for _, first := range []bool{true, false} {
		told.Store(0)
		order := fmt.Sprint("swallows ", first)
		err := s.store.Within(t.Context(), service,
			func(ctx context.Context, tx *sql.Tx, inside *allocation.Service) error {
				s.order(t, tx, order)
				fail := func() {
					_, err := tx.ExecContext(ctx, `INSERT INTO orders (id) VALUES ('o')`)
					assert.Error(t, err)
				}
				if first {
					fail()
				}
				_, _ = inside.Allocate(ctx, firm(allocation.OrderID(order), "chair", 1))
				if !first {
					fail()
				}
				return nil
			})
		if s.engine == onPostgreSQL {
			require.Error(t, err)
			require.NotErrorIs(t, err, allocation.ErrUnknownOutcome)
			assert.Zero(t, told.Load(), "events told")
		} else {
			require.NoError(t, err)
			assert.EqualValues(t, 1, told.Load(), "events told")
		}
		s.agree(t)
	}
}

func lockFirstInside(t *testing.T, s shop) {
	t.Helper()
	tx, joined := s.begin(t)
	service := newService(t, allocation.NewUnitOfWork(joined, &allocation.UnitOfWorkOptions{LockFirst: true}), nil)
	_, err := service.Allocate(t.Context(), firm("o", "chair", 1))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = s.db.ExecContext(ctx, `UPDATE allocation_products SET low_stock = 1 WHERE sku = 'chair'`)
	require.Error(t, err, "the row is locked")
	require.NoError(t, tx.Rollback())
	s.want(t, 0, map[allocation.SKU]int64{"chair": 1})
}

// Callers with deadlines hear of their own deadline, and of nobody's cancelling.
func leaveWithin(t *testing.T, s shop) {
	t.Helper()
	service, _ := telling(t, s.store)
	var all sync.WaitGroup
	for i := range 256 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i%64)*100*time.Microsecond)
			defer cancel()
			var err error
			if i%2 == 0 {
				err = checkOut(ctx, s.store, service, fmt.Sprint("o", i), "chair")
			} else {
				_, err = service.Cancel(ctx, "nobody")
			}
			var short *allocation.OutOfStockError
			switch {
			case err == nil, errors.As(err, &short), errors.Is(err, allocation.ErrUnknownOutcome),
				errors.Is(err, allocation.ErrNotFound):
			case !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
				t.Errorf("caller %d heard %v", i, err)
			}
		})
	}
	all.Wait()
	s.agree(t)
}
