package allocation

import (
	"fmt"
	"math"
)

// Quantity counts whole units. What is asked for is 1 to 2^53−1, the largest number that every JSON
// reader keeps exact; a counter may be 0, a difference negative.
type Quantity int64

const maxQuantity = Quantity(1<<53 - 1)

// checkQuantity refuses what is asked for unless it is from least to 2^53−1.
func checkQuantity(op, field string, q, least Quantity) error {
	switch {
	case q < least:
		return invalid(op, field, q, fmt.Sprintf("must be at least %d", least))
	case q > maxQuantity:
		return invalid(op, field, q, "must be at most 2^53-1")
	}
	return nil
}

// addSaturating adds two counts that are not negative; a sum over many batches may exceed what one of them can have.
func addSaturating(a, b Quantity) Quantity {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
