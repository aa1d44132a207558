package allocation

import (
	"errors"
	"fmt"
	"strings"
)

// Shortage is a line without enough stock, and how much stock there was.
type Shortage struct {
	OrderLine

	// Available is the most that the line could have been given under its terms, in units: without
	// Split the units of the largest batch, with Split the sum over all batches. Only saleable batches
	// that fit NeededBy, FreshUntil and Location count (R13, R14). Lines judged earlier have been served
	// before. Available is less than Quantity, so every JSON reader keeps the number exact.
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

// errLapsedRemain is the reason of a [lapsedError].
var errLapsedRemain = fmt.Errorf("%w: further holds have lapsed, or lines that wait come first", ErrNotLoaded)

// lapsedError is returned when a decision depends on lapsed holds beyond the loaded page. Then the lapsed
// holds are cleared, page by page, and the command runs again.
type lapsedError struct {
	op   string
	skus []SKU // products with further lapsed holds, at least one
}

func (e *lapsedError) Error() string { return e.Unwrap().Error() }

// Unwrap returns an [*Error] that names the first product.
func (e *lapsedError) Unwrap() error {
	return &Error{Op: e.op, Field: "sku", Value: e.skus[0], Err: errLapsedRemain}
}

// asLapsed returns the lapsedError inside an error, nil for none.
func asLapsed(err error) *lapsedError {
	if err == nil {
		return nil
	}
	var lapsed *lapsedError
	errors.As(err, &lapsed)
	return lapsed
}
