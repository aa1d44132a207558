package storetest

import (
	"slices"

	"github.com/cosmic-go/allocation"
)

var batchLineRows = []row{
	{"a load by batch brings the newest of equal lines",
		"the newest promise moves first when a batch is cut (R6)", batchLinesNewest},
	{"a load by batch brings holds first, then lines of a lower priority, then the newest",
		"a customer who has paid would lose units to an unpaid cart (R6)", batchLinesRank},
	{"every part of a line has the line's place in the order of leaving",
		"a line that is split over batches would lose its place on all batches but the first", batchLinesParts},
	{"a confirmed hold changes its place, and an extended hold keeps the place",
		"a line that was paid for would leave with the holds", batchLinesConfirmed},
	{"MoreLines says whether there are further lines, and LinesFrom is the Rank of the page's last line",
		"without the end of its page the model moves the wrong lines, or asks for the next page for " +
			"ever", batchLinesFrom},
	{"a load by batch brings exactly the lines with unshipped units of the batch",
		"cutting a batch by one unit must not load all lines ever sold from the batch", batchLinesOpen},
	{"a line of a batch comes with its other parts and their batches",
		"moving one part of a line needs the whole line", batchLinesWhole},
	{"a further order's line doesn't extend the page of the batch's lines",
		"the model would take the lines in between for loaded, and would not move them", batchLinesAsked},
	{"a changed line keeps its Sequence",
		"otherwise a changed line would lose its place to newer lines (R6)", batchLinesSequence},
	{"a new line may be older than the lines of the store",
		"otherwise a line that was handed over would lose its place to newer lines (R6)", batchLinesHandedOver},
}

// fiveLines allocates five lines of batch a1, not in the order of the order IDs. The lines have the sequences 3 to 7,
// after the events of two new batches.
func fiveLines(b *bench) {
	b.Helper()
	b.announce("apple", stock("a1", 100), stock("a2", 200))
	for _, order := range []allocation.OrderID{"o3", "o1", "o5", "o2", "o4"} {
		b.allocate("apple", firm(order, 1))
	}
}

func batchLinesNewest(b *bench) {
	fiveLines(b)
	for i, want := range [][]allocation.OrderID{
		{"o4"}, {"o4", "o2"}, {"o4", "o2", "o5"}, {"o4", "o2", "o5", "o1"}, {"o4", "o2", "o5", "o1", "o3"},
	} {
		q := first(i+1, ofBatch("a1"))
		b.wantLines(b.state(q), q, want...)
	}
	q := first(1, ofBatch("a2"))
	b.wantLines(b.state(q), q)
}

// ranked returns the request with a priority.
func ranked(priority int, r allocation.Request) allocation.Request {
	r.Priority = priority
	return r
}

// wantLeaving checks pages of every size of a batch's lines. Want is all lines, in the order of leaving.
func (b *bench) wantLeaving(ref allocation.BatchRef, want ...allocation.OrderID) {
	b.Helper()
	for i := range want {
		q := first(i+1, ofBatch(ref))
		s := b.state(q)
		b.wantLines(s, q, want[:i+1]...)
		if last := b.lineOf(s, want[i]).Rank(); i+1 < len(want) && (!s.MoreLines || s.LinesFrom != last) {
			b.errorf("MoreLines and LinesFrom after Load(%s) = %t and %+v, want true and %+v, the Rank of order %q",
				shown(q), s.MoreLines, s.LinesFrom, last, want[i])
		}
	}
}

func batchLinesRank(b *bench) {
	const least, most = -32768, 32767
	b.announce("apple", stock("a1", 100))
	b.allocate("apple", firm("old", 1), ranked(most, firm("dear", 1)), held("old hold", 1, minute(9)),
		ranked(least, firm("cheap", 1)), ranked(1, held("dear hold", 1, minute(5))), ranked(-1, firm("below", 1)),
		firm("new", 1), ranked(least, held("cheap hold", 1, minute(7))), held("new hold", 1, minute(8)))
	b.wantLeaving("a1", "cheap hold", "new hold", "old hold", "dear hold", "cheap", "below", "new", "old", "dear")
}

func batchLinesParts(b *bench) {
	b.announce("apple", stock("a1", 3), stock("a2", 3), stock("a3", 90))
	splitHeld := ranked(5, split("hold", 7))
	splitHeld.HoldUntil = minute(5)
	b.allocate("apple", splitHeld, ranked(-5, firm("low", 1)), firm("new", 1))
	b.wantLeaving("a3", "hold", "low", "new")
	b.change(of("apple", "hold"), func(p *allocation.Product) error {
		_, err := p.Confirm("hold", noon)
		return err
	})
	b.wantLeaving("a3", "low", "new", "hold")
}

func batchLinesConfirmed(b *bench) {
	b.announce("apple", stock("a1", 100))
	b.allocate("apple", firm("o1", 1), held("o2", 1, minute(5)), held("o3", 1, minute(5)), firm("o4", 1),
		held("o5", 1, minute(5)))
	b.change(of("apple", "o3"), func(p *allocation.Product) error {
		_, err := p.Confirm("o3", noon)
		return err
	})
	b.change(of("apple", "o2"), func(p *allocation.Product) error {
		_, err := p.Extend("o2", minute(9), noon)
		return err
	})
	b.wantLeaving("a1", "o5", "o2", "o4", "o3", "o1")
}

func batchLinesFrom(b *bench) {
	fiveLines(b)
	for limit, want := range map[int]int64{1: 7, 2: 6, 4: 4, 5: 0, 6: 0} {
		q := first(limit, ofBatch("a1"))
		s := b.state(q)
		if s.MoreLines != (want > 0) {
			b.errorf("MoreLines after Load(%s) = %t, want %t for a batch with 5 lines", shown(q), s.MoreLines, want > 0)
		}
		if s.MoreLines && s.LinesFrom != (allocation.Rank{Sequence: want}) {
			b.errorf("LinesFrom after Load(%s) = %+v, want sequence %d", shown(q), s.LinesFrom, want)
		}
	}
	for _, q := range []allocation.Query{first(1, ofBatch("a2")), first(1, of("apple")), first(1, ofOrder("o1"))} {
		if b.state(q).MoreLines {
			b.errorf("MoreLines after Load(%s) = true, want false", shown(q))
		}
	}
}

func batchLinesOpen(b *bench) {
	b.announce("apple", stock("a1", 10), stock("a2", 100))
	b.allocate("apple", firm("shipped", 2), firm("part shipped", 3))
	b.allocate("apple", split("shipped from here", 8), firm("elsewhere", 9))
	b.ship("apple", "shipped", 2)
	b.ship("apple", "part shipped", 1)
	b.ship("apple", "shipped from here", 6)
	q := ofBatch("a1")
	b.wantLines(b.state(q), q, "part shipped")
	q = ofBatch("a2")
	b.wantLines(b.state(q), q, "elsewhere", "shipped from here")
	q = first(1, ofBatch("a1"))
	if b.state(q).MoreLines {
		b.errorf("MoreLines after Load(%s) = true, want false for a batch with 1 open line", shown(q))
	}
}

func batchLinesWhole(b *bench) {
	b.announce("apple", stock("a1", 2), stock("a2", 3), stock("a3", 4))
	b.allocate("apple", split("o1", 5))
	q := ofBatch("a2")
	s := b.state(q)
	b.wantBatches(s, q, "a1", "a2", "a3")
	if got, want := partsOf(b.lineOf(s, "o1")), `[2 from "a1", 0 shipped] [3 from "a2", 0 shipped]`; got != want {
		b.errorf("parts of order %q after Load(%s) = %s, want %s", "o1", shown(q), got, want)
	}
}

func batchLinesAsked(b *bench) {
	fiveLines(b)
	q := first(2, ofBatch("a1", "o3"))
	s := b.state(q)
	b.wantLines(s, q, "o3", "o2", "o4")
	if want := b.lineOf(s, "o2").Rank(); !s.MoreLines || s.LinesFrom != want {
		b.errorf("MoreLines and LinesFrom after Load(%s) = %t and %+v, want true and %+v, the Rank of the second "+
			"newest line", shown(q), s.MoreLines, s.LinesFrom, want)
	}
}

func batchLinesSequence(b *bench) {
	fiveLines(b)
	sequence := b.lineOf(b.state(of("apple", "o3")), "o3").Sequence
	b.commit(b.resize("apple", "o3", 4))
	b.ship("apple", "o3", 2)
	if got := b.lineOf(b.state(of("apple", "o3")), "o3").Sequence; got != sequence {
		b.errorf("Sequence of order %q after ChangeLine and ShipPart = %d, want %d as before", "o3", got, sequence)
	}
	q := first(4, ofBatch("a1"))
	if s := b.state(q); slices.ContainsFunc(s.Lines, func(l allocation.Allocation) bool { return l.OrderID == "o3" }) {
		b.errorf("the page of the 4 newest of 5 lines has the oldest line, order %q", "o3")
	}
}

func batchLinesHandedOver(b *bench) {
	fiveLines(b)
	before := b.lineOf(b.state(of("apple", "o5")), "o5")
	b.change(of("apple", "o5", "o6"), func(p *allocation.Product) error {
		_, err := p.HandOver("o5", "o6", noon)
		return err
	})
	s := b.state(of("apple", "o5", "o6"))
	b.wantLines(s, of("apple", "o5", "o6"), "o6")
	if got := b.lineOf(s, "o6"); got.Sequence != before.Sequence || got.HandedFrom != "o5" {
		b.errorf("Sequence and HandedFrom of a line handed over from %q = %d and %q, want %d and %q",
			"o5", got.Sequence, got.HandedFrom, before.Sequence, "o5")
	}
	for i, want := range [][]allocation.OrderID{{"o4", "o2"}, {"o4", "o2", "o6"}, {"o4", "o2", "o6", "o1"}} {
		q := first(i+2, ofBatch("a1"))
		b.wantLines(b.state(q), q, want...)
	}
}
