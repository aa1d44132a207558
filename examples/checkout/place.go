package main

import (
	"context"
	"errors"

	"github.com/cosmic-go/allocation"
)

// Order is a customer's basket.
type Order struct {
	ID       allocation.OrderID
	Customer string
	Items    []Item
}

// Item is so many units of a product.
type Item struct {
	SKU      allocation.SKU
	Quantity allocation.Quantity
}

// Shop sells the stock. A Shop is safe for concurrent use, also by several processes.
type Shop struct {
	till    till
	service *allocation.Service
	ledger  ledger
	close   func() error

	step func(o allocation.OrderID, step string) // runs between any two steps of an order
}

// The steps of an order, as step hears of them.
const (
	begun     = "the transaction has begun"
	written   = "the row is written, the goods are not allocated"
	allocated = "row and goods are written, and not committed"
	committed = "row and goods are committed"
)

// tries is how often an order is placed while the outcome stays unknown.
const tries = 3

// Place writes an order and promises its goods, both or neither. An order can be placed again after any error; if the
// first try was committed, the second changes nothing. The error for too little stock is an
// [*allocation.OutOfStockError], to be answered to the customer.
//
// Lost races are repeated by the till. An unknown outcome is not, because only the shop knows that placing the order
// again is safe: the order is there as a whole or not at all.
func (s *Shop) Place(ctx context.Context, o Order) (given []allocation.Allocation, err error) {
	for range tries {
		given, err = s.tryToPlace(ctx, o)
		if !errors.Is(err, allocation.ErrUnknownOutcome) {
			return given, err
		}
	}
	return nil, err
}

// tryToPlace is the whole checkout, the same for every till. The SKUs let customers of the same goods take turns. The
// function may run several times, and leaves traces nowhere but in the transaction. A refusal is rolled back as well,
// together with the event of the refusal.
func (s *Shop) tryToPlace(ctx context.Context, o Order) (given []allocation.Allocation, err error) {
	err = s.till.within(ctx, s.service, func(ctx context.Context, rows rows, inside *allocation.Service) error {
		s.step(o.ID, begun)
		if err := rows.insert(ctx, o); err != nil {
			return err
		}
		s.step(o.ID, written)
		given, err = inside.Allocate(ctx, o.requests()...)
		s.step(o.ID, allocated)
		return err
	}, o.skus()...)
	if err != nil {
		return nil, err
	}
	s.step(o.ID, committed)
	return given, nil
}

func (o Order) requests() []allocation.Request {
	requests := make([]allocation.Request, len(o.Items))
	for i, item := range o.Items {
		requests[i].OrderLine = allocation.OrderLine{OrderID: o.ID, SKU: item.SKU, Quantity: item.Quantity}
	}
	return requests
}

// skus returns the goods of an order whose items have different SKUs.
func (o Order) skus() []allocation.SKU {
	skus := make([]allocation.SKU, len(o.Items))
	for i, item := range o.Items {
		skus[i] = item.SKU
	}
	return skus
}
