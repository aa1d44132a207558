package allocation

import (
	"fmt"
	"math"
)

// Quantity counts whole units. A caller may ask for 1 to 2^53−1 units; every JSON reader reads
// numbers up to 2^53−1 exactly. A counter may be 0, and a difference may be negative.
type Quantity int64

// maxQuantity is the most units a caller may ask for.
const maxQuantity = Quantity(1<<53 - 1)

// checkQuantity refuses a quantity below least or above maxQuantity (R12).
func checkQuantity(op, field string, q, least Quantity) error {
	switch {
	case q < least:
		return invalid(op, field, q, fmt.Sprintf("must be at least %d", least))
	case q > maxQuantity:
		return invalid(op, field, q, "must be at most 2^53-1")
	}
	return nil
}

// addSaturating adds two counts; neither may be negative. A sum over many batches may exceed the
// largest quantity of a single batch; the sum then stays at the largest int64.
func addSaturating(a, b Quantity) Quantity {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// exact bounds a sum that an event states, so that every JSON reader keeps the number exact. The product
// decides by the whole sum. A [Shortage] needs no bound, since Available is less than Quantity.
func exact(sum Quantity) Quantity { return min(sum, maxQuantity) }
