package allocation_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// heard is a call of the hook Command that has ended.
type heard struct {
	op  string
	err error
}

// listener is a hook that collects the commands that have ended, in the order of their ends.
type listener struct{ commands []heard }

type commandKey struct{}

func (l *listener) hook(ctx context.Context, op string) (context.Context, func(error)) {
	return context.WithValue(ctx, commandKey{}, op), func(err error) { l.commands = append(l.commands, heard{op, err}) }
}

// listened returns a service over a store whose commands the listener hears.
func listened(t *testing.T, store allocation.Store, alone bool) (*listener, *memory.Clock, *allocation.Service) {
	t.Helper()
	l, clock := &listener{}, memory.NewClock(morning)
	units := allocation.UnitOfWorkOptions{Now: clock.Now, Backoff: 1, MaxBackoff: 1, Attempts: 2, PageSize: 1}
	opts := allocation.ServiceOptions{Command: l.hook, NoGroupCommit: alone, CacheSize: -1}
	return l, clock, serve(t, store, settings{units: units, service: opts})
}

// eachWay is a Service with group commit and one without.
var eachWay = map[string]bool{"with group commit": false, "without group commit": true}

func TestCommandGetsTheMethod(t *testing.T) {
	for name, call := range useCases(t.Context()) {
		if name == "Transact" {
			continue // no command, but a frame for commands
		}
		t.Run(name, func(t *testing.T) {
			for way, alone := range eachWay {
				t.Run(way, func(t *testing.T) {
					l, _, service := listened(t, drifting{furnished(t)}, alone)
					require.NoError(t, call(service))
					assert.Equal(t, []heard{{op: name}}, l.commands)
				})
			}
		})
	}
}

func TestCommandGetsTheAnswerOfTheCaller(t *testing.T) {
	for way, alone := range eachWay {
		t.Run(way, func(t *testing.T) {
			store := memory.New()
			require.NoError(t, store.Seed(stock("b1", "LAMP", 5)))
			l, _, service := listened(t, store, alone)

			_, refusal := service.Allocate(t.Context(), want("o1", "LAMP", 6))
			require.ErrorAs(t, refusal, new(*allocation.OutOfStockError))
			store.FailCommit(allocation.ErrConflict, allocation.ErrConflict)
			_, lost := service.Allocate(t.Context(), want("o1", "LAMP", 1))
			require.ErrorIs(t, lost, allocation.ErrConflict)
			store.FailCommit(allocation.ErrConflict)
			_, err := service.Allocate(t.Context(), want("o1", "LAMP", 1))
			require.NoError(t, err, "the second attempt wins")
			assert.Equal(t, []heard{{"Allocate", refusal}, {"Allocate", lost}, {"Allocate", nil}}, l.commands)
		})
	}
}

func TestArgumentsThatAreRefusedAreNoCommand(t *testing.T) {
	for way, alone := range eachWay {
		t.Run(way, func(t *testing.T) {
			l, _, service := listened(t, furnished(t), alone)
			_, err := service.Allocate(t.Context(), want("o1", "LAMP", -1))
			require.ErrorIs(t, err, allocation.ErrInvalid)
			var none context.Context
			_, err = service.Allocate(none, want("o1", "LAMP", 1))
			require.ErrorIs(t, err, allocation.ErrInvalid)
			assert.Empty(t, l.commands)
		})
	}
}

// A command that has to clear two pages of lapsed holds runs several times, and is heard once.
func TestCommandIsHeardOnceThoughHoldsAreCleared(t *testing.T) {
	for way, alone := range eachWay {
		t.Run(way, func(t *testing.T) {
			store := memory.New()
			require.NoError(t, store.Seed(stock("b1", "LAMP", 3)))
			l, clock, service := listened(t, store, alone)
			for _, order := range []allocation.OrderID{"h1", "h2", "h3"} {
				hold := want(order, "LAMP", 1)
				hold.HoldUntil = morning.Add(time.Minute)
				_, err := service.Allocate(t.Context(), hold)
				require.NoError(t, err)
			}
			clock.Advance(time.Hour)
			l.commands = nil
			_, err := service.Allocate(t.Context(), want("o1", "LAMP", 3))
			require.NoError(t, err)
			if alone {
				assert.Equal(t, []heard{{op: "Allocate"}}, l.commands, "the unit of work clears the holds")
				return
			}
			require.NotEmpty(t, l.commands)
			last := len(l.commands) - 1
			assert.Equal(t, heard{op: "Allocate"}, l.commands[last])
			assert.Contains(t, l.commands[:last], heard{op: "Sweep"}, "a page is a command of its own")
			assert.NotContains(t, l.commands[:last], heard{op: "Allocate"})
		})
	}
}

func TestEachOrderOfABulkIsHeard(t *testing.T) {
	for way, alone := range eachWay {
		t.Run(way, func(t *testing.T) {
			l, _, service := listened(t, furnished(t), alone)
			_, errs := service.AllocateEach(t.Context(), [][]allocation.Request{
				{want("o1", "LAMP", 1)}, {want("o2", "LAMP", -1)}, {want("o3", "LAMP", 9)},
			})
			require.ErrorIs(t, errs[1], allocation.ErrInvalid)
			assert.Equal(t, []heard{{"AllocateEach", nil}, {"AllocateEach", errs[2]}}, l.commands)
		})
	}
}

// The policy of a command panics. The hook hears that the command did not return.
func TestCommandThatPanicsIsHeard(t *testing.T) {
	for way, alone := range eachWay {
		t.Run(way, func(t *testing.T) {
			store := memory.New()
			require.NoError(t, store.Seed(stock("b1", "LAMP", 5), stock("b2", "LAMP", 5)))
			l, _, service := listened(t, store, alone)
			service = service.WithPolicy(func(_, _ allocation.Batch) int { panic("policy") })
			assert.Panics(t, func() { _, _ = service.Allocate(t.Context(), want("o1", "LAMP", 1)) })
			assert.Panics(t, func() {
				_, _ = service.AllocateEach(t.Context(), [][]allocation.Request{{want("o2", "LAMP", 1)}})
			})
			require.Len(t, l.commands, 2)
			for _, c := range l.commands {
				assert.ErrorContains(t, c.err, "did not return", "%s", c.op)
			}
		})
	}
}

func TestCommandRunsUnderTheContextOfTheHook(t *testing.T) {
	for way, alone := range eachWay {
		t.Run(way, func(t *testing.T) {
			l := &listener{}
			var ops []any
			service := serve(t, furnished(t), settings{
				units: allocation.UnitOfWorkOptions{
					Attempt: func(ctx context.Context, _ string, _ int) (context.Context, func(error)) {
						ops = append(ops, ctx.Value(commandKey{}))
						return ctx, nil
					},
					TraceParent: func(ctx context.Context) string {
						ops = append(ops, ctx.Value(commandKey{}))
						return ""
					},
				},
				service: allocation.ServiceOptions{Command: l.hook, NoGroupCommit: alone},
			})
			_, err := service.Allocate(t.Context(), want("o1", "LAMP", 1))
			require.NoError(t, err)
			assert.Equal(t, []any{"Allocate", "Allocate"}, ops)
		})
	}
}

func TestHookWithoutContextLeavesTheCallers(t *testing.T) {
	calls := 0
	service := serve(t, furnished(t), settings{service: allocation.ServiceOptions{
		Command: func(context.Context, string) (context.Context, func(error)) { calls++; return nil, nil },
	}})
	_, err := service.Allocate(t.Context(), want("o1", "LAMP", 1))
	require.NoError(t, err)
	assert.Equal(t, 1, calls)
}

func TestCommandsInATransactionAreHeard(t *testing.T) {
	store := furnished(t)
	l, _, service := listened(t, store, false)
	failure := errors.New("changed my mind")
	fn := func(ctx context.Context, _ *memory.Tx, inside *allocation.Service) error {
		_, err := inside.Allocate(ctx, want("o1", "LAMP", 1))
		return errors.Join(failure, err)
	}
	require.ErrorIs(t, store.Within(t.Context(), service, fn), failure)
	assert.Equal(t, []heard{{op: "Allocate"}}, l.commands)
}

// Callers that share a commit are heard one by one.
func TestEachCommandOfAGroupIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t, stock("b1", "LAMP", 3))
		ended := make(chan string, 3)
		service := serve(t, store, settings{service: allocation.ServiceOptions{
			Command: func(ctx context.Context, op string) (context.Context, func(error)) {
				return ctx, func(err error) {
					if errors.As(err, new(*allocation.OutOfStockError)) {
						op += " refused"
					}
					ended <- op
				}
			},
		}})
		first := callAllocate(t.Context(), service, want("o1", "LAMP", 1))
		leader := callAllocate(t.Context(), service, want("o2", "LAMP", 1))
		follower := callAllocate(t.Context(), service, want("o3", "LAMP", 9))
		close(store.let)
		require.NoError(t, (<-first).err)
		require.NoError(t, (<-leader).err)
		require.Error(t, (<-follower).err)
		got := []string{<-ended, <-ended, <-ended}
		slices.Sort(got)
		assert.Equal(t, []string{"Allocate", "Allocate", "Allocate refused"}, got)
	})
}
