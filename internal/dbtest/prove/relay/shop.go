package relay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/sqlstore"
)

// shop tells events, by allocating. It counts what was committed.
type shop struct {
	settings *settings
	prompt   *allocation.Service
	slow     *allocation.Service // whose commits take their time
	told     atomic.Int64
	patience *patience
}

// sellers allocate at the same time.
const sellers = 4

// What one commit is about: an order over some products, and a rush of orders for a hot one.
const (
	linesOfOrder = 40
	rush         = 10
)

func newShop(s *settings, store *sqlstore.Store, p *patience) (h *shop, err error) {
	h = &shop{settings: s, patience: p}
	count := func(_ context.Context, events []allocation.Event) { h.told.Add(int64(len(events))) }
	opts := &allocation.UnitOfWorkOptions{Committed: count}
	if h.prompt, err = allocation.New(allocation.NewUnitOfWork(store, opts), nil); err != nil {
		return nil, err
	}
	h.slow, err = allocation.New(allocation.NewUnitOfWork(slowStore{store}, opts), nil)
	return h, err
}

// slowStore is a store whose commits stay open for a while after they have written everything.
type slowStore struct{ *sqlstore.Store }

const slowCommit = 20 * time.Millisecond

func (d slowStore) Commit(ctx context.Context, changes []allocation.Changes) error {
	return d.Locked(ctx, func(inside allocation.Store) error {
		err := inside.Commit(ctx, changes)
		harness.Rest(ctx, slowCommit)
		return err
	})
}

// stock gives each product a batch that lasts longer than any run.
func (h *shop) stock(ctx context.Context) error {
	for _, sku := range h.settings.skus() {
		batch := allocation.Batch{Ref: allocation.BatchRef("stock of " + sku), SKU: sku, Purchased: harness.Plenty}
		if err := h.patience.repeat(ctx, func() error { return h.prompt.AddBatch(ctx, batch) }); err != nil {
			return err
		}
	}
	return nil
}

// commits is how many it takes to tell all events.
func (h *shop) commits() int {
	each := len(h.requests(0))
	return (h.settings.Events - len(h.settings.skus()) + each - 1) / each
}

// sell makes commits, from one number to before another, with a slow one now and then. A command that fails is
// repeated: the repeat of a command that was carried out changes nothing.
func (h *shop) sell(ctx context.Context, from, to int, slow bool) error {
	const slowEvery = 5
	numbers := make(chan int)
	failed := make(chan error, sellers)
	var all sync.WaitGroup
	for range sellers {
		all.Go(func() {
			for n := range numbers {
				service := h.prompt
				if slow && n%slowEvery == 0 {
					service = h.slow
				}
				err := h.patience.repeat(ctx, func() error {
					_, err := service.Allocate(ctx, h.requests(n)...)
					return err
				})
				if err != nil {
					failed <- fmt.Errorf("commit %d: %w", n, err)
					return
				}
			}
		})
	}
	var errs []error
	for n := from; n < to && len(errs) == 0; n++ {
		select {
		case numbers <- n:
		case err := <-failed:
			errs = append(errs, err)
		}
	}
	close(numbers)
	all.Wait()
	close(failed)
	for err := range failed {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// requests are what the n-th commit is about. Commits that are near each other have little in common.
func (h *shop) requests(n int) []allocation.Request {
	lines := min(linesOfOrder, (h.settings.Products+sellers-1)/sellers)
	requests := make([]allocation.Request, 0, lines+rush)
	add := func(order allocation.OrderID, product int) {
		line := allocation.OrderLine{OrderID: order, SKU: h.settings.sku(product), Quantity: 1}
		requests = append(requests, allocation.Request{OrderLine: line})
	}
	for i := range lines {
		add(allocation.OrderID(fmt.Sprintf("order-%d", n)), (n*lines+i)%h.settings.Products)
	}
	if h.settings.Hot > 0 {
		for i := range rush {
			add(allocation.OrderID(fmt.Sprintf("rush-%d-%d", n, i)), h.settings.Products+n%h.settings.Hot)
		}
	}
	return requests
}
