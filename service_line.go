package allocation

import (
	"context"
	"slices"
	"time"
)

// ChangeLine gives a line another quantity: more units if they can be had, else the line stays as it was and
// the answer is an [*OutOfStockError]; or fewer, but not fewer than were shipped. See
// [Product.ChangeLine]. A repeat changes nothing and returns the same allocation.
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

// Cancel takes back the unshipped units of an order, or of its lines of the given SKUs, and returns the lines
// that stay because some of their units have shipped, with what was shipped. A repeat changes
// nothing and returns the same; if nothing stayed, it is [ErrNotFound].
func (s *Service) Cancel(ctx context.Context, order OrderID, skus ...SKU) (shipped []Allocation, err error) {
	all, err := s.eachLine(ctx, "Cancel", order, skus, (*Product).Cancel)
	return slices.DeleteFunc(all, func(a Allocation) bool { return a.Quantity == 0 }), err
}

// Confirm makes the holds of an order firm, or those of its lines of the given SKUs: all of them, or none if
// any has lapsed. It returns what is firm now. Without SKUs it knows only the lines that are there: one whose
// hold lapsed and was cleared away, or that was released because its batch was cut (R6), is not among them.
// Name the SKUs of the whole order, as after a payment, and a line that is gone is [ErrNotFound] and confirms
// none; one that is there and has lapsed is [ErrLapsed]. A repeat changes nothing and returns the same.
func (s *Service) Confirm(ctx context.Context, order OrderID, skus ...SKU) ([]Allocation, error) {
	return s.eachLine(ctx, "Confirm", order, skus, (*Product).Confirm)
}

// Extend holds the lines of an order, or those of the given SKUs, until a later time: all of them, or none if
// any has lapsed ([ErrLapsed]) or is firm ([ErrNotAllowed]). As with [Service.Confirm], only lines whose SKUs
// are given can be missed. A repeat changes nothing and returns the same.
func (s *Service) Extend(ctx context.Context, order OrderID, until time.Time, skus ...SKU) ([]Allocation, error) {
	if err := checkTime("Extend", "hold until", until); err != nil {
		return nil, err
	}
	return s.eachLine(ctx, "Extend", order, skus, func(p *Product, order OrderID, now time.Time) (Allocation, error) {
		return p.Extend(order, until, now)
	})
}

// Ship lets all units of an order leave the warehouse, or those of its lines of the given SKUs: all of them,
// or none if any has not arrived, or is only held ([ErrNotAllowed]). A repeat changes nothing and
// returns the same.
func (s *Service) Ship(ctx context.Context, order OrderID, skus ...SKU) ([]Allocation, error) {
	return s.eachLine(ctx, "Ship", order, skus, (*Product).Ship)
}

// ShipPart lets units of a line leave the warehouse; the quantity of shipped is the total that has left so far.
// See [Product.ShipPart]. A repeat, however late, changes nothing and returns the line as it is.
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

// eachLine runs one verb on the lines of an order, by SKU: on all of them, or on those of the given SKUs.
func (s *Service) eachLine(
	ctx context.Context, op string, order OrderID, skus []SKU, verb func(*Product, OrderID, time.Time) (Allocation, error),
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
		for _, p := range ordered { // before anything is changed
			if _, err := p.find(op, order); err != nil {
				return nil, err
			}
		}
		for _, p := range ordered {
			line, err := verb(p, order, products.Now())
			if err != nil {
				return nil, err
			}
			lines = append(lines, line)
		}
		return lines, nil
	})
}

func productsOf(ctx context.Context, products Repository, order OrderID, skus []SKU) ([]*Product, error) {
	if len(skus) == 0 {
		return products.GetByOrder(ctx, order)
	}
	return products.GetMany(ctx, skus, order)
}
