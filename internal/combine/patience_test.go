package combine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Wide work behind a group that hangs keeps nobody from its other keys for longer than the patience. Once the group has
// ended, the wide work has the place of its arrival again.
func TestWideWorkBehindAGroupThatHangsParks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(10)
		release := w.block("hangs")
		hangs := w.send(t.Context(), "hangs", exclusive("a")...)
		wide := w.send(t.Context(), "wide", exclusive("a", "c", "d")...)
		start := time.Now() //nolint:forbidigo // the clock of the bubble
		require.NoError(t, <-w.send(t.Context(), "first", exclusive("c")...))
		assert.LessOrEqual(t, time.Since(start), 2*patience) //nolint:forbidigo // the clock of the bubble
		for i := range 100 {
			more := w.send(t.Context(), fmt.Sprint("more wide ", i), exclusive("a", "c")...)
			start := time.Now() //nolint:forbidigo // the clock of the bubble
			require.NoError(t, <-w.send(t.Context(), fmt.Sprint("narrow ", i), exclusive("c")...))
			assert.Zero(t, time.Since(start), "sale %d", i) //nolint:forbidigo // the clock of the bubble
			defer func() { require.NoError(t, <-more) }()
		}
		releaseBusy := w.block("busy")
		busy := w.send(t.Context(), "busy", exclusive("c")...)
		late := w.send(t.Context(), "late", exclusive("c")...)
		release()
		require.NoError(t, <-hangs)
		synctest.Wait()
		assert.False(t, answered(late))
		releaseBusy()
		require.NoError(t, <-busy)
		require.NoError(t, <-wide)
		require.NoError(t, <-late)
		last := w.seen()[len(w.seen())-1]
		assert.Equal(t, "late", last[len(last)-1], "the wide work goes before")
	})
}

// Work that waits for two groups that hang stays parked until both have ended.
func TestWorkBehindTwoGroupsThatHangStaysParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(10)
		releaseA, releaseB := w.block("a"), w.block("b")
		a := w.send(t.Context(), "a", exclusive("a")...)
		b := w.send(t.Context(), "b", exclusive("b")...)
		wide := w.send(t.Context(), "wide", exclusive("a", "b", "c")...)
		<-time.After(4 * patience)
		synctest.Wait()
		assert.Equal(t, 2, w.Lines(), "lines of the keys that hang")
		require.NoError(t, <-w.send(t.Context(), "first", exclusive("c")...))
		releaseA()
		require.NoError(t, <-a)
		start := time.Now() //nolint:forbidigo // the clock of the bubble
		require.NoError(t, <-w.send(t.Context(), "second", exclusive("c")...))
		assert.Zero(t, time.Since(start)) //nolint:forbidigo // the clock of the bubble
		releaseB()
		require.NoError(t, <-b)
		require.NoError(t, <-wide)
		assert.Empty(t, w.Leftovers())
	})
}

// Work behind a Hold that hangs parks as well.
func TestWideWorkBehindAHoldThatHangsParks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(10)
		release := make(chan struct{})
		hold := make(chan error, 1)
		go func() { hold <- w.Hold(t.Context(), exclusive("a"), func() { <-release }) }()
		synctest.Wait()
		wide := w.send(t.Context(), "wide", exclusive("a", "c")...)
		start := time.Now() //nolint:forbidigo // the clock of the bubble
		require.NoError(t, <-w.send(t.Context(), "narrow", exclusive("c")...))
		assert.LessOrEqual(t, time.Since(start), 2*patience) //nolint:forbidigo // the clock of the bubble
		close(release)
		require.NoError(t, <-hold)
		require.NoError(t, <-wide)
	})
}

// Groups that take longer than the patience, but come to an end, never keep wide work waiting for ever, however many
// narrow callers there are.
func TestWideWorkAmongSlowGroupsIsNotStarved(t *testing.T) {
	for _, slow := range []time.Duration{patience, 3 * patience, 40 * patience} {
		t.Run(slow.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorkshop(1)
				ctx, end := context.WithCancel(t.Context())
				var callers sync.WaitGroup
				defer callers.Wait()
				defer end()
				w.pause = func() { time.Sleep(slow) } //nolint:forbidigo // the clock of the bubble
				for i := range 8 {
					key := []string{"a", "c"}[i%2]
					callers.Go(func() {
						if key == "c" {
							<-time.After(slow / 2) // so that the groups of the two keys never end together
						}
						for ctx.Err() == nil {
							_ = w.Do(ctx, &waiter{Value: key, Size: 1, Claims: exclusive(key)})
						}
					})
				}
				time.Sleep(slow * 3 / 4) //nolint:forbidigo // the clock of the bubble
				start := time.Now()      //nolint:forbidigo // the clock of the bubble
				wide := w.send(t.Context(), "wide", exclusive("a", "c")...)
				require.NoError(t, <-wide)
				assert.Less(t, time.Since(start), 100*slow) //nolint:forbidigo // the clock of the bubble
			})
		})
	}
}

// Firm claims keep their place behind a group that hangs.
func TestFirmClaimsDoNotPark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(10)
		release := w.block("hangs")
		hangs := w.send(t.Context(), "hangs", exclusive("a")...)
		wide := w.send(t.Context(), "wide", claim{Key: "a"}, claim{Key: "c", Firm: true}, claim{Key: "d"})
		behind := w.send(t.Context(), "behind", exclusive("c")...)
		require.NoError(t, <-w.send(t.Context(), "other", exclusive("d")...))
		<-time.After(100 * patience)
		synctest.Wait()
		assert.False(t, answered(behind))
		release()
		for _, answer := range []<-chan error{hangs, wide, behind} {
			require.NoError(t, <-answer)
		}
	})
}

// Parked work whose caller leaves is forgotten, and parked work goes on when the work before it has left.
func TestParkedWorkMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(10)
		release := w.block("hangs")
		hangs := w.send(t.Context(), "hangs", shared("order"))
		ctx, leave := context.WithCancel(t.Context())
		cancel := w.send(ctx, "cancel", exclusive("order", "lamp")...)
		behind := w.send(t.Context(), "behind", shared("order"), claim{Key: "sofa"})
		require.NoError(t, <-w.send(t.Context(), "sofa", exclusive("sofa")...))
		assert.False(t, answered(behind))
		leave()
		require.Error(t, <-cancel)
		require.NoError(t, <-behind)
		require.NoError(t, <-w.send(t.Context(), "lamp", exclusive("lamp")...))
		release()
		require.NoError(t, <-hangs)
		require.NoError(t, w.Hold(t.Context(), exclusive("order", "lamp", "sofa"), func() {}))
	})
}
