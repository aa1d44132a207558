package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/views"
)

var processRows = []row{
	{"a commit through one instance is read through another, and outdates what the other has read",
		"two processes would sell the same unit", processesCommit},
	{"lines that begin to wait through one instance are read, placed, served and ended through another",
		"units that another process frees would go to a walk-in, or to nobody (R15)", processesQueue},
	{"a line that begins to wait through one instance gets no units through another at the same time, or the reverse",
		"an order would be given its units, and wait for more than the order wants (R4)", processesKey},
}

// second returns a bench with a second instance over the data of the store.
func (b *bench) second() *bench {
	b.Helper()
	other := *b
	other.store = b.config.Second(b.TB, b.store)
	return &other
}

func processesCommit(b *bench) {
	other := b.second()
	b.announce("apple", stock("a1", 10))
	stale := other.allocation("apple", firm("o1", 1))
	b.allocate("apple", firm("o2", 2))
	other.refused(allocation.ErrConflict, stale)
	other.allocate("apple", firm("o3", 3))
	q := of("apple", "o1", "o2", "o3")
	for _, instance := range []*bench{b, other} {
		s := instance.state(q)
		b.wantLines(s, q, "o2", "o3")
		if got := b.batchOf(s, "a1").Allocated; got != 5 {
			b.errorf("units allocated through two instances = %d, want 5", got)
		}
	}
	b.wantStates(other.load(q), b.load(q), "the product through two instances")
}

// patient requests a line that may wait.
func patient(order allocation.OrderID, units allocation.Quantity, priority int) allocation.Request {
	r := line("apple", firm(order, units))
	r.Wait, r.Priority = true, priority
	return r
}

// serveOnePerCommit returns a Service on the store whose commits serve one line each.
func (b *bench) serveOnePerCommit() *allocation.Service {
	b.Helper()
	service, err := allocation.New(allocation.NewUnitOfWork(b.store, &allocation.UnitOfWorkOptions{
		Now: func() time.Time { return noon }, PageSize: 1,
	}), nil)
	b.must(err, "New")
	return service
}

func processesQueue(b *bench) {
	b.announce("apple", stock("a1", 2))
	other := b.second()
	one, two := b.serveOnePerCommit(), other.serveOnePerCommit()
	for _, r := range []allocation.Request{
		line("apple", firm("owner", 2)), patient("o1", 1, 0), patient("gone", 1, 9), patient("o2", 1, 0),
		patient("first", 1, 5),
	} {
		_, err := one.Allocate(b.Context(), r)
		b.must(err, "Allocate")
	}
	both := func(step string, goesOn bool, queue ...allocation.OrderID) {
		b.Helper()
		b.wantQueue(step+", through the first instance", goesOn, queue...)
		other.wantQueue(step+", through the second instance", goesOn, queue...)
		page := pageOf(front, plenty)
		b.wantStates(other.load(page), b.load(page), "%s, the product through two instances", step)
		if d := difference(other.recorded("apple"), b.recorded("apple")); d != "" {
			b.errorf("%s, the events through two instances differ:%s", step, d)
		}
	}
	both("after four lines began to wait", false, "gone", "first", "o1", "o2")
	_, err := two.Cancel(b.Context(), "gone")
	b.must(err, "Cancel of a line that waits, through the second instance")
	both("after a line left", false, "first", "o1", "o2")
	_, err = two.Cancel(b.Context(), "owner")
	b.must(err, "Cancel through the second instance")
	both("after one of two freed units was given", true, "o1", "o2")
	_, err = one.Allocate(b.Context(), line("apple", firm("walk-in", 1)))
	if short := new(allocation.OutOfStockError); !errors.As(err, &short) || short.Shortages[0].Available != 0 {
		b.errorf("a walk-in through the first instance while serving goes on = %v, want a shortage with 0 units "+
			"available", err)
	}
	both("after the walk-in", false, "o2")
	_, err = two.Cancel(b.Context(), "first")
	b.must(err, "Cancel through the second instance")
	both("after the last in line was served", false)
	q := of("apple", "first", "gone", "o1", "o2", "owner", "walk-in")
	b.wantLines(b.state(q), q, "o1", "o2")
	other.wantUnsent("apple")
}

// wantQueue checks which orders wait for a unit of "apple", in the order of serving, and whether serving goes on.
func (b *bench) wantQueue(step string, goesOn bool, queue ...allocation.OrderID) {
	b.Helper()
	s := b.state(pageOf(front, plenty))
	slices.SortFunc(s.Waiting, func(x, y allocation.Allocation) int { return placeOf(y).Compare(placeOf(x)) })
	var got []allocation.OrderID
	for _, a := range s.Waiting {
		got = append(got, a.OrderID)
	}
	if !slices.Equal(got, queue) || s.AnyWaiting != (len(queue) > 0) {
		b.errorf("%s, %q wait and AnyWaiting is %t, want %q", step, got, s.AnyWaiting, queue)
	}
	if (s.Serving != allocation.Rank{}) != goesOn {
		b.errorf("%s, Serving = %+v, want a place: %t", step, s.Serving, goesOn)
	}
	places, able := b.store.(views.QueueReader)
	for i, order := range queue {
		if !able {
			break
		}
		got, err := places.Places(b.Context(), order)
		b.must(err, "Places(%q)", order)
		wantResult(b, got, []views.Place{{SKU: "apple", Waiting: 1, Before: i}}, describePlace,
			"%s, the place of order %q", step, order)
	}
}

// wantUnsent checks that a relay is given all events of a product, if the store has an outbox.
func (b *bench) wantUnsent(sku allocation.SKU) {
	b.Helper()
	store, able := b.store.(outbox.Store)
	if !able {
		return
	}
	deliveries, err := store.Claim(b.Context(), claimBy("relay", 0))
	b.must(err, "Claim")
	if len(deliveries) != 1 || int64(len(deliveries[0].Events)) != b.state(of(sku)).Version {
		b.errorf("the outbox through the second instance has\n%s\nwant all events of product %q",
			describeDeliveries(deliveries), sku)
	}
}

func processesKey(b *bench) {
	other := b.second()
	b.announce("apple", stock("a1", 100))
	begins := func(through *bench, order allocation.OrderID) allocation.Changes {
		return through.allocation("apple", patient(order, 101, 0))
	}
	orders := func(through *bench, order allocation.OrderID) allocation.Changes {
		return through.allocation("apple", firm(order, 1))
	}
	for round := range raceRounds {
		for i, x := range [][2]*bench{{b, other}, {other, b}} {
			first, second := x[0], x[1]
			waits := allocation.OrderID(fmt.Sprint("waits", round, " ", i))
			ordered := allocation.OrderID(fmt.Sprint("ordered", round, " ", i))
			begin, late := begins(first, waits), orders(second, waits)
			first.commit(begin)
			b.wantLost(second.try(late), waits)
			b.wantEither(waits, 0, 101)
			order, late := orders(first, ordered), begins(second, ordered)
			first.commit(order)
			b.wantLost(second.try(late), ordered)
			b.wantEither(ordered, 1, 0)
		}
		raced := allocation.OrderID(fmt.Sprint("raced", round))
		begin, order := begins(b, raced), orders(other, raced)
		results := raceOf(2, func(i int) error {
			if i == 0 {
				return b.try(begin)
			}
			return other.try(order)
		})
		b.oneWinner(results, allocation.ErrConflict, allocation.ErrDuplicate)
		if results[0] == nil {
			b.wantEither(raced, 0, 101)
		} else {
			b.wantEither(raced, 1, 0)
		}
	}
}

// wantLost checks the error of a commit about an order for which another instance was faster.
func (b *bench) wantLost(err error, order allocation.OrderID) {
	b.Helper()
	if !errors.Is(err, allocation.ErrConflict) && !errors.Is(err, allocation.ErrDuplicate) {
		b.errorf("Commit about order %q, which another instance has changed = %v, want an error that wraps %q or %q",
			order, err, allocation.ErrConflict, allocation.ErrDuplicate)
	}
}

// wantEither checks the units of an order's line, and the units that the line waits for.
func (b *bench) wantEither(order allocation.OrderID, units, waits allocation.Quantity) {
	b.Helper()
	var got [2]allocation.Quantity
	s := b.state(of("apple", order))
	for _, a := range s.Lines {
		got[0] += a.Quantity
	}
	for _, a := range s.Waiting {
		got[1] += a.Waiting
	}
	if want := [2]allocation.Quantity{units, waits}; got != want {
		b.errorf("order %q has %d units and waits for %d, want %d and %d", order, got[0], got[1], units, waits)
	}
}
