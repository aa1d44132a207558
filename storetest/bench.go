package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cosmic-go/allocation"
)

// bench is what the check of one row works on: a test, and a store of its own.
type bench struct {
	testing.TB
	why    string
	store  allocation.Store
	config Config
}

// errorf says what was seen, and why it is wrong.
func (b *bench) errorf(format string, args ...any) {
	b.Helper()
	b.Errorf("%s\nwhy it matters: %s", fmt.Sprintf(format, args...), b.why)
}

// fatalf is errorf for what makes the rest of the row pointless.
func (b *bench) fatalf(format string, args ...any) {
	b.Helper()
	b.errorf(format, args...)
	b.FailNow()
}

// must ends the row if something failed that had to work.
func (b *bench) must(err error, format string, args ...any) {
	b.Helper()
	if err != nil {
		b.fatalf("%s: %v", fmt.Sprintf(format, args...), err)
	}
}

// wantError demands an error that wraps target.
func (b *bench) wantError(err, target error, format string, args ...any) {
	b.Helper()
	if !errors.Is(err, target) {
		b.errorf("%s = %v, want an error that wraps %q", fmt.Sprintf(format, args...), err, target)
	}
}

// ledger is the store's other ability.
func (b *bench) ledger() allocation.Ledger {
	b.Helper()
	ledger, able := b.store.(allocation.Ledger)
	if !able {
		b.fatalf("the store declares topic %q and is no allocation.Ledger", Ledger)
	}
	return ledger
}

// reopen closes the store and opens it again.
func (b *bench) reopen() {
	b.Helper()
	b.store = b.config.Reopen(b.TB, b.store)
}

// load reads states, and has the model look at each for contradictions.
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

// state reads the one product that a query selects.
func (b *bench) state(q allocation.Query) allocation.State {
	b.Helper()
	states := b.load(q)
	if len(states) != 1 {
		b.fatalf("Load(%s) = %d products, want 1:\n%s", shown(q), len(states), strings.Join(describe(states...), "\n"))
	}
	return states[0]
}

// decide lets the model change the one product that a query selects, and commits nothing.
func (b *bench) decide(q allocation.Query, fn func(p *allocation.Product) error) allocation.Changes {
	b.Helper()
	p, err := b.state(q).Product(q)
	b.must(err, "product of Load(%s)", shown(q))
	b.must(fn(p), "a command on the product of Load(%s)", shown(q))
	return p.Changes()
}

// commit writes changes that nothing speaks against.
func (b *bench) commit(changes ...allocation.Changes) {
	b.Helper()
	b.must(b.try(changes...), "Commit of %d products", len(changes))
}

// try writes changes and returns the answer.
func (b *bench) try(changes ...allocation.Changes) error {
	return b.store.Commit(b.Context(), changes)
}

// change is decide and commit.
func (b *bench) change(q allocation.Query, fn func(p *allocation.Product) error) {
	b.Helper()
	b.commit(b.decide(q, fn))
}

// announce makes a product with batches.
func (b *bench) announce(sku allocation.SKU, batches ...allocation.Batch) {
	b.Helper()
	b.commit(b.product(sku, batches...).Changes())
}

// product is what announce commits.
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

// allocate gives lines to orders, one commit for all.
func (b *bench) allocate(sku allocation.SKU, requests ...allocation.Request) {
	b.Helper()
	b.commit(b.allocation(sku, requests...))
}

// allocation is what allocate commits.
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

// ship lets units of a line leave, so many in all.
func (b *bench) ship(sku allocation.SKU, order allocation.OrderID, total allocation.Quantity) {
	b.Helper()
	b.change(of(sku, order), func(p *allocation.Product) error {
		_, err := p.ShipPart(allocation.OrderLine{OrderID: order, SKU: sku, Quantity: total}, noon)
		return err
	})
}

// cancellation is what taking a line back commits.
func (b *bench) cancellation(sku allocation.SKU, order allocation.OrderID) allocation.Changes {
	b.Helper()
	return b.decide(of(sku, order), func(p *allocation.Product) error {
		_, err := p.Cancel(order, noon)
		return err
	})
}

// resize is what giving a line another quantity commits.
func (b *bench) resize(sku allocation.SKU, order allocation.OrderID, units allocation.Quantity) allocation.Changes {
	b.Helper()
	return b.decide(of(sku, order), func(p *allocation.Product) error {
		_, err := p.ChangeLine(allocation.OrderLine{OrderID: order, SKU: sku, Quantity: units}, noon, nil)
		return err
	})
}

// count sets what a batch has.
func (b *bench) count(ref allocation.BatchRef, units allocation.Quantity, at time.Time) {
	b.Helper()
	b.change(ofBatch(ref), func(p *allocation.Product) error {
		_, err := p.ChangeBatchQuantity(allocation.Count{Batch: ref, Quantity: units, At: at}, at, nil)
		return err
	})
}
