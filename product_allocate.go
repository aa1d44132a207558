package allocation

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Allocate promises stock to lines, all of them or none; a nil policy is [EarliestFirst]. Lines of one
// order are one line with their sum, lines of several orders are judged one after the other on what
// the earlier ones left (R4). A line that has its allocation already keeps it, whatever the terms
// (R3); the same line with another quantity is [ErrMismatch].
//
// The allocations come in the order in which the lines first appear. If any line can't be met, the answer is an
// [*OutOfStockError] that names each.
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

// merge checks requests and adds up those that name the same line (R4).
func merge(op string, requests []Request) ([]Request, error) {
	if len(requests) == 1 && requests[0].HoldUntil.IsZero() {
		return requests, requests[0].check(op) // there is nothing to merge or to clean
	}
	merged := make([]Request, 0, len(requests))
	seen := make(map[LineKey]int, len(requests))
	for _, r := range requests {
		if err := r.check(op); err != nil {
			return nil, err
		}
		r.HoldUntil = clean(r.HoldUntil)
		k := r.Key()
		i, again := seen[k]
		if !again {
			seen[k] = len(merged)
			merged = append(merged, r)
			continue
		}
		first := &merged[i]
		if r.Split != first.Split || r.HoldUntil != first.HoldUntil {
			return nil, &Error{
				Op: op, Field: "order", Value: r.OrderID,
				Err: fmt.Errorf("%w: lines of sku %q have different terms", ErrInvalid, r.SKU),
			}
		}
		first.Quantity += r.Quantity
		if err := checkQuantity(op, "quantity", first.Quantity, 1); err != nil {
			return nil, err
		}
	}
	return merged, nil
}

// check refuses a request with bad data.
func (r Request) check(op string) error {
	if err := r.OrderLine.check(op); err != nil {
		return err
	}
	return checkTimeIfAny(op, "hold until", r.HoldUntil)
}

// checkHold refuses a new hold whose time has passed.
func (r Request) checkHold(now time.Time) error {
	if r.HoldUntil.IsZero() {
		return nil
	}
	return checkHold("Allocate", r.HoldUntil, now)
}

// planned is what one request will get.
type planned struct {
	Request
	parts   []Part
	already *line // the allocation that the line has
}

// plan judges merged requests one after the other and changes nothing.
func (p *Product) plan(now time.Time, policy Policy, requests []Request) ([]planned, error) {
	plan := make([]planned, 0, len(requests))
	free := p.free(now)
	var short []Shortage
	for _, r := range requests {
		already, err := p.repeated(r, now)
		if err != nil {
			return nil, err
		}
		step := planned{Request: r, already: already}
		if already == nil {
			if err := r.checkHold(now); err != nil {
				return nil, err
			}
			var most Quantity
			if step.parts, most = p.choose(free, policy, r.Quantity, r.Split); step.parts == nil {
				short = append(short, Shortage{OrderLine: r.OrderLine, Available: most})
				continue
			}
			p.reserve(free, step.parts)
		}
		plan = append(plan, step)
	}
	if short != nil {
		return nil, p.short("Allocate", short...)
	}
	return plan, nil
}

// short is the answer to lines that can't be met, as far as the product can tell.
func (p *Product) short(op string, shortages ...Shortage) error {
	if p.moreLapsed {
		return p.more(op)
	}
	return &OutOfStockError{Shortages: shortages}
}

// repeated returns the allocation that the line has already (R3), nil if it has none.
func (p *Product) repeated(r Request, now time.Time) (*line, error) {
	if r.SKU != p.sku {
		return nil, invalid("Allocate", "sku", r.SKU, fmt.Sprintf("must be %q, the product's", p.sku))
	}
	l := p.byOrder[r.OrderID]
	switch {
	case l == nil && !p.known(r.OrderID):
		return nil, &Error{Op: "Allocate", Field: "order", Value: r.OrderID, Err: ErrNotLoaded}
	case l == nil || l.removed:
		return nil, nil
	case l.Lapsed(now):
		return nil, nil
	case l.Quantity != r.Quantity:
		return nil, &Error{
			Op: "Allocate", Field: "order", Value: r.OrderID,
			Err: fmt.Errorf("line of sku %q: %w: quantity is %d, not %d", r.SKU, ErrMismatch, l.Quantity, r.Quantity),
		}
	}
	return l, nil
}

// choose finds the batches for so many units: one for all of them, or with split as many as it takes,
// each asked only for what the ones before it left (R2). It returns nil if there is too little, and
// the most that could have been given.
func (p *Product) choose(free []Quantity, policy Policy, units Quantity, split bool) (parts []Part, most Quantity) {
	if split {
		return p.spread(free, policy, units)
	}
	if policy == nil {
		policy = EarliestFirst
	}
	var first Batch
	found := false
	for i, b := range p.batches {
		most = max(most, free[i])
		if free[i] < units {
			continue
		}
		candidate := b.with(free[i])
		if !found || cmp.Or(policy(candidate, first), EarliestFirst(candidate, first)) < 0 {
			first, found = candidate, true
		}
	}
	if !found {
		return nil, most
	}
	return []Part{{Batch: first.Ref, Quantity: units}}, units
}

// with is the batch as a policy sees it: with so many units available.
func (b *batch) with(free Quantity) Batch {
	seen := b.Batch
	seen.Allocated = b.Purchased - free
	return seen
}

// spread takes units from batches in the order of the policy.
func (p *Product) spread(free []Quantity, policy Policy, units Quantity) (parts []Part, most Quantity) {
	var candidates []Batch
	for i, b := range p.batches {
		if free[i] > 0 {
			candidates = append(candidates, b.with(free[i]))
			most = addSaturating(most, free[i])
		}
	}
	if most < units {
		return nil, most
	}
	slices.SortFunc(candidates, policy.total())
	for _, b := range candidates {
		share := min(units, b.Available())
		parts = append(parts, Part{Batch: b.Ref, Quantity: share})
		if units -= share; units == 0 {
			break
		}
	}
	return parts, most
}

// reserve counts planned parts as taken.
func (p *Product) reserve(free []Quantity, parts []Part) {
	for _, part := range parts {
		free[p.index(part.Batch)] -= part.Quantity
	}
}

// carryOut does what was planned.
func (p *Product) carryOut(plan []planned, now time.Time) []Allocation {
	wasLow := p.isLow()
	allocations := make([]Allocation, len(plan))
	for i, step := range plan {
		l := step.already
		if l == nil {
			p.releaseLapsed(now)
			l = p.open(step.Request)
			for _, part := range step.parts {
				p.give(l, part.Batch, part.Quantity, now)
			}
		}
		allocations[i] = l.copy()
	}
	p.tellIfCrossed(wasLow, now)
	return allocations
}

// open adds a line without units. It takes the place of a lapsed hold of the same order, if there is one.
func (p *Product) open(r Request) *line {
	l := p.byOrder[r.OrderID]
	if l == nil {
		l = &line{}
		p.lines = append(p.lines, l)
		p.byOrder[r.OrderID] = l
	}
	l.Allocation = Allocation{
		OrderLine: OrderLine{OrderID: r.OrderID, SKU: r.SKU},
		Split:     r.Split,
		HeldUntil: r.HoldUntil,
		Sequence:  p.Version() + 1,
	}
	return l
}

// refuse tells that lines could not be met, unless nothing was told since the last refusal (R10).
func (p *Product) refuse(now time.Time, shortages []Shortage) {
	if p.refused == p.Version() {
		return
	}
	for _, s := range shortages {
		if s.SKU == p.sku {
			p.tell(LineRefused{SKU: p.sku, At: now, OrderID: s.OrderID, Quantity: s.Quantity, Available: s.Available})
			p.refused = p.Version()
		}
	}
}
