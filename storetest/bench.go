package storetest

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/cosmic-go/allocation"
)

// bench is the environment of a row's check: the row's test, and an empty store for this row alone.
type bench struct {
	testing.TB
	why    string
	store  allocation.Store
	config Config
}

// errorf fails the test with a message and the reason of the row.
func (b *bench) errorf(format string, args ...any) {
	b.Helper()
	b.Errorf("%s\nwhy it matters: %s", fmt.Sprintf(format, args...), b.why)
}

// fatalf is errorf, and ends the row because further checks would be pointless.
func (b *bench) fatalf(format string, args ...any) {
	b.Helper()
	b.errorf(format, args...)
	b.FailNow()
}

// must ends the row if err is an error of a call that has to succeed.
func (b *bench) must(err error, format string, args ...any) {
	b.Helper()
	if err != nil {
		b.fatalf("%s: %v", fmt.Sprintf(format, args...), err)
	}
}

// wantError checks that err wraps target.
func (b *bench) wantError(err, target error, format string, args ...any) {
	b.Helper()
	if !errors.Is(err, target) {
		b.errorf("%s = %v, want an error that wraps %q", fmt.Sprintf(format, args...), err, target)
	}
}

// errPanic is wrapped by the error of a call that panicked.
var errPanic = errors.New("the call panicked")

// calm calls fn and returns an error in place of a panic, so that a store's panic ends neither the other rows nor, on a
// goroutine of its own, the program.
func calm(fn func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%w: %v\n%s", errPanic, cause, debug.Stack())
		}
	}()
	return fn()
}

// lineIn returns a line of changes, which must have the line.
func (b *bench) lineIn(lines []allocation.Allocation, i int) *allocation.Allocation {
	b.Helper()
	if i >= len(lines) {
		b.fatalf("the model allocated %d lines, want more than %d: the loaded state has lines that were never "+
			"committed", len(lines), i)
	}
	return &lines[i]
}

// ledger returns the store as an allocation.Ledger.
func (b *bench) ledger() allocation.Ledger {
	b.Helper()
	ledger, able := b.store.(allocation.Ledger)
	if !able {
		b.fatalf("the store declares topic %q and doesn't implement allocation.Ledger", Ledger)
	}
	return ledger
}

// reopen closes the store and opens the data again.
func (b *bench) reopen() {
	b.Helper()
	b.store = b.config.Reopen(b.TB, b.store)
}

// load returns the states of a query, each checked by the model for contradictions.
func (b *bench) load(q allocation.Query) []allocation.State {
	b.Helper()
	states, err := b.store.Load(b.Context(), q)
	b.must(err, "Load(%s)", shown(q))
	for _, s := range states {
		_, err := s.Product(q)
		b.must(err, "Load(%s): product %q", shown(q), s.SKU)
	}
	return states
}

// state returns the only state of a query, and fails if the query selects several products or none.
func (b *bench) state(q allocation.Query) allocation.State {
	b.Helper()
	states := b.load(q)
	if len(states) != 1 {
		b.fatalf("Load(%s) = %d products, want 1:\n%s", shown(q), len(states), strings.Join(describe(states...), "\n"))
	}
	return states[0]
}

// decide changes the only product of a query by the model and returns the changes uncommitted.
func (b *bench) decide(q allocation.Query, fn func(p *allocation.Product) error) allocation.Changes {
	b.Helper()
	p, err := b.state(q).Product(q)
	b.must(err, "Product of Load(%s)", shown(q))
	b.must(fn(p), "a command on the product of Load(%s)", shown(q))
	return p.Changes()
}

// commit commits changes, which must succeed.
func (b *bench) commit(changes ...allocation.Changes) {
	b.Helper()
	b.must(b.try(changes...), "Commit of %s", shownChanges(changes))
}

// try commits changes and returns the error.
func (b *bench) try(changes ...allocation.Changes) error {
	return b.store.Commit(b.Context(), changes)
}

// change calls decide and commits the changes.
func (b *bench) change(q allocation.Query, fn func(p *allocation.Product) error) {
	b.Helper()
	b.commit(b.decide(q, fn))
}

// announce commits a new product with batches.
func (b *bench) announce(sku allocation.SKU, batches ...allocation.Batch) {
	b.Helper()
	b.commit(b.product(sku, batches...).Changes())
}

// product returns a new product with batches, uncommitted.
func (b *bench) product(sku allocation.SKU, batches ...allocation.Batch) *allocation.Product {
	b.Helper()
	p, err := allocation.NewProduct(sku)
	b.must(err, "NewProduct(%q)", sku)
	for _, batch := range batches {
		batch.SKU = sku
		b.must(p.AddBatch(batch, noon), "AddBatch(%q)", batch.Ref)
	}
	return p
}

// allocate allocates lines in a single commit.
func (b *bench) allocate(sku allocation.SKU, requests ...allocation.Request) {
	b.Helper()
	b.commit(b.allocation(sku, requests...))
}

// allocation returns the changes of allocate, uncommitted.
func (b *bench) allocation(sku allocation.SKU, requests ...allocation.Request) allocation.Changes {
	b.Helper()
	q := of(sku)
	for i := range requests {
		requests[i].SKU = sku
		q.Orders = append(q.Orders, requests[i].OrderID)
	}
	return b.decide(q, func(p *allocation.Product) error {
		_, err := p.Allocate(noon, nil, requests...)
		return err
	})
}

// ship ships units of a line; total includes units shipped earlier.
func (b *bench) ship(sku allocation.SKU, order allocation.OrderID, total allocation.Quantity) {
	b.Helper()
	b.change(of(sku, order), func(p *allocation.Product) error {
		_, err := p.ShipPart(allocation.OrderLine{OrderID: order, SKU: sku, Quantity: total}, noon)
		return err
	})
}

// cancellation returns the changes of cancelling a line, uncommitted.
func (b *bench) cancellation(sku allocation.SKU, order allocation.OrderID) allocation.Changes {
	b.Helper()
	return b.decide(of(sku, order), func(p *allocation.Product) error {
		_, err := p.Cancel(order, noon)
		return err
	})
}

// resize returns the changes of another quantity of a line, uncommitted.
func (b *bench) resize(sku allocation.SKU, order allocation.OrderID, units allocation.Quantity) allocation.Changes {
	b.Helper()
	return b.decide(of(sku, order), func(p *allocation.Product) error {
		_, err := p.ChangeLine(allocation.OrderLine{OrderID: order, SKU: sku, Quantity: units}, noon, nil)
		return err
	})
}

// count commits a count of a batch.
func (b *bench) count(ref allocation.BatchRef, units allocation.Quantity, at time.Time) {
	b.Helper()
	b.change(ofBatch(ref), func(p *allocation.Product) error {
		_, err := p.ChangeBatchQuantity(allocation.Count{Batch: ref, Quantity: units, At: at}, at, nil)
		return err
	})
}
