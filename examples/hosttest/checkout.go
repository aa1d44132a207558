// Package hosttest is the checkout of a shop with its tests. Run the tests from the folder examples:
//
//	go test -v ./hosttest
//
// A reader learns how a host tests its own code against package memory: a test seeds stock, sets the clock, makes the
// store fail, and looks at the committed lines. Look at checkout_test.go first: open makes the shop, and each test has
// a situation of its own, such as a late payment or a lost answer. The checkout in this file shows how a shop answers
// the errors of the library.
package hosttest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cosmic-go/allocation"
)

// The answers of a shop to its customers, besides "done".
var (
	// ErrTryAgain means that the storage failed and nothing was changed.
	ErrTryAgain = errors.New("try again later")

	// ErrRefund means that a payment came after the goods had been sold to others.
	ErrRefund = errors.New("paid too late, to be refunded")
)

// TooFewError has the number of units that could be sold, for each item with too few.
type TooFewError struct{ Left []Item }

func (e *TooFewError) Error() string { return fmt.Sprintf("too few are left: %v", e.Left) }

// Order is a customer's basket.
type Order struct {
	ID    allocation.OrderID
	Items []Item
}

// Item is a number of units of a product.
type Item struct {
	SKU      allocation.SKU
	Quantity allocation.Quantity
}

// Checkout sells the stock. A Checkout is safe for concurrent use.
type Checkout struct {
	Stock   *allocation.Service
	HoldFor time.Duration    // how long goods wait for a payment
	Now     func() time.Time // the clock of the unit of work
}

// Place holds the goods of an order, all or none, and returns the end of the hold, or the zero time for a paid order.
// Placing an order again while the goods are held takes no further goods and holds the same goods for longer. Errors:
// [*TooFewError], [ErrTryAgain], [allocation.ErrUnknownOutcome], the context's error, and errors about bad orders.
func (c *Checkout) Place(ctx context.Context, o Order) (heldUntil time.Time, err error) {
	requests := o.requests(c.Now().Add(c.HoldFor))
	err = certain(ctx, func() error {
		lines, err := c.Stock.Allocate(ctx, requests...)
		for _, line := range lines {
			heldUntil = line.HeldUntil // a paid order stays firm
		}
		return err
	})
	return heldUntil, answer(err)
}

// Pay makes the goods of an order the customer's. If the hold has lapsed, Pay allocates the goods anew, and returns
// [ErrRefund] if too few are left. Pay's other errors are the errors of Place.
func (c *Checkout) Pay(ctx context.Context, o Order) error {
	confirm := func() error {
		_, err := c.Stock.Confirm(ctx, o.ID, o.skus()...)
		return err
	}
	err := certain(ctx, func() error {
		err := confirm()
		// ErrNotFound: the hold has lapsed and another order has taken the units.
		if !errors.Is(err, allocation.ErrLapsed) && !errors.Is(err, allocation.ErrNotFound) {
			return err
		}
		_, err = c.Stock.Allocate(ctx, o.requests(time.Time{})...) // lines that had not lapsed become firm, too
		return err
	})
	if err = answer(err); errors.As(err, new(*TooFewError)) {
		return fmt.Errorf("order %s: %w: %w", o.ID, ErrRefund, err)
	}
	return err
}

// Abandon gives the goods of an order back. An order without goods is no error, because Abandon may be repeated.
func (c *Checkout) Abandon(ctx context.Context, id allocation.OrderID) error {
	err := certain(ctx, func() error {
		_, err := c.Stock.Cancel(ctx, id)
		return err
	})
	if errors.Is(err, allocation.ErrNotFound) {
		return nil
	}
	return answer(err)
}

// attempts is how often a command is sent if the answer gets lost.
const attempts = 3

// certain repeats a command until the outcome is known. A repeat is safe: a command that was committed gives the same
// answer again. If the context ends first, the error says that the outcome is unknown.
func certain(ctx context.Context, command func() error) error {
	for attempt := 1; ; attempt++ {
		err := command()
		if !errors.Is(err, allocation.ErrUnknownOutcome) || ctx.Err() != nil || attempt == attempts {
			return err
		}
	}
}

// answer translates the library's errors into the shop's. Errors about the caller's own mistakes stay as they are.
func answer(err error) error {
	var short *allocation.OutOfStockError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &short):
		few := &TooFewError{}
		for _, s := range short.Shortages {
			few.Left = append(few.Left, Item{SKU: s.SKU, Quantity: s.Available})
		}
		return few
	}
	for _, own := range []error{
		allocation.ErrInvalid, allocation.ErrNotFound, allocation.ErrMismatch, allocation.ErrNotAllowed,
		allocation.ErrUnknownOutcome, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, own) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", ErrTryAgain, err)
}

func (o Order) requests(holdUntil time.Time) []allocation.Request {
	requests := make([]allocation.Request, len(o.Items))
	for i, item := range o.Items {
		requests[i] = allocation.Request{
			OrderLine: allocation.OrderLine{OrderID: o.ID, SKU: item.SKU, Quantity: item.Quantity},
			HoldUntil: holdUntil,
		}
	}
	return requests
}

func (o Order) skus() []allocation.SKU {
	skus := make([]allocation.SKU, len(o.Items))
	for i, item := range o.Items {
		skus[i] = item.SKU
	}
	return skus
}
