package yardstick

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/measure/sides"
	"github.com/cosmic-go/allocation/pgxstore"
	"github.com/cosmic-go/allocation/sqlstore"
)

// driverSide is the library over one interface of pgx, with a row of the host's in each commit, or without.
type driverSide struct {
	service *allocation.Service
	row     func(order string) allocation.Guest // nil for none
}

// Place allocates the lines of an order, which belong to one order row.
func (d driverSide) Place(ctx context.Context, lines []sides.Line) error {
	service := d.service
	if d.row != nil {
		service = service.With(d.row(lines[0].Order))
	}
	requests := make([]allocation.Request, len(lines))
	for i, l := range lines {
		requests[i].OrderLine = allocation.OrderLine{
			OrderID: allocation.OrderID(l.Order), SKU: allocation.SKU(l.SKU), Quantity: 1,
		}
	}
	_, err := service.Allocate(ctx, requests...)
	return err
}

// The order row as a statement by itself, and as a row that shares an INSERT with other rows.
func aStatement(order string) allocation.Guest {
	return sqlstore.Statement{
		SQL: "INSERT INTO host_orders (id, customer) VALUES ($1, $2)", Args: []any{order, "a customer"},
	}
}

func aRow(order string) allocation.Guest {
	return sqlstore.Row{Insert: "INSERT INTO host_orders (id, customer)", Values: []any{order, "a customer"}}
}

// drivers are the sides of a comparison. The first is the measure.
var drivers = []struct {
	name string
	pgx  bool
	row  func(order string) allocation.Guest
}{
	{"database/sql", false, nil},
	{"pgx", true, nil},
	{"database/sql, order rows one by one", false, aStatement},
	{"database/sql, merged order rows", false, aRow},
	{"pgx, order rows in a pipeline", true, aStatement},
	{"pgx, merged order rows in a pipeline", true, aRow},
}

// pgx compares package pgxstore with package sqlstore over pgx's driver for database/sql. Each side has products of its
// own, since sides that share products spoil each other's cache.
func (p *place) pgx(ctx context.Context, s size, dsn string, out io.Writer) error {
	if p.Name != "postgresql" {
		return nil
	}
	db, err := p.Pool(dsn, 1)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "CREATE TABLE host_orders (id TEXT PRIMARY KEY, customer TEXT NOT NULL)")
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	for _, w := range []sides.Workload{
		{Name: "many-1", Callers: 1, SKUs: s.skus},
		{Name: "many-64", Callers: 64, SKUs: s.skus},
		{Name: "one-64", Callers: 64, SKUs: 1},
	} {
		if err := p.compareDrivers(ctx, s, dsn, w, out); err != nil {
			return fmt.Errorf("%s: %w", w.Name, err)
		}
	}
	return nil
}

// driving is one side of a comparison, with its own products and pool.
type driving struct {
	driverSide
	w      sides.Workload
	slices []harness.Slice
	close  func() error
}

func (p *place) compareDrivers(ctx context.Context, s size, dsn string, w sides.Workload, out io.Writer) (err error) {
	all := make([]*driving, len(drivers))
	for i, d := range drivers {
		own := w
		own.Name = fmt.Sprintf("pgx-%s-%d", w.Name, i)
		if err := p.stock(ctx, dsn, own, harness.Plenty); err != nil {
			return err
		}
		opened, err := p.openDriver(ctx, dsn, w.Pool(), d.pgx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, opened.close()) }()
		opened.row, opened.w, all[i] = d.row, own, opened
	}
	if err := takeTurns(ctx, s, all); err != nil {
		return err
	}
	fmt.Fprintf(out, "| pgx-%s: %d callers, %d SKUs "+columns, w.Name, w.Callers, w.SKUs)
	for i, d := range all {
		row(out, drivers[i].name, d.slices)
	}
	fmt.Fprintf(out, "\nratio %s pgx-%s %.2f\n", p.Name, w.Name, all[1].over(all[0]))
	for i, d := range all[3:] {
		fmt.Fprintf(out, "ratio of %s to one by one: %.2f\n", drivers[3+i].name, d.over(all[2]))
	}
	fmt.Fprintln(out)
	return nil
}

// over is the median of the ratios of slices that were measured one after the other.
func (d *driving) over(other *driving) float64 {
	return harness.Median(harness.Ratios(harness.Speeds(d.slices), harness.Speeds(other.slices)))
}

// openDriver opens a Service on a pool of its own.
func (p *place) openDriver(ctx context.Context, dsn string, connections int, native bool) (*driving, error) {
	var store allocation.Store
	var closing func() error
	var err error
	if native {
		store, closing, err = openPgx(ctx, dsn, connections)
	} else {
		var db *sql.DB
		db, store, err = p.Open(dsn, connections, nil)
		closing = db.Close
	}
	if err != nil {
		return nil, err
	}
	service, err := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
	return &driving{driverSide: driverSide{service: service}, close: closing}, err
}

func openPgx(ctx context.Context, dsn string, connections int) (allocation.Store, func() error, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, nil, err
	}
	config.MaxConns = int32(connections) //nolint:gosec // at most 64
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, nil, err
	}
	store, err := pgxstore.New(pool, nil)
	return store, func() error { pool.Close(); return nil }, err
}
