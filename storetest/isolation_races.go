package storetest

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

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
	{"concurrent commits of the same products end, whatever the order of the requests",
		"locks taken in different orders are a deadlock", racesDeadlock},
}

const (
	racers     = 8 // how many try at the same time
	raceRounds = 5 // since racers don't always meet
)

// race runs fn in several goroutines at once, and returns what each answered when all have ended.
func race(fn func(i int) error) []error {
	answers := make([]error, racers)
	var ready, done sync.WaitGroup
	ready.Add(racers)
	for i := range racers {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			answers[i] = fn(i)
		})
	}
	done.Wait()
	return answers
}

// oneWinner demands one success, and errors that wrap one of the losses from all others.
func (b *bench) oneWinner(answers []error, losses ...error) {
	b.Helper()
	winners := 0
	for i, err := range answers {
		switch lost := false; {
		case err == nil:
			winners++
		default:
			for _, loss := range losses {
				lost = lost || errors.Is(err, loss)
			}
			if !lost {
				b.errorf("answer to racer %d = %v, want nil or one of %q", i, err, losses)
			}
		}
	}
	if winners != 1 {
		b.errorf("%d of %d racers won, want 1", winners, len(answers))
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
		if got, want := b.batchOf(s, "a1").Allocated, allocation.Quantity(round+1); got != want || s.Version != int64(want)+1 {
			b.errorf("after round %d version %d has allocated %d, want %d and %d", round, s.Version, got, int64(want)+1, want)
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
			b.errorf("the winner's product has version %d and %d batches, want 1 and 1", s.Version, len(s.Batches))
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
		answers := race(func(i int) error { return b.try(changes[i]) })
		b.oneWinner(answers, allocation.ErrDuplicate, allocation.ErrConflict)
		if got := b.load(ofSKUs(skus...)); len(got) != 1 {
			b.errorf("%d products were written, want the winner's", len(got))
		}
	}
}

func racesTorn(b *bench) {
	const commits = 40
	b.announce("apple", stock("a1", commits))
	b.announce("pear", stock("p1", commits))
	ended := make(chan struct{})
	var writing error
	var reading [3]error
	var done sync.WaitGroup
	done.Go(func() {
		defer close(ended)
		for i := 0; i < commits && writing == nil; i++ {
			writing = patiently(func() error { return b.both(allocation.OrderID(fmt.Sprint("o", i))) })
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
				reading[i] = patiently(b.agree)
				runtime.Gosched() // with one processor the writer would have to wait for its turn
			}
		})
	}
	done.Wait()
	b.must(writing, "writing while others read")
	if err := errors.Join(reading[:]...); err != nil {
		b.errorf("%v", err)
	}
}

// patiently begins again after a conflict, which is how a store tells that it was too busy to answer.
func patiently(ask func() error) (err error) {
	for range 20 {
		if err = ask(); !errors.Is(err, allocation.ErrConflict) {
			return err
		}
	}
	return err
}

// errTorn is what agree complains of.
var errTorn = errors.New("one load saw two moments")

// both allocates one unit of each of two products, and fails no test since it runs beside it.
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

// agree compares what has to be the same at any moment: each commit tells one event of each product,
// and takes one unit for one line.
func (b *bench) agree() error {
	q := ofSKUs("apple", "pear")
	q.Orders = []allocation.OrderID{"o0", "o7", "o19", "o30"}
	states, err := b.store.Load(b.Context(), q)
	if err != nil {
		return err
	}
	if len(states) != 2 || states[0].Version != states[1].Version {
		return fmt.Errorf("%w:\n%v", errTorn, describe(states...))
	}
	for _, s := range states {
		var lines, units int64
		for _, at := range []int64{0, 7, 19, 30} {
			if s.Version > at+1 {
				lines++
			}
		}
		for _, batch := range s.Batches {
			units += int64(batch.Allocated)
		}
		if open := len(s.Batches) == 1; open && units != s.Version-1 || lines != int64(len(s.Lines)) {
			return fmt.Errorf("%w: product %q has version %d with %d units and %d of 4 lines allocated",
				errTorn, s.SKU, s.Version, units, len(s.Lines))
		}
	}
	return nil
}

func racesDeadlock(b *bench) {
	skus := []allocation.SKU{"apple", "pear", "plum"}
	for i, sku := range skus {
		b.announce(sku, stock(allocation.BatchRef(fmt.Sprint("b", i)), 1000))
	}
	shop := b.apart()
	answers := race(func(i int) error {
		for round := range 3 {
			order := allocation.OrderID(fmt.Sprint("o", i, " ", round))
			// Everybody names two of the three, and in another order.
			one, two := skus[(i+round)%3], skus[(i+round+1+i%2)%3]
			if _, err := shop.service.Allocate(b.Context(), line(one, firm(order, 1)), line(two, firm(order, 1))); err != nil {
				return err
			}
		}
		return nil
	})
	b.must(errors.Join(answers...), "allocating orders of two products at the same time")
	var given allocation.Quantity
	for i, sku := range skus {
		given += b.batchOf(b.state(of(sku)), allocation.BatchRef(fmt.Sprint("b", i))).Allocated
	}
	if want := allocation.Quantity(racers * 3 * 2); given != want {
		b.errorf("%d units are allocated after %d orders of 2 units each, want %d", given, racers*3, want)
	}
}
