package allocation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// everyWay are the ways in which a command can run.
var everyWay = map[string]settings{
	"in a group":       {},
	"alone":            {service: allocation.ServiceOptions{NoGroupCommit: true}},
	"without a cache":  {service: allocation.ServiceOptions{CacheSize: -1}},
	"with one attempt": {units: allocation.UnitOfWorkOptions{Attempts: 1}},
}

func TestR10_RefusalClearsLapsedHoldsOnceAndForAll(t *testing.T) {
	for name, with := range everyWay {
		t.Run(name, func(t *testing.T) {
			f := flood(t, 3*floodPage+1)
			before := f.version(t)
			service := f.service(t, with)
			const all = 3*floodPage + 2
			_, err := service.Allocate(t.Context(), want("late", "LAMP", all+1))
			var short *allocation.OutOfStockError
			require.ErrorAs(t, err, &short)
			assert.Equal(t, allocation.Quantity(all), short.Shortages[0].Available, "the number is true (R5)")
			assert.Zero(t, f.holds(t), "lapsed holds that are left")
			assert.LessOrEqual(t, f.most, floodPage, "lines in memory")
			assert.LessOrEqual(t, slices.Max(f.removed), floodPage, "lines removed by one commit")
			assert.LessOrEqual(t, f.read, 3*all, "lines read by a linear clearing")
			f.told(t, service, before)

			f.forget()
			f.before = func([]allocation.Changes) { t.Error("a second refusal wrote") }
			_, err = service.Allocate(t.Context(), want("later", "LAMP", all+1))
			require.ErrorAs(t, err, &short)
			assert.Zero(t, f.read, "lines read by a second refusal")
		})
	}
}

func TestR7_SaleThatOnlyTheLastPageCanServe(t *testing.T) {
	for name, with := range everyWay {
		for _, batches := range [][]int{{3*floodPage + 1}, {floodPage, 2*floodPage + 1, 1}} {
			t.Run(fmt.Sprint(name, ", batches ", batches), func(t *testing.T) {
				f := flood(t, batches...)
				before := f.version(t)
				service := f.service(t, with)
				line := want("late", "LAMP", 3*floodPage+1+allocation.Quantity(len(batches)))
				line.Split = true
				given, err := service.Allocate(t.Context(), line)
				require.NoError(t, err)
				assert.Equal(t, line.Quantity, given[0].Quantity)
				f.told(t, service, before)
				_, err = service.Allocate(t.Context(), line)
				require.NoError(t, err, "a repeat")
			})
		}
	}
}

func TestR7_SaleThatAPageCanServeClearsNoFurtherPage(t *testing.T) {
	f := flood(t, 10*floodPage)
	_, err := f.service(t, settings{}).Allocate(t.Context(), want("late", "LAMP", floodPage))
	require.NoError(t, err)
	assert.Equal(t, []int{floodPage}, f.removed, "lines removed by each commit")
	assert.LessOrEqual(t, f.read, floodPage, "lines read")

	_, err = f.service(t, settings{}).Allocate(t.Context(), want("later", "LAMP", 3*floodPage))
	require.NoError(t, err)
	assert.Positive(t, f.holds(t), "holds beyond the pages that were needed")
}

func TestR7_WhatWasClearedBeforeTheContextEndsStaysCleared(t *testing.T) {
	for name, with := range everyWay {
		t.Run(name, func(t *testing.T) {
			f := flood(t, 20*floodPage)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			commits := 0
			with.units.Attempt = func(ctx context.Context, op string, _ int) (context.Context, func(error)) {
				return ctx, func(err error) {
					if op == "Sweep" && err == nil {
						if commits++; commits == 5 {
							cancel()
						}
					}
				}
			}
			service := f.service(t, with)
			before := f.version(t)
			_, err := service.Allocate(ctx, want("late", "LAMP", 1000))
			require.ErrorIs(t, err, context.Canceled)
			require.NotErrorIs(t, err, allocation.ErrUnknownOutcome)
			assert.Equal(t, 15*floodPage, f.holds(t), "lapsed holds that are left")
			f.told(t, service, before)
		})
	}
}

// While a command waits for pages to be cleared, neither its group nor other callers wait.
func TestOtherCallersDoNotWaitForAFloodToBeCleared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := flood(t, 10*floodPage)
		require.NoError(t, f.Seed(stock("s1", "SOFA", 10)))
		let := make(chan struct{})
		f.before = func([]allocation.Changes) { <-let }
		service := f.service(t, settings{})
		first := callAllocate(t.Context(), service, want("first", "LAMP", 1))
		refused := callAllocate(t.Context(), service, want("absurd", "LAMP", 1000))
		both := callAllocate(t.Context(), service, want("small", "LAMP", 1), want("small", "SOFA", 1))
		let <- struct{}{}
		require.NoError(t, (<-first).err)
		let <- struct{}{} // the group of the two
		require.NoError(t, (<-both).err)
		synctest.Wait()
		require.Empty(t, refused, "the refusal has to clear first")
		between := callAllocate(t.Context(), service, want("between", "LAMP", 1))
		let <- struct{}{} // a page of the clearing
		let <- struct{}{} // whoever comes next
		require.NoError(t, (<-between).err)
		require.Empty(t, refused)
		close(let)
		var short *allocation.OutOfStockError
		require.ErrorAs(t, (<-refused).err, &short)
		assert.Equal(t, allocation.Quantity(10*floodPage+1-3), short.Shortages[0].Available)
		assert.Zero(t, f.holds(t))
		drifted, err := service.Reconcile(t.Context(), "LAMP")
		require.NoError(t, err)
		assert.False(t, drifted.Drifted(), "%+v", drifted)
		lapsed := map[allocation.OrderID]int{}
		for _, e := range f.reported {
			if e, ok := e.(allocation.HoldLapsed); ok {
				lapsed[e.OrderID]++
			}
		}
		assert.Len(t, lapsed, 10*floodPage, "holds of which Committed heard")
		for order, n := range lapsed {
			assert.Equal(t, 1, n, "how often Committed heard of the hold of %q", order)
		}
	})
}

func TestR5_RefusalNamesTrueNumbersOfEveryFloodedProduct(t *testing.T) {
	f := flood(t, 5*floodPage)
	sofas := serve(t, f.Store, settings{units: allocation.UnitOfWorkOptions{Now: f.clock.Now}})
	require.NoError(t, sofas.AddBatch(t.Context(), stock("s1", "SOFA", 3*floodPage)))
	for i := range 3 * floodPage {
		hold := want(numbered("sofa", i), "SOFA", 1)
		hold.HoldUntil = f.clock.Now().Add(1e9)
		_, err := sofas.Allocate(t.Context(), hold)
		require.NoError(t, err)
	}
	f.clock.Advance(1e9)
	_, err := f.service(t, settings{}).Allocate(t.Context(), want("o", "SOFA", 1000), want("o", "LAMP", 1000))
	var short *allocation.OutOfStockError
	require.ErrorAs(t, err, &short)
	require.Len(t, short.Shortages, 2)
	assert.Equal(t, allocation.Quantity(5*floodPage+1), short.Shortages[0].Available, "LAMP")
	assert.Equal(t, allocation.Quantity(3*floodPage), short.Shortages[1].Available, "SOFA")
	assert.LessOrEqual(t, f.read, 3*9*floodPage, "lines read")
}

func TestOtherCommandsClearLapsedHoldsToo(t *testing.T) {
	rows := map[string]func(t *testing.T, f *flooded, s *allocation.Service) error{
		"a line that grows": func(t *testing.T, _ *flooded, s *allocation.Service) error {
			t.Helper()
			_, err := s.Allocate(t.Context(), want("late", "LAMP", 1))
			require.NoError(t, err)
			_, err = s.ChangeLine(t.Context(), want("late", "LAMP", 5*floodPage+1).OrderLine)
			return err
		},
		"a cut": func(t *testing.T, f *flooded, s *allocation.Service) error {
			t.Helper()
			count := allocation.Count{Batch: allocation.BatchRef(numbered("b", 0)), At: f.clock.Now()}
			released, err := s.ChangeBatchQuantity(t.Context(), count)
			assert.Empty(t, released, "lapsed holds have nothing to lose")
			return err
		},
		"the host's own unit of work": func(t *testing.T, f *flooded, _ *allocation.Service) error {
			t.Helper()
			with := f.settings(settings{})
			units := allocation.NewUnitOfWork(f, &with.units)
			return units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
				p, err := products.Get(ctx, "LAMP")
				if err != nil {
					return err
				}
				free, err := p.Available(products.Now())
				if err == nil {
					assert.Equal(t, allocation.Quantity(5*floodPage+1), free, "Available")
				}
				return err
			})
		},
		"a unit of work of the host's own kind": func(t *testing.T, f *flooded, _ *allocation.Service) error {
			t.Helper()
			with := f.settings(settings{})
			foreign := struct{ allocation.UnitOfWork }{allocation.NewUnitOfWork(f, &with.units)}
			_, err := newService(t, foreign, nil).Allocate(t.Context(), want("late", "LAMP", 5*floodPage+1))
			return err
		},
	}
	for name, run := range rows {
		t.Run(name, func(t *testing.T) {
			f := flood(t, 5*floodPage)
			before := f.version(t)
			service := f.service(t, settings{})
			require.NoError(t, run(t, f, service))
			assert.Zero(t, f.holds(t), "lapsed holds that are left")
			assert.LessOrEqual(t, f.most, 2*floodPage, "lines in memory")
			f.told(t, service, before)
		})
	}
}

func TestBulkJudgesOrdersInTheirOrderBesideAFlood(t *testing.T) {
	for _, before := range []int{0, 600} { // in a chunk of its own
		f := flood(t, 5*floodPage)
		require.NoError(t, f.Seed(stock("s1", "SOFA", 1000)))
		orders := make([][]allocation.Request, 0, before+4)
		for i := range before {
			orders = append(orders, []allocation.Request{want(numbered("sofa", i), "SOFA", 1)})
		}
		orders = append(orders,
			[]allocation.Request{want("all", "LAMP", 5*floodPage+1)},
			[]allocation.Request{want("late", "LAMP", 1)},
			[]allocation.Request{want("other", "SOFA", 1), want("other", "LAMP", 1)},
			[]allocation.Request{want("apart", "SOFA", 1)},
		)
		service := f.service(t, settings{})
		version := f.version(t)
		_, errs := service.AllocateEach(t.Context(), orders)
		require.NoError(t, errors.Join(errs[:before+1]...), "the first order has all units")
		var short *allocation.OutOfStockError
		require.ErrorAs(t, errs[before+1], &short)
		assert.Zero(t, short.Shortages[0].Available)
		require.ErrorAs(t, errs[before+2], &short)
		require.NoError(t, errs[before+3])
		sofas := 0
		f.reported = slices.DeleteFunc(f.reported, func(e allocation.Event) bool {
			sofa, is := e.(allocation.LineAllocated)
			is = is && sofa.SKU == "SOFA"
			if is {
				sofas++
			}
			return is
		})
		assert.Equal(t, before+1, sofas, "lines of sofas of which Committed heard, each once")
		f.told(t, service, version)
	}
}

func TestBulkEndsWithItsContextBesideAFlood(t *testing.T) {
	f := flood(t, 20*floodPage)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var with settings
	with.units.Attempt = func(ctx context.Context, op string, _ int) (context.Context, func(error)) {
		if op == "Sweep" {
			return ctx, func(error) { cancel() }
		}
		return ctx, nil
	}
	_, errs := f.service(t, with).AllocateEach(ctx, [][]allocation.Request{
		{want("small", "LAMP", 1)}, {want("absurd", "LAMP", 1000)}, {want("later", "LAMP", 1)},
	})
	require.NoError(t, errs[0])
	require.ErrorIs(t, errs[1], context.Canceled)
	require.ErrorIs(t, errs[2], context.Canceled)
}

// Another process sells in between.
func TestR10_ClearingThatLosesARaceGoesOn(t *testing.T) {
	for name, locks := range map[string]bool{"without locks": false, "with locks": true} {
		t.Run(name, func(t *testing.T) {
			f := flood(t, 6*floodPage)
			elsewhere := serve(t, f.Store, settings{units: allocation.UnitOfWorkOptions{Now: f.clock.Now, PageSize: 1}})
			var store allocation.Store = f
			if locks {
				store = &lockedFlood{f}
			}
			n := 0
			f.before = func([]allocation.Changes) {
				if n++; n%3 == 1 && n < 20 {
					_, err := elsewhere.Allocate(t.Context(), want(numbered("elsewhere", n), "LAMP", 1))
					assert.NoError(t, err)
				}
			}
			service := serve(t, store, f.settings(settings{}))
			_, err := service.Allocate(t.Context(), want("absurd", "LAMP", 1000))
			var short *allocation.OutOfStockError
			require.ErrorAs(t, err, &short)
			assert.Zero(t, f.holds(t), "lapsed holds that are left")
			state, _ := f.Product("LAMP")
			assert.Equal(t, allocation.Quantity(6*floodPage+1-len(state.Lines)), short.Shortages[0].Available)
			drifted, err := service.Reconcile(t.Context(), "LAMP")
			require.NoError(t, err)
			assert.False(t, drifted.Drifted(), "%+v", drifted)
		})
	}
}

// lockedFlood is a Locker.
type lockedFlood struct{ *flooded }

func (l *lockedFlood) Locked(_ context.Context, fn func(allocation.Store) error) error {
	return fn(l.flooded)
}

func TestR10_AStockThatIsNoLongerLowIsRecordedByTheClearing(t *testing.T) {
	f := flood(t, 3*floodPage)
	service := f.service(t, settings{})
	require.NoError(t, service.SetLowStock(t.Context(), "LAMP", floodPage))
	version := f.version(t)
	f.forget()
	_, err := service.Allocate(t.Context(), want("absurd", "LAMP", 1000))
	require.Error(t, err)
	crossed := 0
	for _, e := range f.reported {
		if c, ok := e.(allocation.LowStockCrossed); ok {
			crossed++
			assert.False(t, c.Low)
		}
	}
	assert.Equal(t, 1, crossed, "events of a stock that is no longer low")
	f.told(t, service, version)
}

// contradictory says that more holds have lapsed, and has none.
type contradictory struct{ *memory.Store }

func (c contradictory) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	states, err := c.Store.Load(ctx, q)
	for i := range states {
		states[i].MoreLapsed = true
	}
	return states, err
}

// forgetful says so only to those who ask for lines.
type forgetful struct{ *memory.Store }

func (c forgetful) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	states, err := c.Store.Load(ctx, q)
	for i := range states {
		states[i].MoreLapsed = len(q.Orders) > 0
	}
	return states, err
}

func TestAStoreThatContradictsItselfKeepsNobodyForEver(t *testing.T) {
	for name, with := range everyWay {
		store := memory.New()
		require.NoError(t, store.Seed(stock("b1", "LAMP", 1)))
		_, err := serve(t, contradictory{store}, with).Allocate(t.Context(), want("o", "LAMP", 2))
		require.ErrorContains(t, err, "contradicts itself", name)
		_, err = serve(t, forgetful{store}, with).Allocate(t.Context(), want("o", "LAMP", 2))
		require.ErrorIs(t, err, allocation.ErrConflict, name)
		require.ErrorContains(t, err, "11 times", name)
		require.NotErrorIs(t, err, allocation.ErrNotLoaded, name)
	}
}
