package console

import (
	"context"

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
	return p, nil
}
