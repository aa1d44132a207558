package allocation

import (
	"context"
	"errors"
	"fmt"
)

// clearing clears the lapsed holds that a command needs. The zero value is ready for use.
type clearing struct {
	pages int // cleared for each product before the command runs again
	vain  int // rounds without a lapsed hold, one after the other
}

// pageRelease releases a page of a product's lapsed holds. More says whether further lapsed holds are left.
type pageRelease func(ctx context.Context, sku SKU) (released int, more bool, err error)

// mostVain is how many rounds may find no lapsed hold. Other callers may have cleared the holds, but a store that
// contradicts itself must not keep the caller for ever.
const mostVain = 10

// round clears pages of the lapsed holds that a run of the command has asked for. Each page is a commit of its
// own, with a look at the context before. Each round clears twice as many pages as the round before, so that a
// command with many products runs seldom, and at most twice the needed holds are cleared. After nil the command
// runs again. What was cleared stays cleared, whatever happens.
func (c *clearing) round(ctx context.Context, need *lapsedError, page pageRelease) error {
	c.pages, c.vain = max(1, 2*c.pages), c.vain+1
	for _, sku := range need.skus {
		more := true
		for n := 0; more && n < c.pages; n++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			released, further, err := page(ctx, sku)
			if err != nil {
				return pageError(ctx, need, sku, err)
			}
			if more = further; released > 0 || more {
				c.vain = 0
			}
		}
	}
	if c.vain > mostVain {
		reason := fmt.Errorf("%w: others cleared the lapsed holds that are needed, %d times", ErrConflict, c.vain)
		return &Error{Op: need.op, Field: "sku", Value: need.skus[0], Err: reason}
	}
	return nil
}

// pageError returns the error for a page that was not cleared for certain. Nothing of the command itself is in doubt.
func pageError(ctx context.Context, need *lapsedError, sku SKU, err error) error {
	switch ended := ctx.Err(); {
	case ended != nil:
		return ended
	case errors.Is(err, ErrUnknownOutcome):
		// The text of the cause stays, and the cause is not wrapped: the outcome of the command is known.
		reason := fmt.Errorf("%w: clearing lapsed holds: %s", ErrConflict, err.Error())
		return &Error{Op: need.op, Field: "sku", Value: sku, Err: reason}
	}
	return err
}

// releasePage releases the loaded lapsed holds of a product.
func releasePage(ctx context.Context, products Repository, sku SKU) (released int, more bool, err error) {
	p, err := products.Get(ctx, sku)
	if err != nil {
		return 0, false, err
	}
	return sweepLoaded(p, products)
}

// do runs the work, clears lapsed holds as long as the work needs more of them, and reports the events of each
// commit.
func (w *work) do(ctx context.Context) error {
	var c clearing
	for {
		err := w.report(ctx)
		need := asLapsed(err)
		if need == nil {
			return err
		}
		if err := c.round(ctx, need, w.clear); err != nil {
			return err
		}
	}
}

// clear releases a page of lapsed holds, in a unit of work of its own.
func (w *work) clear(ctx context.Context, sku SKU) (released int, more bool, err error) {
	page := &work{unit: w.unit, op: opSweep, trace: w.trace, records: w.records, later: w.later}
	page.fn = func(ctx context.Context, products Repository) (err error) {
		released, more, err = releasePage(ctx, products, sku)
		return err
	}
	err = page.report(ctx)
	return released, more, err
}

// sweepLoaded sweeps what is loaded of a product.
func sweepLoaded(p *Product, products Repository) (swept int, more bool, err error) {
	swept = p.Sweep(products.Now())
	if swept == 0 && p.moreLapsed && len(p.events) == 0 {
		return 0, false, contradiction(p.sku, "further holds have lapsed, but none came")
	}
	return swept, p.moreLapsed || p.queue.moreLate || p.queue.serving != (Rank{}), nil
}

// opSweep is the name of every command that sweeps.
const opSweep = "Sweep"
