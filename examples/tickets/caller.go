package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cosmic-go/allocation"
)

// The drop in minutes of the clock that the program turns.
const (
	rush    = 10  // half of the callers call before this minute
	lines   = 90  // the last minute in which anybody calls
	closing = 120 // the last minute in which anybody is offered seats
	offer   = 10  // the length of an offer
	over    = closing + offer + 5
)

// opening is minute 0.
var opening = time.Date(2030, 5, 3, 10, 0, 0, 0, time.UTC)

// at is a minute of the drop, minuteOf the minute of a time.
func at(minute int) time.Time { return opening.Add(time.Duration(minute) * time.Minute) }

func minuteOf(t time.Time) int { return int(t.Sub(opening) / time.Minute) }

// answer is a caller's answer to an offer.
type answer int

const (
	pays     answer = iota
	gives           // gives the seats back
	paysLate        // wants to pay when the offer has lapsed
	forgets         // never answers
)

// caller is a person on the telephone. The number decides everything that the caller wants and does, so that the
// processes and the auditor agree without asking each other.
type caller struct {
	number   int
	seats    allocation.Quantity
	calls    int  // the minute of the call
	member   bool // of the fan club, which is served before others who wait
	waits    bool // whether the caller waits if there are too few seats
	patience int  // minutes after which the caller stops waiting; 0 for never
	answer   answer
	after    int // minutes between the offer and the answer
}

// newCaller makes up a caller.
func newCaller(number int) caller {
	r := rand.New(rand.NewPCG(uint64(number), 0))
	c := caller{
		number: number,
		seats:  allocation.Quantity(1 + r.IntN(4)),
		calls:  r.IntN(lines + 1),
		member: r.IntN(10) == 0,
		waits:  r.IntN(10) > 0,
		after:  1 + r.IntN(offer-1),
	}
	if r.IntN(2) == 0 {
		c.calls = r.IntN(rush)
	}
	if r.IntN(3) == 0 {
		c.patience = 1 + r.IntN(60)
	}
	switch n := r.IntN(10); {
	case n < 2:
		c.answer = forgets
	case n < 3:
		c.answer, c.after = paysLate, offer+r.IntN(4)
	case n < 5:
		c.answer = gives
	}
	return c
}

// order is the caller's id as a customer.
func (c caller) order() allocation.OrderID {
	return allocation.OrderID(fmt.Sprintf("caller-%d", c.number))
}

// priority is the caller's place among those who wait: a higher priority comes first.
func (c caller) priority() int {
	if c.member {
		return 1
	}
	return 0
}

// request asks for seats, which are the caller's for the length of an offer, whenever there are enough. Nobody is
// offered seats after the closing.
func (c caller) request(concert allocation.SKU) allocation.Request {
	return allocation.Request{
		OrderLine: allocation.OrderLine{OrderID: c.order(), SKU: concert, Quantity: c.seats},
		HoldFor:   offer * time.Minute,
		Wait:      c.waits,
		Priority:  c.priority(),
		NeededBy:  at(closing),
	}
}

// callers returns the first callers, by order.
func callers(count int) map[allocation.OrderID]caller {
	all := make(map[allocation.OrderID]caller, count)
	for number := range count {
		c := newCaller(number)
		all[c.order()] = c
	}
	return all
}
