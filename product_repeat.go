package allocation

import (
	"fmt"
	"time"
)

// add adds the units of another request for the same line in the same call. Every other field must be
// the same (R4).
func (r *Request) add(op string, other Request) error {
	units := other.Quantity
	other.Quantity = r.Quantity
	field, value, _ := other.differs(*r)
	switch {
	case field != "":
	case !other.HoldUntil.Equal(r.HoldUntil):
		field, value = "hold until", other.HoldUntil
	case other.Priority != r.Priority:
		field, value = "priority", other.Priority
	case other.Wait != r.Wait:
		field, value = "wait", other.Wait
	case other.HoldFor != r.HoldFor:
		field, value = "hold for", other.HoldFor
	}
	if field != "" {
		rule := fmt.Sprintf("all requests of order %q for the %s must have the same terms", r.OrderID, r.Key().text())
		return invalid(op, field, value, rule)
	}
	r.Quantity += units
	return checkQuantity(op, "quantity", r.Quantity, 1)
}

// checkRepeat refuses a request for an existing line if the request differs from the line (R3).
func (l *line) checkRepeat(r *Request) error {
	field, repeated, known := r.differs(l.request())
	if field == "" {
		return nil
	}
	return &Error{
		Op: "Allocate", Field: field, Value: repeated,
		Err: fmt.Errorf("order %q, %s: %w: the line has %v", l.OrderID, l.Key().text(), ErrMismatch, known),
	}
}

// request returns the request that would be a repeat of the line, but for Wait and HoldFor.
func (l *line) request() Request {
	r := Request{
		OrderLine: l.OrderLine, Split: l.Split, HoldUntil: l.HeldUntil,
		NeededBy: l.NeededBy, FreshUntil: l.FreshUntil, Location: l.Location, Priority: l.Priority,
		Partial: l.Partial,
	}
	r.Quantity = l.wanted()
	return r
}

// differs returns the first field in which a repeat differs from the line, with the value of each;
// "" for none. A repeat may have another HoldUntil and another Priority (R3).
func (r Request) differs(l Request) (field string, repeated, known any) {
	switch {
	case r.Quantity != l.Quantity:
		return "quantity", r.Quantity, l.Quantity
	case !r.NeededBy.Equal(l.NeededBy):
		return "needed by", r.NeededBy, l.NeededBy
	case !r.FreshUntil.Equal(l.FreshUntil):
		return "fresh until", r.FreshUntil, l.FreshUntil
	case r.Location != l.Location:
		return "location", r.Location, l.Location
	case r.Split != l.Split:
		return "split", r.Split, l.Split
	case r.Partial != l.Partial:
		return "partial", r.Partial, l.Partial
	}
	return "", nil, nil
}

// checkClock refuses a new line whose times have passed. A repeat is never refused because time has
// passed (R3), so only new lines are checked.
func (p *Product) checkClock(r *Request, now time.Time) error {
	const op = "Allocate"
	switch {
	case !r.HoldUntil.IsZero() && !r.HoldUntil.After(now):
		return invalid(op, "hold until", r.HoldUntil, "must be in the future")
	case p.tooLong(r.HoldUntil, now):
		return p.longHold(op, r.HoldUntil)
	case p.longestHold > 0 && r.HoldFor > p.longestHold:
		return p.longHold(op, clean(now.Add(r.HoldFor)))
	case r.NeededBy.Before(now) && !r.NeededBy.IsZero():
		return invalid(op, "needed by", r.NeededBy, "must not have passed")
	case r.FreshUntil.Before(now) && !r.FreshUntil.IsZero():
		return invalid(op, "fresh until", r.FreshUntil, "must not have passed")
	}
	return nil
}

// strengthen lets a repeat make a live hold firm, or longer; no repeat weakens a line (R3).
func (p *Product) strengthen(l *line, r Request, now time.Time) {
	switch {
	case r.HoldFor > 0:
	case r.HoldUntil.IsZero():
		p.confirm(l, now)
	default:
		p.extend(l, r.HoldUntil, now)
	}
}
