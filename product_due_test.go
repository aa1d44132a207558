package allocation_test

import (
	"cmp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// Nothing keeps a product due once everything that was due has been told or is gone, so that the sweep looks at no
// product in vain.
func TestWhatMakesAProductDueIsToldOrGone(t *testing.T) {
	for name, c := range map[string]struct {
		bestBefore time.Time
		command    func(s shop) error
		due        time.Time // of the batch, after the command
	}{
		"the dated line is cancelled": {time.Time{}, func(s shop) error {
			_, err := s.Cancel(s.t.Context(), "dated")
			return err
		}, time.Time{}},
		"the dated line is cancelled, and the batch will expire": {daysOn(9), func(s shop) error {
			_, err := s.Cancel(s.t.Context(), "dated")
			return err
		}, daysOn(9)},
		"the dated line is handed over, and then cancelled": {time.Time{}, func(s shop) error {
			if _, err := s.HandOver(s.t.Context(), "dated", "order"); err != nil {
				return err
			}
			_, err := s.Cancel(s.t.Context(), "order")
			return err
		}, time.Time{}},
		"the dated line is changed": {time.Time{}, func(s shop) error {
			_, err := s.ChangeLine(s.t.Context(), want("dated", "LAMP", 1).OrderLine)
			return err
		}, daysOn(3).Add(time.Microsecond)},
		"another command tells of the expiry": {daysOn(2), func(s shop) error {
			s.clock.Set(daysOn(2))
			_, err := s.ChangeLine(s.t.Context(), want("dated", "LAMP", 1).OrderLine)
			return err
		}, daysOn(3).Add(time.Microsecond)},
	} {
		t.Run(name, func(t *testing.T) {
			ship := stock("b1", "LAMP", 4)
			ship.ETA, ship.BestBefore = daysOn(1), c.bestBefore
			s := newShop(t, ship)
			r := want("dated", "LAMP", 2)
			r.NeededBy = daysOn(3)
			_, err := s.Allocate(t.Context(), r)
			require.NoError(t, err)
			require.NoError(t, c.command(s))
			assert.Equal(t, c.due, s.product("LAMP").Batches[0].Due)
		})
	}
}

// The time of a line on stock in a warehouse makes nothing due: the units are there, and the line can't be late.
func TestALineOnStockMakesNothingDue(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 4))
	r := want("dated", "LAMP", 2)
	r.NeededBy = daysOn(3)
	s.mustAllocate(r)
	assert.Zero(t, s.product("LAMP").Batches[0].Due)
}

// As long as other lines of the batch are not known, the batch stays due, since one of them may be dated as well.
func TestABatchStaysDueForUnknownLines(t *testing.T) {
	ship := stock("b1", "LAMP", 4)
	ship.ETA = daysOn(1)
	s := newShop(t, ship)
	for _, order := range []allocation.OrderID{"o1", "o2"} {
		r := want(order, "LAMP", 2)
		r.NeededBy = daysOn(3)
		_, err := s.Allocate(t.Context(), r)
		require.NoError(t, err)
	}
	_, err := s.Cancel(t.Context(), "o1")
	require.NoError(t, err)
	s.clock.Set(daysOn(4))
	swept, err := s.Sweep(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, swept)
	assert.Equal(t, []bool{true}, s.lateMarks(t))
	assert.Zero(t, s.product("LAMP").Batches[0].Due)
}

// A batch has reached BestBefore, and no sweep has run. Whoever changes the product next tells of the expiry.
func TestEveryCommandTellsOfAnExpiry(t *testing.T) {
	for name, command := range map[string]func(s shop) error{
		"Allocate": func(s shop) error { _, err := s.Allocate(s.t.Context(), want("o9", "LAMP", 1)); return err },
		"ChangeLine": func(s shop) error {
			_, err := s.ChangeLine(s.t.Context(), want("firm", "LAMP", 1).OrderLine)
			return err
		},
		"Cancel":  func(s shop) error { _, err := s.Cancel(s.t.Context(), "held"); return err },
		"Confirm": func(s shop) error { _, err := s.Confirm(s.t.Context(), "held"); return err },
		"Extend":  func(s shop) error { _, err := s.Extend(s.t.Context(), "held", daysOn(9)); return err },
		"Ship":    func(s shop) error { _, err := s.Ship(s.t.Context(), "firm"); return err },
		"ShipPart": func(s shop) error {
			_, err := s.ShipPart(s.t.Context(), want("firm", "LAMP", 1).OrderLine)
			return err
		},
		"HandOver": func(s shop) error { _, err := s.HandOver(s.t.Context(), "held", "o9"); return err },
		"AddBatch": func(s shop) error { return s.AddBatch(s.t.Context(), stock("b3", "LAMP", 1)) },
		"ReceiveBatch": func(s shop) error {
			_, err := s.ReceiveBatch(s.t.Context(), allocation.Count{Batch: "ship", Quantity: 4, At: daysOn(1)})
			return err
		},
		"ChangeBatchQuantity": func(s shop) error {
			_, err := s.ChangeBatchQuantity(s.t.Context(), allocation.Count{Batch: "b2", Quantity: 8, At: daysOn(1)})
			return err
		},
		"ChangeBatchETA": func(s shop) error {
			_, err := s.ChangeBatchETA(s.t.Context(), "ship", daysOn(8))
			return err
		},
		"SplitBatch": func(s shop) error {
			_, err := s.SplitBatch(s.t.Context(), "b2", stock("part", "LAMP", 1))
			return err
		},
		"BlockBatch":   func(s shop) error { _, err := s.BlockBatch(s.t.Context(), "b2", "recall"); return err },
		"UnblockBatch": func(s shop) error { return s.UnblockBatch(s.t.Context(), "blocked") },
		"SetLowStock":  func(s shop) error { return s.SetLowStock(s.t.Context(), "LAMP", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			perishable, ship, blocked := stock("b1", "LAMP", 4), stock("ship", "LAMP", 4), stock("blocked", "LAMP", 4)
			perishable.BestBefore, ship.ETA, blocked.Blocked = daysOn(2), daysOn(7), "damaged"
			s := newShop(t, perishable, stock("b2", "LAMP", 9), ship, blocked)
			onB2 := s.WithPolicy(func(a, b allocation.Batch) int { return cmp.Compare(b.Ref, a.Ref) })
			held := want("held", "LAMP", 1)
			held.HoldUntil, held.NeededBy = daysOn(5), daysOn(6) // not of the shipment
			firm := want("firm", "LAMP", 2)
			firm.NeededBy = daysOn(6)
			for _, r := range []allocation.Request{held, firm} {
				_, err := onB2.Allocate(t.Context(), r)
				require.NoError(t, err)
			}
			s.clock.Set(daysOn(3))
			before := s.product("LAMP").Version
			require.NoError(t, command(s))
			assert.Contains(t, s.kinds("LAMP", before), "BatchExpired")
		})
	}
}

// The last microsecond of the year 9999 has no moment after it, so a line needed by then is never overdue.
func TestR14_ABatchIsDueAfterEveryMomentButTheLast(t *testing.T) {
	last := time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
	for by, due := range map[time.Time]time.Time{
		last:                        {},
		last.Add(-time.Microsecond): last,
		time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC): time.Date(9999, 1, 1, 0, 0, 0, 1000, time.UTC),
	} {
		p := newTested(t, arriving("a", 3, 1))
		r := whole("o", 1)
		r.NeededBy = by
		p.allocates(r)
		for b := range p.Batches() {
			assert.Equal(t, due, b.Due, "Due of a batch with a line needed by %v", by)
		}
	}
}
