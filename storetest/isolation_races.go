package storetest

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cosmic-go/allocation"
)

var raceRows = []row{
	{"of two decisions that depend on each other's product one is refused",
		"each decision is right alone, and both together are wrong: write skew", racesSkew},
	{"of concurrent commits on one version exactly one succeeds",
		"two successes sell a unit twice, and no success stops the shop", racesVersion},
	{"of concurrent creations of a product exactly one succeeds",
		"a new product has no row with a version to check", racesNew},
	{"of concurrent announcements of a batch reference exactly one succeeds",
		"a delivery note that arrives twice at the same time would count twice", racesBatch},
	{"no Load sees half of a commit",
		"a decision on half of a commit depends on a state that never existed", racesTorn},
	{"a Load after one's own commit sees the commit while others commit",
		"a repeated command on an old copy would be carried out twice", racesOwn},
	{"concurrent commits of the same products end, whatever the order of the requests",
		"locks taken in different orders are a deadlock", racesDeadlock},
}

const (
	racers     = 8 // number of goroutines of a race
	raceRounds = 5 // several rounds, since racers don't always meet
)

// race is raceOf the usual number of goroutines.
func race(fn func(i int) error) []error { return raceOf(racers, fn) }

// raceOf calls fn on n goroutines at the same time, and returns the errors after all calls have returned.
func raceOf(n int, fn func(i int) error) []error {
	results := make([]error, n)
	var ready, done sync.WaitGroup
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			results[i] = calm(func() error { return fn(i) })
		})
	}
	done.Wait()
	return results
}

// oneWinner checks for exactly one nil error; all other errors must wrap an error of losses.
func (b *bench) oneWinner(results []error, losses ...error) {
	b.Helper()
	winners := 0
	for i, err := range results {
		switch lost := false; {
		case err == nil:
			winners++
		default:
			for _, loss := range losses {
				lost = lost || errors.Is(err, loss)
			}
			if !lost {
				b.errorf("error of racer %d = %v, want nil or one of %q", i, err, losses)
			}
		}
	}
	if winners != 1 {
		b.errorf("%d of %d racers succeeded, want 1", winners, len(results))
	}
}

func racesSkew(b *bench) {
	b.announce("apple", stock("a1", 10))
	b.announce("pear", stock("p1", 10))
	one := []allocation.Changes{b.allocation("apple", firm("o1", 1)), checkOnly(b.state(of("pear")))}
	two := []allocation.Changes{checkOnly(b.state(of("apple"))), b.allocation("pear", firm("o2", 1))}
	b.commit(one...)
	b.refused(allocation.ErrConflict, two...)
}

func racesVersion(b *bench) {
	b.announce("apple", stock("a1", 1000))
	for round := range raceRounds {
		var changes [racers]allocation.Changes
		for i := range changes {
			changes[i] = b.allocation("apple", firm(allocation.OrderID(fmt.Sprint("o", round, " ", i)), 1))
		}
		b.oneWinner(race(func(i int) error { return b.try(changes[i]) }), allocation.ErrConflict)
		s := b.state(of("apple"))
		got, want := b.batchOf(s, "a1").Allocated, allocation.Quantity(round+1)
		if got != want || s.Version != int64(want)+1 {
			b.errorf("version and allocated units after round %d = %d and %d, want %d and %d",
				round, s.Version, got, int64(want)+1, want)
		}
	}
}

func racesNew(b *bench) {
	for round := range raceRounds {
		var changes [racers]allocation.Changes
		sku := allocation.SKU(fmt.Sprint("sku", round))
		for i := range changes {
			changes[i] = b.product(sku, stock(allocation.BatchRef(fmt.Sprint("a", round, " ", i)), 1)).Changes()
		}
		b.oneWinner(race(func(i int) error { return b.try(changes[i]) }), allocation.ErrConflict)
		if s := b.state(of(sku)); len(s.Batches) != 1 || s.Version != 1 {
			b.errorf("the new product has version %d and %d batches, want 1 and 1", s.Version, len(s.Batches))
		}
	}
}

func racesBatch(b *bench) {
	for round := range raceRounds {
		var changes [racers]allocation.Changes
		skus := named[allocation.SKU](fmt.Sprint("round", round, " "), racers)
		for i := range changes {
			changes[i] = b.product(skus[i], stock(allocation.BatchRef(fmt.Sprint("same", round)), 1)).Changes()
		}
		results := race(func(i int) error { return b.try(changes[i]) })
		b.oneWinner(results, allocation.ErrDuplicate, allocation.ErrConflict)
		if got := b.load(ofSKUs(skus...)); len(got) != 1 {
			b.errorf("%d products were committed, want 1", len(got))
		}
	}
}

func racesTorn(b *bench) {
	const commits, most, often = 40, 500, 10 // on a busy machine either side may be slow
	for _, sku := range []allocation.SKU{"apple", "pear"} {
		b.announce(sku, stock(allocation.BatchRef("of "+sku), most+1))
		b.allocate(sku, held("lapses", 1, minute(1)))
	}
	selected := []allocation.Query{ofSKUs("apple", "pear"), ofOrder("o0"), ofBatch("of pear"), ofLapsed(minute(2))}
	ended := make(chan struct{})
	var writing error
	reading, loads := make([]error, len(selected)), make([]atomic.Int64, len(selected))
	readOften := func() bool {
		for i := range loads {
			if loads[i].Load() < often {
				return false
			}
		}
		return true
	}
	var done sync.WaitGroup
	done.Go(func() {
		defer close(ended)
		for i := 0; writing == nil && i < most && (i < commits || !readOften()); i++ {
			writing = patiently(func() error { return b.both(allocation.OrderID(fmt.Sprint("o", i))) })
			runtime.Gosched()
		}
	})
	for i := range reading {
		done.Go(func() {
			for last := false; reading[i] == nil && !last; {
				select {
				case <-ended:
					last = true
				default:
				}
				reading[i] = patiently(func() error { return b.agree(selected[i]) })
				if loads[i].Add(1); reading[i] != nil {
					loads[i].Add(often) // a failed reader counts as finished
				}
				runtime.Gosched() // on a single processor the writer needs a turn
			}
		})
	}
	done.Wait()
	b.must(writing, "commits of %q and %q during loads", "apple", "pear")
	if err := errors.Join(reading...); err != nil {
		b.errorf("%v", err)
	}
}

// patiently repeats a call after a conflict, since a busy store may return ErrConflict.
func patiently(query func() error) (err error) {
	for range 20 {
		if err = calm(query); !errors.Is(err, allocation.ErrConflict) {
			return err
		}
	}
	return err
}

// errTorn is wrapped by the errors of agree.
var errTorn = errors.New("a load mixed two moments")

// both allocates a unit of apple and a unit of pear in one commit. both returns an error instead of failing the test,
// because FailNow is allowed only on the goroutine of the test.
func (b *bench) both(order allocation.OrderID) error {
	q := ofSKUs("apple", "pear")
	q.Orders = []allocation.OrderID{order}
	states, err := b.store.Load(b.Context(), q)
	if err != nil {
		return err
	}
	var changes []allocation.Changes
	for _, s := range states {
		p, err := s.Product(q)
		if err != nil {
			return err
		}
		if _, err := p.Allocate(noon, nil, line(s.SKU, firm(order, 1))); err != nil {
			return err
		}
		changes = append(changes, p.Changes())
	}
	return b.try(bySKU(changes...)...)
}

// agree checks that a load is of a single moment: after each commit both products have the version, units and lines of
// the same number of commits, since a commit records an event and allocates a unit of each product. The first two
// events of a product are those of the batch and of the hold.
func (b *bench) agree(q allocation.Query) error {
	q.Orders = []allocation.OrderID{"o0", "o7", "o19", "o30"}
	states, err := b.store.Load(b.Context(), q)
	if err != nil {
		return err
	}
	whole := len(states) == 2 || q.Batch != "" && len(states) == 1 || q.Order != "" && len(states) == 0
	if !whole || len(states) == 2 && states[0].Version != states[1].Version {
		return fmt.Errorf("%w: Load(%s):\n%v", errTorn, shown(q), describe(states...))
	}
	for _, s := range states {
		var lines, units, loaded int64
		for _, at := range []int64{0, 7, 19, 30} {
			if s.Version > at+2 {
				lines++
			}
		}
		for _, l := range s.Lines {
			if slices.Contains(q.Orders, l.OrderID) {
				loaded++
			}
		}
		for _, batch := range s.Batches {
			units += int64(batch.Allocated)
		}
		all := q.Batch == "" || int64(len(s.Lines)) == s.Version-1 // all lines have units of the batch
		if open := len(s.Batches) == 1; open && units != s.Version-1 || lines != loaded || !all {
			return fmt.Errorf("%w: Load(%s): product %q has version %d with %d units, %d lines, and %d of 4 lines",
				errTorn, shown(q), s.SKU, s.Version, units, len(s.Lines), loaded)
		}
	}
	return nil
}

func racesOwn(b *bench) {
	skus := named[allocation.SKU]("sku", racers)
	for _, sku := range skus {
		b.announce(sku, stock(allocation.BatchRef("of "+sku), 100))
	}
	results := race(func(i int) error {
		for n := range 10 {
			order := allocation.OrderID(fmt.Sprint("o", n))
			if err := patiently(func() error { return b.sellOn(b.store, ofSKUs(skus[i]), order) }); err != nil {
				return err
			}
			states, err := b.store.Load(b.Context(), of(skus[i], order))
			if err != nil {
				return err
			}
			if len(states) != 1 || states[0].Version != int64(n+2) || len(states[0].Lines) != 1 {
				return fmt.Errorf("Load after one's own commit, want version %d and the line of order %q:\n%v", n+2,
					order, describe(states...))
			}
		}
		return nil
	})
	for _, err := range results {
		if err != nil {
			b.errorf("%v", err)
		}
	}
}

func racesDeadlock(b *bench) {
	skus := []allocation.SKU{"apple", "pear", "plum"}
	for i, sku := range skus {
		b.announce(sku, stock(allocation.BatchRef(fmt.Sprint("b", i)), 1000))
	}
	shop := b.openSeparate()
	results := race(func(i int) error {
		for round := range 3 {
			order := allocation.OrderID(fmt.Sprint("o", i, " ", round))
			// Each order names two of the three products; the order of the names differs.
			one, two := skus[(i+round)%3], skus[(i+round+1+i%2)%3]
			lines := []allocation.Request{line(one, firm(order, 1)), line(two, firm(order, 1))}
			if _, err := shop.service.Allocate(b.Context(), lines...); err != nil {
				return err
			}
		}
		return nil
	})
	b.must(errors.Join(results...), "concurrent Allocate of two of %q", skus)
	var given allocation.Quantity
	for i, sku := range skus {
		given += b.batchOf(b.state(of(sku)), allocation.BatchRef(fmt.Sprint("b", i))).Allocated
	}
	if want := allocation.Quantity(racers * 3 * 2); given != want {
		b.errorf("allocated units after %d orders of 2 units = %d, want %d", racers*3, given, want)
	}
}
