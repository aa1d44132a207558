package bench

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/sqlstore"
	"github.com/cosmic-go/allocation/views"
)

// Trace is the command trace. Trace compares traces and lists beside a few and beside many shipped lines, and measures
// the price of the indexes of traces and lists for commands.
var Trace = harness.Command{Name: "trace", Define: defineTrace}

// traces says how much is measured.
type traces struct {
	few, many int // lines of the lot; 19 in 20 are shipped
	slices    int
	calls     int // of each side in a slice
	orders    int // allocated and shipped by each side in a slice
}

func defineTrace(flags *flag.FlagSet) harness.Run {
	name := flags.String("engine", "all", "sqlite, postgresql, mariadb or all")
	lines := flags.Int("lines", 1_000_000, "the lines to compare with 1,000; a multiple of 1,000")
	short := flags.Bool("short", false, "short slices: a trial, whose figures mean little")
	return func(ctx context.Context, out io.Writer) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		size := traces{few: 1000, many: *lines, slices: 20, calls: 5, orders: 50}
		if *short {
			size.slices, size.calls, size.orders = 3, 2, 10
		}
		return harness.Measure(ctx, *name, func(started *harness.Place) error {
			at := &place{started}
			fmt.Fprintf(out, "## %s\n\n", at.Name)
			return errors.Join(at.traces(ctx, size, out), at.indexes(ctx, size, out))
		})
	}
}

// lotBatches is the number of batches of the lot. All but the last are used up.
const lotBatches = 20

// lot is a product in tables with a number of lines, all of one lot, and a little of everything that lists show.
type lot struct {
	store *sqlstore.Store
	db    *sql.DB
	each  int // lines of a batch
	now   time.Time
	took  map[string][]time.Duration // one call's share of each slice, by the name of the call
}

// tracePage is the size of a page.
const tracePage = 50

// look is a call of a view. The result is the number of rows.
type look struct {
	name string
	call func(l *lot, ctx context.Context) (int, error)
}

// lookOf makes a look of a call.
func lookOf[R any](name string, call func(l *lot, ctx context.Context) ([]R, error)) look {
	return look{name, func(l *lot, ctx context.Context) (int, error) {
		rows, err := call(l, ctx)
		return len(rows), err
	}}
}

// looks are calls whose cost must not depend on the number of shipped lines.
var looks = []look{
	lookOf("`LotBatches`", func(l *lot, ctx context.Context) ([]views.Batch, error) {
		return l.store.LotBatches(ctx, l.now, "lot", "", tracePage)
	}),
	lookOf("`LotLines`, the first page", func(l *lot, ctx context.Context) ([]views.LotLine, error) {
		return l.store.LotLines(ctx, "lot", views.Key{}, tracePage)
	}),
	lookOf("`LotLines`, a page in the middle", func(l *lot, ctx context.Context) ([]views.LotLine, error) {
		middle := allocation.Rank{Sequence: int64(lotBatches + 9*l.each + l.each/2)}
		return l.store.LotLines(ctx, "lot", views.Key{Batch: "used-10", Rank: middle}, tracePage)
	}),
	lookOf("`BatchLines`", func(l *lot, ctx context.Context) ([]views.BatchLine, error) {
		return l.store.BatchLines(ctx, "used-20", allocation.Rank{}, tracePage)
	}),
	lookOf("`Due`", func(l *lot, ctx context.Context) ([]views.Due, error) {
		return l.store.Due(ctx, l.now.AddDate(1, 0, 0), views.Key{}, tracePage) // the earlier holds all end in 2100
	}),
	lookOf("`Due`, overdue lines and holds", func(l *lot, ctx context.Context) ([]views.Due, error) {
		return l.store.Due(ctx, l.now, views.Key{}, tracePage, views.DueLate, views.DueHold)
	}),
	lookOf("`Order`", func(l *lot, ctx context.Context) ([]views.Line, error) {
		return l.store.Order(ctx, "earlier-500")
	}),
	lookOf("`Orders`", func(l *lot, ctx context.Context) ([]allocation.OrderID, error) {
		return l.store.Orders(ctx, "earlier-5", "earlier-50", tracePage)
	}),
	lookOf("`Products`", func(l *lot, ctx context.Context) ([]views.Product, error) {
		return l.store.Products(ctx, l.now, views.ProductFilter{}, "", tracePage)
	}),
	lookOf("`Products`, low stock", func(l *lot, ctx context.Context) ([]views.Product, error) {
		return l.store.Products(ctx, l.now, views.ProductFilter{Low: true}, "", tracePage)
	}),
	lookOf("`Products` that lines wait for", func(l *lot, ctx context.Context) ([]views.Product, error) {
		return l.store.Products(ctx, l.now, views.ProductFilter{Waiting: true}, "", tracePage)
	}),
	lookOf("`Entries` of a product, of the last hour", func(l *lot, ctx context.Context) ([]views.Entry, error) {
		return l.store.Entries(ctx, l.now.Add(-time.Hour), lamp, views.Key{}, tracePage)
	}),
	lookOf("`Entries` of all products, of the last hour", func(l *lot, ctx context.Context) ([]views.Entry, error) {
		return l.store.Entries(ctx, l.now.Add(-time.Hour), "", views.Key{}, tracePage)
	}),
	lookOf("`OpenBatches`", func(l *lot, ctx context.Context) ([]views.Batch, error) {
		return l.store.OpenBatches(ctx, l.now, lamp, "milk")
	}),
	lookOf("`Queues`", func(l *lot, ctx context.Context) ([]views.Queue, error) {
		return l.store.Queues(ctx, lamp, "milk")
	}),
}

// traced makes tables with so many lines.
func (p *place) traced(ctx context.Context, lines int) (*lot, error) {
	store, db, err := p.prepare(ctx)
	if err != nil {
		return nil, err
	}
	l := &lot{store: store, db: db, each: lines / lotBatches, now: time.Now(), took: map[string][]time.Duration{}}
	if err := l.fill(ctx, p, lines); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return l, nil
}

// fill writes the past of the lot into the tables. Commands of two days ago make rows of every kind that is due.
func (l *lot) fill(ctx context.Context, p *place, lines int) error {
	if err := p.LoadHistory(ctx, l.db, lamp, lines, lotBatches); err != nil {
		return err
	}
	if _, err := l.db.ExecContext(ctx, `UPDATE allocation_batches SET lot = 'lot'`); err != nil {
		return err
	}
	service, err := newService(l.store, &allocation.UnitOfWorkOptions{
		Now: func() time.Time { return l.now.AddDate(0, 0, -2) },
	})
	if err != nil {
		return err
	}
	hour := func(n int) time.Time { return l.now.Add(time.Duration(n) * time.Hour) }
	for _, b := range []allocation.Batch{
		{Ref: "ship", SKU: "sofa", Purchased: 100, ETA: hour(-24)},
		{Ref: "milk-1", SKU: "milk", Purchased: 100, BestBefore: hour(-1)},
		{Ref: "milk-2", SKU: "milk", Purchased: 1},
	} {
		if err := service.AddBatch(ctx, b); err != nil {
			return err
		}
	}
	line := func(n int, sku allocation.SKU, units allocation.Quantity) allocation.Request {
		order := allocation.OrderID(fmt.Sprint(sku, " ", units, " ", n))
		return allocation.Request{OrderLine: allocation.OrderLine{OrderID: order, SKU: sku, Quantity: units}}
	}
	for n := range tracePage {
		late, hold, waits := line(n, "sofa", 1), line(n, "milk", 1), line(n, "milk", 1000)
		late.NeededBy, hold.HoldUntil = hour(-12), hour(-1)
		waits.NeededBy, waits.Wait = hour(-2), true
		if _, err := service.Allocate(ctx, late, hold, waits); err != nil {
			return err
		}
	}
	today, err := newService(l.store, nil)
	if err != nil {
		return err
	}
	err = errors.Join(harness.Stock(ctx, l.store, 10, lamp), today.SetLowStock(ctx, lamp, harness.Plenty))
	return errors.Join(err, p.Settle(ctx, l.db))
}

// traces compares the looks beside a few and beside many lines. More rows read beside many lines are a fault: more than
// twice the rows, and 100 more for rows of the engine's own.
func (p *place) traces(ctx context.Context, s traces, w io.Writer) (err error) {
	var sides [2]*lot
	for i, lines := range []int{s.few, s.many} {
		if sides[i], err = p.traced(ctx, lines); err != nil {
			return fmt.Errorf("%d lines: %w", lines, err)
		}
		defer func() { err = errors.Join(err, sides[i].db.Close()) }()
	}
	for slice := range s.slices + 1 {
		for i := range sides {
			if err := sides[(slice+i)%2].slice(ctx, s.calls, slice > 0); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(w, "| | beside %d lines | beside %d lines | ratio | rows read | rows read |\n", s.few, s.many)
	fmt.Fprint(w, "|---|---:|---:|---:|---:|---:|\n")
	grown := false
	for _, one := range looks {
		var rows [2]int
		for i, l := range sides {
			if rows[i], err = l.rowsRead(ctx, p.Name, one); err != nil {
				return err
			}
		}
		few, many := sides[0].took[one.name], sides[1].took[one.name]
		fmt.Fprintf(w, "| %s | %s | %s | %.2f | %s | %s |\n", one.name, harness.Milliseconds(harness.Median(few)),
			harness.Milliseconds(harness.Median(many)), harness.Median(harness.Ratios(many, few)),
			counted(rows[0]), counted(rows[1]))
		grown = grown || rows[1] > 2*rows[0]+100
	}
	fmt.Fprintln(w)
	if grown {
		return fmt.Errorf("a look reads more rows beside more lines: %w", harness.ErrFound)
	}
	return nil
}

func (l *lot) slice(ctx context.Context, calls int, counts bool) error {
	for _, one := range looks {
		took, err := share(calls, func() error {
			rows, err := one.call(l, ctx)
			if err == nil && rows == 0 {
				err = errors.New("no rows")
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
		if counts {
			l.took[one.name] = append(l.took[one.name], took)
		}
	}
	return nil
}

// rowCounters add up the rows read by a connection: on PostgreSQL rows of tables in this transaction, on MariaDB also
// entries of indexes, and since the connection was opened. SQLite counts nothing. Without the cast MariaDB's sum would
// be a floating-point number.
var rowCounters = map[string]string{
	"postgresql": `SELECT SUM(COALESCE(seq_tup_read, 0) + COALESCE(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables`,
	"mariadb": `SELECT CAST(SUM(variable_value) AS SIGNED) FROM information_schema.session_status
		WHERE variable_name LIKE 'Handler_read%'`,
}

// rowsRead counts the rows that a look reads; -1 if the engine doesn't count. The pool has a single connection.
func (l *lot) rowsRead(ctx context.Context, engine string, one look) (rows int, err error) {
	counter, counts := rowCounters[engine]
	if !counts {
		return -1, nil
	}
	if _, err := l.db.ExecContext(ctx, `BEGIN`); err != nil {
		return 0, err
	}
	defer func() {
		_, failed := l.db.ExecContext(ctx, `ROLLBACK`)
		err = errors.Join(err, failed)
	}()
	var before, after int
	if err := l.db.QueryRowContext(ctx, counter).Scan(&before); err != nil {
		return 0, err
	}
	if _, err := one.call(l, ctx); err != nil {
		return 0, err
	}
	err = l.db.QueryRowContext(ctx, counter).Scan(&after)
	return after - before, err
}

func counted(rows int) string {
	if rows < 0 {
		return "–"
	}
	return fmt.Sprint(rows)
}
