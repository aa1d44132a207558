package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cosmic-go/allocation"
)

func withinTurns(b *bench) {
	c := b.checkout()
	var callers sync.WaitGroup
	defer callers.Wait()
	errs, began, let := make([]error, 3), make(chan int, 3), make(chan struct{})
	release := sync.OnceFunc(func() { close(let) })
	defer release()
	waiting, leave := context.WithCancel(b.Context())
	defer leave()
	call := func(i int, ctx context.Context, skus ...allocation.SKU) (ended <-chan struct{}) {
		done := make(chan struct{})
		callers.Go(func() {
			defer close(done)
			errs[i] = calm(func() error {
				return c.order(ctx, allocation.OrderID(fmt.Sprint("o", i)), func() error {
					select {
					case began <- i:
					default: // the function runs again
					}
					<-let
					return nil
				}, skus...)
			})
		})
		return done
	}
	select {
	case <-call(0, b.Context(), "apple", "pear"):
		b.fatalf("Within = %v before the function returned", errs[0])
	case <-began:
	}
	call(1, b.Context(), "pear")
	call(2, waiting, "apple")
	select {
	case i := <-began:
		b.errorf("caller %d began while a caller with a common SKU was in a transaction", i)
	case <-time.After(lockPatience):
	}
	leave()
	release()
	callers.Wait()
	b.must(errors.Join(errs[:2]...), "Within of callers that take turns")
	b.wantError(errs[2], context.Canceled, "Within of a caller that left")
	c.want([]allocation.OrderID{"o0", "o1"}, "o2")
}

func withinOrders(b *bench) {
	c := b.checkout()
	ctx, cancel := context.WithTimeout(b.Context(), deadlockPatience)
	defer cancel()
	const each = 10
	var callers sync.WaitGroup
	var errs [2]error
	var orders []allocation.OrderID
	for i, skus := range [][]allocation.SKU{{"apple", "pear"}, {"pear", "apple"}} {
		name := func(n int) allocation.OrderID { return allocation.OrderID(fmt.Sprintf("o-%d-%d", i, n)) }
		for n := range each {
			orders = append(orders, name(n))
		}
		callers.Go(func() {
			for n := 0; n < each && errs[i] == nil; n++ {
				errs[i] = calm(func() error { return c.order(ctx, name(n), nil, skus...) })
			}
		})
	}
	callers.Wait()
	b.must(errors.Join(errs[:]...), "Within of callers that name SKUs in opposite orders")
	c.want(orders)
}

func withinCallers(b *bench) {
	const callers, units = 16, 10
	b.announce("plum", stock("u1", units))
	host := b.config.Within(b.TB, b.store)
	serve := func() *allocation.Service {
		service, err := allocation.New(allocation.NewUnitOfWork(b.store, &allocation.UnitOfWorkOptions{
			Attempts: 1000, Now: func() time.Time { return noon },
		}), nil)
		b.must(err, "New")
		return service
	}
	both, names := []*allocation.Service{serve(), serve()}, [][]allocation.SKU{{"plum"}, nil}
	errs, orders := make([]error, callers), named[allocation.OrderID]("o", callers)
	var done sync.WaitGroup
	for i, order := range orders {
		done.Go(func() {
			errs[i] = calm(func() error {
				return host.Within(b.Context(), both[i%2], func(
					ctx context.Context, insert func(key string) error, inside *allocation.Service,
				) error {
					if err := insert(string(order)); err != nil {
						return err
					}
					_, err := inside.Allocate(ctx, line("plum", firm(order, 1)))
					return err
				}, names[i/2%2]...)
			})
		})
	}
	done.Wait()
	var placed []allocation.OrderID
	var keys []string
	for i, order := range orders {
		var short *allocation.OutOfStockError
		switch {
		case errs[i] == nil:
			placed, keys = append(placed, order), append(keys, string(order))
		case !errors.As(errs[i], &short):
			b.errorf("Within of a caller who raced for the last units = %v, want nil or an OutOfStockError", errs[i])
		}
	}
	if len(placed) != units {
		b.errorf("%d orders were placed, want %d", len(placed), units)
	}
	q := of("plum", orders...)
	b.wantLines(b.state(q), q, placed...)
	b.wantRows(HostRows{Keys: host.Keys}, keys...)
}
