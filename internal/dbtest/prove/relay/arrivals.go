package relay

import (
	"sync"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// arrivals are the events that have left the building, and what is wrong with them. They are safe for concurrent use.
type arrivals struct {
	mu       sync.Mutex
	products map[allocation.SKU]*received
	faults   harness.Faults

	events, duplicates int
	recorded           int       // events in the ledger
	first, last        time.Time // when something new arrived

	orphans   map[allocation.SKU]death
	takeovers []time.Duration
}

// received is what has arrived of a product.
type received struct {
	letters map[int64]letter
	next    int64 // the lowest number that is missing
}

// death is that of a relay that had leased a product.
type death struct {
	owner string
	at    time.Time
}

func newArrivals() *arrivals {
	return &arrivals{
		products: map[allocation.SKU]*received{}, orphans: map[allocation.SKU]death{},
	}
}

// note takes a parcel of an owner of leases.
func (a *arrivals) note(p parcel, owner string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if d, orphan := a.orphans[p.SKU]; orphan && d.owner != owner {
		delete(a.orphans, p.SKU)
		a.takeovers = append(a.takeovers, now.Sub(d.at))
	}
	of := a.products[p.SKU]
	if of == nil {
		of = &received{letters: map[int64]letter{}, next: 1}
		a.products[p.SKU] = of
	}
	for _, l := range p.Letters {
		a.noteLetter(p.SKU, of, l, now)
	}
}

func (a *arrivals) noteLetter(sku allocation.SKU, of *received, l letter, now time.Time) {
	if known, repeated := of.letters[l.Sequence]; repeated {
		a.duplicates++
		if known != l {
			a.faults.Add(altered, "event %d of %q came as %+v and again as %+v", l.Sequence, sku, known, l)
		}
		return
	}
	if l.Sequence != of.next {
		a.faults.Add(disordered, "event %d of %q came before event %d", l.Sequence, sku, of.next)
	}
	of.letters[l.Sequence] = l
	for _, there := of.letters[of.next]; there; _, there = of.letters[of.next] {
		of.next++
	}
	a.events++
	a.last = now
	if a.first.IsZero() {
		a.first = now
	}
}

// fault notes what somebody else has found.
func (a *arrivals) fault(kind harness.FaultKind, format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults.Add(kind, format, args...)
}

// died notes which products a relay had leased when it was killed.
func (a *arrivals) died(owner string, at time.Time, leased []allocation.SKU) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, sku := range leased {
		if _, already := a.orphans[sku]; !already {
			a.orphans[sku] = death{owner: owner, at: at}
		}
	}
}

// count is how many events have arrived, and when the last of them did.
func (a *arrivals) count() (events int, last time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.events, a.last
}
