package storetest

import (
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

var dueRows = []row{
	{"a query by Due brings products by the first hold or batch that is due, at most Limit",
		"the sweep would never tell of an expiry, or of the latest first", dueOrder},
	{"a query by Due begins behind the turn After, by time and then by SKU",
		"the sweep would go round in circles, or leave products out", dueAfter},
	{"a batch is due exactly at Due, and never without Due",
		"an expiry would be told too early, or not by the sweep that waits for the moment", dueBoundary},
	{"a query with Due brings all batches that are due, used up or not, and no other query does",
		"the expiry of units that are all promised would be told to nobody, or used-up batches would be history in " +
			"every load", dueBatches},
}

// ofDue is a query by Due behind a turn.
func ofDue(now time.Time, after allocation.Turn) allocation.Query {
	return allocation.Query{Due: true, After: after, Now: now, Limit: plenty}
}

// perishable is a batch in the warehouse that is due at BestBefore.
func perishable(ref allocation.BatchRef, units allocation.Quantity, bestBefore time.Time) allocation.Batch {
	return allocation.Batch{Ref: ref, Purchased: units, BestBefore: bestBefore}
}

// announceDue stores six products, and returns their turns in order. Fig has two.
func (b *bench) announceDue() []allocation.Turn {
	b.Helper()
	b.announce("apple", stock("a1", 5))
	b.allocate("apple", held("o1", 2, minute(4)))
	b.announce("pear", perishable("p1", 5, minute(2)))
	b.announce("plum", shipment("p2", 5, minute(1)))
	dated := firm("o2", 5)
	dated.NeededBy = minute(3)
	b.allocate("plum", dated)
	b.announce("fig", perishable("f1", 5, minute(5)), stock("f2", 5))
	b.allocate("fig", held("o3", 2, minute(1)))
	b.announce("lime", perishable("l1", 5, minute(6)))
	b.announce("kiwi", perishable("k1", 5, minute(6)))
	b.announce("never", stock("n1", 5), perishable("n2", 5, minute(60)), shipment("n3", 5, minute(1)))
	return []allocation.Turn{
		{At: minute(1), SKU: "fig"}, {At: minute(2), SKU: "pear"}, {At: minute(3).Add(time.Microsecond), SKU: "plum"},
		{At: minute(4), SKU: "apple"}, {At: minute(6), SKU: "kiwi"}, {At: minute(6), SKU: "lime"},
	}
}

// wantTurns checks the products of a query by Due, in order.
func (b *bench) wantTurns(q allocation.Query, want []allocation.Turn) {
	b.Helper()
	var skus, wanted []allocation.SKU
	for _, s := range b.load(q) {
		skus = append(skus, s.SKU)
	}
	for _, turn := range want {
		wanted = append(wanted, turn.SKU)
	}
	if !slices.Equal(skus, wanted) {
		b.errorf("products of Load(%s) behind %q at %s = %q, want %q",
			shown(q), q.After.SKU, moment(q.After.At), skus, wanted)
	}
}

func dueOrder(b *bench) {
	turns := b.announceDue()
	for limit := 1; limit <= 4; limit++ {
		b.wantTurns(first(limit, ofDue(minute(30), allocation.Turn{})), turns[:limit])
	}
	b.wantTurns(ofDue(minute(30), allocation.Turn{}), turns)
	b.wantTurns(ofDue(minute(3), allocation.Turn{}), turns[:2])
}

func dueAfter(b *bench) {
	turns := b.announceDue()
	for i, turn := range turns[1:] {
		b.wantTurns(first(1, ofDue(minute(30), turns[i])), turns[i+1:i+2])
		if turn.SKU == "apple" {
			break // behind apple, fig comes for the second time
		}
	}
	fig := allocation.Turn{At: minute(5), SKU: "fig"}
	b.wantTurns(ofDue(minute(30), turns[3]), append([]allocation.Turn{fig}, turns[4:]...))
	b.wantTurns(ofDue(minute(30), fig), turns[4:])
	b.wantTurns(ofDue(minute(30), turns[4]), turns[5:])
	b.wantTurns(ofDue(minute(30), turns[5]), nil)
	b.wantTurns(ofDue(minute(30), allocation.Turn{At: minute(6).Add(-time.Microsecond), SKU: "zzz"}), turns[4:])
}

func dueBoundary(b *bench) {
	b.announce("pear", perishable("p1", 5, minute(60)))
	pear := []allocation.Turn{{SKU: "pear"}}
	for _, at := range []time.Time{minute(2).Add(123_457 * time.Microsecond), minute(1), minute(3)} {
		b.changeBatch("p1", func(change *allocation.BatchChange) { change.Due = at })
		b.wantTurns(ofDue(at.Add(-time.Microsecond), allocation.Turn{}), nil)
		b.wantTurns(ofDue(at, allocation.Turn{}), pear)
	}
	b.changeBatch("p1", func(change *allocation.BatchChange) { change.Due = time.Time{} })
	b.wantTurns(ofDue(minute(90), allocation.Turn{}), nil)
}

func dueBatches(b *bench) {
	b.announce("pear", perishable("due", 5, minute(2)), perishable("later", 4, minute(60)), stock("never", 3))
	b.allocate("pear", firm("o1", 5), firm("o2", 4), firm("o3", 3))
	b.announce("fig", perishable("f1", 5, minute(2)))
	for _, q := range []allocation.Query{ofDue(minute(5), allocation.Turn{}), of("pear"), ofSKUs("pear", "fig")} {
		q.Now, q.Due = minute(5), true
		for _, s := range b.load(q) {
			if s.SKU == "pear" {
				b.wantBatches(s, q, "due")
			} else {
				b.wantBatches(s, q, "f1")
			}
			b.wantLines(s, q)
		}
	}
	q := at(minute(5), of("pear"))
	b.wantBatches(b.state(q), q)
}
