package browser

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/console"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/sqlstore"
)

// Identifiers that strangers may choose.
const (
	markup  = `<script>document.title='stolen'</script>`
	slashes = `a/../b//c%2F%00?x=1&sku=chair#top`
	foreign = "椅子 \u202e кресло 🪑  2"
)

// longest is as long as an identifier may be.
var longest = strings.Repeat("W", 255)

var strange = []string{markup, slashes, foreign, longest}

// start is the time of the shop's clock.
var start = time.Date(2030, 1, 7, 9, 0, 0, 0, time.UTC)

// shop is a shop with a long history, and its console on a server.
type shop struct {
	store   *sqlstore.Store
	service *allocation.Service
	address string // of the overview
	pages   http.Handler
	stop    func()
}

// history is how many shipped lines the shop has.
const history = 100_000

// opened makes the shop of all tests of the package at the first call. TestMain stops the shop.
var opened = sync.OnceValues(func() (*shop, error) {
	folder, err := os.MkdirTemp("", "console")
	if err != nil {
		return nil, err
	}
	s, err := newShop(context.Background(), filepath.Join(folder, "shop.db"))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	stop := s.stop
	s.stop = func() {
		stop()
		_ = os.RemoveAll(folder)
	}
	return s, nil
})

// open returns the shop.
func open(t *testing.T) *shop {
	t.Helper()
	s, err := opened()
	require.NoError(t, err)
	return s
}

// newShop makes a shop, and serves the console below a prefix.
func newShop(ctx context.Context, file string) (*shop, error) {
	dsn := "file:" + file + "?" + url.Values{"_pragma": {
		"foreign_keys(1)", "journal_mode(WAL)", "busy_timeout(60000)", "synchronous(OFF)",
	}}.Encode()
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	s := &shop{stop: func() { _ = db.Close() }}
	if s.store, err = sqlstore.New(db, sqlstore.SQLite, nil); err != nil {
		return nil, err
	}
	if err := s.store.Migrate(ctx); err != nil {
		return nil, err
	}
	now := func() time.Time { return start }
	s.service, err = allocation.New(allocation.NewUnitOfWork(s.store, &allocation.UnitOfWorkOptions{Now: now}), nil)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(age(ctx, db), s.fill(ctx), s.kill(ctx)); err != nil {
		return nil, err
	}
	s.pages, err = console.New(s.store, &console.Options{
		Title: "Shop & Sons", Now: now, PageSize: 20, Sweep: s.service.Sweep,
		Authorize: func(*http.Request, console.Action) bool { return true },
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/staff/console/", http.StripPrefix("/staff/console", s.pages))
	server := httptest.NewServer(mux)
	s.address = server.URL + "/staff/console/"
	s.stop = func() {
		server.Close()
		_ = db.Close()
	}
	return s, nil
}

// page returns the address of a page.
func (s *shop) page(name string, values ...string) string {
	q := url.Values{}
	for i := 0; i < len(values); i += 2 {
		q.Set(values[i], values[i+1])
	}
	if len(q) == 0 {
		return s.address + name
	}
	return s.address + name + "?" + q.Encode()
}

// age makes the past of the chair by SQL: shipped lines, the events of the shipments, and used-up batches.
func age(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	numbers := fmt.Sprintf(`WITH RECURSIVE s (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM s WHERE n < %d) `, history)
	for _, statement := range []string{
		fmt.Sprintf(`INSERT INTO allocation_products (sku, version, refused, low_stock, written)
			VALUES ('chair', %[1]d, 0, 0, %[1]d)`, history),
		`INSERT INTO allocation_batches (ref, sku, purchased, allocated, location, announced_quantity, lot)
			` + numbers + ` SELECT 'old ' || n, 'chair', 0, 0, '', 100, 'old lot' FROM s WHERE n % 100 = 0`,
		`INSERT INTO allocation_lines (order_id, sku, part, batch_ref, quantity, shipped, split, sequence)
			` + numbers + ` SELECT 'old ' || n, 'chair', 0, 'old ' || ((n + 99) / 100 * 100), 1, 1, 0, n FROM s`,
		`INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, written_for)
			` + numbers + ` SELECT
				'chair', n, 'LineShipped', 1800000000000000 + n, 'old ' || ((n + 99) / 100 * 100), -1, -1,
				'{"sku":"chair","at":"2029-01-01T00:00:00Z","order_id":"old ' || n || '","batch":"old ' ||
				((n + 99) / 100 * 100) || '","quantity":1}', 4 FROM s`,
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return tx.Commit()
}

func days(n int) time.Time { return start.AddDate(0, 0, n) }

// fill makes the present by commands.
func (s *shop) fill(ctx context.Context) error {
	batches := []allocation.Batch{
		{Ref: "B-100", SKU: "chair", Purchased: 120, Location: "north", Lot: "lot 7"},
		{Ref: "B-101", SKU: "chair", Purchased: 40, ETA: days(9), Location: "south"},
		{Ref: "B-102", SKU: "chair", Purchased: 75, ETA: days(23), Location: "harbour", BestBefore: days(400)},
		{Ref: "B-103", SKU: "chair", Purchased: 60, ETA: days(44), Location: "north"},
		{Ref: "B-104", SKU: "chair", Purchased: 30, Blocked: "wet <b>boxes</b> & mould", Lot: "lot 7"},
		{Ref: "B-200", SKU: "table", Purchased: 3},
		{Ref: "B-300", SKU: "lamp", Purchased: 8, ETA: days(-3)},
		{Ref: "B-301", SKU: "lamp", Purchased: 5},
	}
	for _, id := range strange {
		ref := allocation.BatchRef(id)
		batches = append(batches, allocation.Batch{
			Ref: ref, SKU: allocation.SKU(id), Purchased: 9, Location: allocation.Location(id),
		})
	}
	for _, b := range batches {
		if err := s.service.AddBatch(ctx, b); err != nil {
			return err
		}
	}
	if err := s.service.SetLowStock(ctx, "table", 5); err != nil {
		return err
	}
	for _, r := range orders() {
		if _, err := s.service.Allocate(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// orders are the lines of today.
func orders() (requests []allocation.Request) {
	line := func(order, sku string, n allocation.Quantity) allocation.Request {
		return allocation.Request{OrderLine: allocation.OrderLine{
			OrderID: allocation.OrderID(order), SKU: allocation.SKU(sku), Quantity: n,
		}}
	}
	for i := range 30 {
		r := line(fmt.Sprintf("O-%d", 1000+i), "chair", allocation.Quantity(1+i%4))
		if i%5 == 0 {
			r.HoldUntil = start.Add(time.Duration(i+1) * time.Hour)
		}
		requests = append(requests, r)
	}
	for _, id := range strange {
		requests = append(requests, line(id, id, 2))
	}
	split := line("O-2000", "chair", 90)
	split.Split, split.NeededBy = true, days(30)
	requests = append(requests, split, line("T-1", "table", 2), line("T-2", "lamp", 2))
	for i := range 40 {
		r := line(fmt.Sprintf("W-%d", i), "table", 2)
		r.Wait, r.Priority, r.NeededBy = true, i%3, days(20+i)
		requests = append(requests, r)
	}
	return requests
}

// receiver refuses the events of some products.
type receiver struct{}

func (receiver) Publish(_ context.Context, envelopes []outbox.Envelope) (int, error) {
	switch envelopes[0].Subject {
	case "table", "lamp", markup:
		return 0, errors.New(`no route to <b>stock</b> & "others"`)
	}
	return len(envelopes), nil
}

// kill sends the events to the receiver, and makes dead letters of those that are refused: three.
func (s *shop) kill(ctx context.Context) error {
	if s.allDead(ctx) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	relay := outbox.NewRelay(s.store, receiver{}, &outbox.Options{
		Tries: 1, Now: func() time.Time { return start },
		Settled: func(context.Context, outbox.Settlement) {
			if s.allDead(ctx) {
				cancel()
			}
		},
	})
	return relay.Run(ctx)
}

// allDead reports whether nothing is unsent but three products with a dead event each.
func (s *shop) allDead(ctx context.Context) bool {
	backlog, err := s.store.Backlog(ctx)
	if err != nil || backlog.Products != 3 {
		return false
	}
	failures, err := s.store.Failures(ctx, "", 100)
	isAlive := func(f outbox.Failure) bool { return !f.Dead }
	return err == nil && len(failures) == 3 && !slices.ContainsFunc(failures, isAlive)
}
