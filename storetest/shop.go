package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/cosmic-go/allocation"
)

// shop is a Service over the store, with a clock set by the row.
type shop struct {
	*bench
	now     time.Time
	units   allocation.UnitOfWork
	service *allocation.Service
}

// open returns a shop with a page size for lapsed holds and lines.
func (b *bench) open(page int) *shop {
	s := &shop{bench: b, now: noon}
	s.units = allocation.NewUnitOfWork(&bounded{Store: b.store}, &allocation.UnitOfWorkOptions{
		Now:        func() time.Time { return s.now },
		Attempts:   1000,
		Backoff:    50 * time.Microsecond,
		MaxBackoff: 2 * time.Millisecond,
		PageSize:   page,
	})
	s.serve(nil)
	return s
}

// openSeparate returns a shop without group commit: concurrent commands race in the store, like several processes.
func (b *bench) openSeparate() *shop {
	s := b.open(plenty)
	s.serve(&allocation.ServiceOptions{NoGroupCommit: true})
	return s
}

// serve starts the Service of the shop.
func (s *shop) serve(opts *allocation.ServiceOptions) {
	s.Helper()
	service, err := allocation.New(s.units, opts)
	s.must(err, "New")
	s.service = service
}

// bounded fails after too many loads, to end a command that a broken store would keep busy for ever.
type bounded struct {
	allocation.Store
	loads atomic.Int64
}

func (s *bounded) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	const most = 20_000
	if s.loads.Add(1) > most {
		return nil, fmt.Errorf("gave up after %d loads; the last was Load(%s)", most, shown(q))
	}
	return s.Store.Load(ctx, q)
}

// add announces a batch.
func (s *shop) add(sku allocation.SKU, batch allocation.Batch) {
	s.Helper()
	batch.SKU = sku
	s.must(s.service.AddBatch(s.Context(), batch), "AddBatch(%q)", batch.Ref)
}

// sell allocates lines, which must succeed.
func (s *shop) sell(sku allocation.SKU, requests ...allocation.Request) {
	s.Helper()
	for _, r := range requests {
		_, err := s.service.Allocate(s.Context(), line(sku, r))
		s.must(err, "Allocate(order %q, %d of %q)", r.OrderID, r.Quantity, sku)
	}
}

// version returns the product's version in the store.
func (s *shop) version(sku allocation.SKU) int64 {
	s.Helper()
	return s.state(of(sku)).Version
}

// wantParts checks the text of the parts of an order's line; "" means that there must be no line.
func (s *shop) wantParts(sku allocation.SKU, order allocation.OrderID, want string) {
	s.Helper()
	var got string
	for _, l := range s.state(at(s.now, of(sku, order))).Lines {
		if l.OrderID == order {
			got = partsOf(l)
		}
	}
	if got != want {
		s.errorf("parts of order %q in product %q = %q, want %q", order, sku, got, want)
	}
}

// refuses checks that an allocation is out of stock, and returns the shortages.
func (s *shop) refuses(sku allocation.SKU, r allocation.Request) []allocation.Shortage {
	s.Helper()
	_, err := s.service.Allocate(s.Context(), line(sku, r))
	var short *allocation.OutOfStockError
	if !errors.As(err, &short) {
		s.fatalf("Allocate(order %q, %d of %q) = %v, want an *allocation.OutOfStockError",
			r.OrderID, r.Quantity, sku, err)
	}
	return short.Shortages
}

// shopData has the identifiers of a busy shop.
type shopData struct {
	skus   []allocation.SKU
	refs   []allocation.BatchRef
	orders []allocation.OrderID
}

// busyShop runs random commands of all kinds, which depend on the seed only. The rules refuse some of the commands.
func (b *bench) busyShop(seed uint64, steps int) shopData {
	b.Helper()
	s := b.open(3)
	random := rand.New(rand.NewPCG(seed, 7))
	done := shopData{skus: []allocation.SKU{"apple", "pear"}, orders: named[allocation.OrderID]("o", steps/4)}
	for i, ref := range named[allocation.BatchRef]("b", 8) {
		batch := stock(ref, allocation.Quantity(5+random.IntN(20)))
		if i >= 5 {
			batch.ETA = minute(30 * i)
		}
		s.add(done.skus[i%2], batch)
		done.refs = append(done.refs, ref)
	}
	for range steps {
		s.now = s.now.Add(time.Minute)
		if err := s.step(random, done); !allowed(err) {
			b.fatalf("a random command failed: %v", err)
		}
	}
	return done
}

// allowed reports whether err is nil or a refusal by the rules. Other errors are failures of the store.
func allowed(err error) bool {
	var short *allocation.OutOfStockError
	if err == nil || errors.As(err, &short) {
		return true
	}
	for _, refusal := range []error{
		allocation.ErrNotFound, allocation.ErrMismatch, allocation.ErrNotAllowed, allocation.ErrLapsed,
	} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

// step runs a random command.
func (s *shop) step(random *rand.Rand, t shopData) error {
	ctx := s.Context()
	sku, order, ref := pick(random, t.skus), pick(random, t.orders), pick(random, t.refs)
	wanted := allocation.OrderLine{OrderID: order, SKU: sku, Quantity: allocation.Quantity(1 + random.IntN(6))}
	count := allocation.Count{Batch: ref, Quantity: allocation.Quantity(random.IntN(25)), At: s.now}
	r := allocation.Request{OrderLine: wanted, Split: random.IntN(2) == 0}
	var err error
	switch random.IntN(12) {
	case 0, 1:
		_, err = s.service.Allocate(ctx, r)
	case 2, 3:
		r.HoldUntil = s.now.Add(time.Duration(1+random.IntN(20)) * time.Minute)
		_, err = s.service.Allocate(ctx, r)
	case 4:
		_, err = s.service.Cancel(ctx, order)
	case 5:
		_, err = s.service.Confirm(ctx, order)
	case 6:
		_, err = s.service.ChangeLine(ctx, wanted)
	case 7:
		_, err = s.service.ShipPart(ctx, wanted)
	case 8:
		_, err = s.service.ChangeBatchQuantity(ctx, count)
	case 9:
		_, err = s.service.ReceiveBatch(ctx, count)
	case 10:
		err = s.service.SetLowStock(ctx, sku, allocation.Quantity(random.IntN(9)))
	default:
		_, err = s.service.Sweep(ctx)
	}
	return err
}

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

// account has the version and counters of a product.
type account struct {
	version int64
	batches map[allocation.BatchRef]allocation.Batch
}

// checkCounters checks that each counter of a product is the sum of the lines, and returns the counters.
func (b *bench) checkCounters(t shopData, sku allocation.SKU) account {
	b.Helper()
	s := b.state(of(sku, t.orders...))
	a := account{version: s.Version, batches: map[allocation.BatchRef]allocation.Batch{}}
	promised := map[allocation.BatchRef]allocation.Quantity{}
	for _, l := range s.Lines {
		for _, part := range l.Parts {
			promised[part.Batch] += part.Quantity - part.Shipped
		}
	}
	for _, ref := range t.refs {
		for _, s := range b.load(ofBatch(ref)) {
			if s.SKU == sku {
				a.batches[ref] = b.batchOf(s, ref)
			}
		}
	}
	for ref, batch := range a.batches {
		if batch.Allocated != promised[ref] || batch.Allocated > batch.Purchased || batch.Allocated < 0 {
			b.errorf("batch %q: purchased %d, allocated %d, promised %d, want allocated = promised <= purchased",
				ref, batch.Purchased, batch.Allocated, promised[ref])
		}
	}
	return a
}
