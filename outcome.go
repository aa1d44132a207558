package allocation

import (
	"errors"
	"fmt"
)

var (
	// errAgain makes an attempt run the function again at once, on fresh products: without a command
	// that failed halfway, or without cached products.
	errAgain = errors.New("begin again")

	// errUnread ends a run that needs another page of a queue. The run has written nothing.
	errUnread = fmt.Errorf("%w: a page of a queue is needed", errAgain)

	// errStale ends a run on cached products whose answer is anything but success.
	errStale = fmt.Errorf("%w: a cached product will not do", errAgain)
)

// storeError names the operation in an error of the store, unless the store returned an [*Error].
func storeError(op string, err error) error {
	var detailed *Error
	if errors.As(err, &detailed) {
		return err
	}
	return fmt.Errorf("allocation: %s: %w", op, err)
}
