package combine_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Waiters that want for nothing but a slot share the next group, whatever their keys.
func TestWaitersForASlotShareTheNextGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(10)
		releaseA, releaseB := w.block("a"), w.block("b")
		answers := []<-chan error{
			w.send(t.Context(), "a", exclusive("a")...), w.send(t.Context(), "b", exclusive("b")...),
		}
		for _, value := range []string{"c", "d", "e"} {
			answers = append(answers, w.send(t.Context(), value, exclusive(value)...))
		}
		releaseA()
		synctest.Wait()
		assert.Equal(t, [][]string{{"a"}, {"b"}, {"c", "d", "e"}}, w.seen())
		releaseB()
		for _, answer := range answers {
			require.NoError(t, <-answer)
		}
	})
}

// What a waiter was the last to want is forgotten, whether the waiter is served or leaves.
func TestQueueKeepsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(10)
		release := w.block("busy")
		busy := w.send(t.Context(), "busy", exclusive("a")...)
		ctx, leave := context.WithCancel(t.Context())
		for i := range 100 {
			w.send(ctx, "leaves", exclusive("a", fmt.Sprint(i))...)
		}
		leave()
		synctest.Wait()
		release()
		require.NoError(t, <-busy)
		assert.Empty(t, w.Leftovers())
	})
}

// A group that exclusive and shared claims have brought together has the key to itself.
func TestGroupWithAnExclusiveClaimSharesWithNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(10)
		release, releaseLeader := w.block("first"), w.block("leader")
		first := w.send(t.Context(), "first", exclusive("order")...)
		leader := w.send(t.Context(), "leader", exclusive("order")...)
		follower := w.send(t.Context(), "follower", shared("order"))
		release()
		require.NoError(t, <-first)
		synctest.Wait()
		require.Equal(t, [][]string{{"first"}, {"leader", "follower"}}, w.seen())
		late := w.send(t.Context(), "late", shared("order"))
		assert.False(t, answered(late), "the group still runs")
		releaseLeader()
		for _, answer := range []<-chan error{leader, follower, late} {
			require.NoError(t, <-answer)
		}
	})
}

// A group counts for at least the patience, however long another waiter has waited for a slot before.
func TestGroupCountsForThePatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(10)
		releaseA, releaseB, releaseC := w.block("a"), w.block("b"), w.block("c")
		answers := []<-chan error{
			w.send(t.Context(), "a", exclusive("a")...), w.send(t.Context(), "b", exclusive("b")...),
			w.send(t.Context(), "c", exclusive("c")...),
		}
		<-time.After(patience - 1)
		releaseB()
		synctest.Wait()
		answers = append(answers, w.send(t.Context(), "d", exclusive("d")...))
		require.Len(t, w.seen(), 3, "a, b and c have begun")
		<-time.After(patience - 1)
		synctest.Wait()
		assert.Len(t, w.seen(), 3, "c has run for less than the patience")
		<-time.After(patience)
		synctest.Wait()
		assert.Len(t, w.seen(), 4, "a and c no longer count")
		releaseA()
		releaseC()
		for _, answer := range answers {
			require.NoError(t, <-answer)
		}
	})
}

// A waiter who leaves while only a slot is missing waits for none.
func TestWhoLeavesNeedsNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(10)
		releaseA, releaseB := w.block("a"), w.block("b")
		a, b := w.send(t.Context(), "a", exclusive("a")...), w.send(t.Context(), "b", exclusive("b")...)
		ctx, leave := context.WithCancel(t.Context())
		leaving := w.send(ctx, "leaving", exclusive("c")...)
		assert.Contains(t, w.Leftovers(), "ready: true")
		leave()
		require.Error(t, <-leaving)
		assert.Contains(t, w.Leftovers(), "ready: false")
		releaseA()
		releaseB()
		require.NoError(t, <-a)
		require.NoError(t, <-b)
		assert.Empty(t, w.Leftovers())
	})
}
