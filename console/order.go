package console

import (
	"context"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// orderPage is an order with its lines.
type orderPage struct {
	ID      allocation.OrderID
	Missing string
	Lines   []orderLine
}

type orderLine struct {
	views.Line
	HasLapsed bool
	Shipped   allocation.Quantity
}

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
		line := orderLine{Line: l, HasLapsed: l.Lapsed(q.at)}
		for _, part := range l.Parts {
			line.Shipped += part.Shipped
		}
		p.Lines = append(p.Lines, line)
	}
	return p, nil
}
