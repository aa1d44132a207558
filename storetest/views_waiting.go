package storetest

import (
	"fmt"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

var queueViewRows = []row{
	{"Places: a line that waits comes with the number of lines before the line, by Priority and then by Sequence",
		"the customer is told a place in the queue, which must be the place in the order of serving (R15)",
		placesInOrder},
	{"Places: the lines of an order come sorted by SKU and LineID, and an order that doesn't wait has none",
		"an order's page must look the same each time, and must promise nothing to others", placesSorted},
	{"Places and Queues: who is cancelled or served leaves the queue",
		"the customer would wait behind people who are gone", queuesShrink},
	{"Queues: each product has the number of lines and units that wait for the product, in the order of the SKUs",
		"the buyer orders as many units as people wait for", queuesCount},
}

func describePlace(p views.Place) string {
	return fmt.Sprintf("%q %q waits for %d behind %d lines", p.SKU, p.Line, p.Waiting, p.Before)
}

func describeQueue(q views.Queue) string {
	return fmt.Sprintf("%q: %d lines wait for %d units", q.SKU, q.Lines, q.Units)
}

func (b *bench) wantPlaces(order allocation.OrderID, want ...views.Place) {
	b.Helper()
	places, err := reader[views.QueueReader](b).Places(b.Context(), order)
	b.must(err, "Places(%s)", brief(string(order)))
	wantResult(b, places, want, describePlace, "Places(%s)", brief(string(order)))
}

func (b *bench) wantQueues(skus []allocation.SKU, want ...views.Queue) {
	b.Helper()
	queues, err := reader[views.QueueReader](b).Queues(b.Context(), skus...)
	b.must(err, "Queues(%q)", skus)
	wantResult(b, queues, want, describeQueue, "Queues(%q)", skus)
}

func placesInOrder(b *bench) {
	b.announce("apple", stock("a1", 9))
	b.wait(waiter("o1", 3, 0, 5), waiter("o2", 4, -32_768, 6), waiter("o3", 5, 0, 7), waiter("o4", 1, 32_767, 8),
		waiter("o5", 2, 0, 1<<40), waiter("o6", 7, -1, 4))
	for before, order := range []allocation.OrderID{"o4", "o1", "o3", "o5", "o6", "o2"} {
		units := map[allocation.OrderID]allocation.Quantity{"o1": 3, "o2": 4, "o3": 5, "o4": 1, "o5": 2, "o6": 7}
		b.wantPlaces(order, views.Place{SKU: "apple", Waiting: units[order], Before: before})
	}
}

func placesSorted(b *bench) {
	b.announce("apple", stock("a1", 9))
	b.announce("pear", stock("p1", 1))
	pear := firm("o1", 2)
	pear.Wait = true
	b.allocate("pear", pear)
	b.allocate("apple", firm("o2", 1))
	plain, kit, gift := waiter("o1", 3, 0, 5), waiter("o1", 5, 1, 7), waiter("o1", 1, 0, 6)
	kit.Line, gift.Line = "kit", "gift"
	b.wait(plain, kit, gift)
	b.wantPlaces("o1",
		views.Place{SKU: "apple", Waiting: 3, Before: 1},
		views.Place{SKU: "apple", Line: "gift", Waiting: 1, Before: 2},
		views.Place{SKU: "apple", Line: "kit", Waiting: 5}, views.Place{SKU: "pear", Waiting: 2})
	b.wantPlaces("o2")
	b.wantPlaces("O1")
}

func queuesShrink(b *bench) {
	b.announce("apple", stock("a1", 9))
	one, two, three := waiter("o1", 3, 0, 5), waiter("o2", 4, 0, 6), waiter("o3", 5, 0, 7)
	b.wait(one, two, three)
	b.wantPlaces("o3", views.Place{SKU: "apple", Waiting: 5, Before: 2})
	fewer := two
	fewer.Waiting, fewer.Wanted = 2, 2
	b.queue(func(c *allocation.Changes) {
		c.EndedWaiting, c.Waiting = []allocation.LineKey{one.Key()}, []allocation.Allocation{fewer}
	})
	b.wantPlaces("o1")
	b.wantPlaces("o3", views.Place{SKU: "apple", Waiting: 5, Before: 1})
	b.wantQueues([]allocation.SKU{"apple"}, views.Queue{SKU: "apple", Lines: 2, Units: 7})
}

func queuesCount(b *bench) {
	b.announce("apple", stock("a1", 9))
	b.announce("Apple", stock("A1", 9))
	b.announce("pear", stock("p1", 1))
	pear := firm("o1", 2)
	pear.Wait = true
	b.allocate("pear", pear)
	kit := waiter("o1", 5_000_000_000, 1, 7)
	kit.Line = "kit"
	b.wait(waiter("o1", 3, 0, 5), kit, waiter("o2", 4, 0, 6))
	apple := views.Queue{SKU: "apple", Lines: 3, Units: 5_000_000_007}
	b.wantQueues([]allocation.SKU{"pear", "unknown", "apple", "Apple", "apple"},
		views.Queue{SKU: "pear", Lines: 1, Units: 2}, apple, views.Queue{SKU: "Apple"}, apple)
	b.wantQueues(nil)
}
