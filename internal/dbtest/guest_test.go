package dbtest

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

// guestShop is a host with an empty table beside a store with many chairs.
type guestShop struct {
	shop
	spied   *spy
	service *allocation.Service
}

func (e *engine) guestShop(t testing.TB) guestShop {
	t.Helper()
	spied, db := e.new(t).spied(t)
	s := guestShop{shop: shop{engine: e, db: db, store: e.migrated(t, db)}, spied: spied}
	makeHostTable(t, db)
	s.service, _ = serviceOn(t, s.store)
	require.NoError(t, s.service.AddBatch(context.Background(),
		allocation.Batch{Ref: "b", SKU: "chair", Purchased: 100_000}))
	return s
}

// allocate places an order of one chair with guests.
func (s guestShop) allocate(order string, guests ...allocation.Guest) error {
	_, err := s.service.With(guests...).Allocate(context.Background(), firm(allocation.OrderID(order), "chair", 1))
	return err
}

// wantOrders checks that exactly these orders have a row and a line.
func (s guestShop) wantOrders(t testing.TB, want ...string) {
	t.Helper()
	slices.Sort(want)
	rows := hostKeys(t, s.db)
	slices.Sort(rows)
	assert.Equal(t, want, rows, "rows")
	assert.Equal(t, want, s.sold(t), "lines")
}

// sold lists the orders with a line.
func (s guestShop) sold(t testing.TB) []string {
	t.Helper()
	orders := texts(t, s.db, "SELECT order_id FROM allocation_lines")
	slices.Sort(orders)
	return orders
}

func TestAGuestCostsOneRoundTrip(t *testing.T) {
	want := map[*engine][]string{
		onPostgreSQL: {"BEGIN", "WITH p AS", "INSERT INTO " + hostTable, "COMMIT"},
		onMariaDB:    {"BEGIN NOT ATOMIC", "INSERT INTO " + hostTable, "COMMIT"},
	}
	each(t, remote, func(t *testing.T, e *engine) {
		s := e.guestShop(t)
		require.NoError(t, s.allocate("o1", e.hostRow("o1")))
		s.spied.trips()
		require.NoError(t, s.allocate("o2", e.hostRow("o2")))
		trips := s.spied.trips()
		require.Len(t, trips, len(want[e]), "%q", trips)
		for i, begin := range want[e] {
			assert.True(t, strings.HasPrefix(strings.TrimSpace(trips[i]), begin), "%q", trips[i])
		}
		s.wantOrders(t, "o1", "o2")
	})
}

// A guest sees the lines of its commit, so a foreign key may point there.
func TestGuestsSeeTheLines(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		s := e.guestShop(t)
		const text = "INSERT INTO " + hostTable + " (id) SELECT order_id FROM allocation_lines WHERE order_id = 'o1'"
		require.NoError(t, s.allocate("o1", sqlstore.Statement{SQL: text}))
		s.wantOrders(t, "o1")
	})
}

// A deadlock, and a lost connection, of a guest is cured by another attempt.
func TestGuestsRunAgain(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		s := e.guestShop(t)
		for i, failure := range []error{lostRaces[e], lostRaces[e], io.ErrUnexpectedEOF, driver.ErrBadConn} {
			failures := 1
			if i == 1 {
				failures = 3
			}
			s.spied.set(func(statement string) error {
				if strings.HasPrefix(statement, "INSERT INTO "+hostTable) && failures > 0 {
					failures--
					return failure
				}
				return nil
			}, nil)
			order := fmt.Sprint("o", i)
			require.NoError(t, s.allocate(order, e.hostRow(order)), "%v", failure)
			assert.Zero(t, failures)
		}
		s.wantOrders(t, "o0", "o1", "o2", "o3")
	})
}

func TestALostAnswerToCommitIsUnknownWithGuestsToo(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		s := e.guestShop(t)
		s.spied.loseCommit()
		require.ErrorIs(t, s.allocate("o1", e.hostRow("o1")), allocation.ErrUnknownOutcome)
		s.wantOrders(t, "o1")
		require.NoError(t, s.allocate("o1", e.hostRow("o1")), "a repeat carries out no guest")
		s.wantOrders(t, "o1")
	})
}

// panicking has a method Value that panics.
type panicking struct{}

func (panicking) Value() (driver.Value, error) { panic("a mistake of the host") }

// The mistakes of one caller's guests reach this caller alone.
func TestMistakesOfGuestsAreTheirOwn(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		s := e.guestShop(t)
		row := func(value any) allocation.Guest {
			return sqlstore.Row{Insert: "INSERT INTO " + hostTable + " (id)", Values: []any{value}}
		}
		guests := []allocation.Guest{
			row("o0"), sqlstore.Statement{SQL: "DELETE FROM no_such_table"}, row("o2"), row(nil),
			sqlstore.Statement{SQL: "INSERT INTO"}, row("o5"), row(strings.Repeat("x", 300)), row("o7"), row("o5"),
		}
		if e != onMariaDB { // where CheckGuest finds the panic
			guests[3] = row(panicking{})
		}
		if e == onPostgreSQL { // which takes another database's table for something that it doesn't support
			guests[4] = sqlstore.Statement{SQL: "INSERT INTO elsewhere.public.orders VALUES (1)"}
		}
		if e == onSQLite { // which keeps strings of any length
			guests[6] = row(nil)
		}
		orders := make([][]allocation.Request, len(guests))
		for i := range orders {
			orders[i] = []allocation.Request{firm(allocation.OrderID(fmt.Sprint("o", i)), "chair", 1)}
		}
		_, errs := s.service.With(guests...).AllocateEach(context.Background(), orders)
		for i, err := range errs {
			if slices.Contains([]int{0, 2, 5, 7}, i) {
				require.NoError(t, err, "order %d", i)
				continue
			}
			var detailed *allocation.Error
			require.ErrorAs(t, err, &detailed, "order %d", i)
			assert.Equal(t, []any{"guest", i}, []any{detailed.Field, detailed.Value}, "%v", err)
			for _, never := range []error{sqlstore.ErrNotMigrated, allocation.ErrConflict, allocation.ErrDuplicate} {
				require.NotErrorIs(t, err, never)
			}
		}
		s.wantOrders(t, "o0", "o2", "o5", "o7")
	})
}

// A constraint that is checked at the end of the transaction has no guest, so that each command is committed by itself.
func TestDeferredConstraintsFailTheirOwnCallersOnly(t *testing.T) {
	s := onPostgreSQL.guestShop(t)
	exec(t, s.db, `CREATE TABLE deferred (id TEXT UNIQUE DEFERRABLE INITIALLY DEFERRED)`)
	exec(t, s.db, `INSERT INTO deferred VALUES ('taken')`)
	var guests []allocation.Guest
	var orders [][]allocation.Request
	var want []string
	for i := range 8 {
		order := fmt.Sprint("o", i)
		guests = append(guests, sqlstore.Statement{
			SQL:  `WITH r AS (INSERT INTO host_rows VALUES ($1)) INSERT INTO deferred VALUES ($2)`,
			Args: []any{order, order},
		})
		if i == 3 || i == 5 {
			guests[i].(sqlstore.Statement).Args[1] = "taken"
		} else {
			want = append(want, order)
		}
		orders = append(orders, []allocation.Request{firm(allocation.OrderID(order), "chair", 1)})
	}
	_, errs := s.service.With(guests...).AllocateEach(t.Context(), orders)
	for i, err := range errs {
		if i == 3 || i == 5 {
			require.Error(t, err)
			require.NotErrorIs(t, err, allocation.ErrDuplicate)
			require.NotErrorIs(t, err, allocation.ErrConflict)
		} else {
			require.NoError(t, err)
		}
	}
	s.wantOrders(t, want...)
}

// Values in the text of a statement mean what the driver's own arguments mean.
func TestLiteralsMeanWhatArgumentsMean(t *testing.T) {
	s := onMariaDB.guestShop(t)
	exec(t, s.db, `CREATE TABLE host_values (id INT PRIMARY KEY, s TEXT, b BLOB, n BIGINT, f DOUBLE, t DATETIME(6))
		CHARACTER SET utf8mb4`)
	at := time.Date(2030, 5, 6, 9, 10, 11, 123_456_000, time.UTC)
	rows := [][]any{
		{"plain", []byte("bytes"), 7, 1.5, at},
		{`it's "quoted" \ 100%`, []byte{0, 1, 255, '\'', '\\'}, math.MinInt64, 1e300, at.Add(1)},
		{"é 日本 🪑\n\x00", []byte{}, math.MaxInt64, -0.1, at.Truncate(time.Second)},
		{nil, nil, nil, nil, nil},
		{note("x"), nil, true, float32(0.5), nil},
		{[]byte("é"), "\xff\x00'\\", []byte("12"), "1.25", "2030-05-06 09:10:11.5"},
		{7, 7, "-3", 7, nil},
	}
	for i, row := range rows {
		exec(t, s.db, `INSERT INTO host_values VALUES (?, ?, ?, ?, ?, ?)`, append([]any{i}, row...)...)
		order := fmt.Sprint("o", i)
		require.NoError(t, s.allocate(order,
			sqlstore.Row{Insert: "INSERT INTO host_values (id, s, b, n, f, t)", Values: append([]any{100 + i}, row...)},
			sqlstore.Statement{
				SQL: "INSERT INTO host_values VALUES (?, ?, ?, ?, ?, ?)", Args: append([]any{200 + i}, row...),
			}))
	}
	var same int
	require.NoError(t, s.db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM host_values x JOIN host_values y
		ON y.id % 100 = x.id AND BINARY x.s <=> BINARY y.s AND x.b <=> y.b AND x.n <=> y.n AND x.f <=> y.f
		AND x.t <=> y.t WHERE x.id < 100 AND y.id >= 100`).Scan(&same))
	assert.Equal(t, 2*len(rows), same)
}

// note is text of a type of its own.
type note string

// Callers leave, guests fail and a second Service takes part: in the end an order has a line if it has a row.
func TestRowsAndLinesAgreeOnEveryEngine(t *testing.T) {
	sideBySide(t, engines, func(t *testing.T, e *engine) {
		s := e.guestShop(t)
		other, _ := serviceOn(t, s.store)
		services := []*allocation.Service{s.service, other}
		var callers sync.WaitGroup
		var mu sync.Mutex
		var placed, failed []string
		for caller := range 16 {
			callers.Go(func() {
				random := rand.New(rand.NewPCG(12, uint64(caller)))
				for i := range 6 {
					order := fmt.Sprintf("o-%d-%d", caller, i)
					guests, fails := []allocation.Guest{e.hostRow(order)}, random.IntN(8) == 0
					if fails {
						guests = append(guests, e.hostRow(order))
					}
					ctx, leave := context.WithCancel(context.Background())
					if random.IntN(4) == 0 {
						time.AfterFunc(time.Duration(random.IntN(5_000))*time.Microsecond, leave)
					}
					_, err := services[random.IntN(2)].With(guests...).
						Allocate(ctx, firm(allocation.OrderID(order), "chair", 1))
					leave()
					mu.Lock()
					if err == nil {
						placed = append(placed, order)
					} else if fails {
						failed = append(failed, order)
					}
					mu.Unlock()
				}
			})
		}
		callers.Wait()
		// A commit whose caller left may still be under way.
		require.NoError(t, s.allocate("last", e.hostRow("last")))
		require.Eventually(t, func() bool {
			return assert.ObjectsAreEqual(len(s.sold(t)), len(hostKeys(t, s.db)))
		}, 10*time.Second, 10*time.Millisecond)
		sold := s.sold(t)
		s.wantOrders(t, sold...)
		assert.Subset(t, sold, placed)
		for _, order := range failed {
			assert.NotContains(t, sold, order)
		}
		assert.NotEmpty(t, placed)
	})
}
