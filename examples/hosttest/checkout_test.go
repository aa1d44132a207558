package hosttest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	morning = time.Date(2030, time.March, 1, 9, 0, 0, 0, time.UTC)
	ctx     = context.Background()

	errDown = errors.New("the storage is down")
)

// shop is a checkout with 5 lamps and 3 chairs in stock, at nine in the morning.
type shop struct {
	*Checkout
	store *memory.Store
	clock *memory.Clock
}

func open(t *testing.T) shop {
	t.Helper()
	store, clock := memory.New(), memory.NewClock(morning)
	require.NoError(t, store.Seed(
		allocation.Batch{Ref: "lamps", SKU: "lamp", Purchased: 5},
		allocation.Batch{Ref: "chairs", SKU: "chair", Purchased: 3},
	))
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{
		Now: clock.Now, Attempts: 3, Backoff: time.Nanosecond, // a test need not wait between attempts
	})
	stock, err := allocation.New(units, nil)
	require.NoError(t, err)
	return shop{&Checkout{Stock: stock, HoldFor: 15 * time.Minute, Now: clock.Now}, store, clock}
}

// line looks up a committed line.
func (s shop) line(t *testing.T, sku allocation.SKU, order allocation.OrderID) (allocation.Allocation, bool) {
	t.Helper()
	product, known := s.store.Product(sku)
	require.True(t, known, "product %q", sku)
	for _, line := range product.Lines {
		if line.OrderID == order {
			return line, true
		}
	}
	return allocation.Allocation{}, false
}

func (s shop) requireNothing(t *testing.T, order allocation.OrderID, skus ...allocation.SKU) {
	t.Helper()
	for _, sku := range skus {
		_, there := s.line(t, sku, order)
		require.False(t, there, "order %q has a line of %q", order, sku)
	}
}

func basket(id allocation.OrderID, lamps, chairs allocation.Quantity) Order {
	return Order{ID: id, Items: []Item{{"lamp", lamps}, {"chair", chairs}}}
}

func TestPlacingHoldsTheGoodsAndPayingMakesThemFirm(t *testing.T) {
	s := open(t)
	until, err := s.Place(ctx, basket("o1", 2, 1))
	require.NoError(t, err)
	require.Equal(t, morning.Add(15*time.Minute), until)
	line, _ := s.line(t, "lamp", "o1")
	require.Equal(t, until, line.HeldUntil)

	s.clock.Advance(14 * time.Minute)
	require.NoError(t, s.Pay(ctx, basket("o1", 2, 1)))
	line, _ = s.line(t, "lamp", "o1")
	require.True(t, line.HeldUntil.IsZero(), "HeldUntil = %v after paying, want none", line.HeldUntil)
}

func TestAnOrderPlacedTwiceIsHeldOnceAndLonger(t *testing.T) {
	s := open(t)
	first, err := s.Place(ctx, basket("o1", 3, 2))
	require.NoError(t, err)
	s.clock.Advance(time.Minute)
	again, err := s.Place(ctx, basket("o1", 3, 2))
	require.NoError(t, err)
	require.Equal(t, first.Add(time.Minute), again)
	product, _ := s.store.Product("lamp")
	require.Equal(t, allocation.Quantity(3), product.Batches[0].Allocated)
}

func TestAnOrderIsPlacedWholeOrNotAtAll(t *testing.T) {
	s := open(t)
	_, err := s.Place(ctx, basket("o1", 9, 4))
	var few *TooFewError
	require.ErrorAs(t, err, &few)
	require.ElementsMatch(t, []Item{{"lamp", 5}, {"chair", 3}}, few.Left)
	s.requireNothing(t, "o1", "lamp", "chair")

	_, err = s.Place(ctx, basket("o2", 1, 4))
	require.ErrorAs(t, err, &few)
	require.Equal(t, []Item{{"chair", 3}}, few.Left)
	s.requireNothing(t, "o2", "lamp", "chair")
}

func TestTheGoodsOfALapsedHoldAreSoldToTheNextCustomer(t *testing.T) {
	s := open(t)
	_, err := s.Place(ctx, basket("o1", 5, 3))
	require.NoError(t, err)
	_, err = s.Place(ctx, basket("o2", 5, 3))
	require.ErrorAs(t, err, new(*TooFewError))

	s.clock.Advance(15 * time.Minute)
	_, err = s.Place(ctx, basket("o2", 5, 3))
	require.NoError(t, err)
	require.ErrorIs(t, s.Pay(ctx, basket("o1", 5, 3)), ErrRefund)
	s.requireNothing(t, "o1", "lamp", "chair")
}

func TestALatePaymentAllocatesTheGoodsAgainIfEnoughAreLeft(t *testing.T) {
	s := open(t)
	_, err := s.Place(ctx, basket("o1", 2, 1))
	require.NoError(t, err)
	s.clock.Advance(time.Hour)
	require.NoError(t, s.Pay(ctx, basket("o1", 2, 1)))
	for _, sku := range []allocation.SKU{"lamp", "chair"} {
		line, there := s.line(t, sku, "o1")
		require.True(t, there)
		require.True(t, line.HeldUntil.IsZero())
	}
}

func TestPayingAllocatesALineAgainThatLostItsBatch(t *testing.T) {
	s := open(t)
	_, err := s.Place(ctx, basket("o1", 2, 1))
	require.NoError(t, err)
	lost, err := s.Stock.ChangeBatchQuantity(ctx, allocation.Count{Batch: "lamps", Quantity: 1, At: morning})
	require.NoError(t, err)
	require.Equal(t, []allocation.OrderLine{{OrderID: "o1", SKU: "lamp", Quantity: 2}}, lost)
	require.ErrorIs(t, s.Pay(ctx, basket("o1", 2, 1)), ErrRefund)

	require.NoError(t, s.store.Seed(allocation.Batch{Ref: "more lamps", SKU: "lamp", Purchased: 2}))
	require.NoError(t, s.Pay(ctx, basket("o1", 2, 1)))
	line, _ := s.line(t, "lamp", "o1")
	require.Equal(t, []allocation.Part{{Batch: "more lamps", Quantity: 2}}, line.Parts)
	line, _ = s.line(t, "chair", "o1")
	require.True(t, line.HeldUntil.IsZero(), "the line that had not lost anything is firm, too")
}

func TestALostRaceIsTriedAgainUnseenByTheCustomer(t *testing.T) {
	s := open(t)
	s.store.FailCommit(allocation.ErrConflict, allocation.ErrConflict)
	_, err := s.Place(ctx, basket("o1", 1, 1))
	require.NoError(t, err)
	_, there := s.line(t, "lamp", "o1")
	require.True(t, there)
}

func TestACustomerWhoLosesEveryRaceIsAskedToTryAgain(t *testing.T) {
	s := open(t)
	s.store.FailCommit(allocation.ErrConflict, allocation.ErrConflict, allocation.ErrConflict)
	_, err := s.Place(ctx, basket("o1", 1, 1))
	require.ErrorIs(t, err, ErrTryAgain)
	s.requireNothing(t, "o1", "lamp", "chair")
}

func TestACustomerIsAskedToTryAgainWhenTheStorageFails(t *testing.T) {
	for name, fail := range map[string]func(*memory.Store){
		"reading": func(store *memory.Store) { store.FailLoad(errDown) },
		"writing": func(store *memory.Store) { store.FailCommit(errDown) },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			fail(s.store)
			_, err := s.Place(ctx, basket("o1", 1, 1))
			require.ErrorIs(t, err, ErrTryAgain)
			require.ErrorIs(t, err, errDown, "the log needs the cause")
			s.requireNothing(t, "o1", "lamp", "chair")
			_, err = s.Place(ctx, basket("o1", 1, 1))
			require.NoError(t, err, "and the second try succeeds")
		})
	}
}

func TestALostAnswerIsFoundByRepeating(t *testing.T) {
	for name, command := range map[string]func(shop) error{
		"placing":    func(s shop) error { _, err := s.Place(ctx, basket("new", 1, 1)); return err },
		"paying":     func(s shop) error { return s.Pay(ctx, basket("o1", 2, 1)) },
		"abandoning": func(s shop) error { return s.Abandon(ctx, "o1") },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			_, err := s.Place(ctx, basket("o1", 2, 1))
			require.NoError(t, err)
			before, _ := s.store.Product("lamp")

			s.store.LoseAnswer()
			require.NoError(t, command(s))
			after, _ := s.store.Product("lamp")
			require.Equal(t, before.Version+1, after.Version, "it was done once")
		})
	}
}

func TestAnUnknownOutcomeIsNotReportedAsAFailure(t *testing.T) {
	s := open(t)
	for range attempts {
		s.store.FailCommit(allocation.ErrUnknownOutcome)
	}
	_, err := s.Place(ctx, basket("o1", 1, 1))
	require.ErrorIs(t, err, allocation.ErrUnknownOutcome)
	require.NotErrorIs(t, err, ErrTryAgain, "goods may have been taken")
}

func TestACustomerWhoLeavesHoldsNothing(t *testing.T) {
	s := open(t)
	gone, leave := context.WithCancel(ctx)
	leave()
	_, err := s.Place(gone, basket("o1", 1, 1))
	require.ErrorIs(t, err, context.Canceled)
	s.requireNothing(t, "o1", "lamp", "chair")
}

func TestAbandoningGivesTheGoodsBackAndMayBeRepeated(t *testing.T) {
	s := open(t)
	_, err := s.Place(ctx, basket("o1", 5, 3))
	require.NoError(t, err)
	require.NoError(t, s.Abandon(ctx, "o1"))
	require.NoError(t, s.Abandon(ctx, "o1"))
	_, err = s.Place(ctx, basket("o2", 5, 3))
	require.NoError(t, err)
}

func TestABadOrderIsTheCallersFault(t *testing.T) {
	s := open(t)
	for name, bad := range map[string]struct {
		order Order
		want  error
	}{
		"no items":             {Order{ID: "o1"}, allocation.ErrInvalid},
		"quantity below 1":     {basket("o1", 0, 1), allocation.ErrInvalid},
		"a product unheard of": {Order{ID: "o1", Items: []Item{{"sofa", 1}}}, allocation.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Place(ctx, bad.order)
			require.ErrorIs(t, err, bad.want)
			require.NotErrorIs(t, err, ErrTryAgain)
		})
	}
}

func TestManyCustomersAtOnceGetExactlyTheStock(t *testing.T) {
	s := open(t)
	// Here races are real, and three attempts might be too few.
	units := allocation.NewUnitOfWork(s.store, &allocation.UnitOfWorkOptions{Now: s.clock.Now, Attempts: 100})
	service, err := allocation.New(units, nil)
	require.NoError(t, err)
	s.Stock = service
	var placed sync.WaitGroup
	results := make([]error, 12)
	for i := range results {
		placed.Go(func() {
			id := allocation.OrderID(rune('a' + i))
			_, results[i] = s.Place(ctx, Order{ID: id, Items: []Item{{"lamp", 1}}})
		})
	}
	placed.Wait()
	sold := 0
	for _, err := range results {
		if err == nil {
			sold++
			continue
		}
		require.ErrorAs(t, err, new(*TooFewError))
	}
	require.Equal(t, 5, sold)
	product, _ := s.store.Product("lamp")
	require.Equal(t, allocation.Quantity(5), product.Batches[0].Allocated)
}

// A ledger that adds up shows more than single lines: every promised unit belongs to a line.
func TestTheLedgerAddsUpAfterManyFailures(t *testing.T) {
	s := open(t)
	s.store.FailCommit(nil, allocation.ErrConflict, errDown)
	for _, id := range []allocation.OrderID{"o1", "o2", "o3", "o4"} {
		_, _ = s.Place(ctx, basket(id, 1, 1))
		s.clock.Advance(10 * time.Minute)
		s.store.LoseAnswer()
		_ = s.Pay(ctx, basket(id, 1, 1))
	}
	for _, sku := range []allocation.SKU{"lamp", "chair"} {
		audit, err := s.Stock.Reconcile(ctx, sku)
		require.NoError(t, err)
		require.False(t, audit.Drifted(), "%+v", audit)
	}
}
