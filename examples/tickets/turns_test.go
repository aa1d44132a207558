package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// crowd is the number of callers among whom a test finds people.
const crowd = 1000

// script writes the ledger of a made-up drop.
type script struct {
	history *history
	minute  int
}

// newScript begins with free seats in minute 0.
func newScript(seats allocation.Quantity) *script {
	s := &script{history: newHistory(crowd)}
	s.replay(allocation.BatchAdded{At: at(0), Batch: "hall", Quantity: seats})
	return s
}

func (s *script) replay(e allocation.Event) { s.history.replay(e) }

// find returns a caller, another one for each place.
func find(place int, seats allocation.Quantity, member bool) caller {
	for number := range crowd {
		c := newCaller(number)
		if c.seats == seats && c.member == member && c.waits {
			if place == 0 {
				return c
			}
			place--
		}
	}
	panic("the crowd is too small")
}

func (s *script) waits(c caller) {
	s.replay(allocation.LineWaiting{At: at(s.minute), OrderID: c.order(), Quantity: c.seats, Wanted: c.seats})
}

func (s *script) offered(c caller) {
	s.replay(allocation.LineAllocated{
		At: at(s.minute), OrderID: c.order(), Batch: "hall", Quantity: c.seats, HeldUntil: at(s.minute + offer),
	})
}

func (s *script) lapses(c caller) {
	s.replay(allocation.HoldLapsed{At: at(s.minute), OrderID: c.order(), Batch: "hall", Quantity: c.seats})
}

func (s *script) pays(c caller) {
	s.replay(allocation.HoldConfirmed{At: at(s.minute), OrderID: c.order()})
}

func TestTheAuditorAcceptsAFairLine(t *testing.T) {
	first, large, small, member := find(0, 4, false), find(1, 4, false), find(0, 2, false), find(0, 2, true)
	s := newScript(4)
	s.offered(first)
	s.waits(large)
	s.waits(small)
	s.waits(member)
	s.minute = offer
	s.lapses(first)
	s.offered(member) // has priority
	s.offered(small)  // 2 seats are too few for large, who keeps the place
	s.minute++
	s.pays(member)
	require.Empty(t, s.history.wrong)
	require.Zero(t, s.history.outOf)
	require.Zero(t, s.history.free)
}

func TestTheAuditorFindsWhoIsServedOutOfTurn(t *testing.T) {
	owner, older, younger := find(0, 2, false), find(1, 2, false), find(2, 2, false)
	member, large := find(0, 2, true), find(0, 4, false)
	for name, unfair := range map[string]func(s *script){
		"the younger before the older": func(s *script) {
			s.waits(older)
			s.waits(younger)
			s.offered(younger)
		},
		"a walk-in before one who waits": func(s *script) {
			s.waits(older)
			s.offered(younger)
		},
		"a member who doesn't wait before one who waits": func(s *script) {
			s.waits(older)
			s.offered(member)
		},
		"the older before a member": func(s *script) {
			s.waits(older)
			s.waits(member)
			s.offered(older)
		},
		"an offer has lapsed, and the ledger doesn't say so yet": func(s *script) {
			s.offered(owner)
			s.waits(large)
			s.minute = offer
			s.offered(younger)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(4)
			unfair(s)
			require.Equal(t, 1, s.history.outOf, "%q", s.history.wrong)
			require.Len(t, s.history.wrong, 1)
			require.Contains(t, s.history.wrong[0], "is served out of turn")
		})
	}
}

func TestTheAuditorFindsWhatCanNotBe(t *testing.T) {
	first, second := find(0, 3, false), find(1, 3, false)
	for name, of := range map[string]struct {
		happens  func(s *script)
		complain string
	}{
		"seats sold twice": {func(s *script) {
			s.offered(first)
			s.offered(second)
		}, "event 3: 2 seats are promised twice"},
		"payment after the offer": {func(s *script) {
			s.offered(first)
			s.minute = offer
			s.pays(first)
		}, "pays in minute 10 for an offer that ended in minute 10"},
		"offer that ends early": {func(s *script) {
			s.offered(first)
			s.minute = offer - 1
			s.lapses(first)
		}, "lapsed in minute 9, before minute 10"},
		"another number of seats": {func(s *script) {
			other := first
			other.seats = 1
			s.offered(other)
		}, "wants 3 seats and is offered 1"},
		"unknown caller": {func(s *script) {
			s.waits(caller{number: crowd, seats: 1})
		}, "nobody knows caller-1000"},
		"unexpected event": {func(s *script) {
			s.replay(allocation.LineShipped{At: at(0), OrderID: first.order()})
		}, "nobody expects a LineShipped"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(4)
			of.happens(s)
			require.Len(t, s.history.wrong, 1)
			require.Contains(t, s.history.wrong[0], of.complain)
		})
	}
}

func TestTheAuditorComparesTheSums(t *testing.T) {
	buyer := find(0, 2, false)
	s := newScript(2)
	s.offered(buyer)
	s.pays(buyer)
	s.history.lives = map[allocation.OrderID]*life{buyer.order(): s.history.lives[buyer.order()]}
	right := books{Called: 1, Paid: 1, Seats: 2}
	for name, of := range map[string]struct {
		falsify  func(b *books)
		complain string
	}{
		"nothing":    {func(*books) {}, ""},
		"calls":      {func(b *books) { b.Called++ }, "callers, and calls at the offices: 1 and 2"},
		"payments":   {func(b *books) { b.Paid++ }, "orders that paid, by offices and ledger: 2 and 1"},
		"seats":      {func(b *books) { b.Seats-- }, "seats that were paid, by offices and ledger: 1 and 2"},
		"refusals":   {func(b *books) { b.Refused++ }, "refusals, by offices and ledger: 1 and 0"},
		"departures": {func(b *books) { b.Left++ }, "callers who left, by offices and ledger: 1 and 0"},
	} {
		t.Run(name, func(t *testing.T) {
			s.history.wrong = nil
			a := audit{drop: drop{Seats: 2, Callers: 1}, said: right, history: s.history}
			of.falsify(&a.said)
			a.count()
			a.checkSums()
			if of.complain == "" {
				require.NoError(t, a.verdict())
				return
			}
			require.ErrorContains(t, a.verdict(), of.complain)
		})
	}
}
