package views

import (
	"context"

	"github.com/cosmic-go/allocation"
)

// QueueReader reads who waits for units. A line whose NeededBy has passed counts until a command or a sweep has ended
// the waiting. Both methods read an index entry for each counted line: beside 100,000 waiting lines of a product, a
// call takes milliseconds to tens of milliseconds.
type QueueReader interface {
	// Queues returns how many lines and units wait for each product, in the order of skus. An unknown SKU is left out,
	// and a repeated SKU is repeated.
	Queues(ctx context.Context, skus ...allocation.SKU) ([]Queue, error)

	// Places returns the waiting lines of an order, sorted by SKU and LineID, each with the place in the queue.
	Places(ctx context.Context, order allocation.OrderID) ([]Place, error)
}

// Queue is the queue of a product.
type Queue struct {
	SKU   allocation.SKU
	Lines int                 // lines that wait
	Units allocation.Quantity // units that the lines wait for
}

// Place is the place of a line in the queue of the line's product.
type Place struct {
	SKU     allocation.SKU
	Line    allocation.LineID
	Waiting allocation.Quantity // units that the line waits for

	// Before is how many lines come before the line: lines with a higher priority, and older lines with the same
	// priority. Units that fit none of these lines may go to the line earlier.
	Before int
}
