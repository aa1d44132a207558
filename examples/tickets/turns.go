package main

import (
	"fmt"
	"slices"

	"github.com/cosmic-go/allocation"
)

// life is what the ledger says about a caller.
type life struct {
	caller
	place   int64 // number of the event with which the waiting began; 0 for a caller who never waited
	waiting allocation.Quantity
	has     allocation.Quantity
	offers  int
	first   int // minute of the first offer
	until   int // minute when the offer ends
	end     ending
}

// ending is how a caller's story ends.
type ending int

const (
	refused ending = iota // nothing in the ledger: too few seats, and the caller didn't wait
	waiting               // still waits
	holding               // still has an offer
	paid
	gaveBack
	lapsed
	hungUp
	inVain // waited until the closing
	endings
)

// history replays the ledger of a concert.
type history struct {
	free     allocation.Quantity // seats that are promised to nobody
	number   int64               // of the event
	lives    map[allocation.OrderID]*life
	line     []*life // all who wait, in no order
	offers   int
	refusals int // recorded refusals: of many in a row only the first is recorded
	wrong    []string
	outOf    int // callers who were served out of turn
}

func newHistory(count int) *history {
	h := &history{lives: map[allocation.OrderID]*life{}}
	for order, c := range callers(count) {
		h.lives[order] = &life{caller: c}
	}
	return h
}

// complain notes that something is wrong with the event.
func (h *history) complain(format string, args ...any) {
	h.wrong = append(h.wrong, fmt.Sprintf("event %d: ", h.number)+fmt.Sprintf(format, args...))
}

// replay carries on with the next event.
func (h *history) replay(e allocation.Event) {
	h.number++
	switch e := e.(type) {
	case allocation.BatchAdded:
	case allocation.LineRefused:
		h.refusals++
	case allocation.LineWaiting:
		h.of(e.OrderID, func(l *life) { h.waits(l, e) })
	case allocation.LineAllocated:
		h.of(e.OrderID, func(l *life) { h.offered(l, e) })
	case allocation.HoldConfirmed:
		h.of(e.OrderID, func(l *life) { h.confirmed(l, e) })
	case allocation.LineDeallocated:
		h.of(e.OrderID, func(l *life) { h.ended(l, gaveBack, e.Quantity) })
	case allocation.HoldLapsed:
		h.of(e.OrderID, func(l *life) {
			if minuteOf(e.At) < l.until {
				h.complain("the offer to %s lapsed in minute %d, before minute %d", e.OrderID, minuteOf(e.At), l.until)
			}
			h.ended(l, lapsed, e.Quantity)
		})
	default:
		h.complain("nobody expects a %s", e.Kind())
	}
	_, purchased, allocated := e.Movement()
	if h.free += purchased - allocated; h.free < 0 {
		h.complain("%d seats are promised twice", -h.free)
	}
}

// of calls a function with the life of a caller.
func (h *history) of(order allocation.OrderID, next func(*life)) {
	if l, known := h.lives[order]; known {
		next(l)
		return
	}
	h.complain("nobody knows %s", order)
}

// waits notes that a caller begins to wait, or ends.
func (h *history) waits(l *life, e allocation.LineWaiting) {
	l.waiting = e.Quantity
	switch {
	case e.Quantity > 0:
		l.place, l.end = h.number, waiting
		h.line = append(h.line, l)
		return
	case minuteOf(e.At) > closing:
		l.end = inVain
	default:
		l.end = hungUp
	}
	h.leavesLine(l)
}

// offered notes an offer, and checks whose turn it was.
func (h *history) offered(l *life, e allocation.LineAllocated) {
	h.checkTurn(l, minuteOf(e.At))
	if e.Quantity != l.seats {
		h.complain("%s wants %d seats and is offered %d", e.OrderID, l.seats, e.Quantity)
	}
	if !e.HeldUntil.Equal(e.At.Add(at(offer).Sub(opening))) {
		h.complain("the offer to %s of minute %d ends at %v", e.OrderID, minuteOf(e.At), e.HeldUntil)
	}
	if l.offers++; l.offers > 1 {
		h.complain("%s is offered seats twice", e.OrderID)
	}
	h.offers++
	l.first, l.until = minuteOf(e.At), minuteOf(e.HeldUntil)
	l.has, l.waiting, l.end = e.Quantity, 0, holding
	h.leavesLine(l)
}

// checkTurn complains if anybody waits who comes first and would take the free seats. Seats of lapsed offers are free,
// recorded or not. A caller who needs more seats than are free is passed over, and keeps the place in the line.
func (h *history) checkTurn(served *life, minute int) {
	free := h.free
	for _, l := range h.lives {
		if l.end == holding && l.until <= minute {
			free += l.has
		}
	}
	for _, other := range h.line {
		if other != served && other.waiting <= free && other.comesBefore(served) {
			h.outOf++
			h.complain("%s is served out of turn: %s needs %d seats, %d are free, and waits since event %d",
				served.order(), other.order(), other.waiting, free, other.place)
			return
		}
	}
}

// comesBefore reports whether a caller who waits is served before another caller. A caller who doesn't wait comes after
// all who wait.
func (l *life) comesBefore(other *life) bool {
	switch {
	case other.waiting == 0:
		return true
	case l.priority() != other.priority():
		return l.priority() > other.priority()
	}
	return l.place < other.place
}

// confirmed notes a payment.
func (h *history) confirmed(l *life, e allocation.HoldConfirmed) {
	if l.end != holding || minuteOf(e.At) >= l.until {
		h.complain("%s pays in minute %d for an offer that ended in minute %d", e.OrderID, minuteOf(e.At), l.until)
	}
	l.end = paid
}

// ended notes that an offer ends without a payment.
func (h *history) ended(l *life, how ending, seats allocation.Quantity) {
	if l.end != holding || seats != l.has {
		h.complain("%s loses %d seats and had %d", l.order(), seats, l.has)
	}
	l.has, l.end = 0, how
}

func (h *history) leavesLine(l *life) {
	h.line = slices.DeleteFunc(h.line, func(other *life) bool { return other == l })
}
