package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/cosmic-go/allocation"
)

// call asks for seats. A caller who has to wait, and will not wait for ever, makes a note in the agenda.
func (o *office) call(ctx context.Context, c caller) error {
	var given []allocation.Allocation
	err := untilDecided(func() (err error) {
		given, err = o.service.Allocate(ctx, c.request(o.concert))
		return err
	})
	var short *allocation.OutOfStockError
	refused := errors.As(err, &short)
	if err != nil && !refused {
		return fmt.Errorf("call of %s: %w", c.order(), err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Called++
	if refused {
		o.Refused++
		return nil
	}
	if end := c.calls + c.patience; given[0].Waiting > 0 && c.patience > 0 && end <= closing {
		o.agenda[end] = append(o.agenda[end], task{c, o.hangUp})
	}
	return nil
}

// pay makes an offer firm. After the end of the offer the seats are gone.
func (o *office) pay(ctx context.Context, c caller) error {
	err := untilDecided(func() error {
		_, err := o.service.Confirm(ctx, c.order(), o.concert)
		return err
	})
	late := errors.Is(err, allocation.ErrLapsed) || errors.Is(err, allocation.ErrNotFound)
	if err != nil && !late {
		return fmt.Errorf("payment of %s: %w", c.order(), err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if late {
		o.TooLate++
		return nil
	}
	o.Paid++
	o.Seats += int64(c.seats)
	return nil
}

// hangUp ends the waiting of a caller who has not heard of an offer. An offer that was made in this very minute is
// given back.
func (o *office) hangUp(ctx context.Context, c caller) error {
	if o.offered[c.order()] {
		return nil
	}
	o.mu.Lock()
	o.hungUp[c.order()] = true
	o.mu.Unlock()
	return o.leave(ctx, c)
}

// leave gives back seats or a place in the line.
func (o *office) leave(ctx context.Context, c caller) error {
	err := untilDecided(func() error {
		_, err := o.service.Cancel(ctx, c.order(), o.concert)
		return err
	})
	if err != nil {
		return fmt.Errorf("cancellation of %s: %w", c.order(), err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Left++
	return nil
}

// untilDecided repeats a command for which the other office was faster each time.
func untilDecided(command func() error) error {
	for {
		if err := command(); !errors.Is(err, allocation.ErrConflict) {
			return err
		}
	}
}
