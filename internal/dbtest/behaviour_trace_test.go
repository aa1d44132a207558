package dbtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/views"
)

// behavioursOfTrace are those of lots that are traced, and of lists.
var behavioursOfTrace = []behaviour{
	{"D1 a split line appears once per part", showSplitLineTraced},
	{"D2 paging while lines ship neither skips nor repeats", showPagingWhileShipping},
	{"D4 sums equal Stock at one moment", showSums},
	{"D5 expired to the microsecond, and promises on expired batches", showExpiryListed},
	{"D6 an unknown lot is empty", showUnknownLot},
	{"D7 returns and splits are visible after Purge", showTraceAfterPurge},
	{"Due agrees with Sweep", showDueAgreesWithSweep},
	{"Lists find products, orders and events", showLists},
}

// traced returns the lines of a lot, read in pages: "b1 o1:3/2" is 3 units of b1 for o1, of which 2 are shipped.
func (s *scene) traced(lot string, limit int) (lines []string) {
	s.Helper()
	for after := (views.Key{}); ; {
		page, err := s.store.LotLines(s.Context(), s.ref(lot), after, limit)
		require.NoError(s, err)
		require.LessOrEqual(s, len(page), limit, "lines of a page")
		for _, l := range page {
			lines = append(lines, s.tracedLine(l))
			after = l.Key()
		}
		if len(page) < limit {
			return lines
		}
	}
}

func (s *scene) tracedLine(l views.LotLine) string {
	s.Helper()
	assert.Equal(s, s.sku(), l.SKU)
	text := fmt.Sprintf("%s %s:%d", s.plain(l.Batch), s.plain(l.OrderID), l.Quantity)
	if l.Shipped > 0 {
		text += fmt.Sprintf("/%d", l.Shipped)
	}
	return text
}

// plain is a name without the prefix of the scene.
func (s *scene) plain(name any) string { return strings.TrimPrefix(fmt.Sprint(name), s.names) }

func (s *scene) shipped(order string) {
	s.Helper()
	_, err := s.other.Ship(s.Context(), s.order(order))
	require.NoError(s, err)
}

// purged sends and purges all events of the product.
func (s *scene) purged() {
	s.Helper()
	settled := outbox.Settlement{Owner: "relay", SKU: s.sku(), Sent: s.version()}
	require.NoError(s, s.store.(outbox.Store).Settle(s.Context(), settled))
	_, err := s.store.(outbox.Maintainer).Purge(s.Context(), s.clock.Now().Add(time.Hour))
	require.NoError(s, err)
	require.Empty(s, s.events(0), "events after the purge")
}

func showSplitLineTraced(s *scene) {
	s.announce("b1", 3, s.lot("L"))
	s.announce("b2", 4, s.lot("L"))
	s.announce("b3", 9)
	s.given(s.want("o1", 9, spread))
	s.given(s.want("o2", 1))
	assert.Equal(s, []string{"b1 o1:3", "b2 o1:4"}, s.traced("L", 1))
	s.shipped("o1")
	assert.Equal(s, []string{"b1 o1:3/3", "b2 o1:4/4"}, s.traced("L", 1))
	assert.Equal(s, []string{"b3 o2:1", "b3 o1:2/2"}, s.traced("b3", 9))
	assert.Equal(s, s.traced("L", 1), s.traced("L", 9))
}

func showPagingWhileShipping(s *scene) {
	const orders = 24
	s.announce("b1", 10, s.lot("L"))
	s.announce("b2", orders-10, s.lot("L"))
	var want []string
	for n := range orders {
		order := fmt.Sprintf("o%02d", n)
		r := s.want(order, 1)
		r.Priority = n % 3
		s.given(r)
		want = append(want, order)
	}
	for step := 1; step <= 4; step++ {
		var met []string
		after, turn := views.Key{}, 0
		for {
			page, err := s.store.LotLines(s.Context(), s.ref("L"), after, step)
			require.NoError(s, err)
			for _, l := range page {
				met = append(met, s.plain(l.OrderID))
				after = l.Key()
			}
			if len(page) < step {
				break
			}
			for _, order := range []int{(turn*7 + step) % orders, (orders - 1 - turn*5%orders + step) % orders} {
				s.shipped(fmt.Sprintf("o%02d", order))
			}
			turn++
		}
		slices.Sort(met)
		assert.Equal(s, want, met, "lines met in pages of %d", step)
	}
}

// showSums compares the batches that can be sold, and the promises on all batches, with Stock.
func showSums(s *scene) {
	s.announce("b1", 5, stored("BERLIN"))
	s.announce("b2", 6, stored("MUNICH"), bestBefore(s.day(3)))
	s.announce("b3", 7, arriving(s.day(2)), stored("BERLIN"))
	s.announce("b4", 8, blocked("damaged"))
	s.announce("b5", 2)
	s.given(s.want("o1", 4))
	s.given(s.want("o2", 3, heldUntil(s.minute(5)), located("MUNICH")))
	s.given(s.want("o3", 2, located("BERLIN"), neededBy(s.day(2))))
	s.shipped("o1")
	for _, now := range []time.Time{s.minute(0), s.minute(5), s.day(2), s.day(3)} {
		stocks, err := s.store.Stock(s.Context(), now, s.sku())
		require.NoError(s, err)
		open, err := s.store.OpenBatches(s.Context(), now, s.sku())
		require.NoError(s, err)
		var sum views.Stock
		for _, b := range open {
			sum.Add(b.ETA, b.Free)
			assert.Positive(s, b.Free, "free units of %s", b.Ref)
			assert.True(s, b.Saleable(now), "batch %s can be sold", b.Ref)
		}
		assert.Equal(s, stocks[0].InWarehouse, sum.InWarehouse)
		assert.Equal(s, stocks[0].Arriving, sum.Arriving)
	}
	open, err := s.store.OpenBatches(s.Context(), s.minute(5), s.sku(), "unknown", s.sku())
	require.NoError(s, err)
	var refs []string
	for _, b := range open {
		refs = append(refs, fmt.Sprintf("%s:%d", s.plain(b.Ref), b.Free))
	}
	assert.Equal(s, []string{"b1:1", "b2:6", "b3:5", "b5:2", "b1:1", "b2:6", "b3:5", "b5:2"}, refs)
	s.agreeOnTerms(open[:len(open)/2])
}

// agreeOnTerms compares what batches have for a request with what a refusal says.
func (s *scene) agreeOnTerms(open []views.Batch) {
	s.Helper()
	s.clock.Set(s.minute(5))
	for _, r := range []allocation.Request{
		s.want("o9", 1000), s.want("o9", 1000, located("BERLIN")), s.want("o9", 1000, neededBy(s.day(1))),
		s.want("o9", 1000, located("BERLIN"), neededBy(s.day(2))), s.want("o9", 1000, freshUntil(s.day(3))),
	} {
		r.Split = true
		var sum allocation.Quantity
		for _, b := range open {
			if b.Serves(r, s.clock.Now()) {
				sum += b.Free
			}
		}
		assert.Equal(s, s.refused(r), sum, "units for %+v", r)
	}
}

// due returns what is due of the scene's product, read in pages, as "kind batch/order quantity/promised told".
func (s *scene) due(by time.Time, limit int, kinds ...views.DueKind) (rows []string) {
	s.Helper()
	for after := (views.Key{}); ; {
		page, err := s.store.Due(s.Context(), by, after, limit, kinds...)
		require.NoError(s, err)
		require.LessOrEqual(s, len(page), limit, "rows of a page")
		for _, d := range page {
			if after = d.Key(); d.SKU != s.sku() {
				continue
			}
			row := fmt.Sprintf("%s %s%s", d.Kind, s.plain(d.Batch), s.plain(d.OrderID))
			row += fmt.Sprintf(" %d/%d", d.Quantity, d.Promised)
			if d.Told {
				row += " told"
			}
			rows = append(rows, row)
		}
		if len(page) < limit {
			return rows
		}
	}
}

func showExpiryListed(s *scene) {
	expiry := s.day(2)
	s.announce("milk", 9, bestBefore(expiry))
	s.announce("rice", 5)
	s.given(s.want("o1", 3))
	before := expiry.Add(-time.Microsecond)
	assert.Empty(s, s.due(before, 5))
	assert.Equal(s, []string{"expiry milk 9/3"}, s.due(expiry, 5))
	for now, sold := range map[time.Time]int{before: 2, expiry: 1} {
		open, err := s.store.OpenBatches(s.Context(), now, s.sku())
		require.NoError(s, err)
		assert.Len(s, open, sold, "batches that can be sold at %s", now)
	}
	s.clock.Set(expiry)
	_, err := s.service.Sweep(s.Context())
	require.NoError(s, err)
	assert.Equal(s, []string{"expiry milk 9/3 told"}, s.due(expiry, 5), "the promise is listed on")
	s.shipped("o1")
	assert.Empty(s, s.due(expiry, 5), "nothing is promised any more")
}

func showUnknownLot(s *scene) {
	s.announce("known", 3)
	for _, lot := range []string{"known", "unknown"} {
		assert.Empty(s, s.traced(lot, 5))
		batches, err := s.store.LotBatches(s.Context(), s.clock.Now(), s.ref(lot), "", 5)
		require.NoError(s, err)
		assert.Equal(s, lot == "known", len(batches) == 1, "batches of %s", lot)
	}
	s.given(s.want("o1", 1))
	other := views.Key{Batch: s.ref("known")}
	lines, err := s.store.LotLines(s.Context(), s.ref("aaa"), other, 5)
	require.NoError(s, err)
	assert.Empty(s, lines, "the key names a batch of another lot")
}

// showTraceAfterPurge has a lot that is split, sold, and returned in part under another name.
func showTraceAfterPurge(s *scene) {
	s.announce("lot", 10)
	s.given(s.want("o1", 4))
	s.given(s.want("o2", 4))
	assert.Empty(s, s.split("lot", s.part("munich", 6, stored("MUNICH"))))
	s.shipped("o1")
	s.shipped("o2")
	s.announce("return", 2, s.lot("lot"))
	s.given(s.want("o3", 1))
	want := []string{"lot o1:4/4", "munich o2:4/4"}
	require.Equal(s, "munich:1", s.has("o3"))
	want = slices.Insert(want, 1, "munich o3:1")
	for range 2 {
		assert.Equal(s, want, s.traced("lot", 2))
		var batches []string
		for after := allocation.BatchRef(""); ; {
			page, err := s.store.LotBatches(s.Context(), s.clock.Now(), s.ref("lot"), after, 1)
			require.NoError(s, err)
			if len(page) == 0 {
				break
			}
			after = page[0].Ref
			batches = append(batches, fmt.Sprintf("%s<%s:%d", s.plain(after), s.plain(page[0].SplitFrom), page[0].Free))
		}
		assert.Equal(s, []string{"lot<:0", "munich<lot:1", "return<:2"}, batches)
		s.purged()
	}
	assert.Empty(s, s.traced("munich", 5), "a part is no lot")
}

// showDueAgreesWithSweep has something of every kind, and compares the rows with the events of a sweep.
func showDueAgreesWithSweep(s *scene) {
	s.announce("milk", 9, bestBefore(s.day(4)))
	s.announce("ship", 20, arriving(s.day(1)), bestBefore(s.day(5)))
	s.announce("spare", 2, arriving(s.day(9)))
	s.announce("cut", 2, arriving(s.day(1)))
	s.given(s.want("hold", 3, heldUntil(s.day(2))))
	s.given(s.want("gone", 1, heldUntil(s.minute(1))))
	s.given(s.want("firm", 5))
	s.given(s.want("late", 5, neededBy(s.day(2))))
	s.given(s.want("late-hold", 5, neededBy(s.day(2)), heldUntil(s.day(1))))
	_, err := s.service.Allocate(s.Context(), func() allocation.Request {
		r := s.want("queue", 50, neededBy(s.day(3)))
		r.Wait = true
		return r
	}())
	require.NoError(s, err)
	_, err = s.service.ChangeBatchQuantity(s.Context(),
		allocation.Count{Batch: s.ref("cut"), Quantity: 0, At: s.clock.Now()})
	require.NoError(s, err)
	all := []string{
		"hold gone 1/0", "arrival ship 20/10", "hold late-hold 5/0", "hold hold 3/0", "late shiplate 5/0",
		"waiting queue 50/0", "expiry milk 9/9", "expiry ship 20/10", "arrival spare 2/0",
	}
	for _, limit := range []int{1, 2, 100} {
		assert.Equal(s, all, s.due(time.Time{}, limit), "everything, in pages of %d", limit)
	}
	assert.Equal(s, []string{"hold gone 1/0", "hold late-hold 5/0", "hold hold 3/0"},
		s.due(time.Time{}, 2, views.DueHold))
	assert.Equal(s, []string{"arrival ship 20/10", "late shiplate 5/0", "arrival spare 2/0"},
		s.due(time.Time{}, 1, views.DueLate, views.DueArrival))

	last := s.day(2)
	for _, now := range []time.Time{
		s.minute(1), s.day(1), last, last.Add(time.Microsecond), s.day(3), s.day(3).Add(time.Microsecond), s.day(4),
		s.day(5),
	} {
		s.clock.Set(now)
		var want []string
		for _, row := range s.due(now, 3) {
			if !strings.HasPrefix(row, "arrival") && !strings.HasSuffix(row, "told") {
				want = append(want, strings.Fields(row)[0])
			}
		}
		before := s.version()
		_, err := s.service.Sweep(s.Context())
		require.NoError(s, err)
		assert.Equal(s, want, dueEvents(s.events(before)), "at %s: what is due, and what the sweep told", now)
		for _, row := range s.due(now, 3) {
			left := strings.HasPrefix(row, "arrival") || strings.HasSuffix(row, "told")
			assert.True(s, left, "after the sweep: %s", row)
		}
	}
	assert.Equal(s, []string{"arrival ship 20/5", "late shiplate 5/0 told", "expiry milk 9/5 told",
		"expiry ship 20/5 told"}, s.due(last.AddDate(0, 0, 5), 2))
	received := allocation.Count{Batch: s.ref("ship"), Quantity: 20, At: s.clock.Now()}
	_, err = s.service.ReceiveBatch(s.Context(), received)
	require.NoError(s, err)
	assert.Equal(s, []string{"expiry milk 9/5 told", "expiry ship 20/5 told"}, s.due(s.day(6), 2))
}

// dueEvents are the kinds of Due that events of a sweep tell.
func dueEvents(events []string) (kinds []string) {
	for _, e := range events {
		kind := map[string]views.DueKind{
			"HoldLapsed": views.DueHold, "BatchExpired": views.DueExpiry, "LineLate": views.DueLate,
			"LineWaiting": views.DueWaiting,
		}[e]
		if kind != "" {
			kinds = append(kinds, string(kind))
		}
	}
	return kinds
}
