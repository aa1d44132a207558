package allocation

import (
	"fmt"
	"time"
)

// Allocate promises stock to lines, to all lines or to none; a nil policy is [EarliestFirst]. Requests
// for the same line are added up; the lines are judged one after the other, each on the stock that
// earlier lines left (R4). A line gets units only of saleable batches that fit the terms of the
// request (R13, R14). A line that may wait is never short: the line waits for the missing units. A new
// line takes only what those who wait have left (R15); if some of them have yet to be served, the answer
// is an [ErrNotLoaded], after which a unit of work serves them and begins again.
//
// A line that has an allocation already keeps the allocation, and a request that differs in quantity,
// NeededBy, FreshUntil, Location, Split or Partial is an [ErrMismatch] that names the field. A request
// without HoldUntil and HoldFor makes a live hold firm, a later HoldUntil extends the hold, and nothing
// else of a repeat counts (R3). Unless the whole call succeeds, no hold becomes firm or longer.
//
// A new line whose HoldUntil, NeededBy or FreshUntil has passed is [ErrInvalid]; a repeat is never
// refused because time has passed.
//
// The allocations come in the order in which the lines first appear. If any line can't be met, the
// answer is an [*OutOfStockError] that names every short line. The refusal is not recorded; a
// [Service] records the refusals of its commands (R10).
func (p *Product) Allocate(now time.Time, policy Policy, requests ...Request) ([]Allocation, error) {
	requests, err := merge("Allocate", requests)
	if err != nil {
		return nil, err
	}
	now = clean(now)
	plan, err := p.plan(now, policy, requests)
	if err != nil {
		return nil, err
	}
	return p.carryOut(plan, now), nil
}

// merge checks requests and adds up the requests for each line (R4).
func merge(op string, requests []Request) ([]Request, error) {
	if len(requests) == 1 && requests[0].plain() {
		return requests, requests[0].check(op) // nothing to merge or to clean
	}
	merged := make([]Request, 0, len(requests))
	seen := make(map[LineKey]int, len(requests))
	for _, r := range requests {
		if err := r.check(op); err != nil {
			return nil, err
		}
		r = r.clean()
		k := r.Key()
		i, again := seen[k]
		if !again {
			seen[k] = len(merged)
			merged = append(merged, r)
			continue
		}
		if err := merged[i].add(op, r); err != nil {
			return nil, err
		}
	}
	return merged, nil
}

// planned is a request together with the stock chosen for the request.
type planned struct {
	*Request
	parts   []Part
	waits   Quantity // so many units are missing, and the line waits for them
	already *line    // the line; nil until the request is carried out if the line is new
}

// plan judges merged requests one after the other and changes nothing. If any request can't be met,
// plan returns an OutOfStockError with every shortage (R5).
func (p *Product) plan(now time.Time, policy Policy, requests []Request) ([]planned, error) {
	plan := make([]planned, 0, len(requests))
	free := p.free(now)
	var short []Shortage
	for i := range requests {
		r := &requests[i]
		already, err := p.repeated(r, now)
		if err != nil {
			return nil, err
		}
		step := planned{Request: r, already: already}
		if already != nil && already.extends(r.HoldUntil) && p.tooLong(r.HoldUntil, now) {
			return nil, p.longHold("Allocate", r.HoldUntil)
		}
		if already == nil {
			if err := p.checkClock(r, now); err != nil {
				return nil, err
			}
			if err := p.servedAll("Allocate", now); err != nil {
				return nil, err
			}
			var most Quantity
			if step.parts, most = p.choose(free, policy, r.need(), now); step.parts == nil && (r.Wait || r.Partial) {
				if err := p.planMissing(&step, free, policy, most, now); err != nil {
					return nil, err
				}
			}
			if step.parts == nil && step.waits == 0 {
				short = append(short, Shortage{OrderLine: r.OrderLine, Available: most})
				continue
			}
			p.reserve(free, step.parts)
		}
		plan = append(plan, step)
	}
	if err := p.checkNumber(plan, now); err != nil {
		return nil, err
	}
	if short != nil {
		return nil, p.short("Allocate", short...)
	}
	return plan, nil
}

// checkNumber refuses new lines if an order would have more than maxLines lines of the product.
func (p *Product) checkNumber(plan []planned, now time.Time) error {
	var added map[OrderID]int // new lines of each order that comes near the limit
	for _, step := range plan {
		if step.already != nil {
			continue
		}
		present := 0
		for l := p.byOrder[step.OrderID]; l != nil; l = l.next {
			if !l.removed && !l.Lapsed(now) {
				present++
			}
		}
		if present+len(plan) <= maxLines {
			continue
		}
		if added == nil {
			added = map[OrderID]int{}
		}
		if added[step.OrderID]++; present+added[step.OrderID] > maxLines {
			reason := fmt.Errorf("%w: an order has at most %d lines of a SKU", ErrNotAllowed, maxLines)
			return lineError("Allocate", step.Key(), reason)
		}
	}
	return nil
}

// short returns the error for lines without enough stock, or a lapsedError if further lapsed holds may
// free units.
func (p *Product) short(op string, shortages ...Shortage) error {
	if p.moreLapsed {
		return p.lapsedRemain(op)
	}
	return &OutOfStockError{Shortages: shortages}
}

// repeated returns the line if the line is already allocated (R3), nil if the line is new or has
// lapsed.
func (p *Product) repeated(r *Request, now time.Time) (*line, error) {
	if r.SKU != p.sku {
		return nil, invalid("Allocate", "sku", r.SKU, fmt.Sprintf("must be %q, the product's", p.sku))
	}
	l := p.line(r.Key())
	switch {
	case !p.known(r.OrderID):
		return nil, &Error{Op: "Allocate", Field: "order", Value: r.OrderID, Err: ErrNotLoaded}
	case l == nil || l.removed:
		return nil, nil
	case l.Lapsed(now):
		return nil, nil
	}
	return l, l.checkRepeat(r)
}

// carryOut allocates as planned. Lapsed holds are released first, since their units may be part of
// the plan.
func (p *Product) carryOut(plan []planned, now time.Time) []Allocation {
	released := false // once is enough, since no line of this call can have lapsed already
	for i := range plan {
		step := &plan[i]
		if step.already != nil {
			p.strengthen(step.already, *step.Request, now)
			continue
		}
		if !released {
			p.releaseLapsed(now)
			released = true
		}
		step.already = p.open(step.Request)
		p.begin(step.already, step, now)
	}
	p.settle(now)
	allocations := make([]Allocation, len(plan))
	for i := range plan {
		allocations[i] = plan[i].already.copy()
	}
	return allocations
}

// planMissing plans for a new line that can't have all units: with Partial the line has the most that there
// is, and with Wait the line waits for the others.
func (p *Product) planMissing(step *planned, free []Quantity, policy Policy, most Quantity, now time.Time) error {
	if p.moreLapsed {
		return p.lapsedRemain("Allocate") // with more units free the line may have more
	}
	missing := step.Quantity
	if step.Partial && most > 0 {
		n := step.need()
		n.units = most
		step.parts, _ = p.choose(free, policy, n, now)
		missing -= most
	}
	if step.Wait {
		step.waits = missing
	}
	return nil
}

// begin gives a new line the planned units, and lets the line wait for the missing units.
func (p *Product) begin(l *line, step *planned, now time.Time) {
	if step.parts != nil {
		p.startHold(l, now)
	}
	for _, part := range step.parts {
		p.give(l, part.Batch, part.Quantity, now)
	}
	l.setWanted(step.Quantity)
	if step.waits > 0 {
		p.wait(l, step.waits, step.Quantity, now)
	}
}

// open adds a line without units. A lapsed or removed line with the same key is replaced.
func (p *Product) open(r *Request) *line {
	l := p.line(r.Key())
	fresh := l == nil
	if fresh {
		l = &line{}
	}
	l.Allocation = Allocation{
		OrderLine:  OrderLine{OrderID: r.OrderID, SKU: r.SKU, Line: r.Line},
		Split:      r.Split,
		HeldUntil:  r.HoldUntil,
		NeededBy:   r.NeededBy,
		FreshUntil: r.FreshUntil,
		Location:   r.Location,
		Priority:   r.Priority,
		Partial:    r.Partial,
		MayWait:    r.Wait,
		HoldFor:    r.HoldFor,
		Sequence:   p.Version() + 1,
	}
	l.missed = false
	if p.note(l); fresh {
		p.addLine(l)
	}
	return l
}

// refuse sweeps, so that the next refusal need not read lapsed holds and expired batches, and records
// the product's shortages, unless the last event is a refusal already (R10).
func (p *Product) refuse(now time.Time, shortages []Shortage) {
	p.Sweep(now)
	if p.refused == p.Version() && p.queue.serving == p.queue.stored {
		return
	}
	for _, s := range shortages {
		if s.SKU == p.sku {
			p.record(LineRefused{
				SKU: p.sku, At: now, OrderID: s.OrderID, Line: s.Line, Quantity: s.Quantity, Available: s.Available,
			})
			p.refused = p.Version()
		}
	}
}
