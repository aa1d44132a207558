package allocation

import (
	"fmt"
	"strings"
)

// Shortage is a line that could not be met.
type Shortage struct {
	OrderLine

	// Available is the most that the line could have been given on its own terms, in units: the
	// largest batch's for a line that must go whole into one, the sum of all for one that may be
	// split, always after the lines that were judged before it.
	Available Quantity
}

// OutOfStockError is returned when at least one line of a call could not be met; then none of the
// call's lines got anything (R5). It names every line that was short.
type OutOfStockError struct {
	Shortages []Shortage
}

func (e *OutOfStockError) Error() string {
	var text strings.Builder
	text.WriteString("allocation: out of stock")
	for i, s := range e.Shortages {
		separator := "; "
		if i == 0 {
			separator = ": "
		}
		fmt.Fprintf(&text, "%sorder %q: sku %q: wanted %d, available %d",
			separator, s.OrderID, s.SKU, s.Quantity, s.Available)
	}
	return text.String()
}
