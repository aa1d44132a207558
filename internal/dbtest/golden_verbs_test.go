package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/sqlstore"
	"github.com/cosmic-go/allocation/views"
)

// verbs calls every verb of a Service and every method of a store, and says which one it called.
type verbs struct {
	*testing.T
	db      *sql.DB
	other   *sql.DB // of the same database, for changes by hand
	store   *sqlstore.Store
	clock   *memory.Clock
	service *allocation.Service
	called  func(verb string)
}

func useEveryVerb(t *testing.T, db, other *sql.DB, store *sqlstore.Store, called func(verb string)) {
	t.Helper()
	service, clock := serviceOn(t, store)
	v := &verbs{T: t, db: db, other: other, store: store, clock: clock, service: service, called: called}
	v.batches()
	v.lines()
	v.holds()
	v.counts()
	v.checks()
	v.views()
	v.outbox()
	v.transactions()
	v.waiting()
	v.lists()
}

// calls demands that a verb returned no error.
func (v *verbs) calls(verb string, err error) {
	v.Helper()
	require.NoError(v, err, verb)
	v.called(verb)
}

func (v *verbs) batches() {
	ctx := v.Context()
	for _, b := range []allocation.Batch{
		{Ref: "b1", SKU: "chair", Purchased: 14}, {Ref: "b2", SKU: "chair", Purchased: 10, ETA: start.Add(time.Hour)},
		{Ref: "b3", SKU: "table", Purchased: 10}, {Ref: "b4", SKU: "table", Purchased: 10},
		{Ref: "b5", SKU: "lamp", Purchased: 10},
	} {
		v.calls("AddBatch", v.service.AddBatch(ctx, b))
	}
	v.calls("SetLowStock", v.service.SetLowStock(ctx, "chair", 2))
	_, err := v.service.ChangeBatchETA(ctx, "b2", start.Add(2*time.Hour))
	v.calls("ChangeBatchETA", err)
}

func (v *verbs) allocate(verb string, requests ...allocation.Request) {
	v.Helper()
	_, err := v.service.Allocate(v.Context(), requests...)
	v.calls(verb, err)
}

// waiting lets lines wait, and serves them.
func (v *verbs) waiting() {
	ctx := v.Context()
	waits := func(order allocation.OrderID, units allocation.Quantity) allocation.Request {
		r := firm(order, "bed", units)
		r.Wait = true
		return r
	}
	v.calls("AddBatch", v.service.AddBatch(ctx, allocation.Batch{Ref: "bed-1", SKU: "bed", Purchased: 2}))
	v.allocate("Allocate", firm("owner", "bed", 2))
	v.allocate("Allocate with Wait", waits("w1", 2))
	_, err := v.service.ChangeLine(ctx, waits("w1", 1).OrderLine)
	v.calls("ChangeLine of a line that waits", err)
	v.allocate("Allocate with Wait", waits("w2", 2))
	_, err = v.service.Cancel(ctx, "w2")
	v.calls("Cancel of a line that waits", err)
	_, err = v.service.Cancel(ctx, "owner")
	v.calls("Cancel, if anybody waits", err)
	v.allocate("Allocate", firm("owner", "bed", 1))
	dated := waits("w3", 1)
	dated.NeededBy = v.clock.Now()
	v.allocate("Allocate with Wait", dated)
	v.clock.Advance(time.Microsecond)
	_, err = v.service.Sweep(ctx)
	v.calls("Sweep of a line that waits", err)
	crowd := make([]allocation.Request, 150)
	for i := range crowd {
		crowd[i] = waits(allocation.OrderID(fmt.Sprint("crowd-", i)), 1)
	}
	v.allocate("Allocate with Wait", crowd...)
	many := allocation.Batch{Ref: "bed-2", SKU: "bed", Purchased: 150}
	v.calls("AddBatch, if many wait", v.service.AddBatch(ctx, many))
	_, err = v.service.Sweep(ctx)
	v.calls("Sweep, if many wait", err)
}

func (v *verbs) lines() {
	ctx := v.Context()
	v.allocate("Allocate", firm("o1", "chair", 2))
	urgent := firm("o11", "table", 1)
	urgent.Priority = 1
	v.allocate("Allocate a line with terms", urgent)
	v.allocate("Allocate an order", firm("o2", "chair", 1), firm("o2", "table", 1))
	v.allocate("Allocate several orders", firm("o3", "chair", 1), firm("o4", "chair", 1))
	split := firm("o5", "chair", 12)
	split.Split = true
	v.allocate("Allocate a split line", split)
	v.allocate("Allocate again", firm("o1", "chair", 2))
	_, errs := v.service.AllocateEach(ctx, [][]allocation.Request{{firm("o6", "chair", 1)},
		{firm("o7", "table", 1), firm("o7", "lamp", 1)}})
	for _, err := range errs {
		v.calls("AllocateEach", err)
	}
	_, err := v.service.Allocate(ctx, firm("o8", "lamp", 1000))
	require.Error(v, err)
	v.called("Allocate, refused")
	_, err = v.service.Allocate(ctx, firm("o8", "lamp", 1000), firm("o8", "table", 1000))
	require.Error(v, err)
	v.called("Allocate an order, refused")
	_, err = v.service.ChangeLine(ctx, firm("o6", "chair", 2).OrderLine)
	v.calls("ChangeLine", err)
	_, err = v.service.ChangeLine(ctx, firm("o5", "chair", 1).OrderLine)
	v.calls("ChangeLine to fewer parts", err)
	_, err = v.service.Ship(ctx, "o2")
	v.calls("Ship", err)
	_, err = v.service.Ship(ctx, "o3")
	v.calls("Ship one line", err)
	_, err = v.service.ShipPart(ctx, firm("o1", "chair", 1).OrderLine)
	v.calls("ShipPart", err)
	_, err = v.service.Cancel(ctx, "o4")
	v.calls("Cancel", err)
	_, err = v.service.Cancel(ctx, "o1", "chair")
	v.calls("Cancel what is shipped in part", err)
	_, err = v.service.Cancel(ctx, "o7")
	v.calls("Cancel an order", err)
}

func (v *verbs) hold(order allocation.OrderID, sku allocation.SKU, units allocation.Quantity) allocation.Request {
	r := firm(order, sku, units)
	r.HoldUntil = v.clock.Now().Add(time.Minute)
	return r
}

func (v *verbs) holds() {
	ctx := v.Context()
	v.allocate("Allocate a hold", v.hold("h1", "chair", 1))
	v.allocate("Allocate holds", v.hold("h2", "table", 1), v.hold("h2", "lamp", 1), v.hold("h3", "lamp", 1))
	_, err := v.service.Extend(ctx, "h1", v.clock.Now().Add(time.Hour))
	v.calls("Extend", err)
	_, err = v.service.Confirm(ctx, "h1")
	v.calls("Confirm", err)
	_, err = v.service.Extend(ctx, "h2", v.clock.Now().Add(time.Hour))
	v.calls("Extend an order", err)
	_, err = v.service.Confirm(ctx, "h2")
	v.calls("Confirm an order", err)
	v.allocate("Allocate holds that lapse", v.hold("h4", "table", 6), v.hold("h5", "lamp", 2))
	v.clock.Advance(time.Hour)
	v.allocate("Allocate what lapsed", firm("o9", "table", 8))
	_, err = v.service.Sweep(ctx)
	v.calls("Sweep", err)
}

func (v *verbs) counts() {
	ctx := v.Context()
	_, err := v.service.ReceiveBatch(ctx, allocation.Count{Batch: "b2", Quantity: 9, At: v.clock.Now()})
	v.calls("ReceiveBatch", err)
	for i, quantity := range []allocation.Quantity{6, 2, 0} {
		v.clock.Advance(time.Second)
		_, err = v.service.ChangeBatchQuantity(ctx,
			allocation.Count{Batch: "b1", Quantity: quantity, At: v.clock.Now()})
		v.calls(fmt.Sprint("ChangeBatchQuantity ", i), err)
	}
	_, err = v.service.ChangeBatchQuantity(ctx, allocation.Count{Batch: "b2", Quantity: 0, At: v.clock.Now()})
	v.calls("ChangeBatchQuantity of the last batch", err)
	_, err = v.service.ChangeBatchQuantity(ctx, allocation.Count{Batch: "b3", Quantity: 1, At: v.clock.Now()})
	v.calls("ChangeBatchQuantity that moves lines", err)
}

// checks are commits of units of work that read more than they change, and the ledger.
func (v *verbs) checks() {
	ctx := v.Context()
	read := func(products allocation.Repository, skus ...allocation.SKU) error {
		for _, sku := range skus {
			if _, err := products.Get(ctx, sku); err != nil {
				return err
			}
		}
		return nil
	}
	units := allocation.NewUnitOfWork(v.store, &allocation.UnitOfWorkOptions{Now: v.clock.Now})
	v.calls("Do, which changes nothing", units.Do(ctx, func(ctx context.Context, products allocation.Repository) error {
		return read(products, "chair", "table")
	}))
	v.calls("Do, which changes one of two", units.Do(ctx,
		func(ctx context.Context, products allocation.Repository) error {
			lamp, err := products.Get(ctx, "lamp")
			if err != nil {
				return err
			}
			return errors.Join(lamp.SetLowStock(3, v.clock.Now()), read(products, "chair"))
		}))
	_, err := v.service.Reconcile(ctx, "chair")
	v.calls("Reconcile", err)
	for _, err := range v.service.ReconcileAll(ctx, "") {
		v.calls("ReconcileAll", err)
	}
	exec(v, v.other, `UPDATE allocation_batches SET purchased = purchased + 1 WHERE ref = 'b5'`)
	_, err = v.service.Mend(ctx, "lamp")
	v.calls("Mend", err)
	_, err = v.store.Events(ctx, "chair", 0, 10)
	v.calls("Events", err)
	v.calls("CheckSchema", v.store.CheckSchema(ctx))
}

func (v *verbs) views() {
	ctx := v.Context()
	_, err := v.store.Order(ctx, "o1")
	v.calls("Order", err)
	_, err = v.store.BatchLines(ctx, "b4", allocation.Rank{}, 10)
	v.calls("BatchLines", err)
	_, err = v.store.Batches(ctx, v.clock.Now(), "chair", "", 10)
	v.calls("Batches", err)
	var skus []allocation.SKU
	for i := range 60 {
		skus = append(skus, allocation.SKU(fmt.Sprint("s", i)))
	}
	for n := 1; n <= len(skus); n++ {
		_, err = v.store.Stock(ctx, v.clock.Now(), skus[:n]...)
		v.calls("Stock", err)
		_, err = v.store.OpenBatches(ctx, v.clock.Now(), skus[:n]...)
		v.calls("OpenBatches", err)
		_, err = v.store.Load(ctx, allocation.Query{SKUs: skus[:n], Now: v.clock.Now(), Limit: 5})
		v.calls("Load", err)
	}
}

func (v *verbs) lists() {
	ctx, now := v.Context(), v.clock.Now()
	for n := range 20 {
		ref, order := fmt.Sprint("lot-", n), fmt.Sprint("lot-order-", n)
		b := allocation.Batch{Ref: allocation.BatchRef(ref), SKU: allocation.SKU(ref), Purchased: 3, Lot: "lot"}
		v.calls("AddBatch", v.service.AddBatch(ctx, b))
		_, err := v.service.Allocate(ctx, firm(allocation.OrderID(order), b.SKU, 1))
		v.calls("Allocate", err)
		lines, err := v.store.LotLines(ctx, "lot", views.Key{}, 50)
		v.calls("LotLines", err)
		require.Len(v, lines, n+1)
		_, err = v.store.LotLines(ctx, "lot", lines[0].Key(), 50)
		v.calls("LotLines behind a line", err)
		_, err = v.store.Entries(ctx, time.Time{}, "", views.Key{SKU: "lot"}, 50)
		v.calls("Entries", err)
	}
	_, err := v.store.LotBatches(ctx, now, "lot", "", 5)
	v.calls("LotBatches", err)
	_, err = v.store.Due(ctx, now, views.Key{}, 5)
	v.calls("Due", err)
	for _, filter := range []views.ProductFilter{{}, {Low: true}, {Waiting: true}, {Low: true, Waiting: true}} {
		_, err = v.store.Products(ctx, now, filter, "", 5)
		v.calls("Products", err)
	}
	_, err = v.store.Orders(ctx, "", "", 5)
	v.calls("Orders", err)
	_, err = v.store.Queues(ctx, "lot-1", "lot-2")
	v.calls("Queues", err)
	_, err = v.store.Places(ctx, "lot-order-1")
	v.calls("Places", err)
}

func (v *verbs) claim() (deliveries []outbox.Delivery) {
	v.Helper()
	now := v.clock.Now()
	deliveries, err := v.store.Claim(v.Context(), outbox.Claim{
		Owner: "relay", Products: 10, Events: 10, Now: now, Until: now.Add(time.Minute),
	})
	v.calls("Claim", err)
	return deliveries
}

func (v *verbs) outbox() {
	ctx := v.Context()
	deliveries := v.claim()
	require.Len(v, deliveries, 3)
	now := v.clock.Now()
	v.calls("Settle", v.store.Settle(ctx, outbox.Settlement{
		Owner: "relay", SKU: deliveries[0].SKU, Sent: deliveries[0].Events[0].Sequence,
	}))
	for _, d := range deliveries[1:] {
		v.calls("Settle a failure", v.store.Settle(ctx, outbox.Settlement{
			Owner: "relay", SKU: d.SKU, Failure: &outbox.Failure{Sequence: 1, Tries: 1, Error: "no", RetryAt: now},
		}))
	}
	v.calls("Settle nothing", v.store.Settle(ctx, outbox.Settlement{Owner: "relay", SKU: v.claim()[1].SKU}))
	_, err := v.store.Backlog(ctx)
	v.calls("Backlog", err)
	failures, err := v.store.Failures(ctx, "", 10)
	v.calls("Failures", err)
	require.Len(v, failures, 2)
	v.calls("Retry", v.store.Retry(ctx, failures[0].SKU))
	v.calls("Skip", v.store.Skip(ctx, failures[1].SKU, failures[1].Sequence))
	_, err = v.store.Purge(ctx, now.Add(time.Hour))
	v.calls("Purge", err)
}

func (v *verbs) transactions() {
	ctx := v.Context()
	locking := newService(v, allocation.NewUnitOfWork(v.store,
		&allocation.UnitOfWorkOptions{LockFirst: true, Now: v.clock.Now}), nil)
	_, err := locking.Allocate(ctx, firm("l1", "lamp", 1))
	v.calls("Allocate with locks", err)
	_, err = locking.HandOver(ctx, "nobody", "l1")
	require.ErrorIs(v, err, allocation.ErrNotFound)
	v.called("HandOver with locks, of an order without lines")
	_, err = locking.Ship(ctx, "l1")
	v.calls("Ship with locks", err)
	_, err = locking.ChangeBatchQuantity(ctx, allocation.Count{Batch: "b5", Quantity: 3, At: v.clock.Now()})
	v.calls("ChangeBatchQuantity with locks", err)
	_, err = locking.Sweep(ctx)
	v.calls("Sweep with locks", err)
	tx, err := v.db.BeginTx(ctx, nil)
	v.calls("BeginTx", err)
	defer tx.Rollback()
	joined, _ := serviceOn(v, v.store.Join(tx))
	_, err = joined.Allocate(ctx, firm("j1", "lamp", 1))
	v.calls("Allocate in a transaction of the host", err)
	v.calls("COMMIT", tx.Commit())
}
