package allocation

import (
	"fmt"
	"strings"
)

// Shortage is a line without enough stock, and how much stock there was.
type Shortage struct {
	OrderLine

	// Available is the most that the line could have been given under its terms, in units: without
	// Split the units of the largest batch, with Split the sum over all batches. Only saleable batches
	// that fit NeededBy, FreshUntil and Location count (R13, R14). Lines judged earlier have been served
	// before.
	Available Quantity
}

// OutOfStockError is returned when at least one line of a call could not be met; then no line of the
// call got anything (R5). Shortages has every short line.
type OutOfStockError struct {
	Shortages []Shortage
}

// mostShortagesNamed keeps the text of an error short enough for a log line.
const mostShortagesNamed = 10

// Error names the first ten shortages, with the wanted and the available units, and the number of
// further shortages.
func (e *OutOfStockError) Error() string {
	var text strings.Builder
	text.WriteString("allocation: out of stock")
	for i, s := range e.Shortages {
		if i == mostShortagesNamed {
			fmt.Fprintf(&text, "; and %d more", len(e.Shortages)-i)
			break
		}
		separator := "; "
		if i == 0 {
			separator = ": "
		}
		fmt.Fprintf(&text, "%sorder %q: ", separator, s.OrderID)
		if s.Line != "" {
			fmt.Fprintf(&text, "line %q: ", s.Line)
		}
		fmt.Fprintf(&text, "sku %q: wanted %d, available %d", s.SKU, s.Quantity, s.Available)
	}
	return text.String()
}
