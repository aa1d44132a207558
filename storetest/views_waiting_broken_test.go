package storetest

import (
	"cmp"
	"context"
	"slices"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// misqueued is a store whose views of queues have a fault.
type misqueued struct {
	*faulty
	places func(places []views.Place)
	queues func(queues []views.Queue) []views.Queue
	order  func(order allocation.OrderID) allocation.OrderID
}

func (s *misqueued) Places(ctx context.Context, order allocation.OrderID) ([]views.Place, error) {
	if s.order != nil {
		order = s.order(order)
	}
	places, err := s.Store.Places(ctx, order)
	if s.places != nil {
		s.places(places)
	}
	return places, err
}

func (s *misqueued) Queues(ctx context.Context, skus ...allocation.SKU) ([]views.Queue, error) {
	queues, err := s.Store.Queues(ctx, skus...)
	if s.queues != nil {
		queues = s.queues(queues)
	}
	return queues, err
}

func queueing(fault misqueued) func() allocation.Store {
	return func() allocation.Store {
		s := fault
		s.faulty = with(func(*faulty) {})().(*faulty)
		return &s
	}
}

const (
	rowOfPlaces = "Places: a line that waits comes with the number of lines before the line, " +
		"by Priority and then by Sequence"
	rowOfQueues = "Queues: each product has the number of lines and units that wait for the product, " +
		"in the order of the SKUs"
)

var brokenQueueViews = []broken{
	{fault: "the first in line is behind itself", row: rowOfPlaces,
		new: queueing(misqueued{places: func(places []views.Place) {
			for i := range places {
				places[i].Before++
			}
		}})},
	{fault: "nobody comes before anybody", row: "Places and Queues: who is cancelled or served leaves the queue",
		new: queueing(misqueued{places: func(places []views.Place) {
			for i := range places {
				places[i].Before = 0
			}
		}})},
	{fault: "places are sorted by their number", row: "Places: the lines of an order come sorted by SKU and LineID, " +
		"and an order that doesn't wait has none",
		new: queueing(misqueued{places: func(places []views.Place) {
			slices.SortStableFunc(places, func(a, b views.Place) int { return cmp.Compare(a.Before, b.Before) })
		}})},
	{fault: "order IDs are compared without case", row: "Places: the lines of an order come sorted by SKU and " +
		"LineID, and an order that doesn't wait has none",
		new: queueing(misqueued{order: func(order allocation.OrderID) allocation.OrderID {
			if order == "O1" {
				return "o1"
			}
			return order
		}})},
	{fault: "units have 32 bits", row: rowOfQueues,
		new: queueing(misqueued{queues: func(queues []views.Queue) []views.Queue {
			for i := range queues {
				queues[i].Units = min(queues[i].Units, 1<<31-1)
			}
			return queues
		}})},
	{fault: "lines are units", row: rowOfQueues,
		new: queueing(misqueued{queues: func(queues []views.Queue) []views.Queue {
			for i := range queues {
				queues[i].Units = allocation.Quantity(queues[i].Lines)
			}
			return queues
		}})},
	{fault: "a product for which nobody waits is left out", row: rowOfQueues,
		new: queueing(misqueued{queues: func(queues []views.Queue) []views.Queue {
			return slices.DeleteFunc(queues, func(q views.Queue) bool { return q.Lines == 0 })
		}})},
	{fault: "queues are sorted by SKU", row: rowOfQueues,
		new: queueing(misqueued{queues: func(queues []views.Queue) []views.Queue {
			slices.SortFunc(queues, func(a, b views.Queue) int { return cmp.Compare(a.SKU, b.SKU) })
			return queues
		}})},
}
