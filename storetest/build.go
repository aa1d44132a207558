package storetest

import (
	"fmt"
	"time"

	"github.com/cosmic-go/allocation"
)

// noon is the time at which rows happen unless they say otherwise.
var noon = time.Date(2031, time.May, 6, 12, 0, 0, 0, time.UTC)

// minute is a moment of the hour after noon.
func minute(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }

// plenty is a limit that no row reaches unless it means to.
const plenty = 1000

// of asks for a product, with the lines of some orders.
func of(sku allocation.SKU, orders ...allocation.OrderID) allocation.Query {
	return allocation.Query{SKUs: []allocation.SKU{sku}, Orders: orders, Now: noon, Limit: plenty}
}

func ofSKUs(skus ...allocation.SKU) allocation.Query {
	return allocation.Query{SKUs: skus, Now: noon, Limit: plenty}
}

func ofOrder(order allocation.OrderID, further ...allocation.OrderID) allocation.Query {
	return allocation.Query{Order: order, Orders: further, Now: noon, Limit: plenty}
}

func ofBatch(ref allocation.BatchRef, further ...allocation.OrderID) allocation.Query {
	return allocation.Query{Batch: ref, Orders: further, Now: noon, Limit: plenty}
}

func ofLapsed(now time.Time) allocation.Query {
	return allocation.Query{Lapsed: true, Now: now, Limit: plenty}
}

// at is the same query at another time.
func at(now time.Time, q allocation.Query) allocation.Query {
	q.Now = now
	return q
}

// first is the same query with another limit.
func first(limit int, q allocation.Query) allocation.Query {
	q.Limit = limit
	return q
}

// stock is a batch in the warehouse.
func stock(ref allocation.BatchRef, units allocation.Quantity) allocation.Batch {
	return allocation.Batch{Ref: ref, Purchased: units}
}

// shipment is a batch that arrives.
func shipment(ref allocation.BatchRef, units allocation.Quantity, eta time.Time) allocation.Batch {
	return allocation.Batch{Ref: ref, Purchased: units, ETA: eta}
}

// firm asks for a line from one batch.
func firm(order allocation.OrderID, units allocation.Quantity) allocation.Request {
	return allocation.Request{OrderLine: allocation.OrderLine{OrderID: order, Quantity: units}}
}

// held asks for a hold.
func held(order allocation.OrderID, units allocation.Quantity, until time.Time) allocation.Request {
	r := firm(order, units)
	r.HoldUntil = until
	return r
}

// split asks for a line from as many batches as it takes.
func split(order allocation.OrderID, units allocation.Quantity) allocation.Request {
	r := firm(order, units)
	r.Split = true
	return r
}

// named returns n identifiers: x1, x2 and so on.
func named[ID ~string](prefix string, n int) []ID {
	ids := make([]ID, n)
	for i := range ids {
		ids[i] = ID(fmt.Sprintf("%s%d", prefix, i+1))
	}
	return ids
}

// created is the state of a new product from which nothing is left out.
func created(c allocation.Changes) allocation.State {
	return allocation.State{
		SKU: c.SKU, Version: c.Version, Refused: c.Refused, LowStock: c.LowStock,
		Batches: c.NewBatches, Lines: c.NewLines,
	}
}

// checkOnly demands that a product still has the version that was read.
func checkOnly(s allocation.State) allocation.Changes {
	return allocation.Changes{
		SKU: s.SKU, Read: s.Version, Version: s.Version, Refused: s.Refused, LowStock: s.LowStock,
	}
}

// line is a request for a product.
func line(sku allocation.SKU, r allocation.Request) allocation.Request {
	r.SKU = sku
	return r
}
