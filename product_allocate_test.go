package allocation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func TestR2_WholeOrSplit(t *testing.T) {
	batches := []allocation.Batch{inWarehouse("a", 3), inWarehouse("b", 5), arriving("c", 20, 1)}
	rows := []struct {
		name    string
		request allocation.Request
		want    string
	}{
		{"whole goes to the first batch that can take all of it", whole("o", 4), "b:4"},
		{"whole may use a batch up", whole("o", 5), "b:5"},
		{"whole passes over batches that are too small, however near", whole("o", 6), "c:6"},
		{"split takes one batch if one will do", split("o", 2), "a:2"},
		{"split takes from each next batch only the remainder", split("o", 10), "a:3 b:5 c:2"},
		{"split stops when it has enough", split("o", 8), "a:3 b:5"},
		{"split may take everything", split("o", 28), "a:3 b:5 c:20"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			p := newTested(t, batches...)
			given := p.allocates(row.request)
			require.Len(t, given, 1)
			assert.Equal(t, row.want, from(given[0]), "batches of the line")
			assert.Equal(t, row.request.OrderLine, given[0].OrderLine, "the line")
			assert.Equal(t, row.request.Split, given[0].Split, "its own choice")
			assert.Equal(t, row.want, p.line("o"), "the line as the product has it")
		})
	}
}

func TestR2_ShortageNamesTheMostUnitsAvailable(t *testing.T) {
	p := newTested(t, inWarehouse("a", 3), inWarehouse("b", 5), inWarehouse("c", 4))
	p.allocates(whole("x", 4))
	rows := []struct {
		name    string
		request allocation.Request
		want    allocation.Quantity
	}{
		{"whole: the largest batch", whole("o", 6), 4},
		{"split: the sum of all", split("o", 9), 8},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			short := p.runsOut(func() error { _, err := p.Allocate(monday, nil, row.request); return err })
			assert.Equal(t, []allocation.Shortage{{OrderLine: row.request.OrderLine, Available: row.want}}, short,
				"shortages")
		})
	}
}

func TestR3_RepeatedLineKeepsItsAllocation(t *testing.T) {
	p := newTested(t, arriving("late", 10, 3), arriving("later", 10, 5))
	first := p.allocates(whole("o", 4))[0]
	require.NoError(t, p.AddBatch(inWarehouse("better", 10), monday))
	repeats := map[string]allocation.Request{
		"same terms":         whole("o", 4),
		"a hold now":         hold("o", 4, mondayPlus(1)),
		"a hold in the past": hold("o", 4, mondayPlus(-1)),
	}
	for name, request := range repeats {
		t.Run(name, func(t *testing.T) {
			p.stays(func() error {
				again, err := p.Allocate(monday, allocation.FirstExpiredFirst, request)
				assert.Equal(t, []allocation.Allocation{first}, again, "what the repeat answers")
				return err
			})
		})
	}
}

func TestR3_AnotherQuantityIsAMismatch(t *testing.T) {
	p := newTested(t, inWarehouse("a", 10))
	p.allocates(whole("o", 4))
	for _, units := range []allocation.Quantity{3, 5, 400} {
		err := p.refuses(allocation.ErrMismatch,
			func() error { _, err := p.Allocate(monday, nil, whole("o", units)); return err })
		var detail *allocation.Error
		require.ErrorAs(t, err, &detail)
		assert.Equal(t, "quantity", detail.Field, "which field")
		assert.Equal(t, units, detail.Value, "the repeat's value")
		assert.ErrorContains(t, err, `"o"`, "which line")
	}
	t.Run("also beside lines that are fine", func(t *testing.T) {
		p.refuses(allocation.ErrMismatch, func() error {
			_, err := p.Allocate(monday, nil, whole("fine", 1), whole("o", 5))
			return err
		})
	})
	t.Run("also after the line was changed", func(t *testing.T) {
		_, err := p.ChangeLine(lineOf("o", 6), monday, nil)
		require.NoError(t, err)
		p.refuses(allocation.ErrMismatch, func() error { _, err := p.Allocate(monday, nil, whole("o", 4)); return err })
	})
}

func TestR3_ShippedLineStays(t *testing.T) {
	p := newTested(t, inWarehouse("a", 10))
	p.allocates(whole("o", 4))
	_, err := p.Ship("o", monday)
	require.NoError(t, err)
	p.stays(func() error {
		again, err := p.Allocate(mondayPlus(300), nil, whole("o", 4))
		assert.Equal(t, "a:4/4", from(again[0]), "a late repeat sells nothing")
		return err
	})
}

func TestR3_LineThatIsGoneIsANewLine(t *testing.T) {
	p := newTested(t, inWarehouse("a", 10))
	t.Run("cancelled", func(t *testing.T) {
		old := p.allocates(whole("o", 4))[0]
		_, err := p.Cancel("o", monday)
		require.NoError(t, err)
		again := p.allocates(split("o", 7))[0]
		assert.Equal(t, "a:7", from(again), "batches of the line")
		assert.True(t, again.Split, "the terms are the new ones")
		assert.Greater(t, again.Sequence, old.Sequence, "the line is newer than the old one")
	})
	t.Run("lapsed", func(t *testing.T) {
		p.allocates(hold("h", 3, mondayPlus(1)))
		before := len(p.Changes().Events)
		again, err := p.Allocate(mondayPlus(1), nil, whole("h", 2))
		require.NoError(t, err)
		assert.Equal(t, "a:2", from(again[0]), "batches of the line")
		assert.Zero(t, again[0].HeldUntil, "the new line is firm")
		assert.Equal(t, []string{"HoldLapsed h a +0 -3", "LineAllocated h a +0 +2"}, p.recorded(before), "events")
	})
}

func TestR3_RepeatTakesNothingBesideANewLine(t *testing.T) {
	p := newTested(t, inWarehouse("a", 10))
	p.allocates(whole("old", 6))
	given := p.allocates(whole("new", 4), whole("old", 6))
	assert.Equal(t, []string{"a:4", "a:6"}, []string{from(given[0]), from(given[1])},
		"allocations, in the order of the requests")
	assert.Equal(t, "10/10", p.batch("a"), "allocated/purchased of batch a")
}

func TestR4_UnitOfDemandCountsOnce(t *testing.T) {
	t.Run("lines of one order are one line with their sum", func(t *testing.T) {
		p := newTested(t, inWarehouse("a", 5), inWarehouse("b", 9))
		given := p.allocates(whole("o", 3), whole("other", 1), whole("o", 4))
		require.Len(t, given, 2)
		assert.Equal(t, "b:7", from(given[0]), "the sum goes whole into one batch")
		assert.Equal(t, "a:1", from(given[1]), "the line of the other order")
		p.stays(func() error { _, err := p.Allocate(monday, nil, whole("o", 7)); return err })
	})
	t.Run("the sum is what is refused", func(t *testing.T) {
		p := newTested(t, inWarehouse("a", 5))
		short := p.runsOut(func() error { _, err := p.Allocate(monday, nil, whole("o", 3), whole("o", 3)); return err })
		assert.Equal(t, []allocation.Shortage{{OrderLine: lineOf("o", 6), Available: 5}}, short, "shortages")
	})
	t.Run("lines of several orders are judged on what the earlier ones left", func(t *testing.T) {
		p := newTested(t, inWarehouse("a", 5))
		short := p.runsOut(func() error {
			_, err := p.Allocate(monday, nil, whole("first", 3), whole("second", 3), whole("third", 2),
				whole("fourth", 1))
			return err
		})
		assert.Equal(t, []allocation.Shortage{
			{OrderLine: lineOf("second", 3), Available: 2}, {OrderLine: lineOf("fourth", 1), Available: 0},
		}, short, "shortages")
		given := p.allocates(whole("first", 3), whole("third", 2))
		assert.Equal(t, []string{"a:3", "a:2"}, []string{from(given[0]), from(given[1])}, "batches of the lines")
	})
	t.Run("lines of one call can't share a split batch", func(t *testing.T) {
		p := newTested(t, inWarehouse("a", 5), inWarehouse("b", 5))
		given := p.allocates(split("first", 7), split("second", 3))
		assert.Equal(t, []string{"a:5 b:2", "b:3"}, []string{from(given[0]), from(given[1])}, "batches of the lines")
	})
}

func TestR4_DifferentTermsForOneLineAreInvalid(t *testing.T) {
	p := newTested(t, inWarehouse("a", 50))
	rows := map[string][]allocation.Request{
		"whole and split":     {whole("o", 1), split("o", 1)},
		"firm and held":       {whole("o", 1), hold("o", 1, mondayPlus(1))},
		"held differently":    {hold("o", 1, mondayPlus(2)), hold("o", 1, mondayPlus(1))},
		"with one in between": {whole("o", 1), split("x", 1), split("o", 1)},
	}
	for name, requests := range rows {
		t.Run(name, func(t *testing.T) {
			p.refuses(allocation.ErrInvalid,
				func() error { _, err := p.Allocate(monday, nil, requests...); return err })
		})
	}
	t.Run("holds until the same microsecond are the same", func(t *testing.T) {
		until := mondayPlus(1)
		given := p.allocates(hold("h", 1, until), hold("h", 1, until.Add(time.Nanosecond).In(time.FixedZone("", 3600))))
		assert.Equal(t, allocation.Quantity(2), given[0].Quantity, "the sum")
	})
}

func TestR5_AllOrNothing(t *testing.T) {
	p := newTested(t, inWarehouse("a", 10), inWarehouse("b", 4))
	p.allocates(whole("known", 2))
	short := p.runsOut(func() error {
		_, err := p.Allocate(monday, nil,
			whole("fits", 6), whole("too-big", 9), whole("known", 2), split("too-much", 7), split("last", 5))
		return err
	})
	assert.Equal(t, []allocation.Shortage{
		{OrderLine: lineOf("too-big", 9), Available: 4}, {OrderLine: lineOf("too-much", 7), Available: 6},
	}, short, "every shortage with what was available to it after the lines before it")
	assert.Empty(t, p.line("fits"), "a line that would have fitted gets nothing")
	assert.Equal(t, "2/10", p.batch("a"), "allocated/purchased of batch a")
}

func TestR5_AnErrorComesBeforeAnyChange(t *testing.T) {
	p := newTested(t, inWarehouse("a", 10))
	p.allocates(whole("known", 2))
	rows := []struct {
		name   string
		reason error
		last   allocation.Request
	}{
		{"mismatch", allocation.ErrMismatch, whole("known", 3)},
		{
			"another product's SKU", allocation.ErrInvalid,
			allocation.Request{OrderLine: allocation.OrderLine{OrderID: "o", SKU: "BLUE-LAMP", Quantity: 1}},
		},
		{"bad quantity", allocation.ErrInvalid, whole("o", 0)},
		{"hold in the past", allocation.ErrInvalid, hold("o", 1, mondayPlus(-1))},
		{"hold until now", allocation.ErrInvalid, hold("o", 1, monday)},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			p.refuses(row.reason,
				func() error { _, err := p.Allocate(monday, nil, whole("fine", 1), row.last); return err })
		})
	}
}

func TestR5_NoLinesIsNoChange(t *testing.T) {
	p := newTested(t, inWarehouse("a", 10))
	p.stays(func() error {
		given, err := p.Allocate(monday, nil)
		assert.Empty(t, given, "allocations")
		return err
	})
}
