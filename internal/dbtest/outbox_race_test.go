package dbtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/sqlstore"
)

// receiver is where relays send events to. It notes who holds a product, and in which order its events came.
type receiver struct {
	t       *testing.T
	mu      sync.Mutex
	holders map[allocation.SKU]int
	numbers map[allocation.SKU][]int64
}

func newReceiver(t *testing.T) *receiver {
	return &receiver{t: t, holders: map[allocation.SKU]int{}, numbers: map[allocation.SKU][]int64{}}
}

// hold notes that a goroutine was handed a product, which nobody else may have.
func (r *receiver) hold(d outbox.Delivery, goroutine int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	other, held := r.holders[d.SKU]
	assert.False(r.t, held, "sku %q is handed to %d and held by %d", d.SKU, goroutine, other)
	r.holders[d.SKU] = goroutine
}

// accept takes the events of a delivery, as many as it likes.
func (r *receiver) accept(sku allocation.SKU, events []outbox.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.holders, sku)
	for _, e := range events {
		r.numbers[sku] = append(r.numbers[sku], e.Sequence)
	}
}

// relay claims and settles until nobody commits any more and nothing is left.
func (r *receiver) relay(store *sqlstore.Store, owner string, goroutine int, committing *atomic.Int64) error {
	ctx := context.Background()
	c := everything(owner, 0) // all at one time: nothing but the claim itself tells two of an owner apart
	c.Products, c.Events = 3, 4
	for round := 0; ; round++ {
		last := committing.Load() == 0
		deliveries, err := store.Claim(ctx, c)
		if errors.Is(err, allocation.ErrConflict) {
			continue
		}
		if err != nil {
			return err
		}
		for _, d := range deliveries {
			r.hold(d, goroutine)
		}
		for i, d := range deliveries {
			if err := r.settle(ctx, store, owner, d, (round+i)%4); err != nil {
				return err
			}
		}
		if last && len(deliveries) == 0 {
			return nil
		}
	}
}

// settle sends part of a delivery, and lets one of four fail after that.
func (r *receiver) settle(ctx context.Context, store *sqlstore.Store, owner string, d outbox.Delivery, turn int) error {
	sent := d.Events[:(len(d.Events)+1)/2]
	s := outbox.Settlement{Owner: owner, SKU: d.SKU}
	switch {
	case turn == 0:
		sent = nil
		s.Failure = &outbox.Failure{Sequence: d.Events[0].Sequence, Tries: d.Tries + 1, RetryAt: start}
	default:
		s.Sent = sent[len(sent)-1].Sequence
	}
	r.accept(d.SKU, sent) // before anybody else can have it
	for {
		if err := store.Settle(ctx, s); !errors.Is(err, allocation.ErrConflict) {
			return err
		}
	}
}

func TestManyRelaysNeverHoldAProductTogetherAndLoseNothing(t *testing.T) {
	const goroutines, skus, orders = 16, 12, 8
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		p := e.new(t)
		stores := []*sqlstore.Store{e.migrated(t, p.open(t)), e.store(t, p.open(t), nil)} // as of two processes
		sku := func(i int) allocation.SKU { return allocation.SKU(fmt.Sprint("sku-", i%skus)) }
		service, _ := serviceOn(t, stores[0])
		for i := range skus {
			require.NoError(t, service.AddBatch(ctx,
				allocation.Batch{Ref: allocation.BatchRef(sku(i)), SKU: sku(i), Purchased: 1000}))
		}
		r := newReceiver(t)
		var committing atomic.Int64
		var all sync.WaitGroup
		committing.Store(4)
		for seller := range 4 {
			all.Go(func() {
				defer committing.Add(-1)
				service, _ := serviceOn(t, stores[seller%2])
				for i := range orders {
					order := allocation.OrderID(fmt.Sprint(seller, "-", i))
					_, err := service.Allocate(ctx, firm(order, sku(3*i+seller), 1), firm(order, sku(3*i+seller+5), 1))
					assert.NoError(t, err)
				}
			})
		}
		for g := range goroutines {
			owner := g % 2
			all.Go(func() {
				assert.NoError(t, r.relay(stores[owner], fmt.Sprint("relay ", owner), g, &committing))
			})
		}
		all.Wait()
		for i := range skus {
			numbers := r.numbers[sku(i)]
			assert.Len(t, numbers, int(load(t, stores[0], sku(i)).Version), "events of %q", sku(i))
			for n, number := range numbers {
				assert.EqualValues(t, n+1, number, "event of %q", sku(i))
			}
		}
		backlog, err := stores[0].Backlog(ctx)
		require.NoError(t, err)
		assert.Equal(t, outbox.Backlog{}, backlog)
	})
}

// Purges count what they move exactly once, whoever else is at work.
func TestPurgesBesideEverybodyElseKeepTheAccounts(t *testing.T) {
	const skus, orders, purges = 3, 12, 4
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		p := e.new(t)
		store := e.migrated(t, p.open(t))
		service, _ := serviceOn(t, store)
		sku := func(i int) allocation.SKU { return allocation.SKU(fmt.Sprint("sku-", i%skus)) }
		for i := range skus {
			require.NoError(t, service.AddBatch(ctx,
				allocation.Batch{Ref: allocation.BatchRef(sku(i)), SKU: sku(i), Purchased: 1000}))
		}
		r := newReceiver(t)
		var committing, purged atomic.Int64
		var all sync.WaitGroup
		committing.Store(2)
		for seller := range 2 {
			all.Go(func() {
				defer committing.Add(-1)
				for i := range orders {
					order := allocation.OrderID(fmt.Sprint(seller, "-", i))
					_, err := service.Allocate(ctx, firm(order, sku(i), 2))
					_, cancelled := service.Cancel(ctx, order)
					assert.NoError(t, errors.Join(err, cancelled))
				}
			})
		}
		all.Go(func() { assert.NoError(t, r.relay(store, "relay", 0, &committing)) })
		for range purges {
			all.Go(func() {
				for last := false; !last; {
					last = committing.Load() == 0
					events, err := store.Purge(ctx, start.Add(time.Hour))
					assert.True(t, err == nil || errors.Is(err, allocation.ErrConflict), "Purge = %v", err)
					purged.Add(events)
				}
			})
		}
		all.Wait()
		events, err := store.Purge(ctx, start.Add(time.Hour))
		require.NoError(t, err)
		purged.Add(events)
		assert.EqualValues(t, skus+2*2*orders, purged.Load(), "events purged")
		for i := range skus {
			left, err := store.Events(ctx, sku(i), 0, 1000)
			require.NoError(t, err)
			assert.Empty(t, left, "events of sku %q", sku(i))
			audit, err := store.Audit(ctx, sku(i))
			require.NoError(t, err)
			assert.Equal(t, []allocation.Tally{{Batch: allocation.BatchRef(sku(i)), Purchased: 1000,
				RecordedPurchased: 1000}}, audit.Tallies)
		}
	})
}

func TestALongHistoryIsPurgedInSteps(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		ctx := context.Background()
		spied, db := e.new(t).spied(t)
		store := e.migrated(t, db)
		service, _ := stocked(t, store)
		c := allocation.Changes{SKU: "chair", Read: 1, Version: 1, LowStock: 1}
		for range 2500 {
			c.Version++
			c.Events = append(c.Events, allocation.BatchCorrected{SKU: "chair", At: start, Batch: "b", Purchased: 1,
				Allocated: -1})
		}
		require.NoError(t, store.Commit(ctx, []allocation.Changes{c}))
		require.NoError(t, store.Settle(ctx, outbox.Settlement{SKU: "chair", Sent: 2400}))
		exec(t, db, `UPDATE allocation_batches SET purchased = 2510`)
		before, err := service.Reconcile(ctx, "chair")
		require.NoError(t, err)
		spied.trips()
		events, err := store.Purge(ctx, start)
		require.NoError(t, err)
		assert.Zero(t, events, "events that happened before they happened")
		assert.NotContains(t, spied.trips(), "BEGIN", "a transaction of a purge that has nothing to do")
		events, err = store.Purge(ctx, start.Add(time.Nanosecond))
		require.NoError(t, err)
		assert.EqualValues(t, 2400, events)
		transactions := 0
		for _, statement := range spied.trips() {
			if statement == "COMMIT" {
				transactions++
			}
		}
		assert.Equal(t, 3, transactions)
		after, err := service.Reconcile(ctx, "chair")
		require.NoError(t, err)
		assert.Equal(t, before, after, "accounts")
		require.Len(t, after.Tallies, 1)
		assert.EqualValues(t, 2510, after.Tallies[0].RecordedPurchased)
	})
}
