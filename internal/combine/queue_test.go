package combine_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation/internal/combine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type (
	queue  = combine.Queue[string, string]
	waiter = combine.Waiter[string, string]
	group  = combine.Group[string, string]
	claim  = combine.Claim[string]
)

// patience is that of the queues under test, in the time of a bubble.
const patience = 50 * time.Millisecond

// workshop is a queue whose groups are carried out one step at a time.
type workshop struct {
	*queue
	mu     sync.Mutex
	groups [][]string // the members' values of every group, in the order in which groups began
	gates  map[string]chan struct{}
	pause  func() // in every group, if set
}

func newWorkshop(size int) *workshop {
	w := &workshop{gates: map[string]chan struct{}{}}
	w.queue = combine.New(w.carryOut, combine.Options{Groups: 2, Size: size, Patience: patience})
	return w
}

// block makes groups that a waiter with the value leads wait until the returned function is called.
func (w *workshop) block(value string) (release func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	gate := make(chan struct{})
	w.gates[value] = gate
	return func() { close(gate) }
}

func (w *workshop) carryOut(g *group) {
	var values []string
	for _, m := range g.Members() {
		values = append(values, m.Value)
	}
	w.mu.Lock()
	w.groups = append(w.groups, values)
	gate := w.gates[g.Leader().Value]
	w.mu.Unlock()
	if gate != nil {
		<-gate
	}
	if w.pause != nil {
		w.pause()
	}
}

func (w *workshop) seen() [][]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([][]string(nil), w.groups...)
}

// send queues work and waits until nothing moves any more. The channel receives the answer.
func (w *workshop) send(ctx context.Context, value string, claims ...claim) <-chan error {
	answer := make(chan error, 1)
	go func() { answer <- w.Do(ctx, &waiter{Value: value, Size: 1, Claims: claims}) }()
	synctest.Wait()
	return answer
}

func exclusive(keys ...string) (claims []claim) {
	for _, key := range keys {
		claims = append(claims, claim{Key: key})
	}
	return claims
}

func shared(key string) claim { return claim{Key: key, Shared: true} }

func answered(answer <-chan error) bool {
	select {
	case err := <-answer:
		return err == nil
	default:
		return false
	}
}

func TestWaitersOfOneKeyShareTheNextGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(10)
		release := w.block("first")
		first := w.send(t.Context(), "first", exclusive("lamp")...)
		second := w.send(t.Context(), "second", exclusive("lamp")...)
		third := w.send(t.Context(), "third", exclusive("lamp", "sofa")...)
		fourth := w.send(t.Context(), "fourth", exclusive("sofa")...)
		assert.Equal(t, [][]string{{"first"}}, w.seen())
		release()
		for _, answer := range []<-chan error{first, second, third, fourth} {
			require.NoError(t, <-answer)
		}
		assert.Equal(t, [][]string{{"first"}, {"second", "third", "fourth"}}, w.seen())
	})
}

func TestGroupTakesNoMoreThanItsSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(2)
		release := w.block("first")
		first := w.send(t.Context(), "first", exclusive("lamp")...)
		var others []<-chan error
		for i := range 3 {
			others = append(others, w.send(t.Context(), fmt.Sprint(i), exclusive("lamp")...))
		}
		large := make(chan error, 1)
		go func() { large <- w.Do(t.Context(), &waiter{Value: "large", Size: 5, Claims: exclusive("lamp")}) }()
		synctest.Wait()
		release()
		require.NoError(t, <-first)
		for _, answer := range others {
			require.NoError(t, <-answer)
		}
		require.NoError(t, <-large)
		assert.Equal(t, [][]string{{"first"}, {"0", "1"}, {"2"}, {"large"}}, w.seen())
	})
}

func TestSharedClaimsRunBesideEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(10)
		releaseOne, releaseTwo := w.block("one"), w.block("two")
		one := w.send(t.Context(), "one", shared("order"), claim{Key: "lamp"})
		two := w.send(t.Context(), "two", shared("order"), claim{Key: "sofa"})
		assert.Len(t, w.seen(), 2, "both run")
		cancel := w.send(t.Context(), "cancel", exclusive("order")...)
		late := w.send(t.Context(), "late", shared("order"), claim{Key: "desk"})
		assert.False(t, answered(cancel) || answered(late), "exclusive work waits, and what shares comes after it")
		releaseOne()
		require.NoError(t, <-one)
		synctest.Wait()
		assert.False(t, answered(cancel), "the other one still has the order")
		releaseTwo()
		for _, answer := range []<-chan error{two, cancel, late} {
			require.NoError(t, <-answer)
		}
		assert.Equal(t, [][]string{{"one"}, {"two"}, {"cancel", "late"}}, w.seen())
	})
}

func TestLeaverHandsOnWhatItKeptOthersFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(10)
		release := w.block("busy")
		busy := w.send(t.Context(), "busy", exclusive("a")...)
		ctx, leave := context.WithCancel(t.Context())
		wide := w.send(ctx, "wide", exclusive("a", "b")...)
		narrow := w.send(t.Context(), "narrow", exclusive("b")...)
		assert.False(t, answered(narrow), "wide work came first")
		leave()
		var left *combine.LeftError
		require.ErrorAs(t, <-wide, &left)
		assert.False(t, left.Running)
		require.ErrorIs(t, left, context.Canceled)
		require.NoError(t, <-narrow, "while the other group still runs")
		release()
		require.NoError(t, <-busy)
	})
}

func TestFollowerWhoLeavesHearsThatItsWorkGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(10)
		release := w.block("first")
		releaseLeader := w.block("leader")
		first := w.send(t.Context(), "first", exclusive("lamp")...)
		leader := w.send(t.Context(), "leader", exclusive("lamp")...)
		ctx, leave := context.WithCancel(t.Context())
		follower := w.send(ctx, "follower", exclusive("lamp")...)
		release()
		require.NoError(t, <-first)
		synctest.Wait()
		leave()
		var left *combine.LeftError
		require.ErrorAs(t, <-follower, &left)
		assert.True(t, left.Running)
		releaseLeader()
		require.NoError(t, <-leader)
	})
}

func TestGroupContextEndsWhenEverybodyHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		first := make(chan struct{})
		q := combine.New(func(g *group) {
			if len(g.Members()) == 1 {
				<-first
				return
			}
			ctx, end := g.Context()
			defer end()
			<-ctx.Done()
			cause = context.Cause(ctx)
		}, combine.Options{Groups: 2, Size: 10, Patience: patience})
		send := func(ctx context.Context) <-chan error {
			answer := make(chan error, 1)
			go func() { answer <- q.Do(ctx, &waiter{Size: 1, Claims: exclusive("lamp")}) }()
			synctest.Wait()
			return answer
		}
		opening := send(t.Context())
		deadline, cancelDeadline := context.WithTimeout(t.Context(), time.Second)
		defer cancelDeadline()
		leader := send(deadline)
		ctx, leave := context.WithCancel(t.Context())
		follower := send(ctx)
		close(first)
		require.NoError(t, <-opening)
		<-deadline.Done()
		synctest.Wait()
		assert.False(t, answered(leader), "the leader stays for its follower")
		leave()
		require.Error(t, <-follower)
		require.NoError(t, <-leader)
		assert.ErrorIs(t, cause, context.DeadlineExceeded)
	})
}

func TestGroupThatHangsKeepsNobodyElseWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(10)
		releaseA, releaseB := w.block("a"), w.block("b")
		a := w.send(t.Context(), "a", exclusive("a")...)
		b := w.send(t.Context(), "b", exclusive("b")...)
		start := time.Now()
		require.NoError(t, <-w.send(t.Context(), "c", exclusive("c")...))
		assert.LessOrEqual(t, time.Since(start), 2*patience)
		for i := range 100 {
			start := time.Now()
			require.NoError(t, <-w.send(t.Context(), fmt.Sprint(i), exclusive(fmt.Sprint(i))...))
			assert.Zero(t, time.Since(start), "waiter %d", i)
		}
		releaseA()
		releaseB()
		require.NoError(t, <-a)
		require.NoError(t, <-b)
	})
}

func TestFindHoldsItsKeysUntilTheWorkIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(10)
		releaseBusy, releaseCancel := w.block("busy"), w.block("cancel")
		busy := w.send(t.Context(), "busy", exclusive("lamp")...)
		behind := w.send(t.Context(), "behind", shared("order"), claim{Key: "lamp"})
		found := false
		cancel := make(chan error, 1)
		go func() {
			cancel <- w.Do(t.Context(), &waiter{
				Value: "cancel", Size: 1, Claims: exclusive("other"),
				Find: func(context.Context) ([]claim, error) { found = true; return exclusive("lamp"), nil },
			})
		}()
		synctest.Wait()
		assert.True(t, found)
		late := w.send(t.Context(), "late", shared("other"), claim{Key: "desk"})
		assert.False(t, answered(late), "the key that was found with is kept")
		releaseBusy()
		require.NoError(t, <-busy)
		synctest.Wait()
		releaseCancel()
		for _, answer := range []<-chan error{cancel, behind, late} {
			require.NoError(t, <-answer)
		}
		assert.Equal(t, [][]string{{"busy"}, {"behind", "cancel", "late"}}, w.seen())
	})
}

func TestFindThatFailsGivesItsKeysBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(10)
		err := w.Do(t.Context(), &waiter{
			Size: 1, Claims: exclusive("order"),
			Find: func(context.Context) ([]claim, error) { return nil, assert.AnError },
		})
		require.ErrorIs(t, err, assert.AnError)
		require.NoError(t, <-w.send(t.Context(), "next", exclusive("order")...))
	})
}

func TestHoldExcludesEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(10)
		release := make(chan struct{})
		hold := make(chan error, 1)
		go func() { hold <- w.Hold(t.Context(), exclusive("lamp"), func() { <-release }) }()
		synctest.Wait()
		work := w.send(t.Context(), "work", exclusive("lamp")...)
		assert.Empty(t, w.seen())
		close(release)
		require.NoError(t, <-hold)
		require.NoError(t, <-work)
	})
}

func TestLeaderThatEndsItsGoroutineHandsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var groups [][]string
		first := make(chan struct{})
		q := combine.New(func(g *group) {
			var values []string
			for _, m := range g.Members() {
				values = append(values, m.Value)
			}
			groups = append(groups, values)
			switch g.Leader().Value {
			case "first":
				<-first
			case "exits":
				g.Settle(g.Members()[1])
				runtime.Goexit()
			}
		}, combine.Options{Groups: 2, Size: 10, Patience: patience})
		answers := make(chan string, 4)
		for _, value := range []string{"first", "exits", "settled", "again"} {
			go func() {
				if err := q.Do(t.Context(), &waiter{Value: value, Size: 1, Claims: exclusive("lamp")}); err == nil {
					answers <- value
				}
			}()
			synctest.Wait()
		}
		close(first)
		synctest.Wait()
		close(answers)
		var got []string
		for value := range answers {
			got = append(got, value)
		}
		assert.ElementsMatch(t, []string{"first", "settled", "again"}, got)
		assert.Equal(t, [][]string{{"first"}, {"exits", "settled", "again"}, {"again"}}, groups)
	})
}

// A caller may leave at the moment at which the keys, or a slot, are granted. Then the caller gives them back.
func TestWhoLeavesWhenGrantedGivesTheKeysBack(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // the caller wakes up after the grant
	for _, holds := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorkshop(10)
			ctx, leave := context.WithCancel(t.Context())
			release := make(chan struct{})
			before := make(chan error, 1)
			go func() { before <- w.Hold(t.Context(), exclusive("lamp"), func() { <-release; leave() }) }()
			synctest.Wait()
			leaving := make(chan error, 1)
			go func() {
				if holds {
					order := claim{Key: "order", Shared: true, Quiet: true}
					leaving <- w.Hold(ctx, append(exclusive("lamp"), order), func() {})
				} else {
					leaving <- w.Do(ctx, &waiter{Value: "leaving", Size: 1, Claims: exclusive("lamp")})
				}
			}()
			synctest.Wait()
			behind := w.send(t.Context(), "behind", exclusive("lamp")...)
			close(release)
			require.NoError(t, <-before)
			var left *combine.LeftError
			require.ErrorAs(t, <-leaving, &left)
			assert.False(t, left.Running)
			require.NoError(t, <-behind)
			assert.Empty(t, w.Leftovers())
		})
	}
}
