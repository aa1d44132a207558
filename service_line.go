package allocation

import (
	"context"
	"slices"
	"time"
)

// ChangeLine gives one line another quantity, see [Product.ChangeLine]. If more units can't be had, the
// line stays as before and the answer is an [*OutOfStockError]; a quantity below the shipped units is
// [ErrNotAllowed]. A repeat changes nothing and returns the same allocation.
func (s *Service) ChangeLine(ctx context.Context, wanted OrderLine) (Allocation, error) {
	const op = "ChangeLine"
	if err := wanted.check(op); err != nil {
		return Allocation{}, err
	}
	c := command{op: op, skus: []SKU{wanted.SKU}, orders: []OrderID{wanted.OrderID}}
	return decide(ctx, s, c, func(ctx context.Context, products Repository) (Allocation, error) {
		p, err := products.Get(ctx, wanted.SKU, wanted.OrderID)
		if err != nil {
			return Allocation{}, err
		}
		return p.ChangeLine(wanted, products.Now(), s.policy)
	})
}

// Cancel takes back the unshipped units of an order, or of the order's lines of the given SKUs, and ends
// the waiting of these lines.
// Cancel returns the lines with shipped units, each with the shipped quantity. A repeat changes
// nothing and returns the same lines; if no line has shipped units, the repeat is [ErrNotFound].
func (s *Service) Cancel(ctx context.Context, order OrderID, skus ...SKU) (shipped []Allocation, err error) {
	all, err := s.eachLine(ctx, "Cancel", order, skus, func(p *Product, now time.Time) ([]Allocation, error) {
		return p.Cancel(order, now)
	})
	return slices.DeleteFunc(all, func(a Allocation) bool { return a.Quantity == 0 }), err
}

// Confirm makes the holds of an order firm, or the holds of the order's lines of the given SKUs: all
// of them, or none if any has lapsed. Confirm returns the lines, all firm. Without SKUs Confirm sees
// only the lines that exist: a line whose hold lapsed and was cleared away, or that was released
// because the batch was cut (R6), is not missed. After a payment, for example, name the SKUs of the
// whole order: then a missing line is [ErrNotFound], a lapsed line is [ErrLapsed], a line that has no units
// yet is [ErrNotAllowed], and nothing is confirmed. Without SKUs Confirm passes over lines that have no
// units, unless there are no others. A repeat changes nothing and returns the same lines.
func (s *Service) Confirm(ctx context.Context, order OrderID, skus ...SKU) ([]Allocation, error) {
	return s.eachWithUnits(ctx, "Confirm", order, skus, func(p *Product, now time.Time) ([]Allocation, error) {
		return p.confirmLines(order, now, len(skus) > 0)
	})
}

// Extend holds the lines of an order, or the order's lines of the given SKUs, until a later time: all
// of them, or none if any has lapsed ([ErrLapsed]) or is firm ([ErrNotAllowed]). As with
// [Service.Confirm], a missing line, or one without units, is noticed only if the line's SKU is given. A
// repeat changes nothing and returns the same lines.
func (s *Service) Extend(ctx context.Context, order OrderID, until time.Time, skus ...SKU) ([]Allocation, error) {
	if err := checkTime("Extend", "hold until", until); err != nil {
		return nil, err
	}
	return s.eachWithUnits(ctx, "Extend", order, skus, func(p *Product, now time.Time) ([]Allocation, error) {
		return p.extendLines(order, until, now, len(skus) > 0)
	})
}

// Ship lets all units of an order leave the warehouse, or all units of the order's lines of the given
// SKUs. If any unit has not arrived, or any line is only held, the answer is [ErrNotAllowed] and
// nothing is shipped (R8). Lines that have no units yet are treated as by [Service.Confirm]. A repeat
// changes nothing and returns the same lines.
func (s *Service) Ship(ctx context.Context, order OrderID, skus ...SKU) ([]Allocation, error) {
	return s.eachWithUnits(ctx, "Ship", order, skus, func(p *Product, now time.Time) ([]Allocation, error) {
		return p.shipLines(order, now, len(skus) > 0)
	})
}

// ShipPart lets units of one line leave the warehouse; the quantity of shipped is the total shipped so
// far, see [Product.ShipPart]. A repeat, however late, changes nothing and returns the line
// unchanged.
func (s *Service) ShipPart(ctx context.Context, shipped OrderLine) (Allocation, error) {
	const op = "ShipPart"
	if err := shipped.check(op); err != nil {
		return Allocation{}, err
	}
	c := command{op: op, skus: []SKU{shipped.SKU}, orders: []OrderID{shipped.OrderID}}
	return decide(ctx, s, c, func(ctx context.Context, products Repository) (Allocation, error) {
		p, err := products.Get(ctx, shipped.SKU, shipped.OrderID)
		if err != nil {
			return Allocation{}, err
		}
		return p.ShipPart(shipped, products.Now())
	})
}

// eachLine runs a verb on the lines of an order, by SKU and LineID: on all lines, or on the lines of the given
// SKUs.
func (s *Service) eachLine(
	ctx context.Context, op string, order OrderID, skus []SKU,
	verb func(p *Product, now time.Time) ([]Allocation, error),
) ([]Allocation, error) {
	if err := checkID(op, "order", order); err != nil {
		return nil, err
	}
	for _, sku := range skus {
		if err := checkID(op, "sku", sku); err != nil {
			return nil, err
		}
	}
	skus = slices.Compact(slices.Sorted(slices.Values(skus)))
	c := command{op: op, order: order}
	if len(skus) > 0 {
		c = command{op: op, skus: skus, orders: []OrderID{order}}
	}
	return decide(ctx, s, c, func(ctx context.Context, products Repository) (lines []Allocation, err error) {
		ordered, err := productsOf(ctx, products, order, skus)
		if err != nil {
			return nil, err
		}
		for _, p := range ordered { // before any product changes
			if _, err := p.find(op, order); err != nil {
				return nil, err
			}
		}
		for _, p := range ordered {
			ofProduct, err := verb(p, products.Now())
			if err != nil {
				return nil, err
			}
			lines = append(lines, ofProduct...)
		}
		return lines, nil
	})
}

// eachWithUnits is eachLine for verbs that pass over lines without units. If no line has units, the answer is
// an ErrNotAllowed.
func (s *Service) eachWithUnits(
	ctx context.Context, op string, order OrderID, skus []SKU,
	verb func(p *Product, now time.Time) ([]Allocation, error),
) ([]Allocation, error) {
	lines, err := s.eachLine(ctx, op, order, skus, verb)
	if err == nil && len(lines) == 0 {
		return nil, notAllowed(op, "order", order, "all lines wait for units")
	}
	return lines, err
}

// productsOf loads the products with the lines of an order: all of them, or the given SKUs.
func productsOf(ctx context.Context, products Repository, order OrderID, skus []SKU) ([]*Product, error) {
	if len(skus) == 0 {
		return products.GetByOrder(ctx, order)
	}
	return products.GetMany(ctx, skus, order)
}
