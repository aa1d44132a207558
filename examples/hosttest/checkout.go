// Package hosttest is the checkout of a shop, and shows how a host tests such code against package memory:
// stock is seeded, the clock is set, the store fails on request, and what was committed is looked
// at. The checkout is the host's own code; what there is to see is in checkout_test.go:
//
//	go test -v ./hosttest
package hosttest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cosmic-go/allocation"
)

// What a shop has to tell its customers besides "done".
var (
	// ErrTryAgain says that the storage failed and nothing was changed.
	ErrTryAgain = errors.New("try again later")

	// ErrRefund says that a payment came after the goods had been sold to others.
	ErrRefund = errors.New("paid too late, to be refunded")
)

// TooFewError says what could be sold of the items that an order asks too much of.
type TooFewError struct{ Left []Item }

func (e *TooFewError) Error() string { return fmt.Sprintf("too few are left: %v", e.Left) }

// Order is a customer's basket.
type Order struct {
	ID    allocation.OrderID
	Items []Item
}

// Item is so many units of a product.
type Item struct {
	SKU      allocation.SKU
	Quantity allocation.Quantity
}

// Checkout sells what is in stock. It is safe for concurrent use.
type Checkout struct {
	Stock   *allocation.Service
	HoldFor time.Duration    // how long goods wait for a payment
	Now     func() time.Time // the clock that the unit of work has, too
}

// Place holds the goods of an order, all of them or none, and returns until when; the zero time if they are
// paid for. Placing an order again changes nothing while the goods are held. Errors: [*TooFewError],
// [ErrTryAgain], [allocation.ErrUnknownOutcome], the context's, and those about bad orders.
func (c *Checkout) Place(ctx context.Context, o Order) (heldUntil time.Time, err error) {
	requests := o.requests(c.Now().Add(c.HoldFor))
	err = certain(ctx, func() error {
		lines, err := c.Stock.Allocate(ctx, requests...)
		for _, line := range lines {
			heldUntil = line.HeldUntil // an order that was placed before keeps its time
		}
		return err
	})
	return heldUntil, answer(err)
}

// Pay makes the goods of an order the customer's. A payment that comes after the hold has lapsed takes them
// anew if they are still there, else the answer is [ErrRefund]; the other errors are those of Place.
func (c *Checkout) Pay(ctx context.Context, o Order) error {
	confirm := func() error {
		_, err := c.Stock.Confirm(ctx, o.ID, o.skus()...)
		return err
	}
	err := certain(ctx, func() error {
		err := confirm()
		// ErrNotFound is what became of a lapsed hold once its units were given to somebody else.
		if !errors.Is(err, allocation.ErrLapsed) && !errors.Is(err, allocation.ErrNotFound) {
			return err
		}
		if _, err := c.Stock.Allocate(ctx, o.requests(time.Time{})...); err != nil {
			return err
		}
		return confirm() // lines that had not lapsed have kept their holds
	})
	if err = answer(err); errors.As(err, new(*TooFewError)) {
		return fmt.Errorf("order %s: %w: %w", o.ID, ErrRefund, err)
	}
	return err
}

// Abandon gives the goods of an order back. An order that has none is fine: this may be a repeat.
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

// attempts is how often a command is sent whose answer gets lost.
const attempts = 3

// certain repeats a command until its outcome is known, which is safe: a command that went through answers
// the same again. If the context ends before, the outcome stays unknown, and the error says so.
func certain(ctx context.Context, command func() error) error {
	for attempt := 1; ; attempt++ {
		err := command()
		if !errors.Is(err, allocation.ErrUnknownOutcome) || ctx.Err() != nil || attempt == attempts {
			return err
		}
	}
}

// answer translates the library's errors into the shop's. Those that are the caller's own stay as they are.
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
