package console

import (
	"context"
	"errors"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// isUnsupported reports whether a store lacks an ability in spite of the methods, as a wrapper around another store
// may.
func isUnsupported(err error) bool { return errors.Is(err, errors.ErrUnsupported) }

// productsPage is a page of products with a filter.
type productsPage struct {
	Prefix string
	Low    bool
	productSection
	First bool
}

// productSection is a list of products, on a page of its own or on the overview.
type productSection struct {
	Missing string
	Rows    []productRow
	Next    allocation.SKU // the page behind; "" for none
}

// productRow is a product with a sum, since a template can't add up.
type productRow struct {
	views.Product
	Coming allocation.Quantity // free units on the way
}

// readProducts reads a page by SKU. An empty prefix is no filter.
func (c *console) readProducts(ctx context.Context, q query) (any, error) {
	p := productsPage{Prefix: q.values.Get("prefix"), Low: q.values.Get("low") == "yes"}
	after := allocation.SKU(q.values.Get("after"))
	p.First = after == ""
	var err error
	p.productSection, err = c.listProducts(ctx, q, views.ProductFilter{Prefix: p.Prefix, Low: p.Low}, after, c.PageSize)
	return p, err
}

// listProducts asks for limit products and another, to know whether there is a page behind.
func (c *console) listProducts(
	ctx context.Context, q query, filter views.ProductFilter, after allocation.SKU, limit int,
) (productSection, error) {
	if c.lists == nil {
		return productSection{Missing: "views.ListReader"}, nil
	}
	products, err := c.lists.Products(ctx, q.at, filter, after, limit+1)
	if isUnsupported(err) {
		return productSection{Missing: "views.ListReader"}, nil
	}
	var s productSection
	if len(products) > limit {
		products = products[:limit]
		s.Next = products[limit-1].SKU
	}
	for _, p := range products {
		row := productRow{Product: p}
		steps := stepsOf(p.Stock, q.at)
		row.Coming = steps[len(steps)-1].Available - p.InWarehouse
		s.Rows = append(s.Rows, row)
	}
	return s, err
}

// ordersPage is a page of the orders with a prefix.
type ordersPage struct {
	Prefix  string
	Missing string
	Orders  []allocation.OrderID
	Next    allocation.OrderID // the page behind; "" for none
	First   bool
}

// readOrders reads a page of order ids alone; an order's lines are on the order's page.
func (c *console) readOrders(ctx context.Context, q query) (any, error) {
	after := allocation.OrderID(q.values.Get("after"))
	p := ordersPage{Prefix: q.values.Get("prefix"), First: after == ""}
	if c.lists == nil {
		p.Missing = "views.ListReader"
		return p, nil
	}
	orders, err := c.lists.Orders(ctx, p.Prefix, after, c.PageSize+1)
	if isUnsupported(err) {
		p.Missing = "views.ListReader"
		return p, nil
	}
	p.Orders = orders
	if len(orders) > c.PageSize {
		p.Orders = orders[:c.PageSize]
		p.Next = p.Orders[c.PageSize-1]
	}
	return p, err
}
