package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cosmic-go/allocation"
)

// deadlockPatience is how long a row waits for an end that a correct store reaches by itself, for example because the
// database looks for deadlocks every second.
const deadlockPatience = 30 * time.Second

// await waits until something arrives on the channel, but no longer than lockPatience, since a correct store may let
// nothing arrive.
func await[T any](arrived <-chan T) {
	select {
	case <-arrived:
	case <-time.After(lockPatience):
	}
}

func lockerHolds(b *bench) {
	both := b.appleAndPear()
	for round := range 2 {
		outside, err := b.allocateOn(b.store, both, allocation.OrderID(fmt.Sprint("outside", round)))
		b.must(err, "Allocate")
		lost, ended, started := errNotCalled, make(chan struct{}), false
		err = b.lock(b.Context(), func(inside allocation.Store) error {
			changes, err := b.allocateOn(inside, both, allocation.OrderID(fmt.Sprint("inside", round)))
			if err != nil {
				return err
			}
			started = true
			go func() {
				defer close(ended)
				lost = calm(func() error { return b.try(outside...) })
			}()
			await(ended)
			return inside.Commit(b.Context(), changes)
		})
		if started {
			<-ended
		}
		b.must(err, "Locked, whose products another Commit tried to change after the Load")
		b.wantError(lost, allocation.ErrConflict, "Commit on the version before Locked")
	}
	b.wantSold([]allocation.OrderID{"inside0", "inside1"}, "outside0", "outside1")
}

func lockerSecond(b *bench) {
	b.appleAndPear()
	for i, q := range []allocation.Query{
		ofSKUs("apple"), at(minute(2), ofLapsed(noon)), ofOrder("old"), ofBatch("a1"),
	} {
		var overlap atomic.Bool
		loaded, ended := make(chan struct{}), make(chan struct{})
		first, second := allocation.OrderID(fmt.Sprint("first", i)), allocation.OrderID(fmt.Sprint("second", i))
		lost, started := error(nil), false
		err := b.lock(b.Context(), func(inside allocation.Store) error {
			changes, err := b.allocateOn(inside, q, first)
			if err != nil {
				return err
			}
			started = true
			go func() {
				defer close(ended)
				lost = calm(func() error {
					return b.lock(b.Context(), func(inside allocation.Store) error {
						changes, err := b.allocateOn(inside, q, second)
						if err != nil {
							return err
						}
						close(loaded)
						return inside.Commit(b.Context(), changes)
					})
				})
			}()
			await(loaded)
			select {
			case <-loaded:
				overlap.Store(true)
			default:
			}
			return inside.Commit(b.Context(), changes)
		})
		if started {
			<-ended
		}
		if overlap.Load() {
			b.errorf("a second Locked loaded the product (Load(%s)) before the first ended, want a wait or a conflict",
				shown(q))
		}
		b.must(err, "the first Locked, with Load(%s)", shown(q))
		if lost != nil && !errors.Is(lost, allocation.ErrConflict) {
			b.errorf("the second Locked, with Load(%s) = %v, want nil or ErrConflict", shown(q), lost)
		}
		s := b.state(of("apple", first, second))
		b.lineOf(s, first)
		if lost == nil {
			b.lineOf(s, second)
		}
	}
}

func lockerChecks(b *bench) {
	both := b.appleAndPear()
	inside := func(changes ...allocation.Changes) error {
		return b.lock(b.Context(), func(inside allocation.Store) error { return inside.Commit(b.Context(), changes) })
	}
	stale, err := b.allocateOn(b.store, both, "o1")
	b.must(err, "Allocate")
	b.allocate("pear", firm("o2", 1))
	read := checkOnly(b.state(of("apple")))
	b.allocate("apple", firm("o2", 1))
	duplicate := b.allocation("pear", firm("o1", 1))
	duplicate.NewBatches = []allocation.Batch{announcedAs("pear", stock("a1", 1))}
	line := b.allocation("pear", firm("o3", 1))
	b.lineIn(line.NewLines, 0).OrderID = "o2"
	creation := b.product("apple", stock("new", 1)).Changes()
	for name, c := range map[string]struct {
		changes []allocation.Changes
		want    error
	}{
		"outdated versions":  {stale, allocation.ErrConflict},
		"an outdated check":  {bySKU(read, b.allocation("pear", firm("o1", 1))), allocation.ErrConflict},
		"a second creation":  {[]allocation.Changes{creation}, allocation.ErrConflict},
		"an announced batch": {bySKU(b.allocation("apple", firm("o1", 1)), duplicate), allocation.ErrDuplicate},
		"a line that exists": {bySKU(b.allocation("apple", firm("o1", 1)), line), allocation.ErrDuplicate},
	} {
		b.wantError(inside(c.changes...), c.want, "Locked with a Commit of %s inside", name)
		b.wantSold([]allocation.OrderID{"o2"}, "o1", "o3")
	}
}

func lockerSwallowed(b *bench) {
	b.appleAndPear()
	for target, spoil := range map[error]func(c *allocation.Changes){
		allocation.ErrConflict: func(c *allocation.Changes) { c.Read, c.Version = c.Read-1, c.Version-1 },
		allocation.ErrDuplicate: func(c *allocation.Changes) {
			c.NewBatches = append(c.NewBatches, announcedAs(c.SKU, stock("a1", 1)))
		},
	} {
		for fails := range 2 {
			changes := []allocation.Changes{b.allocation("apple", firm("o1", 1)), b.allocation("pear", firm("o1", 1))}
			spoil(&changes[fails])
			failed := errNotCalled
			before := b.snapshot(changes...)
			err := b.lock(b.Context(), func(inside allocation.Store) error {
				failed = inside.Commit(b.Context(), changes)
				return nil
			})
			b.wantError(failed, target, "Commit inside Locked")
			if d := difference(b.snapshot(changes...), before); d != "" {
				b.errorf("Locked (%v) wrote changes of a Commit that had failed (%v):%s", err, failed, d)
			}
		}
	}
}

func lockerDeadlock(b *bench) {
	b.appleAndPear()
	ctx, cancel := context.WithTimeout(b.Context(), deadlockPatience)
	defer cancel()
	has := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
	try := func(i int, order allocation.OrderID, meet bool) error {
		skus := []allocation.SKU{"apple", "pear"}
		return b.lock(ctx, func(inside allocation.Store) error {
			one, err := b.allocateOn(inside, ofSKUs(skus[i]), order)
			if err != nil {
				return err
			}
			if meet {
				close(has[i])
				await(has[1-i])
			}
			two, err := b.allocateOn(inside, ofSKUs(skus[1-i]), order)
			if err != nil {
				return err
			}
			return inside.Commit(ctx, bySKU(append(one, two...)...))
		})
	}
	results := raceOf(2, func(i int) error {
		order := allocation.OrderID(fmt.Sprint("o", i))
		err := try(i, order, true)
		for range 100 {
			if !errors.Is(err, allocation.ErrConflict) {
				return err
			}
			err = try(i, order, false)
		}
		return err
	})
	b.must(errors.Join(results...), "two Locked in opposite orders, tried again after an ErrConflict")
	b.wantSold([]allocation.OrderID{"o0", "o1"})
}

func lockerSells(b *bench) {
	const units = 5
	b.announce("apple", stock("a1", units))
	b.must(b.lock(b.Context(), func(allocation.Store) error { return nil }), "Locked without a call inside")
	s := &shop{bench: b, now: noon}
	s.units = allocation.NewUnitOfWork(b.store, &allocation.UnitOfWorkOptions{
		Now: func() time.Time { return noon }, LockFirst: true, Attempts: 100,
	})
	s.serve(&allocation.ServiceOptions{NoGroupCommit: true})
	var sold atomic.Int64
	results := race(func(i int) error {
		for n := range 2 {
			order := allocation.OrderID(fmt.Sprint("o", i, " ", n))
			_, err := s.service.Allocate(b.Context(), line("apple", firm(order, 1)))
			var short *allocation.OutOfStockError
			switch {
			case err == nil:
				sold.Add(1)
			case !errors.As(err, &short):
				return err
			}
		}
		return nil
	})
	b.must(errors.Join(results...), "Allocate of a Service that locks first")
	if got := sold.Load(); got != units {
		b.errorf("%d customers were told yes, want %d, the units in stock", got, units)
	}
	if got := b.batchOf(b.state(ofBatch("a1")), "a1").Allocated; got != units {
		b.errorf("allocated units = %d, want %d", got, units)
	}
}
