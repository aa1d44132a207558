package allocation_test

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// attempt is one call of the hook.
type attempt struct {
	op     string
	number int
	ends   []error
}

// watch is a hook that collects its calls, and gives each attempt a context with its number.
type watch struct{ attempts []*attempt }

type attemptKey struct{}

func (w *watch) hook(ctx context.Context, op string, number int) (context.Context, func(error)) {
	a := &attempt{op: op, number: number}
	w.attempts = append(w.attempts, a)
	return context.WithValue(ctx, attemptKey{}, number), func(err error) { a.ends = append(a.ends, err) }
}

// watched returns a shop with 5 lamps and 5 sofas and with the hooks of opts, which may use its
// store.
func watched(t *testing.T, opts allocation.UnitOfWorkOptions) (*spy, allocation.UnitOfWork, *allocation.Service) {
	t.Helper()
	s := &spy{Store: memory.New()}
	require.NoError(t, s.Seed(stock("b1", "LAMP", 5), stock("b2", "SOFA", 5)))
	opts.Now, opts.Backoff, opts.MaxBackoff, opts.Attempts = memory.NewClock(morning).Now, 1, 1, 4
	units := allocation.NewUnitOfWork(s, &opts)
	return s, units, newService(t, units, nil)
}

// drifting is a store that reports counters different from its ledger.
type drifting struct{ *memory.Store }

func (d drifting) Audit(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
	a, err := d.Store.Audit(ctx, sku)
	a.Tallies[0].RecordedPurchased++
	return a, err
}

// useCases calls each method of a Service that is a unit of work, on the stock of furnished.
func useCases(ctx context.Context) map[string]func(s *allocation.Service) error {
	only := func(_ any, err error) error { return err }
	count := func(ref allocation.BatchRef) allocation.Count {
		return allocation.Count{Batch: ref, Quantity: 1, At: morning}
	}
	return map[string]func(s *allocation.Service) error{
		"AddBatch":     func(s *allocation.Service) error { return s.AddBatch(ctx, stock("b4", "DESK", 1)) },
		"ReceiveBatch": func(s *allocation.Service) error { return only(s.ReceiveBatch(ctx, count("b3"))) },
		"ChangeBatchQuantity": func(s *allocation.Service) error {
			return only(s.ChangeBatchQuantity(ctx, count("b1")))
		},
		"ChangeBatchETA": func(s *allocation.Service) error {
			return errorOf(s.ChangeBatchETA(ctx, "b3", morning.Add(time.Hour)))
		},
		"SplitBatch": func(s *allocation.Service) error {
			return only(s.SplitBatch(ctx, "b1", allocation.Batch{Ref: "b9", Purchased: 1}))
		},
		"BlockBatch":   func(s *allocation.Service) error { return only(s.BlockBatch(ctx, "b3", "dented")) },
		"UnblockBatch": func(s *allocation.Service) error { return s.UnblockBatch(ctx, "b3") },
		"SetLowStock":  func(s *allocation.Service) error { return s.SetLowStock(ctx, "LAMP", 2) },
		"Allocate": func(s *allocation.Service) error {
			return only(s.Allocate(ctx, want("o1", "LAMP", 1)))
		},
		"AllocateEach": func(s *allocation.Service) error {
			_, errs := s.AllocateEach(ctx, [][]allocation.Request{{want("o1", "LAMP", 1)}})
			return errors.Join(errs...)
		},
		"ChangeLine": func(s *allocation.Service) error {
			return only(s.ChangeLine(ctx, want("o0", "SOFA", 2).OrderLine))
		},
		"Cancel":  func(s *allocation.Service) error { return only(s.Cancel(ctx, "o0")) },
		"Confirm": func(s *allocation.Service) error { return only(s.Confirm(ctx, "hold")) },
		"Extend": func(s *allocation.Service) error {
			return only(s.Extend(ctx, "hold", morning.Add(2*time.Hour)))
		},
		"HandOver": func(s *allocation.Service) error { return only(s.HandOver(ctx, "o0", "o9")) },
		"Ship":     func(s *allocation.Service) error { return only(s.Ship(ctx, "o0")) },
		"ShipPart": func(s *allocation.Service) error {
			return only(s.ShipPart(ctx, want("o0", "SOFA", 1).OrderLine))
		},
		"Sweep":    func(s *allocation.Service) error { return only(s.Sweep(ctx)) },
		"Mend":     func(s *allocation.Service) error { return only(s.Mend(ctx, "LAMP")) },
		"PlanMend": func(s *allocation.Service) error { return only(s.PlanMend(ctx, "LAMP")) },
		"Transact": func(s *allocation.Service) error {
			begin := func(_ context.Context, fn func(allocation.Store) error) error { return fn(memory.New()) }
			return s.Transact(ctx, begin, func(context.Context, *allocation.Service) error { return nil })
		},
	}
}

// furnished returns a store with lamps and sofas, a firm order "o0" and a held order "hold".
func furnished(t *testing.T) *memory.Store {
	t.Helper()
	store := memory.New()
	require.NoError(t, store.Seed(
		stock("b1", "LAMP", 5), stock("b2", "SOFA", 5),
		allocation.Batch{Ref: "b3", SKU: "SOFA", Purchased: 1, ETA: morning.AddDate(0, 0, 1)},
	))
	hold := want("hold", "SOFA", 1)
	hold.HoldUntil = morning.Add(time.Hour)
	service := serve(t, store, settings{units: allocation.UnitOfWorkOptions{Now: memory.NewClock(morning).Now}})
	_, err := service.Allocate(t.Context(), want("o0", "SOFA", 1), hold)
	require.NoError(t, err)
	return store
}

func TestAttemptGetsTheMethod(t *testing.T) {
	methods := useCases(t.Context())
	withoutUnitOfWork := []string{"Inside", "Reconcile", "ReconcileAll", "With", "WithPolicy"}
	var all []string
	service := reflect.TypeFor[*allocation.Service]()
	for i := range service.NumMethod() {
		all = append(all, service.Method(i).Name)
	}
	assert.ElementsMatch(t, append(slices.Collect(maps.Keys(methods)), withoutUnitOfWork...), all)

	for name, call := range methods {
		t.Run(name, func(t *testing.T) {
			w := &watch{}
			opts := allocation.UnitOfWorkOptions{Now: memory.NewClock(morning).Now, Attempt: w.hook}
			units := allocation.NewUnitOfWork(drifting{furnished(t)}, &opts)
			require.NoError(t, call(newService(t, units, nil)))
			require.Len(t, w.attempts, 1)
			assert.Equal(t, attempt{op: name, number: 1, ends: []error{nil}}, *w.attempts[0])
		})
	}
}

func TestAttemptOfAHostsOwnUseCaseIsDo(t *testing.T) {
	w := &watch{}
	_, units, _ := watched(t, allocation.UnitOfWorkOptions{Attempt: w.hook})
	failure := errors.New("changed my mind")
	err := units.Do(t.Context(), func(context.Context, allocation.Repository) error { return failure })
	require.Same(t, failure, err)
	require.Len(t, w.attempts, 1)
	assert.Equal(t, "Do", w.attempts[0].op)
	require.Len(t, w.attempts[0].ends, 1)
	assert.Same(t, failure, w.attempts[0].ends[0])
}

func TestAttemptsAreNumberedAndReportTheirErrors(t *testing.T) {
	conflict, failure := allocation.ErrConflict, errors.New("disk full")
	tests := map[string]struct{ faults, want []error }{
		"at once":          {nil, []error{nil}},
		"after lost races": {[]error{conflict, conflict}, []error{conflict, conflict, nil}},
		"every race is lost": {
			[]error{conflict, conflict, conflict, conflict}, []error{conflict, conflict, conflict, conflict},
		},
		"a duplicate": {[]error{allocation.ErrDuplicate}, []error{allocation.ErrDuplicate, nil}},
		"outcome unknown": {
			[]error{conflict, allocation.ErrUnknownOutcome}, []error{conflict, allocation.ErrUnknownOutcome},
		},
		"anything else": {[]error{failure}, []error{failure}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := &watch{}
			s, _, service := watched(t, allocation.UnitOfWorkOptions{Attempt: w.hook})
			s.FailCommit(tt.faults...)
			_, err := service.Allocate(t.Context(), want("o1", "LAMP", 1))
			assert.ErrorIs(t, err, tt.want[len(tt.want)-1])
			require.Len(t, w.attempts, len(tt.want))
			for i, a := range w.attempts {
				assert.Equal(t, i+1, a.number)
				require.Len(t, a.ends, 1)
				assert.ErrorIs(t, a.ends[0], tt.want[i])
			}
		})
	}
}

func TestARefusalIsNoFailedAttempt(t *testing.T) {
	w := &watch{}
	_, _, service := watched(t, allocation.UnitOfWorkOptions{Attempt: w.hook})
	_, err := service.Allocate(t.Context(), want("o1", "LAMP", 9))
	require.ErrorAs(t, err, new(*allocation.OutOfStockError))
	require.Len(t, w.attempts, 1)
	assert.Equal(t, []error{nil}, w.attempts[0].ends, "it has committed that the line was refused")
}

// beholder is a store that collects the contexts of its calls.
type beholder struct {
	*memory.Store
	load, commit []any
}

func (b *beholder) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	b.load = append(b.load, ctx.Value(attemptKey{}))
	return b.Store.Load(ctx, q)
}

func (b *beholder) Commit(ctx context.Context, changes []allocation.Changes) error {
	b.commit = append(b.commit, ctx.Value(attemptKey{}))
	return b.Store.Commit(ctx, changes)
}

func TestAnAttemptRunsUnderTheContextOfItsHook(t *testing.T) {
	store := &beholder{Store: memory.New()}
	require.NoError(t, store.Seed(stock("b1", "LAMP", 5)))
	store.FailCommit(allocation.ErrConflict)
	type callerKey struct{}
	w := &watch{}
	var fn, traced, committed, callers []any
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{
		Backoff: 1, MaxBackoff: 1,
		Attempt: func(ctx context.Context, op string, number int) (context.Context, func(error)) {
			callers = append(callers, ctx.Value(callerKey{}))
			assert.Nil(t, ctx.Value(attemptKey{}), "an attempt's context is not the next one's parent")
			return w.hook(ctx, op, number)
		},
		TraceParent: func(ctx context.Context) string {
			traced = append(traced, ctx.Value(attemptKey{}))
			return ""
		},
		Committed: func(ctx context.Context, _ []allocation.Event) {
			committed = append(committed, ctx.Value(attemptKey{}), ctx.Value(callerKey{}))
		},
	})
	ctx := context.WithValue(t.Context(), callerKey{}, "caller")
	require.NoError(t, units.Do(ctx, func(ctx context.Context, products allocation.Repository) error {
		fn = append(fn, ctx.Value(attemptKey{}))
		return allocate(ctx, products, "o1", "LAMP")
	}))
	assert.Equal(t, []any{"caller", "caller"}, callers, "the hook sees the caller's context")
	for name, seen := range map[string][]any{"function": fn, "Load": store.load, "Commit": store.commit} {
		assert.Equal(t, []any{1, 2}, seen, name)
	}
	assert.Equal(t, []any{nil}, traced, "TraceParent is asked once, under the caller's")
	assert.Equal(t, []any{nil, "caller"}, committed, "Committed runs under the caller's")
}

func TestAnAttemptThatDoesNotReturnIsEndedAllTheSame(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("away") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			w := &watch{}
			_, units, _ := watched(t, allocation.UnitOfWorkOptions{Attempt: w.hook})
			done := make(chan any, 1)
			go func() {
				defer func() { done <- recover() }()
				_ = units.Do(t.Context(), func(context.Context, allocation.Repository) error { end(); return nil })
			}()
			recovered := <-done
			if name == "panic" {
				assert.Equal(t, "away", recovered, "the panic is the caller's")
			}
			require.Len(t, w.attempts, 1)
			require.Len(t, w.attempts[0].ends, 1)
			assert.EqualError(t, w.attempts[0].ends[0], "allocation: the function did not return")
		})
	}
}

func TestAHookMayReturnNoEndFunction(t *testing.T) {
	attempts := 0
	s, _, service := watched(t, allocation.UnitOfWorkOptions{
		Attempt: func(ctx context.Context, _ string, _ int) (context.Context, func(error)) {
			attempts++
			return ctx, nil
		},
	})
	s.FailCommit(allocation.ErrConflict)
	_, err := service.Allocate(t.Context(), want("o1", "LAMP", 1))
	require.NoError(t, err)
	assert.Equal(t, 2, attempts)
}

func TestAHooksContextMayEndTheAttempt(t *testing.T) {
	w := &watch{}
	s, units, _ := watched(t, allocation.UnitOfWorkOptions{
		Attempt: func(ctx context.Context, op string, number int) (context.Context, func(error)) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return w.hook(ctx, op, number)
		},
	})
	err := units.Do(t.Context(), func(context.Context, allocation.Repository) error { t.Error("ran"); return nil })
	assert.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, s.queries)
	require.Len(t, w.attempts, 1)
	assert.Equal(t, []error{err}, w.attempts[0].ends)
}

func TestAnAttemptIsAroundItsTransaction(t *testing.T) {
	var order []string
	store, service := newLockable(t, allocation.UnitOfWorkOptions{
		LockFirst: true,
		Attempt: func(ctx context.Context, _ string, _ int) (context.Context, func(error)) {
			order = append(order, "begin")
			return ctx, func(error) { order = append(order, "end") }
		},
		Committed: func(context.Context, []allocation.Event) { order = append(order, "committed") },
	})
	_, err := service.Allocate(t.Context(), want("o1", "LAMP", 1))
	require.NoError(t, err)
	assert.Len(t, store.ended, 1)
	assert.Equal(t, []string{"begin", "end", "committed"}, order)
}

func TestBadArgumentsAreNoAttempt(t *testing.T) {
	w := &watch{}
	_, units, service := watched(t, allocation.UnitOfWorkOptions{Attempt: w.hook})
	_, err := service.Allocate(t.Context(), want("", "LAMP", 1))
	assert.ErrorIs(t, err, allocation.ErrInvalid)
	assert.ErrorIs(t, units.Do(t.Context(), nil), allocation.ErrInvalid)
	assert.Empty(t, w.attempts)
}

func TestALargerPageIsNoFurtherAttempt(t *testing.T) {
	store, clock := memory.New(), memory.NewClock(morning)
	require.NoError(t, store.Seed(stock("b1", "LAMP", 5)))
	w := &watch{}
	opts := &allocation.UnitOfWorkOptions{Now: clock.Now, PageSize: 1}
	service := newService(t, allocation.NewUnitOfWork(store, opts), nil)
	for _, o := range []allocation.OrderID{"a", "b", "c", "d", "e"} {
		_, err := service.Allocate(t.Context(), want(o, "LAMP", 1))
		require.NoError(t, err)
	}
	clock.Advance(time.Hour)
	opts.Attempt = w.hook
	service = newService(t, allocation.NewUnitOfWork(store, opts), nil)
	_, err := service.ChangeBatchQuantity(t.Context(), allocation.Count{Batch: "b1", Quantity: 1, At: clock.Now()})
	require.NoError(t, err)
	assert.Len(t, w.attempts, 1, "attempts")
}

// The clearing of a page is a unit of work of its own, and the command begins again.
func TestHooksSeeTheClearingOfLapsedHolds(t *testing.T) {
	for name, alone := range map[string]bool{"in a group": false, "alone": true} {
		t.Run(name, func(t *testing.T) {
			f, w := flood(t, 4*floodPage), &watch{}
			commits := 0
			with := settings{service: allocation.ServiceOptions{NoGroupCommit: alone}}
			with.units.Attempt = w.hook
			with.units.Commit = func(context.Context) func(error) {
				commits++
				return nil
			}
			_, err := f.service(t, with).Allocate(t.Context(), want("z", "LAMP", 4*floodPage+1))
			require.NoError(t, err)
			var ops []string
			for _, a := range w.attempts {
				ops = append(ops, a.op)
				assert.Equal(t, 1, a.number, "the number of an attempt")
				require.Len(t, a.ends, 1)
				if alone && a.op == "Allocate" && len(ops) < 6 {
					require.ErrorIs(t, a.ends[0], allocation.ErrNotLoaded)
				} else {
					require.NoError(t, a.ends[0])
				}
			}
			page := "Sweep"
			assert.Equal(t, []string{"Allocate", page, "Allocate", page, page, "Allocate"}, ops, "units of work")
			assert.Len(t, f.removed, commits, "commits")
		})
	}
}
