package dbtest

import (
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// behavioursOfTerms are those of saleable batches (R13), of the terms of a line (R14), and of first in, first out (R1).
var behavioursOfTerms = []behaviour{
	{"A1 the fresh batch goes before an expired one", showExpired},
	{"A2 a batch is sold until its best-before, and not at that moment", showMoment},
	{"A3 a line is refused with the units that come in time", showNeededBy},
	{"A4 a cut moves dated lines to batches in time only", showDatedCut},
	{"A6 growth keeps the terms", showGrowth},
	{"A6 a required location never leaks", showLocation},
	{"Case 1 pickup takes nothing from elsewhere", showPickup},
	{"Case 2 next day is not served by a shipment in half a year", showNextDay},
	{"R1 the batch that arrived first goes first", showFirstIn},
	{"R14 bad terms are refused with the name of the field", showBadTerms},
}

func showExpired(s *scene) {
	s.announce("a-expired", 5, bestBefore(s.day(-1)))
	s.announce("b-fresh", 4, bestBefore(s.day(30)))
	s.free(4, 4)
	s.service = s.service.WithPolicy(allocation.FirstExpiredFirst)
	assert.Equal(s, "b-fresh:3", s.given(s.want("o1", 3)))
	assert.Equal(s, allocation.Quantity(1), s.refused(s.want("o2", 2, spread)))
	assert.Equal(s, "b-fresh:1", s.given(s.want("o3", 1)))
	assert.Zero(s, s.refused(s.want("o4", 1)))
	s.free(0, 0)
}

func showMoment(s *scene) {
	s.announce("b1", 10, bestBefore(s.minute(1)))
	assert.Equal(s, "b1:1", s.given(s.want("o1", 1)))
	s.clock.Set(s.minute(1).Add(-time.Microsecond))
	s.free(9, 9)
	assert.Equal(s, "b1:1", s.given(s.want("o2", 1)))
	s.clock.Set(s.minute(1))
	s.free(0, 0)
	assert.Zero(s, s.refused(s.want("o3", 1)))
	_, err := s.service.Ship(s.Context(), s.order("o1"))
	require.NoError(s, err, "a promise on an expired batch can be kept")
}

func showNeededBy(s *scene) {
	s.announce("monday", 50, arriving(s.day(7)))
	s.announce("thursday", 4, arriving(s.day(3)))
	friday := neededBy(s.day(4))
	assert.Equal(s, "thursday:3", s.given(s.want("o1", 3, friday)))
	assert.Equal(s, "thursday:1", s.given(s.want("o2", 1, friday)))
	before := s.version()
	assert.Zero(s, s.refused(s.want("o3", 1, friday)))
	assert.Equal(s, []string{"LineRefused"}, s.events(before))
	assert.Equal(s, "monday:1", s.given(s.want("o4", 1)))
}

func showDatedCut(s *scene) {
	s.announce("thursday", 9, arriving(s.day(3)))
	s.announce("friday", 3, arriving(s.day(4)))
	s.announce("monday", 50, arriving(s.day(7)))
	friday := neededBy(s.day(4))
	s.given(s.want("whole", 2, friday))
	s.given(s.want("split", 3, friday, spread))
	s.given(s.want("last", 1, friday))
	s.given(s.want("undated", 3))
	count := allocation.Count{Batch: s.ref("thursday"), At: s.clock.Now()}
	released, err := s.other.ChangeBatchQuantity(s.Context(), count)
	require.NoError(s, err)
	assert.Equal(s, []allocation.OrderLine{s.line("split", 2), s.line("last", 1)}, released)
	assert.Equal(s, []string{"friday:2", "friday:1", "", "monday:3"},
		[]string{s.has("whole"), s.has("split"), s.has("last"), s.has("undated")})
}

func showGrowth(s *scene) {
	s.announce("soon", 3, arriving(s.day(2)))
	s.announce("stale", 9, arriving(s.day(1)), bestBefore(s.day(3)))
	s.announce("late", 9, arriving(s.day(9)))
	terms := []func(*allocation.Request){neededBy(s.day(4)), freshUntil(s.day(3))}
	for order, r := range map[string]allocation.Request{
		"whole": s.want("whole", 1, terms...), "split": s.want("split", 1, append(terms, spread)...),
	} {
		assert.Equal(s, "soon:1", s.given(r))
		_, err := s.other.ChangeLine(s.Context(), s.line(order, 9))
		var short *allocation.OutOfStockError
		require.ErrorAs(s, err, &short)
		_, err = s.other.ChangeLine(s.Context(), s.line(order, 1))
		require.NoError(s, err)
	}
	line, err := s.other.ChangeLine(s.Context(), s.line("whole", 2))
	require.NoError(s, err)
	assert.Equal(s, "soon:2", s.batches(line.Parts))
	assert.Equal(s, []time.Time{s.day(4), s.day(3)}, []time.Time{line.NeededBy, line.FreshUntil})
	assert.Zero(s, s.refused(s.want("more", 1, terms...)))
}

func showLocation(s *scene) {
	s.announce("hull", 4, stored("hull"))
	s.announce("hull-soon", 1, stored("hull"), arriving(s.day(1)))
	s.announce("york", 50, stored("york"))
	s.announce("nowhere", 50)
	assert.Equal(s, "hull:2", s.given(s.want("whole", 2, located("hull"))))
	assert.Equal(s, "hull:2 hull-soon:1", s.given(s.want("split", 3, located("hull"), spread)))
	assert.Zero(s, s.refused(s.want("more", 1, located("hull"))))
	count := allocation.Count{Batch: s.ref("hull"), At: s.clock.Now()}
	released, err := s.other.ChangeBatchQuantity(s.Context(), count)
	require.NoError(s, err)
	assert.ElementsMatch(s, []allocation.OrderLine{s.line("whole", 2), s.line("split", 2)}, released)
	assert.Equal(s, "hull-soon:1", s.has("split"))
}

func showPickup(s *scene) {
	s.announce("shop", 1, stored("SHOP-7"))
	s.announce("central", 10, stored("CENTRAL"))
	assert.Equal(s, allocation.Quantity(1), s.refused(s.want("o1", 2, located("SHOP-7"))))
	assert.Equal(s, allocation.Quantity(1), s.refused(s.want("o1", 2, located("SHOP-7"), spread)))
	assert.Empty(s, s.has("o1"))
	assert.Equal(s, "shop:1", s.given(s.want("o1", 1, located("SHOP-7"), spread)))
}

func showNextDay(s *scene) {
	s.announce("far", 10, arriving(s.day(180)))
	assert.Zero(s, s.refused(s.want("o1", 1, neededBy(s.day(1)))))
	assert.Equal(s, []string{"BatchAdded", "LineRefused"}, s.events(0))
}

func showFirstIn(s *scene) {
	s.announce("c", 2, arriving(s.day(1)))
	s.announce("b", 2)
	s.clock.Set(s.day(2))
	s.announce("a", 2)
	_, err := s.other.ReceiveBatch(s.Context(), allocation.Count{Batch: s.ref("c"), Quantity: 2, At: s.day(1)})
	require.NoError(s, err)
	assert.Equal(s, "b:2 c:2 a:2", s.given(s.want("o1", 6, spread)))
}

func showBadTerms(s *scene) {
	s.announce("b1", 9)
	s.quiet(func() {
		long := allocation.LineID(strings.Repeat("x", 256))
		for field, bad := range map[string]struct {
			terms func(*allocation.Request)
			value any
		}{
			"needed by":   {neededBy(s.day(-1)), s.day(-1)},
			"fresh until": {freshUntil(s.day(-1)), s.day(-1)},
			"hold until":  {heldUntil(s.day(-1)), s.day(-1)},
			"location":    {located(" x"), allocation.Location(" x")},
			"line":        {lineID(long), long},
		} {
			_, err := s.service.Allocate(s.Context(), s.want("o1", 1, bad.terms))
			assert.Equal(s, bad.value, s.about(err, allocation.ErrInvalid, field))
		}
		spoils := allocation.Batch{Ref: s.ref("b2"), SKU: s.sku(), Purchased: 1, ETA: s.day(2), BestBefore: s.day(2)}
		err := s.service.AddBatch(s.Context(), spoils)
		assert.Equal(s, s.day(2), s.about(err, allocation.ErrInvalid, "best before"))
	})
}
