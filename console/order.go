package console

import (
	"context"
	"slices"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// orderPage is an order with all lines.
type orderPage struct {
	ID      allocation.OrderID
	Missing string
	Lines   []orderLine
}

// orderLine is a line with sums, since a template can't add up.
type orderLine struct {
	views.Line
	ID        allocation.LineID // of the line; Line is the embedded struct
	HasLapsed bool
	Shipped   allocation.Quantity
	Place     *views.Place // in the queue; nil if the line doesn't wait, or if the store can't tell
}

// readOrder sends a single statement. An order without lines is no error, since the lines of a known order may all have
// been cancelled: the page says so.
func (c *console) readOrder(ctx context.Context, q query) (any, error) {
	id := allocation.OrderID(q.values.Get("id"))
	if err := id.Validate(); err != nil {
		return nil, err
	}
	if c.orders == nil {
		return orderPage{ID: id, Missing: "views.OrderReader"}, nil
	}
	lines, err := c.orders.Order(ctx, id)
	if err != nil {
		return nil, err
	}
	p := orderPage{ID: id}
	for _, l := range lines {
		line := orderLine{Line: l, ID: l.OrderLine.Line, HasLapsed: l.Lapsed(q.at)}
		for _, part := range l.Parts {
			line.Shipped += part.Shipped
		}
		p.Lines = append(p.Lines, line)
	}
	return p, c.addPlaces(ctx, p)
}

// addPlaces tells the lines of an order that wait how many lines come before, if the store can tell.
func (c *console) addPlaces(ctx context.Context, p orderPage) error {
	waits := func(l orderLine) bool { return l.Waiting > 0 }
	if c.queues == nil || !slices.ContainsFunc(p.Lines, waits) {
		return nil
	}
	places, err := c.queues.Places(ctx, p.ID)
	if isUnsupported(err) {
		return nil
	}
	for i := range places {
		isAt := func(l orderLine) bool { return l.SKU == places[i].SKU && l.ID == places[i].Line }
		if at := slices.IndexFunc(p.Lines, isAt); at >= 0 { // the line may have left the order since
			p.Lines[at].Place = &places[i]
		}
	}
	return err
}
