package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/sqlstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var morning = time.Date(2030, time.March, 1, 9, 0, 0, 0, time.UTC)

// desk is a shop in a SQLite file, and the tool with its output.
type desk struct {
	t        *testing.T
	dsn      string
	db       *sql.DB
	store    *sqlstore.Store
	service  *allocation.Service
	clock    time.Time
	terminal bool
	out, err string // of the last call
}

// open returns a desk over a migrated file.
func open(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, clock: morning, dsn: "sqlite:" + filepath.Join(t.TempDir(), "a shop.db")}
	require.Equal(t, exitDone, d.call("migrate", "--write"), d.err)
	a := &app{write: true}
	found, err := a.parse(d.dsn)
	require.NoError(t, err)
	d.db, err = sql.Open(found.driver, found.source)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.db.Close()) })
	d.store, err = sqlstore.New(d.db, sqlstore.SQLite, nil)
	require.NoError(t, err)
	now := func() time.Time { return d.clock }
	d.service, err = allocation.New(allocation.NewUnitOfWork(d.store, &allocation.UnitOfWorkOptions{Now: now}), nil)
	require.NoError(t, err)
	return d
}

// call runs the tool over the desk's database, and returns the exit code.
func (d *desk) call(args ...string) int {
	d.t.Helper()
	return d.callOn(d.dsn, args...)
}

func (d *desk) callOn(dsn string, args ...string) int {
	d.t.Helper()
	var out, errs bytes.Buffer
	a := &app{
		stdout: &out, stderr: &errs, terminal: d.terminal, now: func() time.Time { return d.clock },
		getenv: func(name string) string { return map[string]string{"ALLOCATION_DSN": dsn}[name] },
	}
	code := a.run(d.t.Context(), args)
	d.out, d.err = out.String(), errs.String()
	return code
}

// rows calls the tool for JSON, demands an exit code, and returns a list of the answer.
func (d *desk) rows(code int, list string, args ...string) []map[string]any {
	d.t.Helper()
	require.Equal(d.t, code, d.call(append(args, "--json")...), "%s%s", d.out, d.err)
	var document map[string]json.RawMessage
	require.NoError(d.t, json.Unmarshal([]byte(d.out), &document), "%s", d.out)
	var rows []map[string]any
	require.NoError(d.t, json.Unmarshal(document[list], &rows), "%s", d.out)
	return rows
}

// furnish announces lamps in the warehouse and in a shipment, and allocates a split order and a hold.
func (d *desk) furnish() {
	d.t.Helper()
	ctx := d.t.Context()
	for _, b := range []allocation.Batch{
		{Ref: "here", SKU: "LAMP", Purchased: 5, Location: "north", Lot: "lot-7"},
		{Ref: "ship", SKU: "LAMP", Purchased: 20, ETA: morning.Add(24 * time.Hour)},
		{Ref: "sofas", SKU: "SOFA", Purchased: 2},
	} {
		require.NoError(d.t, d.service.AddBatch(ctx, b))
	}
	split := allocation.Request{
		OrderLine: allocation.OrderLine{OrderID: "order-1", SKU: "LAMP", Quantity: 7}, Split: true,
	}
	hold := allocation.Request{
		OrderLine: allocation.OrderLine{OrderID: "order-2", SKU: "SOFA", Quantity: 1},
		HoldUntil: morning.Add(time.Hour),
	}
	for _, request := range []allocation.Request{split, hold} {
		_, err := d.service.Allocate(ctx, request)
		require.NoError(d.t, err)
	}
}

// die makes the first unsent event of a product a dead letter, and returns its sequence.
func (d *desk) die(sku allocation.SKU, reason string) int64 {
	d.t.Helper()
	found, err := d.store.Claim(d.t.Context(), outbox.Claim{
		Owner: "relay", Products: 100, Events: 1, Now: d.clock, Until: d.clock.Add(time.Minute),
	})
	require.NoError(d.t, err)
	var sequence int64
	for _, delivery := range found {
		s := outbox.Settlement{Owner: "relay", SKU: delivery.SKU}
		if delivery.SKU == sku {
			sequence = delivery.Events[0].Sequence
			s.Failure = &outbox.Failure{SKU: sku, Sequence: sequence, Tries: 25, Dead: true, Error: reason}
		}
		require.NoError(d.t, d.store.Settle(d.t.Context(), s))
	}
	require.Positive(d.t, sequence)
	return sequence
}

// drift changes a counter by hand.
func (d *desk) drift() {
	d.t.Helper()
	const update = `UPDATE allocation_batches SET allocated = allocated - 1 WHERE ref = 'here'`
	_, err := d.db.ExecContext(d.t.Context(), update)
	require.NoError(d.t, err)
}
