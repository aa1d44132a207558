package allocation_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// floodedShop has a batch with lapsed holds of one unit on all units.
func floodedShop(t *testing.T, holds int) shop {
	t.Helper()
	s := newShop(t, stock("b1", "LAMP", allocation.Quantity(holds)))
	s.holdsLapse(t, holds)
	return s
}

// holdsLapse places so many holds of one unit, and lets them lapse.
func (s shop) holdsLapse(t *testing.T, holds int) {
	t.Helper()
	for i := range holds {
		hold := want(numbered("held", i), "LAMP", 1)
		hold.HoldUntil = morning.Add(time.Minute)
		_, err := s.Allocate(t.Context(), hold)
		require.NoError(t, err)
	}
	s.clock.Advance(time.Hour)
}

// Committed may begin a unit of work under its context. The unit of work must not take the place of the
// command for which lapsed holds are cleared.
func TestAUnitOfWorkInCommittedDoesNotReplaceTheCommand(t *testing.T) {
	for name, quantity := range map[string]allocation.Quantity{"without clearing": 1, "with clearing": 4} {
		t.Run(name, func(t *testing.T) {
			s := floodedShop(t, 5)
			var units allocation.UnitOfWork
			noted, inner := 0, 0
			units = allocation.NewUnitOfWork(s.store, &allocation.UnitOfWorkOptions{
				Now: s.clock.Now, PageSize: 1,
				Committed: func(ctx context.Context, _ []allocation.Event) {
					if noted++; noted > 1 {
						return
					}
					assert.NoError(t, units.Do(ctx, func(context.Context, allocation.Repository) error {
						inner++
						return nil
					}))
				},
			})
			service := newService(t, units, &allocation.ServiceOptions{NoGroupCommit: true})
			given, err := service.Allocate(t.Context(), want("o1", "LAMP", quantity))
			require.NoError(t, err)
			assert.Len(t, given, 1, "answer")
			assert.Equal(t, 1, inner, "runs of the inner function")
			lines, err := s.store.Order(t.Context(), "o1")
			require.NoError(t, err)
			assert.Len(t, lines, 1, "stored lines")
		})
	}
}

// If the answer of a cleared page is lost, nothing of the command itself is in doubt.
func TestALostAnswerOfAClearingIsAConflict(t *testing.T) {
	s := floodedShop(t, 5)
	units := allocation.NewUnitOfWork(s.store, &allocation.UnitOfWorkOptions{Now: s.clock.Now, PageSize: 1})
	service := newService(t, units, nil)
	s.store.LoseAnswer()
	_, err := service.Allocate(t.Context(), want("o1", "LAMP", 4))
	require.ErrorIs(t, err, allocation.ErrConflict)
	assert.NotErrorIs(t, err, allocation.ErrUnknownOutcome)
	_, err = service.Allocate(t.Context(), want("o1", "LAMP", 4))
	assert.NoError(t, err, "repeat")
}

// A product whose counters are wrong must not be cleared page by page before the counters are right.
func TestMendBesideAFloodOfLapsedHolds(t *testing.T) {
	for name, c := range map[string]struct {
		holds                int
		purchased, allocated allocation.Quantity
	}{
		"allocated is too low":  {8, 4, 0},
		"purchased was lost":    {9, 4, 4},
		"many pages are lapsed": {30, 20, 20},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, stock("b1", "LAMP", 99))
			_, err := s.Allocate(t.Context(), want("o1", "LAMP", 4))
			require.NoError(t, err)
			s.holdsLapse(t, c.holds)
			version := s.product("LAMP").Version
			require.NoError(t, s.store.Commit(t.Context(), []allocation.Changes{{
				SKU: "LAMP", Read: version, Version: version + 1,
				Batches: []allocation.BatchChange{{
					Ref: "b1", Purchased: c.purchased - 99, Allocated: c.allocated - allocation.Quantity(c.holds) - 4,
				}},
				Events: []allocation.Event{allocation.LineRefused{SKU: "LAMP"}},
			}}))
			units := allocation.NewUnitOfWork(s.store, &allocation.UnitOfWorkOptions{Now: s.clock.Now, PageSize: 1})
			service := newService(t, units, nil)
			_, err = service.Mend(t.Context(), "LAMP")
			require.NoError(t, err)
			audit, err := service.Reconcile(t.Context(), "LAMP")
			require.NoError(t, err)
			assert.False(t, audit.Drifted(), "%+v", audit)
		})
	}
}

// A line handed over keeps the Sequence, and a new line of the old order may replace the line in the same commit.
func TestALineHandedOverAndReplacedInOneCommitIsFoundByItsBatch(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 9))
	hold := want("a", "LAMP", 1)
	hold.HoldUntil = morning.Add(time.Minute)
	_, err := s.Allocate(t.Context(), hold)
	require.NoError(t, err)
	_, err = s.Allocate(t.Context(), want("b", "LAMP", 1))
	require.NoError(t, err)
	s.clock.Advance(time.Hour)
	require.NoError(t, s.units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		p, err := products.Get(ctx, "LAMP", "a", "b")
		if err != nil {
			return err
		}
		if _, err := p.HandOver("b", "a", products.Now()); err != nil {
			return err
		}
		_, err = p.Allocate(products.Now(), nil, want("b", "LAMP", 1))
		return err
	}))
	states, err := s.store.Load(t.Context(), allocation.Query{Batch: "b1", Limit: 9, Now: s.clock.Now()})
	require.NoError(t, err)
	assert.Len(t, states[0].Lines, 2, "lines of the batch")
	_, err = s.BlockBatch(t.Context(), "b1", "recall")
	assert.NoError(t, err)
}

// Others clear most of the holds that a command needs, round after round, and new holds lapse. As long as the command
// finds a hold to clear, no round is in vain.
func TestARoundThatClearsAHoldIsNotInVain(t *testing.T) {
	const rounds = 15
	f := flood(t, 3*rounds)
	first := morning.Add(time.Minute)
	cleared := 0
	var with settings
	with.units.Attempt = func(ctx context.Context, op string, _ int) (context.Context, func(error)) {
		switch {
		case op == "Sweep":
			f.clock.Set(first.Add(time.Duration(cleared) * time.Second)) // a single hold is left of the page
			cleared++
		case cleared < rounds:
			f.clock.Set(first.Add(time.Duration(cleared+floodPage) * time.Second)) // a page, and one hold
		}
		return ctx, nil
	}
	_, err := f.service(t, with).Allocate(t.Context(), want("absurd", "LAMP", 1000))
	var short *allocation.OutOfStockError
	require.ErrorAs(t, err, &short)
	assert.Equal(t, rounds, cleared, "rounds")
}

// cutOff is a store that loses the answer to a page of lapsed holds because the caller's context ends.
type cutOff struct {
	*flooded
	leave context.CancelFunc
}

func (c cutOff) Commit(context.Context, []allocation.Changes) error {
	c.leave()
	return allocation.ErrUnknownOutcome
}

// A caller who leaves while holds are cleared hears of the own context alone, since the command has not begun.
func TestWhoLeavesDuringAClearingHearsNothingOfItsOutcome(t *testing.T) {
	for name, with := range everyWay {
		f := flood(t, 5*floodPage)
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		_, err := serve(t, cutOff{f, leave}, f.settings(with)).Allocate(ctx, want("absurd", "LAMP", 1000))
		require.ErrorIs(t, err, context.Canceled, name)
		require.NotErrorIs(t, err, allocation.ErrConflict, name)
		require.NotErrorIs(t, err, allocation.ErrUnknownOutcome, name)
	}
}

// A page of lapsed holds that can't be read or written is the answer to the command that needs the page.
func TestAClearingThatFailsIsTheAnswer(t *testing.T) {
	for name, fail := range map[string]func(*flooded){
		"the read":  func(f *flooded) { f.FailLoad(nil, errBroken) },
		"the write": func(f *flooded) { f.FailCommit(errBroken) },
	} {
		for way, with := range everyWay {
			t.Run(name+", "+way, func(t *testing.T) {
				f := flood(t, 5*floodPage)
				fail(f)
				_, err := f.service(t, with).Allocate(t.Context(), want("absurd", "LAMP", 1000))
				require.ErrorIs(t, err, errBroken)
				assert.Equal(t, 5*floodPage, f.holds(t), "lapsed holds that are left")

				f = flood(t, 5*floodPage)
				fail(f)
				_, errs := f.service(t, with).AllocateEach(t.Context(), [][]allocation.Request{
					{want("absurd", "LAMP", 1000)},
				})
				require.ErrorIs(t, errs[0], errBroken)
			})
		}
	}
}

// Orders of one bulk that need the same holds clear them together: a page for each product, then twice as many.
func TestOrdersOfABulkClearAPageTogether(t *testing.T) {
	f := flood(t, 6*floodPage)
	var ops []string
	var with settings
	with.units.Attempt = func(ctx context.Context, op string, _ int) (context.Context, func(error)) {
		ops = append(ops, op)
		return ctx, nil
	}
	require.NoError(t, f.Seed(stock("s1", "SOFA", 9)))
	_, errs := f.service(t, with).AllocateEach(t.Context(), [][]allocation.Request{
		{want("o1", "LAMP", 1000), want("o1", "SOFA", 1)}, {want("o2", "SOFA", 1)}, {want("o3", "LAMP", 1000)},
	})
	require.ErrorAs(t, errs[0], new(*allocation.OutOfStockError))
	require.NoError(t, errs[1])
	require.ErrorAs(t, errs[2], new(*allocation.OutOfStockError))
	rounds := strings.Split(strings.Join(ops, " "), "Group")
	for i, round := range rounds {
		rounds[i] = strings.TrimSpace(round)
	}
	assert.Equal(t, []string{"", "Sweep", "Sweep Sweep", "Sweep Sweep Sweep", ""}, rounds)
}

// A store that says, in each page, that further lines are left keeps nobody for ever.
func TestAStoreThatAlwaysHasMoreLinesKeepsNobodyForEver(t *testing.T) {
	for mode, opts := range modes {
		store := memory.New()
		require.NoError(t, store.Seed(stock("b1", "LAMP", 5)))
		opts.units.Now = memory.NewClock(morning).Now
		_, err := serve(t, store, opts).Allocate(t.Context(), want("o1", "LAMP", 2))
		require.NoError(t, err)
		lying := liar{store, func(s *allocation.State) { s.Lines, s.MoreLines = nil, true }}
		_, err = serve(t, lying, opts).ChangeBatchQuantity(t.Context(), allocation.Count{Batch: "b1", At: morning})
		require.Error(t, err, mode)
		assert.Equal(t, []allocation.OrderID{"o1"}, linesOf(store, "LAMP"), mode)
	}
}

// withoutClearing is a host's own unit of work that leaves the clearing of lapsed holds to the Service.
type withoutClearing struct{ allocation.UnitOfWork }

func (w withoutClearing) Do(ctx context.Context, fn func(context.Context, allocation.Repository) error) error {
	var failure error
	err := w.UnitOfWork.Do(ctx, func(ctx context.Context, products allocation.Repository) error {
		if failure = fn(ctx, products); failure != nil {
			return errBroken
		}
		return nil
	})
	if failure != nil {
		return failure
	}
	return err
}

// Over a host's own unit of work the Service clears the lapsed holds that a command needs.
func TestHoldsAreClearedOverAHostsUnitOfWork(t *testing.T) {
	f := flood(t, 3*floodPage)
	with := f.settings(settings{})
	service := newService(t, withoutClearing{allocation.NewUnitOfWork(f, &with.units)}, nil)
	_, err := service.Allocate(t.Context(), want("all", "LAMP", 3*floodPage+1))
	require.NoError(t, err)
	assert.Equal(t, []allocation.OrderID{"all"}, linesOf(f.Store, "LAMP"))
}
