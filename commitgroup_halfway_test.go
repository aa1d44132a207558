package allocation_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// halfway returns a gate with an order "held" of two lines that are held, and a Service over a unit
// of work that may be wrapped.
func halfway(t *testing.T, wrap func(allocation.UnitOfWork) allocation.UnitOfWork) (*gate, *allocation.Service) {
	t.Helper()
	store := newGate(t, stock("b1", "LAMP", 10), stock("b2", "SOFA", 10))
	lamp, sofa := want("held", "LAMP", 1), want("held", "SOFA", 1)
	lamp.HoldUntil, sofa.HoldUntil = morning.AddDate(1, 0, 0), morning.AddDate(1, 0, 0)
	_, err := serve(t, store.Store, settings{}).Allocate(t.Context(), lamp, sofa)
	require.NoError(t, err)
	return store, newService(t, wrap(allocation.NewUnitOfWork(store, nil)), nil)
}

// meetHalfway lets a group gather, behind a first commit: a Confirm of the order's sofa, and an
// Extend of both of the order's lines, which fails halfway if the sofa was confirmed, after it has
// extended the lamp.
func meetHalfway(t *testing.T, service *allocation.Service) (first, confirming, extending <-chan exit) {
	t.Helper()
	first = allocateToExit(t.Context(), service, want("first", "SOFA", 1))
	confirming = callToExit(func() error { _, err := service.Confirm(t.Context(), "held", "SOFA"); return err })
	extending = callToExit(func() error {
		_, err := service.Extend(t.Context(), "held", morning.AddDate(2, 0, 0), "LAMP", "SOFA")
		return err
	})
	return first, confirming, extending
}

func bare(units allocation.UnitOfWork) allocation.UnitOfWork { return units }

// A command that failed halfway, because of what another command of the group had done, hears so if
// that was committed.
func TestFailureHalfwayRestsOnTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, service := halfway(t, bare)
		first, confirming, extending := meetHalfway(t, service)
		close(store.let)
		requireAnswered(t, first, "the caller before the group")
		requireAnswered(t, confirming, "the Confirm")
		require.ErrorIs(t, (<-extending).err, allocation.ErrNotAllowed)
	})
}

// If the outcome of the group's commit is unknown, so is the failure.
func TestFailureHalfwayIsUnknownIfTheCommitIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, service := halfway(t, bare)
		store.FailCommit(nil, allocation.ErrUnknownOutcome)
		first, confirming, extending := meetHalfway(t, service)
		close(store.let)
		requireAnswered(t, first, "the caller before the group")
		require.ErrorIs(t, (<-confirming).err, allocation.ErrUnknownOutcome)
		require.ErrorIs(t, (<-extending).err, allocation.ErrUnknownOutcome)
	})
}

// If the store refuses the group, and the other command by itself, the command that failed halfway
// succeeds by itself.
func TestFailureHalfwayIsForgottenApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, service := halfway(t, bare)
		store.FailCommit(nil, errBroken, errBroken)
		first, confirming, extending := meetHalfway(t, service)
		close(store.let)
		requireAnswered(t, first, "the caller before the group")
		require.ErrorIs(t, (<-confirming).err, errBroken)
		requireAnswered(t, extending, "the Extend")
	})
}

// nthLoad is a store with a function that one of the reads calls first.
type nthLoad struct {
	*gate
	left atomic.Int64
	then func()
}

func (s *nthLoad) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	if s.left.Add(-1) == 0 {
		s.then()
	}
	return s.gate.Load(ctx, q)
}

// If the leader's goroutine ends before the commit, the command that failed halfway waits again, and
// begins anew.
func TestFailureHalfwayIsForgottenWhenTheLeaderEnds(t *testing.T) {
	for name, then := range map[string]func(){"panic": func() { panic("broken") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gate, _ := halfway(t, bare)
				store := &nthLoad{gate: gate, then: then}
				store.left.Store(3) // the first commit's read, the group's, and the group's without the failure
				service := serve(t, store, settings{service: allocation.ServiceOptions{CacheSize: -1}})
				first, confirming, extending := meetHalfway(t, service)
				close(store.let)
				requireAnswered(t, first, "the caller before the group")
				assert.False(t, (<-confirming).returned)
				requireAnswered(t, extending, "the Extend")
			})
		})
	}
}

// If a leader's goroutine ends while the commands run by themselves, because the store refused the
// group, those that have not run wait again. Their outcome isn't unknown.
func TestLeaderThatEndsApartLeavesNothingUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, service := newExiting(t)
		store.FailCommit(nil, errBroken, errBroken) // the group fails on cached and on fresh products
		first := allocateToExit(t.Context(), service, want("first", "LAMP", 1))
		exiting := allocateToExit(t.Context(), service.WithPolicy(exitAt(3)), want("exits", "LAMP", 1))
		one := allocateToExit(t.Context(), service, want("one", "LAMP", 1))
		two := allocateToExit(t.Context(), service, want("two", "LAMP", 1))
		close(store.let)
		requireAnswered(t, first, "the caller before the group")
		requireExited(t, exiting, "the leader")
		requireAnswered(t, one, "the first follower")
		requireAnswered(t, two, "the second follower")
		requirePlaced(t, store, service, "first", "one", "two")
	})
}

// A command whose products were looked up before the group doesn't lose a race with the group's other
// commands when the store refuses the group and each command runs by itself. Which command leads is
// up to the scheduler, so there are some tries.
func TestCommandsApartReadAgain(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // so that both come into one group often
	count := func(batch allocation.BatchRef) allocation.Count {
		return allocation.Count{Batch: batch, Quantity: 50, At: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)}
	}
	for try := range 100 {
		memory := newGate(t, stock("b1", "LAMP", 100), stock("b2", "LAMP", 100)).Store
		require.NoError(t, memory.Seed(stock("b3", "SOFA", 100)))
		store := &slowLookUp{Store: memory, arrived: make(chan struct{}, 2), let: make(chan struct{})}
		busy := &refusesLamps{slowLookUp: store, sofas: make(chan struct{}), busy: make(chan struct{}, 1)}
		service := serve(t, busy, settings{units: allocation.UnitOfWorkOptions{Attempts: 1}})
		sofa := make(chan error, 1)
		go func() { _, err := service.Allocate(t.Context(), want("o1", "SOFA", 1)); sofa <- err }()
		<-busy.busy
		store.slow.Store(true)
		ended := make(chan error, 2)
		for _, batch := range []allocation.BatchRef{"b1", "b2"} {
			go func() { _, err := service.ChangeBatchQuantity(t.Context(), count(batch)); ended <- err }()
			<-store.arrived
		}
		store.slow.Store(false)
		close(store.let)
		for range 2 {
			require.NotErrorIs(t, <-ended, allocation.ErrConflict, "try %d", try)
		}
		close(busy.sofas)
		require.NoError(t, <-sofa)
	}
}

// refusesLamps is a store that refuses the first commit of lamps, and whose commits of sofas wait.
type refusesLamps struct {
	*slowLookUp
	busy    chan struct{}
	sofas   chan struct{}
	refused atomic.Bool
}

func (s *refusesLamps) Commit(ctx context.Context, changes []allocation.Changes) error {
	if changes[0].SKU == "SOFA" {
		s.busy <- struct{}{}
		<-s.sofas
	} else if s.refused.CompareAndSwap(false, true) {
		return errBroken
	}
	return s.Store.Commit(ctx, changes)
}
