package allocation_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

type (
	decision = func(ctx context.Context, products allocation.Repository) error
	doing    = func(ctx context.Context, fn decision) error
)

// wrapper is a host's wrapper around a unit of work. The function around is the wrapper's Do, and
// gets the Do of the unit of work inside.
type wrapper struct {
	allocation.UnitOfWork
	around func(ctx context.Context, fn decision, do doing) error
	calls  *int
}

func wrap(units allocation.UnitOfWork, around func(ctx context.Context, fn decision, do doing) error) wrapper {
	return wrapper{units, around, new(int)}
}

func (w wrapper) Unwrap() allocation.UnitOfWork { return w.UnitOfWork }

func (w wrapper) Do(ctx context.Context, fn decision) error {
	*w.calls++
	return w.around(ctx, fn, w.UnitOfWork.Do)
}

// A wrapper may try again by itself after a failure.
func TestWrapperThatTriesAgain(t *testing.T) {
	store := memory.New()
	require.NoError(t, store.Seed(stock("b1", "LAMP", 10)))
	store.FailCommit(errBroken)
	heard := 0
	opts := allocation.UnitOfWorkOptions{
		Committed: func(_ context.Context, events []allocation.Event) { heard += len(events) },
	}
	units := allocation.NewUnitOfWork(store, &opts)
	service := newService(t, wrap(units, func(ctx context.Context, fn decision, do doing) error {
		if err := do(ctx, fn); !errors.Is(err, errBroken) {
			return err
		}
		return do(ctx, fn)
	}), nil)
	_, err := service.Allocate(t.Context(), want("o1", "LAMP", 1))
	require.NoError(t, err)
	assert.Equal(t, 1, heard, "events that Committed received")
}

// careless is a Repository of a wrapper, with a Get that ends badly.
type careless struct {
	allocation.Repository
	get func()
}

func (c careless) Get(context.Context, allocation.SKU, ...allocation.OrderID) (*allocation.Product, error) {
	c.get()
	return nil, nil
}

var errWrapper = errors.New("the wrapper failed")

// A wrapper that breaks the contract of a unit of work does no further harm: no caller hears of a
// success that was none, no goroutine but that of the command's caller ends, no commit is repeated,
// and no event comes twice.
func TestMistakesOfWrappers(t *testing.T) {
	with := func(get func()) func(ctx context.Context, fn decision, do doing) error {
		return func(ctx context.Context, fn decision, do doing) error {
			return do(ctx, func(ctx context.Context, products allocation.Repository) error {
				return fn(ctx, careless{products, get})
			})
		}
	}
	allFail := func(t *testing.T, ended []exit, with ...error) {
		t.Helper()
		for i, e := range ended {
			require.Nil(t, e.panicked, "caller %d", i)
			for _, err := range with {
				require.ErrorIs(t, e.err, err, "caller %d", i)
			}
		}
	}
	type check = func(t *testing.T, calls int, events []string, ended []exit)
	for name, tt := range map[string]struct {
		around func(ctx context.Context, fn decision, do doing) error
		check  check
	}{
		"never calls Do": {
			func(context.Context, decision, doing) error { return nil },
			func(t *testing.T, _ int, events []string, ended []exit) {
				t.Helper()
				allFail(t, ended, allocation.ErrInvalid)
				assert.Empty(t, events)
			},
		},
		"swallows the error of Do": {
			func(ctx context.Context, fn decision, do doing) error { _ = do(ctx, fn); return nil },
			func(t *testing.T, _ int, events []string, ended []exit) {
				t.Helper()
				allFail(t, ended[1:], allocation.ErrInvalid, allocation.ErrUnknownOutcome)
				assert.Equal(t, []string{"first"}, events)
			},
		},
		"gives the function another context": {
			func(ctx context.Context, fn decision, do doing) error {
				return do(ctx,
					func(_ context.Context, products allocation.Repository) error { return fn(ctx, products) })
			},
			func(t *testing.T, _ int, events []string, ended []exit) {
				t.Helper()
				allFail(t, ended, allocation.ErrInvalid)
				assert.Empty(t, events)
			},
		},
		"gives Do another context": {
			func(_ context.Context, fn decision, do doing) error { return do(context.Background(), fn) },
			func(t *testing.T, _ int, events []string, _ []exit) {
				t.Helper()
				assert.ElementsMatch(t, []string{"first", "leader"}, events, "each event once")
			},
		},
		"fails after the commit": {
			func(ctx context.Context, fn decision, do doing) error { return errors.Join(do(ctx, fn), errWrapper) },
			func(t *testing.T, calls int, events []string, ended []exit) {
				t.Helper()
				allFail(t, ended, errWrapper)
				assert.Empty(t, events)
				assert.Equal(t, 2, calls, "calls of Do")
			},
		},
		"panics in a refusal": {
			with(func() { panic("careless") }),
			func(t *testing.T, _ int, events []string, ended []exit) {
				t.Helper()
				require.NoError(t, errors.Join(ended[0].err, ended[1].err))
				assert.Equal(t, "careless", ended[2].panicked)
				assert.ElementsMatch(t, []string{"first", "leader"}, events)
			},
		},
		"exits in a refusal": {
			with(runtime.Goexit),
			func(t *testing.T, _ int, events []string, ended []exit) {
				t.Helper()
				require.NoError(t, errors.Join(ended[0].err, ended[1].err))
				assert.False(t, ended[2].returned)
				assert.ElementsMatch(t, []string{"first", "leader"}, events)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newGate(t, stock("b1", "LAMP", 10))
				var mu sync.Mutex
				var events []string
				units := wrap(allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{
					Committed: func(_ context.Context, told []allocation.Event) {
						mu.Lock()
						defer mu.Unlock()
						for _, e := range told {
							if placed, ok := e.(allocation.LineAllocated); ok {
								events = append(events, string(placed.OrderID))
							}
						}
					},
				}), tt.around)
				begin := make(chan struct{})
				service := newService(t, units, &allocation.ServiceOptions{
					CacheSize: -1, Group: func(context.Context, int) { <-begin },
				})
				if name == "swallows the error of Do" {
					store.FailCommit(nil, allocation.ErrUnknownOutcome)
				}
				ended := []<-chan exit{
					allocateToExit(t.Context(), service, want("first", "LAMP", 1)),
					allocateToExit(t.Context(), service, want("leader", "LAMP", 1)),
					allocateToExit(t.Context(), service, want("short", "LAMP", 11)),
				}
				close(begin)
				close(store.let)
				var got []exit
				for _, e := range ended {
					got = append(got, <-e)
				}
				tt.check(t, *units.calls, events, got)
			})
		})
	}
}

// A wrapper that swallows the error of a command which failed halfway makes the unit of work commit
// before all commands have run. Nobody hears of a success then.
func TestWrapperThatSwallowsTheErrorOfItsFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, service := halfway(t, func(units allocation.UnitOfWork) allocation.UnitOfWork {
			return wrap(units, func(ctx context.Context, fn decision, do doing) error {
				return do(ctx, func(ctx context.Context, products allocation.Repository) error {
					_ = fn(ctx, products)
					return nil
				})
			})
		})
		_, confirming, extending := meetHalfway(t, service)
		after := allocateToExit(t.Context(), service, want("after", "SOFA", 1))
		close(store.let)
		synctest.Wait()
		for _, ended := range []<-chan exit{confirming, extending, after} {
			require.ErrorIs(t, (<-ended).err, allocation.ErrInvalid)
		}
	})
}

// A wrapper that swallows an error from before the commit leaves no doubt about the outcome.
func TestWrapperThatSwallowsAnErrorOfTheRead(t *testing.T) {
	store := memory.New()
	require.NoError(t, store.Seed(stock("b1", "LAMP", 10)))
	store.FailLoad(errBroken)
	swallows := func(ctx context.Context, fn decision, do doing) error {
		_ = do(ctx, fn)
		return nil
	}
	service := newService(t, wrap(allocation.NewUnitOfWork(store, nil), swallows), nil)
	_, err := service.Allocate(t.Context(), want("o1", "LAMP", 1))
	require.ErrorIs(t, err, allocation.ErrInvalid)
	assert.NotErrorIs(t, err, allocation.ErrUnknownOutcome, "nothing was written")
}
