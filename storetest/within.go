package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/cosmic-go/allocation"
)

// HostTransactions is a store's own call for a transaction of the host, and a table of the host's in the storage of the
// store, for the topic [Within]. A row of the table has a key.
type HostTransactions struct {
	// Within calls the method of the store, such as Within of package sqlstore, with the arguments as given.
	Within func(ctx context.Context, service *allocation.Service, fn HostFunc, skus ...allocation.SKU) error

	// Keys returns the keys of all committed rows, in any order.
	Keys func() []string

	// LoseAnswer makes the storage lose its answer to the next COMMIT of a transaction, but not the COMMIT. If
	// LoseAnswer is nil, the row about a lost answer is skipped.
	LoseAnswer func()
}

// HostFunc is a function of the host in a transaction, with a Service inside. The function insert writes a row in the
// transaction, and fails if the table has a row with the key already.
type HostFunc func(ctx context.Context, insert func(key string) error, inside *allocation.Service) error

var withinRows = []row{
	{"rows and lines of a transaction become visible together, and the next transaction sees both",
		"the host's order row would stand without its allocation", withinCommits},
	{"an error of the function takes rows and lines back, and is returned unchanged",
		"units would be promised to an order that doesn't exist", withinError},
	{"a panic of the function, and the end of its goroutine, take rows and lines back",
		"the caller takes the order for undone, and a caller further up may recover", withinPanic},
	{"the events of a transaction are told once, after the commit, and never after a rollback",
		"handlers would hear of orders that were rolled back, or hear of an order twice", withinTells},
	{"a command that meets a stale cached product is repeated",
		"a host's transaction fails after each commit of another process", withinStale},
	{"after an ErrConflict of the function another transaction begins, without the rows of the first",
		"a lost race reaches the customer, or the order row is there twice", withinAgain},
	{"after a lost answer to COMMIT nothing runs again, and the error is ErrUnknownOutcome",
		"the order would be placed twice, or be taken for failed although it stands", withinUnknown},
	{"callers that name a common SKU take turns, and a caller whose context ends while waiting leaves",
		"the callers of a busy product race in vain, and hold connections while they wait", withinTurns},
	{"callers that name SKUs in opposite orders don't wait for each other",
		"two checkouts with the same two products would block each other for ever", withinOrders},
	{"a bad argument, and a command of the Service outside within the transaction, are refused",
		"the mistake has to show before anything is written, and the command would wait for its own transaction",
		withinRefuses},
	{"Within with an ended context or a nil context writes nothing",
		"after the error the caller assumes that nothing was written", withinContext},
	{"a broken constraint of the host's is neither a conflict nor a duplicate",
		"the function would run again although it can never succeed", withinHosts},
	{"for callers who race for the last units, rows and lines agree",
		"an order without stock, or stock without an order, is found by the customer", withinCallers},
}

// checkout is a Service on the store with the transactions of a host.
type checkout struct {
	*bench
	HostTransactions
	service *allocation.Service
	told    *atomic.Int64
}

// checkout calls Config.Within, and announces two products.
func (b *bench) checkout() checkout {
	b.Helper()
	b.appleAndPear()
	service, told := b.serve()
	return checkout{b, b.config.Within(b.TB, b.store), service, told}
}

// order writes a row and a line of each product, and then calls end.
func (c checkout) order(ctx context.Context, order allocation.OrderID, end func() error, skus ...allocation.SKU) error {
	return c.Within(ctx, c.service, func(
		ctx context.Context, insert func(key string) error, inside *allocation.Service,
	) error {
		if err := insert(string(order)); err != nil {
			return err
		}
		_, err := inside.Allocate(ctx, line("apple", firm(order, 1)), line("pear", firm(order, 1)))
		if err != nil || end == nil {
			return err
		}
		return end()
	}, skus...)
}

// want checks the orders with a committed row, and the orders with lines.
func (c checkout) want(orders []allocation.OrderID, none ...allocation.OrderID) {
	c.Helper()
	var keys []string
	for _, order := range orders {
		keys = append(keys, string(order))
	}
	c.wantRows(HostRows{Keys: c.Keys}, keys...)
	c.wantSold(orders, none...)
}

// wantTold checks how many events were told since the last call.
func (c checkout) wantTold(want int64, when string) {
	c.Helper()
	if got := c.told.Swap(0); got != want {
		c.errorf("%d events were told %s, want %d", got, when, want)
	}
}

func withinCommits(b *bench) {
	c := b.checkout()
	b.must(c.order(b.Context(), "o1", nil), "Within")
	c.want([]allocation.OrderID{"o1"})
	b.must(c.order(b.Context(), "o2", nil, "pear", "apple"), "Within with named SKUs")
	c.want([]allocation.OrderID{"o1", "o2"})
	if err := c.order(b.Context(), "o1", nil); err == nil {
		b.errorf("Within that inserts the row of an earlier transaction = nil, want an error")
	}
	c.want([]allocation.OrderID{"o1", "o2"})
}

func withinError(b *bench) {
	c := b.checkout()
	for _, mine := range []error{errors.New("a mistake of the host"), &allocation.OutOfStockError{}} {
		for range 3 {
			err := c.order(b.Context(), "o1", func() error { return mine }, "apple")
			if err != mine { //nolint:errorlint // the error itself
				b.errorf("Within with a function that returned the error %q = %v, want the same error", mine, err)
			}
			c.want(nil, "o1")
		}
	}
	b.must(c.order(b.Context(), "o1", nil, "apple"), "Within after a rollback")
	c.want([]allocation.OrderID{"o1"})
}

func withinPanic(b *bench) {
	c := b.checkout()
	for name, end := range map[string]func(){
		"panics": func() { panic("a mistake of the host") }, "ends its goroutine": runtime.Goexit,
	} {
		called := errNotCalled
		returned := b.apart(func() {
			_ = c.order(b.Context(), "o1", func() error {
				called = nil
				end()
				return nil
			}, "apple")
		})
		b.must(called, "Within")
		if returned {
			b.errorf("Within with a function that %s returned, want the same end of the caller", name)
		}
		c.want(nil, "o1")
		c.wantTold(0, "after a rollback")
	}
	b.must(c.order(b.Context(), "o1", nil, "apple"), "Within after a rollback")
	c.want([]allocation.OrderID{"o1"})
}

func withinTells(b *bench) {
	c := b.checkout()
	b.must(c.order(b.Context(), "o1", func() error {
		c.wantTold(0, "before the commit")
		return nil
	}), "Within")
	c.wantTold(2, "after the commit")
	failure := errors.New("the host rolls back")
	b.wantError(c.order(b.Context(), "o2", func() error { return failure }), failure, "Within")
	c.wantTold(0, "after a rollback")
	b.must(c.order(b.Context(), "o2", nil), "Within after a rollback")
	c.wantTold(2, "after the commit")
	c.want([]allocation.OrderID{"o1", "o2"})
}

func withinStale(b *bench) {
	c := b.checkout()
	b.must(c.order(b.Context(), "o1", nil), "Within")
	b.must(b.sellOn(b.store, ofSKUs("apple", "pear"), "rival"), "Commit")
	b.must(c.order(b.Context(), "o2", nil), "Within after another process has changed a cached product")
	b.wantSold([]allocation.OrderID{"o1", "o2", "rival"})
	b.wantRows(HostRows{Keys: c.Keys}, "o1", "o2")
}

func withinAgain(b *bench) {
	c := b.checkout()
	runs := 0
	b.must(c.order(b.Context(), "o1", func() error {
		if runs++; runs == 1 {
			return fmt.Errorf("a lost race of the host: %w", allocation.ErrConflict)
		}
		return nil
	}, "apple", "pear"), "Within with a function that lost a race")
	if runs != 2 {
		b.errorf("the function ran %d times, want 2", runs)
	}
	c.want([]allocation.OrderID{"o1"})
	c.wantTold(2, "after the second transaction")
}

func withinUnknown(b *bench) {
	c := b.checkout()
	if c.LoseAnswer == nil {
		b.Skipf("there is no HostTransactions.LoseAnswer, so the row can't lose the answer to a COMMIT")
	}
	runs := 0
	c.LoseAnswer()
	err := c.order(b.Context(), "o1", func() error { runs++; return nil }, "apple")
	b.wantError(err, allocation.ErrUnknownOutcome, "Within after a lost answer to COMMIT")
	if runs != 1 {
		b.errorf("the function ran %d times, want once", runs)
	}
	c.wantTold(0, "after a lost answer")
	c.want([]allocation.OrderID{"o1"})
	b.must(c.Within(b.Context(), c.service, func(
		ctx context.Context, _ func(string) error, inside *allocation.Service,
	) error {
		_, err := inside.Allocate(ctx, line("apple", firm("o1", 1)), line("pear", firm("o1", 1)))
		return err
	}, "apple"), "Within that repeats the lines")
	c.want([]allocation.OrderID{"o1"})
}

func withinRefuses(b *bench) {
	c := b.checkout()
	called := func() error {
		b.errorf("the function was called in spite of a bad argument")
		return nil
	}
	for _, skus := range [][]allocation.SKU{{""}, {"apple", "apple"}} {
		err := calm(func() error { return c.order(b.Context(), "o1", called, skus...) })
		b.wantInvalid(err, "Within with the SKUs %q", skus)
	}
	nobody := c
	nobody.service = nil
	b.wantInvalid(calm(func() error { return nobody.order(b.Context(), "o1", called) }), "Within with a nil Service")
	c.want(nil, "o1")
	limited, stop := context.WithTimeout(b.Context(), deadlockPatience)
	defer stop()
	b.must(c.Within(limited, c.service, func(
		ctx context.Context, insert func(key string) error, inside *allocation.Service,
	) error {
		_, outside := c.service.Allocate(ctx, line("apple", firm("o1", 1)))
		b.wantInvalid(outside, "a command of the Service outside with the context of the function")
		again := c.order(ctx, "o1", called)
		b.wantInvalid(again, "Within with the context of the function")
		_, err := inside.Allocate(ctx, line("apple", firm("o2", 1)), line("pear", firm("o2", 1)))
		return errors.Join(insert("o2"), err)
	}), "Within")
	c.want([]allocation.OrderID{"o2"}, "o1")
}

func withinContext(b *bench) {
	c := b.checkout()
	for want, ctx := range b.endedContexts() {
		b.wantError(c.order(ctx, "o1", nil), want, "Within with an ended context")
		b.wantError(c.order(ctx, "o1", nil, "apple"), want, "Within with an ended context")
		c.want(nil, "o1")
	}
	var none context.Context
	b.wantInvalid(calm(func() error { return c.order(none, "o1", nil) }), "Within")
	c.want(nil, "o1")
	ctx, cancel := context.WithCancel(b.Context())
	err := c.order(ctx, "o1", func() error { cancel(); return nil })
	switch {
	case err == nil, errors.Is(err, allocation.ErrUnknownOutcome) && len(c.Keys()) > 0:
		c.want([]allocation.OrderID{"o1"})
	default:
		b.wantError(err, context.Canceled, "Within with a context that ends before the commit")
		c.want(nil, "o1")
	}
}

func withinHosts(b *bench) {
	c := b.checkout()
	b.must(c.order(b.Context(), "o1", nil), "Within")
	c.told.Store(0)
	runs := 0
	err := c.Within(b.Context(), c.service, func(
		ctx context.Context, insert func(key string) error, inside *allocation.Service,
	) error {
		runs++
		_, err := inside.Allocate(ctx, line("apple", firm("o2", 1)), line("pear", firm("o2", 1)))
		b.must(err, "Allocate")
		return insert("o1")
	}, "apple")
	if err == nil || runs != 1 {
		b.errorf("Within with a row that exists = %v after %d runs, want an error after a single run", err, runs)
	}
	for _, never := range []error{allocation.ErrConflict, allocation.ErrDuplicate, allocation.ErrUnknownOutcome} {
		if errors.Is(err, never) {
			b.errorf("Within with a row that breaks a constraint = %v, want no %q", err, never)
		}
	}
	c.want([]allocation.OrderID{"o1"}, "o2")
	c.wantTold(0, "after a rollback")
}
