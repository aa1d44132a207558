package storetest

import (
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

var saleableViewRows = []row{
	{"Stock: a batch that is blocked, has expired or will have expired on arrival adds nothing, lapsed holds included",
		"the page would offer units that the model refuses to sell (R13)", saleableStock},
	{"Batches: a batch that is blocked, has expired or will have expired on arrival has no free units",
		"the page would offer units that the model refuses to sell (R13)", saleableBatches},
}

// closedShop has a batch "good" that can be sold, and "soon" until minute 5; "blocked" and "expired" can't be sold,
// and "late" only if the batch arrives before minute 90. Each batch has 5 units and a hold of 2 until minute 3.
func (b *bench) closedShop() {
	b.Helper()
	late := shipment("late", 5, minute(60))
	late.BestBefore = minute(90)
	soon := stock("soon", 5)
	soon.BestBefore = minute(5)
	batches := []allocation.Batch{stock("good", 5), stock("blocked", 5), stock("expired", 5), soon, late}
	holds := make([]allocation.Request, len(batches))
	for i := range batches {
		batches[i].Location = allocation.Location(batches[i].Ref)
		holds[i] = held(allocation.OrderID(batches[i].Ref), 2, minute(3))
		holds[i].Location = batches[i].Location
	}
	b.announce("apple", batches...)
	b.allocate("apple", holds...)
	b.changeBatch("blocked", func(change *allocation.BatchChange) { change.Blocked = "wet" })
	b.changeBatch("expired", func(change *allocation.BatchChange) { change.Expired = true })
	b.arrives(minute(90))
}

// arrives commits an ETA of the batch "late".
func (b *bench) arrives(eta time.Time) {
	b.Helper()
	b.changeBatch("late", func(change *allocation.BatchChange) { change.ETA = eta })
}

// closedMoments are moments in the life of the closed shop, with the free units of "good" and of "soon".
var closedMoments = []struct {
	now        time.Time
	good, soon allocation.Quantity
}{
	{noon, 3, 3},
	{minute(3), 5, 5},
	{minute(5).Add(-time.Microsecond), 5, 5},
	{minute(5), 5, 0},
}

func saleableStock(b *bench) {
	b.closedShop()
	for _, c := range closedMoments {
		b.wantStock(c.now, []allocation.SKU{"apple"},
			views.Stock{SKU: "apple", Version: b.state(of("apple")).Version, InWarehouse: c.good + c.soon})
	}
	eta := minute(90).Add(-time.Microsecond)
	b.arrives(eta)
	b.wantStock(minute(4), []allocation.SKU{"apple"}, views.Stock{
		SKU: "apple", Version: b.state(of("apple")).Version, InWarehouse: 10,
		Arriving: []views.Arrival{{ETA: eta, Quantity: 5}},
	})
}

func saleableBatches(b *bench) {
	b.closedShop()
	for _, c := range closedMoments {
		b.wantFree(c.now, map[allocation.BatchRef]allocation.Quantity{"good": c.good, "soon": c.soon})
	}
	b.arrives(minute(90).Add(-time.Microsecond))
	b.wantFree(minute(4), map[allocation.BatchRef]allocation.Quantity{"good": 5, "soon": 5, "late": 5})
}

// wantFree compares the free units of all batches; a batch that is not named has none.
func (b *bench) wantFree(now time.Time, want map[allocation.BatchRef]allocation.Quantity) {
	b.Helper()
	batches := b.viewBatches(now, "apple", "", plenty)
	if len(batches) != 5 {
		b.errorf("Batches(%q) at %s has %d batches, want 5", "apple", moment(now), len(batches))
	}
	for _, batch := range batches {
		if batch.Free != want[batch.Ref] {
			b.errorf("free units of batch %q at %s = %d, want %d", batch.Ref, moment(now), batch.Free, want[batch.Ref])
		}
	}
}
