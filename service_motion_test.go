package allocation_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// splits splits units off a batch, and demands that no line is released.
func (s shop) splits(from allocation.BatchRef, part allocation.Batch) {
	s.t.Helper()
	released, err := s.SplitBatch(s.t.Context(), from, part)
	require.NoError(s.t, err)
	assert.Empty(s.t, released, "released lines")
}

// allocates allocates whole lines.
func (s shop) allocates(requests ...allocation.Request) {
	s.t.Helper()
	_, err := s.Allocate(s.t.Context(), requests...)
	require.NoError(s.t, err)
}

// refused returns the units that a refused request could have had.
func (s shop) refused(r allocation.Request) allocation.Quantity {
	s.t.Helper()
	_, err := s.Allocate(s.t.Context(), r)
	var short *allocation.OutOfStockError
	require.ErrorAs(s.t, err, &short)
	return short.Shortages[0].Available
}

// reconciled demands that the ledger of a product agrees with the counters and lines.
func (s shop) reconciled(sku allocation.SKU) {
	s.t.Helper()
	audit, err := s.Reconcile(s.t.Context(), sku)
	require.NoError(s.t, err)
	assert.False(s.t, audit.Drifted(), "Reconcile() of %q: %+v", sku, audit)
}

func TestC4_ASplitIsCarriedOutOnce(t *testing.T) {
	s := newShop(t, stock("a", "LAMP", 10))
	s.allocates(want("1", "LAMP", 4))
	transfer := allocation.Batch{Ref: "b", Purchased: 10, Location: "MUNICH"}
	s.splits("a", transfer)
	s.unchanged("LAMP", func() { s.splits("a", transfer) })
	_, err := s.Ship(t.Context(), "1")
	require.NoError(t, err)
	s.allocates(want("2", "LAMP", 6))
	_, err = s.Ship(t.Context(), "2")
	require.NoError(t, err)
	s.unchanged("LAMP", func() { s.splits("a", transfer) })
	s.reconciled("LAMP")
}

func TestC7_AReturnIsCountedOnce(t *testing.T) {
	s := newShop(t, stock("a", "LAMP", 2))
	s.allocates(want("1", "LAMP", 2))
	_, err := s.Ship(t.Context(), "1")
	require.NoError(t, err)
	returned := stock("return-1", "LAMP", 2)
	returned.Lot = "a"
	for range 3 {
		require.NoError(t, s.AddBatch(t.Context(), returned))
	}
	assert.Equal(t, allocation.Quantity(2), s.refused(want("2", "LAMP", 3)), "units after the return")
	s.reconciled("LAMP")
}

func TestC8_APartialReceiptKeepsThePromises(t *testing.T) {
	shipment := stock("ship", "LAMP", 60)
	shipment.ETA = morning.AddDate(0, 0, 1)
	s := newShop(t, shipment)
	s.allocates(want("1", "LAMP", 20), want("2", "LAMP", 20), want("3", "LAMP", 20))
	s.splits("ship", stock("arrived", "LAMP", 40))
	shipped := 0
	for _, order := range []allocation.OrderID{"1", "2", "3"} {
		_, err := s.Ship(t.Context(), order)
		if err == nil {
			shipped++
			continue
		}
		require.ErrorIs(t, err, allocation.ErrNotAllowed)
	}
	assert.Equal(t, 2, shipped, "lines that can be shipped today")
	released, err := s.ReceiveBatch(t.Context(), allocation.Count{Batch: "ship", Quantity: 20, At: s.clock.Now()})
	require.NoError(t, err)
	assert.Empty(t, released, "released lines")
	s.reconciled("LAMP")
}

func TestC9_ASplitIntoAKnownRefChangesNothing(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 10), stock("T-7", "LAMP", 5), stock("S-1", "SOFA", 5))
	for _, ref := range []allocation.BatchRef{"T-7", "S-1"} {
		s.unchanged("LAMP", func() {
			_, err := s.SplitBatch(t.Context(), "B-1", allocation.Batch{Ref: ref, Purchased: 5})
			require.ErrorIs(t, err, allocation.ErrMismatch)
		})
	}
	s.splits("B-1", allocation.Batch{Ref: "T-8", Purchased: 5})
	for _, sku := range []allocation.SKU{"LAMP", "SOFA"} {
		require.ErrorIs(t, s.AddBatch(t.Context(), stock("T-8", sku, 5)), allocation.ErrMismatch)
	}
}

// Several commands of one group may announce and split the same Ref.
func TestC9_SplitsAndAnnouncementsOfOneRefRace(t *testing.T) {
	for range 50 {
		s := newShop(t, stock("B-1", "LAMP", 10))
		var group sync.WaitGroup
		var mu sync.Mutex
		won := map[string]int{}
		run := func(name string, f func() error) {
			group.Go(func() {
				err := f()
				if err != nil && !errors.Is(err, allocation.ErrMismatch) {
					t.Errorf("%s: %v", name, err)
				}
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won[name]++
				}
			})
		}
		for range 4 {
			run("announced", func() error { return s.AddBatch(t.Context(), stock("T-7", "LAMP", 5)) })
			run("split", func() error {
				_, err := s.SplitBatch(t.Context(), "B-1", allocation.Batch{Ref: "T-7", Purchased: 5})
				return err
			})
		}
		group.Wait()
		require.Len(t, won, 1, "ways in which the batch came about")
		for _, n := range won {
			require.Equal(t, 4, n, "calls that succeeded")
		}
		s.reconciled("LAMP")
	}
}

func TestCase3_Quarantine(t *testing.T) {
	s := newShop(t, stock("lot", "LAMP", 12))
	s.splits("lot", allocation.Batch{Ref: "lot-damaged", Purchased: 4, Blocked: "damaged"})
	assert.Equal(t, allocation.Quantity(8), s.refused(want("1", "LAMP", 10)), "units of the good batch")
	require.NoError(t, s.UnblockBatch(t.Context(), "lot-damaged"))
	all := want("1", "LAMP", 12)
	all.Split = true
	s.allocates(all)
	s.reconciled("LAMP")
}

func TestCase4_OneLotOfTwoItems(t *testing.T) {
	s := newShop(t)
	for ref, sku := range map[allocation.BatchRef]allocation.SKU{"d-1": "LAMP", "d-2": "SOFA", "d-3": "LAMP"} {
		delivered := stock(ref, sku, 5)
		delivered.Lot = "L-9"
		require.NoError(t, s.AddBatch(t.Context(), delivered))
	}
	lots := 0
	for _, sku := range []allocation.SKU{"LAMP", "SOFA"} {
		for _, b := range s.product(sku).Batches {
			assert.Equal(t, allocation.BatchRef("L-9"), b.Lot, "lot of batch %q", b.Ref)
			lots++
		}
	}
	assert.Equal(t, 3, lots, "batches of the lot")
}

func TestCase5_FromShelfToShelf(t *testing.T) {
	for _, units := range []allocation.Quantity{10, 8} { // with two free units, and without
		t.Run(fmt.Sprint(units), func(t *testing.T) {
			shelf := stock("S1", "LAMP", units)
			shelf.Location = "S1"
			s := newShop(t, shelf)
			s.allocates(want("older", "LAMP", 5))
			s.allocates(want("newer", "LAMP", 3))
			s.splits("S1", allocation.Batch{Ref: "S2", Purchased: 5, Location: "S2"})
			along := map[allocation.Quantity]string{10: "newer", 8: "older"}[units]
			for _, l := range s.product("LAMP").Lines {
				moved := l.OrderID == allocation.OrderID(along)
				assert.Equal(t, moved, l.Parts[0].Batch == "S2", "line of order %q moved", l.OrderID)
			}
			s.splits("S1", allocation.Batch{Ref: "S2-rest", Purchased: units - 5, Location: "S2"})
			var sum allocation.Quantity
			for _, b := range s.product("LAMP").Batches {
				sum += b.Purchased
			}
			assert.Equal(t, units, sum, "units on both shelves")
			assert.Len(t, s.product("LAMP").Lines, 2, "lines")
			s.reconciled("LAMP")
		})
	}
}

func TestCase9_Return(t *testing.T) {
	s := newShop(t, stock("a", "LAMP", 2))
	s.allocates(want("1", "LAMP", 2))
	_, err := s.Ship(t.Context(), "1")
	require.NoError(t, err)
	returned := stock("return-1", "LAMP", 1)
	returned.Lot = "a"
	for range 3 {
		require.NoError(t, s.AddBatch(t.Context(), returned))
	}
	s.allocates(want("2", "LAMP", 1))
	assert.Zero(t, s.refused(want("3", "LAMP", 1)), "units after the return was sold")
}

// A blocked batch with many lines is loaded page by page.
func TestC5_ABlockOfManyLines(t *testing.T) {
	s := newShop(t, stock("a", "LAMP", 500), stock("b", "LAMP", 300))
	for i := range 500 {
		s.allocates(want(allocation.OrderID(fmt.Sprint(i)), "LAMP", 1))
	}
	released, err := s.BlockBatch(t.Context(), "a", "recall")
	require.NoError(t, err)
	assert.Len(t, released, 200, "released lines")
	s.unchanged("LAMP", func() {
		released, err := s.BlockBatch(t.Context(), "a", "recall")
		require.NoError(t, err)
		assert.Empty(t, released, "released lines of the repeat")
	})
	s.reconciled("LAMP")
}

// A cached product must know of a block and of the end of the block.
func TestC5_ACachedProductIsBlocked(t *testing.T) {
	s := newShop(t, stock("a", "LAMP", 5))
	s.allocates(want("1", "LAMP", 1))
	_, err := s.BlockBatch(t.Context(), "a", "recall")
	require.NoError(t, err)
	assert.Zero(t, s.refused(want("2", "LAMP", 1)), "units while blocked")
	require.NoError(t, s.UnblockBatch(t.Context(), "a"))
	s.allocates(want("2", "LAMP", 5))
}

// Sixteen servers, whose clocks disagree by up to two seconds, split and allocate one lot, and recount
// batches by the clock of each batch.
func TestC6_TheSumOfALotIsConstant(t *testing.T) {
	const servers, rounds, units = 16, 12, 800
	store := memory.New()
	require.NoError(t, store.Seed(stock("lot", "LAMP", units)))
	var group sync.WaitGroup
	var given atomic.Int64
	for n := range servers {
		group.Go(func() {
			clock := memory.NewClock(morning.Add(time.Duration(n-servers/2) * 250 * time.Millisecond))
			own := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{
				Now: clock.Now, Attempts: 1000, Backoff: 1, MaxBackoff: time.Microsecond,
			})
			s, err := allocation.New(own, nil)
			if err != nil {
				t.Error(err)
				return
			}
			m := &mover{s: s, units: own, clock: clock, random: rand.New(rand.NewPCG(6, uint64(n)))}
			m.server, m.given = n, &given
			for round := range rounds {
				if err := m.step(t.Context(), round); err != nil {
					t.Errorf("server %d, round %d: %v", n, round, err)
				}
			}
		})
	}
	group.Wait()
	state, _ := store.Product("LAMP")
	var purchased, promised allocation.Quantity
	for _, b := range state.Batches {
		purchased += b.Purchased
		assert.True(t, b.Ref == "lot" || b.Lot == "lot", "lot of batch %q", b.Ref)
	}
	for _, l := range state.Lines {
		promised += l.Quantity
	}
	assert.Equal(t, allocation.Quantity(units), purchased, "units of the lot")
	assert.Equal(t, given.Load(), int64(promised), "units promised, and units given less units released")
	s := newService(t, allocation.NewUnitOfWork(store, nil), nil)
	audit, err := s.Reconcile(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.False(t, audit.Drifted(), "Reconcile(): %+v", audit)
}

// mover is one server of C6.
type mover struct {
	s      *allocation.Service
	units  allocation.UnitOfWork
	clock  *memory.Clock
	random *rand.Rand
	server int
	given  *atomic.Int64 // units given to lines less units released, by all servers
	known  []allocation.BatchRef
}

// step splits, repeats the split, allocates, or recounts.
func (m *mover) step(ctx context.Context, round int) error {
	m.clock.Advance(time.Duration(m.random.IntN(200)) * time.Millisecond)
	from := allocation.BatchRef("lot")
	if len(m.known) > 0 && m.random.IntN(2) == 0 {
		from = m.known[m.random.IntN(len(m.known))]
	}
	switch m.random.IntN(3) {
	case 0:
		line := want(allocation.OrderID(fmt.Sprintf("o-%d-%d", m.server, round)), "LAMP", m.some())
		line.Split = m.random.IntN(2) == 0
		_, err := m.s.Allocate(ctx, line)
		switch {
		case isShort(err):
			return nil
		case err == nil:
			m.given.Add(int64(line.Quantity))
		}
		return err
	case 1:
		return m.recount(ctx, from)
	}
	part := allocation.Batch{Ref: allocation.BatchRef(fmt.Sprintf("p-%d-%d", m.server, round)), Purchased: m.some()}
	if m.random.IntN(3) == 0 {
		part.ETA = morning.AddDate(0, 0, 1)
	}
	for range 3 {
		released, err := m.s.SplitBatch(ctx, from, part)
		for _, l := range released {
			m.given.Add(-int64(l.Quantity))
		}
		switch {
		case errors.Is(err, allocation.ErrNotAllowed):
			return nil // there was less
		case err != nil:
			return err
		}
	}
	m.known = append(m.known, part.Ref)
	return nil
}

func (m *mover) some() allocation.Quantity { return allocation.Quantity(1 + m.random.IntN(9)) }

// recount counts the units that the batch has, at the first moment after units last left the batch. A server whose
// clock is behind can't count yet.
func (m *mover) recount(ctx context.Context, ref allocation.BatchRef) error {
	return m.units.Do(ctx, func(ctx context.Context, products allocation.Repository) error {
		p, err := products.GetByBatch(ctx, ref)
		if err != nil {
			return err
		}
		for b := range p.Batches() {
			last := b.ShippedAt
			if b.CountedAt.After(last) {
				last = b.CountedAt
			}
			at := last.Add(time.Microsecond)
			if b.Ref != ref || last.IsZero() || at.After(products.Now()) {
				continue
			}
			count := allocation.Count{Batch: ref, Quantity: b.Purchased, At: at}
			_, err = p.ChangeBatchQuantity(count, products.Now(), nil)
			return err
		}
		return nil
	})
}

// isShort reports whether an error is a refusal.
func isShort(err error) bool {
	var short *allocation.OutOfStockError
	return errors.As(err, &short)
}

func TestAPartWithABadFieldIsRefused(t *testing.T) {
	s := newShop(t, stock("a", "LAMP", 10))
	for field, part := range map[string]allocation.Batch{
		"sku":      {Ref: "b", Purchased: 1, SKU: " LAMP"},
		"quantity": {Ref: "b", Purchased: 0, SKU: "LAMP"},
		"location": {Ref: "b", Purchased: 1, SKU: "LAMP", Location: " "},
	} {
		s.unchanged("LAMP", func() {
			_, err := s.SplitBatch(t.Context(), "a", part)
			var bad *allocation.Error
			require.ErrorAs(t, err, &bad, field)
			require.ErrorIs(t, err, allocation.ErrInvalid, field)
			assert.Equal(t, field, bad.Field)
		})
	}
}
