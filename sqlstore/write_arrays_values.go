package sqlstore

import (
	"encoding/json"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// arrays are the values of the general statement, by parameter.
type arrays struct {
	columns map[string]*array
	changed int64 // batches that must exist
	events  int
}

func (a *arrays) of(name string) *array {
	if a.columns[name] == nil {
		a.columns[name] = &array{}
	}
	return a.columns[name]
}

func arraysOf(changes []allocation.Changes) (func(string) any, error) {
	a := &arrays{columns: map[string]*array{}}
	for _, c := range changes {
		a.product(c)
		a.batches(c)
		for _, line := range c.NewLines {
			a.line(line, 1)
		}
		for _, line := range c.Lines {
			a.line(line, 0)
			a.remove(c.SKU, line.OrderID, len(line.Parts))
		}
		for _, order := range c.Removed {
			a.remove(c.SKU, order, 0)
		}
		if err := a.told(c); err != nil {
			return nil, err
		}
	}
	return func(name string) any {
		if name == "changes" {
			return a.changed
		}
		return a.of(name).literal()
	}, nil
}

// product has a version that is not above Read if it is only checked.
func (a *arrays) product(c allocation.Changes) {
	version := c.Version
	if !tells(c) {
		version = 0
	}
	a.of("p_sku").string(string(c.SKU))
	a.of("p_read").number(c.Read)
	a.of("p_version").number(version)
	a.of("p_refused").number(c.Refused)
	a.of("p_low").number(int64(c.LowStock))
}

func (a *arrays) batches(c allocation.Changes) {
	for _, b := range c.NewBatches {
		a.of("n_sku").string(string(c.SKU))
		a.of("n_ref").string(string(b.Ref))
		a.of("n_purchased").number(int64(b.Purchased))
		a.of("n_allocated").number(int64(b.Allocated))
		a.of("n_eta").time(b.ETA)
		a.of("n_location").string(string(b.Location))
		a.of("n_best").time(b.BestBefore)
		a.of("n_quantity").number(int64(b.AnnouncedQuantity))
		a.of("n_announced").time(b.AnnouncedETA)
		a.of("n_counted").time(b.CountedAt)
		a.of("n_shipped").time(b.ShippedAt)
	}
	for _, b := range c.Batches {
		a.of("b_sku").string(string(c.SKU))
		a.of("b_ref").string(string(b.Ref))
		a.of("b_purchased").number(int64(b.Purchased))
		a.of("b_allocated").number(int64(b.Allocated))
		a.of("b_eta").time(b.ETA)
		a.of("b_counted").time(b.CountedAt)
		a.of("b_shipped").time(b.ShippedAt)
		a.changed++
	}
}

func (a *arrays) line(line allocation.Allocation, isNew int64) {
	for i, part := range line.Parts {
		a.of("l_new").number(isNew)
		a.of("l_sku").string(string(line.SKU))
		a.of("l_order").string(string(line.OrderID))
		a.of("l_part").number(int64(i))
		a.of("l_batch").string(string(part.Batch))
		a.of("l_quantity").number(int64(part.Quantity))
		a.of("l_shipped").number(int64(part.Shipped))
		a.of("l_split").number(int64(flag(line.Split)))
		a.of("l_held").time(line.HeldUntil)
		a.of("l_sequence").number(line.Sequence)
	}
}

// remove deletes the parts of a line from a number on.
func (a *arrays) remove(sku allocation.SKU, order allocation.OrderID, from int) {
	a.of("r_sku").string(string(sku))
	a.of("r_order").string(string(order))
	a.of("r_part").number(int64(from))
}

func (a *arrays) told(c allocation.Changes) error {
	for i, e := range c.Events {
		sequence := c.Read + int64(i) + 1
		data, err := json.Marshal(e)
		if err != nil {
			return &failed{field: "event", value: sequence, err: err}
		}
		batch, purchased, allocated := e.Movement()
		a.of("e_sku").string(string(c.SKU))
		a.of("e_sequence").number(sequence)
		a.of("e_kind").string(e.Kind())
		a.of("e_at").number(e.Time().UnixMicro())
		a.of("e_batch").stringIfAny(string(batch))
		a.of("e_purchased").number(int64(purchased))
		a.of("e_allocated").number(int64(allocated))
		a.of("e_data").string(string(data))
		a.of("e_id").string(outbox.ID(c.SKU, sequence, e.Time()))
		a.trace(traceParent(c, i))
		a.events++
	}
	return nil
}

// trace leaves the array empty until there is a trace parent, which most hosts never have.
func (a *arrays) trace(parent string) {
	if parent == "" {
		return
	}
	parents := a.of("e_trace")
	for parents.count < a.events {
		parents.null()
	}
	parents.string(parent)
}
