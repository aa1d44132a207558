package storetest

import (
	"fmt"
	"time"

	"github.com/cosmic-go/allocation"
)

// noon is the time of all commands and queries without a time of their own.
var noon = time.Date(2031, time.May, 6, 12, 0, 0, 0, time.UTC)

// minute returns the time n minutes after noon.
func minute(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }

// plenty is a limit beyond the data of nearly all rows.
const plenty = 1000

// of is a query by a SKU, with further orders.
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
	return allocation.Query{Due: true, Now: now, Limit: plenty}
}

// at returns the query at another time.
func at(now time.Time, q allocation.Query) allocation.Query {
	q.Now = now
	return q
}

// first returns the query with another limit.
func first(limit int, q allocation.Query) allocation.Query {
	q.Limit = limit
	return q
}

// stock returns a batch in the warehouse.
func stock(ref allocation.BatchRef, units allocation.Quantity) allocation.Batch {
	return allocation.Batch{Ref: ref, Purchased: units}
}

// shipment returns a batch with an ETA.
func shipment(ref allocation.BatchRef, units allocation.Quantity, eta time.Time) allocation.Batch {
	return allocation.Batch{Ref: ref, Purchased: units, ETA: eta}
}

// firm requests a firm line from a single batch.
func firm(order allocation.OrderID, units allocation.Quantity) allocation.Request {
	return allocation.Request{OrderLine: allocation.OrderLine{OrderID: order, Quantity: units}}
}

// held requests a hold.
func held(order allocation.OrderID, units allocation.Quantity, until time.Time) allocation.Request {
	r := firm(order, units)
	r.HoldUntil = until
	return r
}

// split requests a line that may be split over batches.
func split(order allocation.OrderID, units allocation.Quantity) allocation.Request {
	r := firm(order, units)
	r.Split = true
	return r
}

// as returns the request for the line with a LineID.
func as(id allocation.LineID, r allocation.Request) allocation.Request {
	r.Line = id
	return r
}

// named returns n identifiers: prefix1, prefix2 and so on.
func named[ID ~string](prefix string, n int) []ID {
	ids := make([]ID, n)
	for i := range ids {
		ids[i] = ID(fmt.Sprintf("%s%d", prefix, i+1))
	}
	return ids
}

// created returns the whole state of a new product after the commit of c.
func created(c allocation.Changes) allocation.State {
	return allocation.State{
		SKU: c.SKU, Version: c.Version, Refused: c.Refused, LowStock: c.LowStock, Low: c.Low,
		Batches: c.NewBatches, Lines: c.NewLines, Waiting: c.NewWaiting,
		AnyWaiting: len(c.NewWaiting) > 0, Serving: c.Serving,
	}
}

// checkOnly returns changes that only check the version of a product.
func checkOnly(s allocation.State) allocation.Changes {
	return allocation.Changes{
		SKU: s.SKU, Read: s.Version, Version: s.Version, Refused: s.Refused, LowStock: s.LowStock, Low: s.Low,
	}
}

// line returns the request with a SKU.
func line(sku allocation.SKU, r allocation.Request) allocation.Request {
	r.SKU = sku
	return r
}

// changeETA changes the ETA of a batch under the default policy.
func changeETA(p *allocation.Product, ref allocation.BatchRef, eta, now time.Time) error {
	_, err := p.ChangeBatchETA(ref, eta, now, nil)
	return err
}
