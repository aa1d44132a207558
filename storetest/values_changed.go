package storetest

import (
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

var changedRows = []row{
	{"a second change of a time is exact, whether later or earlier, up to the last year",
		"ETA, CountedAt, ShippedAt and HeldUntil decide what is promised, and what is a repeat", changedTimes},
	{"a new batch may have been counted and shipped in the same commit",
		"a late count would undo the count, and a repeated announcement would bring the units back", changedNewBatch},
	{"a lapsed hold that is allocated again has the new terms",
		"Split decides whether the line may move to several batches (R6)", changedTerms},
	{"a replaced line keeps the order of its parts",
		"a line that shrinks gives up its last part first", changedParts},
}

// evolve commits a change of a product, and compares the whole state with the state before and the changes. The query
// names all orders with lines.
func (b *bench) evolve(q allocation.Query, fn func(p *allocation.Product) error) {
	b.Helper()
	before, c := b.state(q), b.decide(q, fn)
	b.commit(c)
	b.wantStates(b.load(q), []allocation.State{after(before, c, q.Now)}, "product after Commit, Load(%s)", shown(q))
}

// after returns the state of a product after changes, for a query by SKU with all orders that have lines.
func after(s allocation.State, c allocation.Changes, now time.Time) allocation.State {
	next := allocation.State{SKU: s.SKU, Version: c.Version, Refused: c.Refused, LowStock: c.LowStock, Low: c.Low}
	replaced := map[allocation.LineKey]bool{}
	for _, l := range c.Lines {
		replaced[l.Key()] = true
	}
	for _, key := range c.Removed {
		replaced[key] = true
	}
	for _, l := range slices.Concat(s.Lines, c.Lines, c.NewLines) {
		if replaced[l.Key()] {
			delete(replaced, l.Key()) // the line as it was
			continue
		}
		next.Lines = append(next.Lines, l)
		if l.HeldUntil.After(now) && (next.NextExpiry.IsZero() || l.HeldUntil.Before(next.NextExpiry)) {
			next.NextExpiry = l.HeldUntil
		}
	}
	changed := map[allocation.BatchRef]allocation.BatchChange{}
	for _, change := range c.Batches {
		changed[change.Ref] = change
	}
	inLine := map[allocation.BatchRef]bool{}
	for _, l := range next.Lines {
		for _, part := range l.Parts {
			inLine[part.Batch] = true
		}
	}
	for _, batch := range slices.Concat(s.Batches, c.NewBatches) {
		if change, is := changed[batch.Ref]; is {
			batch.Purchased += change.Purchased
			batch.Allocated += change.Allocated
			batch.ETA, batch.ArrivedAt, batch.ShippedAt = change.ETA, change.ArrivedAt, change.ShippedAt
			batch.Blocked, batch.Expired = change.Blocked, change.Expired
			batch.CountedAt, batch.CountedQuantity = change.CountedAt, change.CountedQuantity
			batch.Due, batch.Dated = change.Due, change.Dated
		}
		if batch.Available() > 0 || inLine[batch.Ref] {
			next.Batches = append(next.Batches, batch)
		}
	}
	return next
}

func changedTimes(b *bench) {
	last := time.Date(9999, time.December, 31, 23, 59, 59, 999_999_000, time.UTC)
	odd := minute(30).Add(123_457 * time.Microsecond)
	b.announce("apple", stock("a1", 100), shipment("a2", 100, minute(60)), shipment("a3", 100, minute(90)))
	b.allocate("apple", firm("ships", 50), held("held", 1, minute(40)))
	q := of("apple", "ships", "held")
	for _, eta := range []time.Time{odd, last, minute(20), odd.Add(-time.Microsecond)} {
		b.evolve(q, func(p *allocation.Product) error { return changeETA(p, "a2", eta, noon) })
	}
	for i, at := range []time.Time{minute(1), odd, odd.Add(time.Microsecond), last} {
		b.evolve(q, func(p *allocation.Product) error {
			total := allocation.OrderLine{OrderID: "ships", SKU: "apple", Quantity: allocation.Quantity(i + 1)}
			_, err := p.ShipPart(total, at)
			return err
		})
	}
	for _, until := range []time.Time{odd, last.Add(-time.Microsecond), last} {
		b.evolve(q, func(p *allocation.Product) error {
			_, err := p.Extend("held", until, noon)
			return err
		})
	}
	for i, at := range []time.Time{minute(2), odd, odd.Add(time.Microsecond), last} {
		b.evolve(q, func(p *allocation.Product) error {
			count := allocation.Count{Batch: "a3", Quantity: allocation.Quantity(90 - i), At: at}
			_, err := p.ChangeBatchQuantity(count, at, nil)
			return err
		})
	}
}

func changedNewBatch(b *bench) {
	p := b.product("apple", stock("a1", 5), stock("a2", 50))
	at := minute(1).Add(123_457 * time.Microsecond)
	_, err := p.ChangeBatchQuantity(allocation.Count{Batch: "a1", Quantity: 9, At: at}, at, nil)
	b.must(err, "ChangeBatchQuantity")
	_, err = p.Allocate(at, nil, line("apple", firm("o1", 9)))
	b.must(err, "Allocate")
	later := at.Add(time.Microsecond)
	_, err = p.ShipPart(allocation.OrderLine{OrderID: "o1", SKU: "apple", Quantity: 4}, later)
	b.must(err, "ShipPart")
	b.roundTrip(p, "o1")
	if got := b.batchOf(b.state(ofBatch("a1")), "a1"); got.CountedAt != at || got.ShippedAt != later {
		b.errorf("a new batch was counted at %s and shipped at %s, want %s and %s", moment(got.CountedAt),
			moment(got.ShippedAt), moment(at), moment(later))
	}
}

func changedTerms(b *bench) {
	b.announce("apple", stock("a1", 10), stock("a2", 10))
	first := split("o1", 3)
	first.HoldUntil = minute(1)
	b.allocate("apple", first, held("o2", 2, minute(1)))
	q := at(minute(2), of("apple", "o1", "o2"))
	again := split("o2", 4)
	again.HoldUntil = minute(9)
	b.evolve(q, func(p *allocation.Product) error {
		_, err := p.Allocate(minute(2), nil, line("apple", firm("o1", 5)), line("apple", again))
		return err
	})
	s := b.state(q)
	if l := b.lineOf(s, "o1"); l.Split || !l.HeldUntil.IsZero() || l.Quantity != 5 {
		b.errorf("line = %s, want 5 units, firm and not split", describeLine(l))
	}
	if l := b.lineOf(s, "o2"); !l.Split || l.HeldUntil != minute(9) || l.Quantity != 4 {
		b.errorf("line = %s, want 4 units, held and split", describeLine(l))
	}
}

func changedParts(b *bench) {
	b.announce("apple", stock("a1", 3), stock("a2", 3), stock("a3", 3), stock("a4", 3))
	q := of("apple", "o1")
	b.evolve(q, func(p *allocation.Product) error {
		_, err := p.Allocate(noon, latest, line("apple", split("o1", 4)))
		return err
	})
	for i, units := range []allocation.Quantity{7, 8, 5, 9, 12} {
		policy := []allocation.Policy{nil, latest}[i%2]
		b.evolve(q, func(p *allocation.Product) error {
			_, err := p.ChangeLine(allocation.OrderLine{OrderID: "o1", SKU: "apple", Quantity: units}, noon, policy)
			return err
		})
	}
}
