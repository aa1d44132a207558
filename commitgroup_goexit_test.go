package allocation_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// exit is how a call ended: with an outcome, or with the end of its goroutine.
type exit struct {
	outcome
	returned bool
}

// callToExit runs a command on a goroutine of its own, and lets it come as far as it can.
func callToExit(fn func() error) <-chan exit {
	ended := make(chan exit, 1)
	go func() {
		var got exit
		defer func() {
			got.panicked = recover()
			ended <- got
		}()
		got.err = fn()
		got.returned = true
	}()
	synctest.Wait()
	return ended
}

// allocateToExit is callToExit for an Allocate.
func allocateToExit(ctx context.Context, s *allocation.Service, lines ...allocation.Request) <-chan exit {
	return callToExit(func() error {
		_, err := s.Allocate(ctx, lines...)
		return err
	})
}

// bulkToExit is callToExit for an AllocateEach.
func bulkToExit(ctx context.Context, s *allocation.Service, orders [][]allocation.Request) <-chan exit {
	return callToExit(func() error {
		_, errs := s.AllocateEach(ctx, orders)
		return errors.Join(errs...)
	})
}

// exitAt returns a policy that ends the goroutine at the given call and at all later calls.
func exitAt(call int) allocation.Policy {
	asked := 0
	return func(allocation.Batch, allocation.Batch) int {
		if asked++; asked >= call {
			runtime.Goexit()
		}
		return 0
	}
}

// requireExited demands that the goroutine of a call has ended without an answer and without a panic.
func requireExited(t *testing.T, ended <-chan exit, who string) {
	t.Helper()
	synctest.Wait()
	require.Len(t, ended, 1, "%s: calls that have ended", who)
	got := <-ended
	assert.Nil(t, got.panicked, who)
	assert.False(t, got.returned, "%s has an answer (%v) in place of its end", who, got.err)
}

// requireAnswered demands an answer without an error.
func requireAnswered(t *testing.T, ended <-chan exit, who string) {
	t.Helper()
	synctest.Wait()
	require.Len(t, ended, 1, "%s: calls that have ended", who)
	got := <-ended
	assert.Nil(t, got.panicked, who)
	require.True(t, got.returned, "the goroutine of %s has ended without an answer", who)
	require.NoError(t, got.err, who)
}

// newExiting returns a gate and its Service, with two batches of each product: a single batch needs no policy.
func newExiting(t *testing.T) (*gate, *allocation.Service) {
	t.Helper()
	store := newGate(t, stock("b1", "LAMP", 10_000), stock("b2", "LAMP", 10_000))
	require.NoError(t, store.Seed(stock("b3", "SOFA", 9), stock("b4", "SOFA", 9)))
	return store, store.service(t)
}

// requirePlaced demands lines of exactly these orders, and that the product is free.
func requirePlaced(t *testing.T, store *gate, s *allocation.Service, orders ...allocation.OrderID) {
	t.Helper()
	requireAnswered(t, allocateToExit(t.Context(), s, want("last", "LAMP", 1)), "a later caller")
	state, _ := store.Product("LAMP")
	var placed []allocation.OrderID
	for _, line := range state.Lines {
		placed = append(placed, line.OrderID)
	}
	assert.ElementsMatch(t, append(orders, "last"), placed, "orders with a line")
	audit, err := s.Reconcile(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.False(t, audit.Drifted(), "%+v", audit)
}

// A policy that calls runtime.Goexit, as t.FailNow does, ends the goroutine of the policy's own caller, as leader or as
// follower. Every other caller gets an answer, and the lines of all others are committed.
func TestGoexitEndsItsOwnCallerOnly(t *testing.T) {
	type member struct {
		order allocation.OrderID
		exits bool
	}
	for name, members := range map[string][]member{
		"a follower":                {{"leader", false}, {"exits", true}, {"after", false}},
		"the last follower":         {{"leader", false}, {"before", false}, {"exits", true}},
		"two followers":             {{"leader", false}, {"exits", true}, {"between", false}, {"exits too", true}},
		"the leader":                {{"exits", true}, {"f1", false}, {"f2", false}},
		"the leader and a follower": {{"exits", true}, {"between", false}, {"exits too", true}, {"after", false}},
		"everybody":                 {{"exits", true}, {"exits too", true}},
		"a caller by itself":        {{"exits", true}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, service := newExiting(t)
				first := allocateToExit(t.Context(), service, want("first", "LAMP", 1))
				placed := []allocation.OrderID{"first"}
				ended := map[member]<-chan exit{}
				for _, m := range members {
					s := service
					if m.exits {
						s = service.WithPolicy(exitAt(1))
					} else {
						placed = append(placed, m.order)
					}
					ended[m] = allocateToExit(t.Context(), s, want(m.order, "LAMP", 1))
				}
				close(store.let)
				requireAnswered(t, first, "the caller before the group")
				for _, m := range members {
					if m.exits {
						requireExited(t, ended[m], string(m.order))
					} else {
						requireAnswered(t, ended[m], string(m.order))
					}
				}
				requirePlaced(t, store, service, placed...)
			})
		})
	}
}

// The rule holds for a follower whose command runs alone because the store has refused the group.
func TestGoexitApartEndsItsOwnCallerOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, service := newExiting(t)
		store.FailCommit(nil, errBroken, errBroken) // the group fails on cached and on fresh products
		first := allocateToExit(t.Context(), service, want("first", "LAMP", 1))
		leader := allocateToExit(t.Context(), service, want("leader", "LAMP", 1))
		exiting := allocateToExit(t.Context(), service.WithPolicy(exitAt(3)), want("exits", "LAMP", 1))
		after := allocateToExit(t.Context(), service, want("after", "LAMP", 1))
		close(store.let)
		requireAnswered(t, first, "the caller before the group")
		requireAnswered(t, leader, "the leader")
		requireAnswered(t, after, "the follower")
		requireExited(t, exiting, "the caller whose policy exits")
		requirePlaced(t, store, service, "first", "leader", "after")
	})
}

// The rule holds in the second attempt of a group, after a lost race.
func TestGoexitInALaterAttemptEndsItsOwnCallerOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, service := newExiting(t)
		store.FailCommit(nil, allocation.ErrConflict)
		first := allocateToExit(t.Context(), service, want("first", "LAMP", 1))
		leader := allocateToExit(t.Context(), service, want("leader", "LAMP", 1))
		exiting := allocateToExit(t.Context(), service.WithPolicy(exitAt(2)), want("exits", "LAMP", 1))
		after := allocateToExit(t.Context(), service, want("after", "LAMP", 1))
		close(store.let)
		requireAnswered(t, first, "the caller before the group")
		requireAnswered(t, leader, "the leader")
		requireAnswered(t, after, "the follower")
		requireExited(t, exiting, "the caller whose policy exits")
		requirePlaced(t, store, service, "first", "leader", "after")
	})
}

// A caller may leave a group before the caller's policy exits. No goroutine has to end then, and the group goes on.
func TestGoexitOfACallerWhoLeftEndsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, service := newExiting(t)
		first := allocateToExit(t.Context(), service, want("first", "LAMP", 1))
		leader := allocateToExit(t.Context(), service, want("leader", "LAMP", 1))
		ctx, leave := context.WithCancel(t.Context())
		leaving := allocateToExit(ctx, service.WithPolicy(exitAt(2)), want("exits", "LAMP", 1))
		after := allocateToExit(t.Context(), service, want("after", "LAMP", 1))
		store.FailCommit(nil, allocation.ErrConflict)
		store.let <- struct{}{}
		requireAnswered(t, first, "the caller before the group")
		leave()
		require.ErrorIs(t, (<-leaving).err, allocation.ErrUnknownOutcome)
		close(store.let) // the group loses its race, and in the second attempt the policy exits
		requireAnswered(t, leader, "the leader")
		requireAnswered(t, after, "the follower")
		requirePlaced(t, store, service, "first", "leader", "after")
	})
}

// The rule holds for AllocateEach: a bulk's own policy ends the bulk's goroutine, a stranger's policy doesn't.
func TestGoexitAndBulks(t *testing.T) {
	bulk := func(orders ...allocation.OrderID) (bulk [][]allocation.Request) {
		for _, order := range orders {
			bulk = append(bulk, []allocation.Request{want(order, "LAMP", 1)})
		}
		return bulk
	}
	type calls func(t *testing.T, service, exits *allocation.Service) (answered, exited <-chan exit)
	for name, run := range map[string]calls{
		"a bulk leads": func(t *testing.T, service, exits *allocation.Service) (_, _ <-chan exit) {
			t.Helper()
			answered := bulkToExit(t.Context(), service, bulk("x1", "x2"))
			return answered, allocateToExit(t.Context(), exits, want("exits", "LAMP", 1))
		},
		"a bulk follows": func(t *testing.T, service, exits *allocation.Service) (_, _ <-chan exit) {
			t.Helper()
			exited := allocateToExit(t.Context(), exits, want("exits", "LAMP", 1))
			return bulkToExit(t.Context(), service, bulk("x1", "x2")), exited
		},
		"a bulk's own policy, following": func(t *testing.T, service, exits *allocation.Service) (_, _ <-chan exit) {
			t.Helper()
			answered := bulkToExit(t.Context(), service, bulk("x1", "x2"))
			return answered, bulkToExit(t.Context(), exits, bulk("exits", "exits too"))
		},
		"a bulk's own policy, leading": func(t *testing.T, service, exits *allocation.Service) (_, _ <-chan exit) {
			t.Helper()
			exited := bulkToExit(t.Context(), exits, bulk("exits", "exits too"))
			return bulkToExit(t.Context(), service, bulk("x1", "x2")), exited
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, service := newExiting(t)
				first := allocateToExit(t.Context(), service, want("first", "LAMP", 1))
				answered, exited := run(t, service, service.WithPolicy(exitAt(1)))
				close(store.let)
				requireAnswered(t, first, "the caller before the group")
				requireAnswered(t, answered, "the stranger")
				requireExited(t, exited, "the caller whose policy exits")
				requirePlaced(t, store, service, "first", "x1", "x2")
			})
		})
	}
}

// A policy that exits in any chunk of a bulk ends the goroutine of the bulk's caller, on which only some chunks run.
func TestGoexitInAnyChunkEndsTheBulk(t *testing.T) {
	for name, skus := range map[string][]allocation.SKU{"first": {"SOFA", "LAMP"}, "last": {"LAMP", "SOFA"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, service := newExiting(t)
				close(store.let)
				exits := service.WithPolicy(func(a, _ allocation.Batch) int {
					if a.SKU == "SOFA" {
						runtime.Goexit()
					}
					return 0
				})
				var orders [][]allocation.Request
				for _, sku := range skus {
					orders = append(orders, single(sku, len(orders), chunk)...)
				}
				requireExited(t, bulkToExit(t.Context(), exits, orders), "the bulk")
				state, _ := store.Product("SOFA")
				assert.Empty(t, state.Lines)
				for _, sku := range skus {
					requireAnswered(t, allocateToExit(t.Context(), service, want("last", sku, 1)), "a later caller")
				}
			})
		})
	}
}

// endsAt is a gate on which the commit of one order by itself ends the goroutine.
type endsAt struct {
	*gate
	order allocation.OrderID
}

func (e *endsAt) Commit(ctx context.Context, changes []allocation.Changes) error {
	if lines := changes[0].NewLines; len(lines) == 1 && lines[0].OrderID == e.order {
		runtime.Goexit()
	}
	return e.gate.Commit(ctx, changes)
}

// If the store has refused a group, and the leader's goroutine ends while the commands run by themselves, then the
// outcomes of earlier commands stay: an answer, a panic, an unknown outcome. Only the others begin anew.
func TestGoexitApartLeavesWhatWasDecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &endsAt{newGate(t, stock("b1", "LAMP", 100), stock("b2", "LAMP", 100)), "b1"}
		service := serve(t, store, settings{service: allocation.ServiceOptions{CacheSize: -1}})
		store.FailCommit(nil, errBroken)
		first := allocateToExit(t.Context(), service, want("first", "LAMP", 1))
		leader := allocateToExit(t.Context(), service, want("leader", "LAMP", 1))
		asked := 0
		panics := allocateToExit(t.Context(), service.WithPolicy(func(allocation.Batch, allocation.Batch) int {
			if asked++; asked == 1 {
				panic("no policy")
			}
			return 0
		}), want("panics", "LAMP", 1))
		var errs []error
		bulk := callToExit(func() error {
			_, errs = service.AllocateEach(t.Context(), [][]allocation.Request{
				{want("b0", "LAMP", 1)}, {want("b1", "LAMP", 1)}, {want("b2", "LAMP", 1)},
			})
			return nil
		})
		close(store.let)
		requireAnswered(t, first, "the caller before the group")
		requireExited(t, leader, "the leader")
		assert.Equal(t, "no policy", (<-panics).panicked)
		requireAnswered(t, bulk, "the bulk")
		require.NoError(t, errs[0])
		require.ErrorIs(t, errs[1], allocation.ErrUnknownOutcome)
		require.NoError(t, errs[2])
		assert.Equal(t, []allocation.OrderID{"b0", "b2", "first", "leader"}, linesOf(store.Store, "LAMP"))
	})
}
