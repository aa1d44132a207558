package dbtest

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/views"
)

// behavioursOfMotion are those of stock that moves: parts of a batch, blocked batches, and returns.
var behavioursOfMotion = []behaviour{
	{"C1 free units go first", showFreeUnitsGo},
	{"C2 lines that leave first go along", showLinesGoAlong},
	{"C3 a dated line that would be late stays", showInTransit},
	{"C4 a split is carried out once", showRepeatedSplit},
	{"C5 lines of a blocked batch move or are returned", showBlock},
	{"C6 the sum of a lot is constant", showConstantLot},
	{"C7 a return is counted once", showReturn},
	{"C8 a partial receipt keeps the promises", showPartialReceipt},
	{"C9 announcements and splits under one Ref", showOneRef},
	{"Case 3 quarantine", showQuarantine},
	{"Case 4 one lot, several deliveries", showOneLot},
	{"Case 5 from shelf to shelf", showShelves},
	{"Case 9 a return is sold once", showReturnSold},
	{"R13 expired goods travel", showExpiredInTransit},
	{"R12 bad splits are refused with the name of the field", showBadSplits},
}

func blocked(reason string) func(*allocation.Batch) {
	return func(b *allocation.Batch) { b.Blocked = reason }
}

func (s *scene) lot(name string) func(*allocation.Batch) {
	return func(b *allocation.Batch) { b.Lot = s.ref(name) }
}

// part is a part of a batch, whose terms the functions set.
func (s *scene) part(name string, units allocation.Quantity, terms ...func(*allocation.Batch)) allocation.Batch {
	b := allocation.Batch{Ref: s.ref(name), Purchased: units}
	for _, set := range terms {
		set(&b)
	}
	return b
}

// split splits units off a batch, and returns the released lines.
func (s *scene) split(from string, part allocation.Batch) []allocation.OrderLine {
	s.Helper()
	released, err := s.other.SplitBatch(s.Context(), s.ref(from), part)
	require.NoError(s, err)
	return released
}

// batch returns "allocated/purchased" of a batch in the store.
func (s *scene) batch(name string) string {
	s.Helper()
	b := s.stored(name)
	return fmt.Sprintf("%d/%d", b.Allocated, b.Purchased)
}

// stored returns a batch in the store.
func (s *scene) stored(name string) allocation.Batch {
	s.Helper()
	batches, err := s.store.Batches(s.Context(), s.clock.Now(), s.sku(), "", 1000)
	require.NoError(s, err)
	for _, b := range batches {
		if b.Ref == s.ref(name) {
			return b.Batch
		}
	}
	require.Fail(s, "no such batch", name)
	return allocation.Batch{}
}

func showFreeUnitsGo(s *scene) {
	s.announce("berlin", 10)
	s.given(s.want("o1", 5))
	before := s.version()
	assert.Empty(s, s.split("berlin", s.part("munich", 5, stored("MUNICH"))))
	assert.Equal(s, []string{"BatchSplit", "BatchAdded"}, s.events(before))
	assert.Equal(s, []string{"berlin:5", "5/5", "0/5"}, []string{s.has("o1"), s.batch("berlin"), s.batch("munich")})
	s.free(5, 5)
	b := s.stored("munich")
	assert.Equal(s, []allocation.BatchRef{s.ref("berlin"), s.ref("berlin")}, []allocation.BatchRef{b.SplitFrom, b.Lot})
}

func showLinesGoAlong(s *scene) {
	s.announce("berlin", 10)
	s.given(s.want("older", 5))
	s.given(s.want("newer", 3))
	assert.Empty(s, s.split("berlin", s.part("munich", 5)))
	assert.Equal(s, []string{"berlin:5", "munich:3"}, []string{s.has("older"), s.has("newer")})
	s.given(s.want("split", 2, spread))
	assert.Empty(s, s.split("munich", s.part("hamburg", 3)))
	assert.Equal(s, []string{"hamburg:3", "munich:2"}, []string{s.has("newer"), s.has("split")})
}

func showInTransit(s *scene) {
	s.announce("berlin", 10)
	s.given(s.want("undated", 4))
	s.given(s.want("dated", 4, neededBy(s.day(2))))
	assert.Empty(s, s.split("berlin", s.part("transit", 5, arriving(s.day(3)))))
	assert.Equal(s, []string{"transit:4", "berlin:4"}, []string{s.has("undated"), s.has("dated")})
	s.free(1, 2)
}

func showRepeatedSplit(s *scene) {
	s.announce("berlin", 10)
	s.given(s.want("o1", 10))
	part := s.part("munich", 10, stored("MUNICH"))
	again := func(service *allocation.Service) {
		released, err := service.SplitBatch(s.Context(), s.ref("berlin"), part)
		require.NoError(s, err)
		assert.Empty(s, released)
	}
	again(s.service)
	s.quiet(func() { again(s.other) })
	_, err := s.service.Ship(s.Context(), s.order("o1"))
	require.NoError(s, err)
	s.quiet(func() { again(s.other) })
	assert.Equal(s, []string{"0/0", "0/0"}, []string{s.batch("berlin"), s.batch("munich")})
}

func showBlock(s *scene) {
	s.announce("recalled", 9)
	s.announce("next", 6, arriving(s.day(1)))
	s.given(s.want("o1", 3))
	s.given(s.want("o2", 3))
	s.given(s.want("o3", 3))
	block := func(service *allocation.Service) []allocation.OrderLine {
		released, err := service.BlockBatch(s.Context(), s.ref("recalled"), "recall")
		require.NoError(s, err)
		return released
	}
	assert.Equal(s, []allocation.OrderLine{s.line("o3", 3)}, block(s.other))
	assert.Equal(s, []string{"next:3", "next:3", ""}, []string{s.has("o1"), s.has("o2"), s.has("o3")})
	s.free(0, 0)
	assert.Zero(s, s.refused(s.want("o3", 3)))
	s.quiet(func() { assert.Empty(s, block(s.service)) })
	require.NoError(s, s.service.UnblockBatch(s.Context(), s.ref("recalled")))
	s.quiet(func() { require.NoError(s, s.other.UnblockBatch(s.Context(), s.ref("recalled"))) })
	assert.Equal(s, "recalled:9", s.given(s.want("o3", 9)))
}

// showConstantLot has sixteen processes whose clocks disagree by up to two seconds.
func showConstantLot(s *scene) {
	const processes, rounds, units = 16, 3, 300
	s.announce("lot", units)
	var group sync.WaitGroup
	for n := range processes {
		clock := memory.NewClock(s.minute(1).Add(time.Duration(n-processes/2) * 250 * time.Millisecond))
		process := newService(s, allocation.NewUnitOfWork(s.store, &allocation.UnitOfWorkOptions{
			Now: clock.Now, Attempts: 1000,
		}), nil)
		group.Go(func() {
			for round := range rounds {
				part := s.part(fmt.Sprintf("part-%d-%d", n, round), allocation.Quantity(1+(n+round)%5))
				for range 2 { // the second is a repeat
					_, err := process.SplitBatch(s.Context(), s.ref("lot"), part)
					if err != nil {
						s.Errorf("a split: %v", err)
					}
				}
				order := fmt.Sprintf("o-%d-%d", n, round)
				_, err := process.Allocate(s.Context(), s.want(order, allocation.Quantity(1+n%4), spread))
				if err != nil {
					s.Errorf("an allocation: %v", err)
				}
			}
		})
	}
	group.Wait()
	batches, err := s.store.Batches(s.Context(), s.clock.Now(), s.sku(), "", 1000)
	require.NoError(s, err)
	var sum allocation.Quantity
	for _, b := range batches {
		sum += b.Purchased
	}
	assert.Equal(s, allocation.Quantity(units), sum, "units of the lot")
	assert.Len(s, batches, 1+processes*rounds, "batches of the lot")
}

func showReturn(s *scene) {
	s.announce("sold", 2)
	s.given(s.want("o1", 2))
	_, err := s.service.Ship(s.Context(), s.order("o1"))
	require.NoError(s, err)
	for range 3 {
		s.announce("return-1", 2, s.lot("sold"))
	}
	s.free(2, 2)
	assert.Equal(s, s.ref("sold"), s.stored("return-1").Lot)
}

func showPartialReceipt(s *scene) {
	s.announce("shipment", 60, arriving(s.day(1)))
	for _, order := range []string{"o1", "o2", "o3"} {
		s.given(s.want(order, 20))
	}
	assert.Empty(s, s.split("shipment", s.part("arrived", 40)))
	shipped := 0
	for _, order := range []string{"o1", "o2", "o3"} {
		switch _, err := s.service.Ship(s.Context(), s.order(order)); {
		case err == nil:
			shipped++
		default:
			require.ErrorIs(s, err, allocation.ErrNotAllowed)
			assert.Equal(s, "shipment:20", s.has(order))
		}
	}
	assert.Equal(s, 2, shipped, "lines that can be shipped today")
	count := allocation.Count{Batch: s.ref("shipment"), Quantity: 20, At: s.clock.Now()}
	released, err := s.other.ReceiveBatch(s.Context(), count)
	require.NoError(s, err)
	assert.Empty(s, released)
}

func showOneRef(s *scene) {
	s.announce("B-1", 10)
	s.announce("T-7", 5)
	s.quiet(func() {
		_, err := s.other.SplitBatch(s.Context(), s.ref("B-1"), s.part("T-7", 5))
		assert.Equal(s, s.ref("T-7"), s.about(err, allocation.ErrMismatch, "batch"))
	})
	s.split("B-1", s.part("T-8", 5))
	s.quiet(func() {
		other := s.sku() + "-other"
		b := allocation.Batch{Ref: s.ref("O-1"), SKU: other, Purchased: 5}
		require.NoError(s, s.service.AddBatch(s.Context(), b))
		for _, sku := range []allocation.SKU{s.sku(), other} {
			b := allocation.Batch{Ref: s.ref("T-8"), SKU: sku, Purchased: 5}
			s.about(s.service.AddBatch(s.Context(), b), allocation.ErrMismatch, "batch")
		}
		_, err := s.service.SplitBatch(s.Context(), s.ref("O-1"), s.part("T-8", 5))
		s.about(err, allocation.ErrMismatch, "batch")
	})
	assert.Equal(s, "0/5", s.batch("B-1"))
}

func showQuarantine(s *scene) {
	s.announce("lot", 12)
	assert.Empty(s, s.split("lot", s.part("damaged", 4, blocked("damaged"))))
	s.free(8, 8)
	assert.Equal(s, allocation.Quantity(8), s.refused(s.want("o1", 10)))
	require.NoError(s, s.service.UnblockBatch(s.Context(), s.ref("damaged")))
	s.free(12, 12)
	s.given(s.want("o1", 10, spread))
	s.shipped("o1")
	assert.ElementsMatch(s, []string{"damaged o1:4/4", "lot o1:6/6"}, s.traced("lot", 10), "lines of the lot")
}

func showOneLot(s *scene) {
	s.announce("d-1", 5, s.lot("L-9"))
	s.announce("d-2", 5, s.lot("L-9"))
	other := allocation.Batch{Ref: s.ref("d-3"), SKU: s.sku() + "-other", Purchased: 5, Lot: s.ref("L-9")}
	for range 2 {
		require.NoError(s, s.service.AddBatch(s.Context(), other))
	}
	for _, name := range []string{"d-1", "d-2"} {
		assert.Equal(s, s.ref("L-9"), s.stored(name).Lot)
	}
	s.free(10, 10)
	s.given(s.want("o1", 7, spread))
	bundle := s.line("o1", 2)
	bundle.SKU = other.SKU
	_, err := s.other.Allocate(s.Context(), allocation.Request{OrderLine: bundle})
	require.NoError(s, err)
	s.shipped("o1")
	lines, err := s.store.LotLines(s.Context(), s.ref("L-9"), views.Key{}, 10)
	require.NoError(s, err)
	var found []string
	for _, l := range lines {
		item := strings.TrimPrefix(string(l.SKU), string(s.sku()))
		units := fmt.Sprintf("%d/%d", l.Quantity, l.Shipped)
		found = append(found, s.plain(l.Batch)+item+" "+s.plain(l.OrderID)+":"+units)
	}
	assert.ElementsMatch(s, []string{"d-1 o1:5/5", "d-2 o1:2/2", "d-3-other o1:2/2"}, found, "lines of the lot")
}

func showShelves(s *scene) {
	s.announce("S1", 10, stored("S1"))
	s.given(s.want("older", 5))
	s.given(s.want("newer", 3))
	assert.Empty(s, s.split("S1", s.part("S2", 5, stored("S2"))))
	assert.Equal(s, []string{"S1:5", "S2:3"}, []string{s.has("older"), s.has("newer")})
	assert.Empty(s, s.split("S1", s.part("S2-b", 5, stored("S2"))))
	assert.Equal(s, []string{"S2-b:5", "S2:3"}, []string{s.has("older"), s.has("newer")})
	s.free(2, 2)
}

func showReturnSold(s *scene) {
	s.announce("sold", 2)
	s.given(s.want("o1", 2))
	_, err := s.service.Ship(s.Context(), s.order("o1"))
	require.NoError(s, err)
	for range 3 {
		s.announce("return-1", 1, s.lot("sold"), blocked("to be inspected"))
	}
	assert.Zero(s, s.refused(s.want("o2", 1)))
	require.NoError(s, s.other.UnblockBatch(s.Context(), s.ref("return-1")))
	s.announce("return-1", 1, s.lot("sold"), blocked("to be inspected"))
	assert.Equal(s, "return-1:1", s.given(s.want("o2", 1)))
	assert.Zero(s, s.refused(s.want("o3", 1)))
	assert.ElementsMatch(s, []string{"sold o1:2/2", "return-1 o2:1"}, s.traced("sold", 10), "lines of the lot")
}

func showExpiredInTransit(s *scene) {
	s.announce("milk", 10, bestBefore(s.day(2)))
	s.given(s.want("o1", 3))
	s.clock.Advance(3 * 24 * time.Hour)
	leg := s.part("leg", 6, arriving(s.day(5)), stored("DEPOT"))
	for range 2 {
		assert.Empty(s, s.split("milk", leg))
	}
	assert.Equal(s, []string{"3/4", "0/6"}, []string{s.batch("milk"), s.batch("leg")})
	assert.True(s, s.stored("leg").Expired)
	s.free(0, 0)
	s.clock.Advance(2 * 24 * time.Hour)
	_, err := s.other.ReceiveBatch(s.Context(), allocation.Count{Batch: s.ref("leg"), Quantity: 6, At: s.clock.Now()})
	require.NoError(s, err)
	s.free(0, 0)
}

func showBadSplits(s *scene) {
	s.announce("berlin", 10, bestBefore(s.day(9)))
	s.quiet(func() {
		for field, bad := range map[string]struct {
			part   allocation.Batch
			reason error
		}{
			"quantity":    {s.part("p", 0), allocation.ErrInvalid},
			"location":    {s.part("p", 1, stored(" MUNICH")), allocation.ErrInvalid},
			"blocked":     {s.part("p", 1, blocked(strings.Repeat("x", 256))), allocation.ErrInvalid},
			"lot":         {s.part("p", 1, s.lot("another")), allocation.ErrInvalid},
			"best before": {s.part("p", 1, bestBefore(s.day(8))), allocation.ErrInvalid},
			"eta":         {s.part("p", 1, arriving(s.day(9))), allocation.ErrInvalid},
			"batch":       {s.part("berlin", 1), allocation.ErrInvalid},
		} {
			_, err := s.service.SplitBatch(s.Context(), s.ref("berlin"), bad.part)
			s.about(err, bad.reason, field)
		}
		_, err := s.service.SplitBatch(s.Context(), s.ref("berlin"), s.part("p", 11))
		assert.Equal(s, allocation.Quantity(11), s.about(err, allocation.ErrNotAllowed, "quantity"))
		_, err = s.service.SplitBatch(s.Context(), s.ref("nowhere"), s.part("p", 1))
		s.about(err, allocation.ErrNotFound, "batch")
		_, err = s.service.BlockBatch(s.Context(), s.ref("berlin"), " ")
		s.about(err, allocation.ErrInvalid, "reason")
	})
}
