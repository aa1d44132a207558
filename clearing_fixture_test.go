package allocation_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// flooded is a store that counts the lines that are read and removed, and may interfere with a commit.
type flooded struct {
	*memory.Store
	clock *memory.Clock

	mu       sync.Mutex
	read     int // lines, in all loads
	most     int // lines of one product in one load
	removed  []int
	before   func(changes []allocation.Changes) // each commit
	reported []allocation.Event                 // to Committed
}

const floodPage = 4

// flood returns a store with holds of one unit that lapsed a moment ago, on as many batches of LAMP as there are
// numbers. Each batch has one unit more than holds.
func flood(t *testing.T, holds ...int) *flooded {
	t.Helper()
	f := &flooded{Store: memory.New(), clock: memory.NewClock(morning)}
	placing := serve(t, f.Store, settings{units: allocation.UnitOfWorkOptions{Now: f.clock.Now}})
	for i, n := range holds {
		ref := allocation.BatchRef(numbered("b", i))
		require.NoError(t, placing.AddBatch(t.Context(), stock(ref, "LAMP", allocation.Quantity(n))))
		for j := range n {
			hold := want(numbered("held", i, j), "LAMP", 1)
			hold.HoldUntil = morning.Add(time.Minute + time.Duration(j)*time.Second)
			_, err := placing.Allocate(t.Context(), hold)
			require.NoError(t, err)
		}
		count := allocation.Count{Batch: ref, Quantity: allocation.Quantity(n) + 1, At: morning}
		_, err := placing.ChangeBatchQuantity(t.Context(), count)
		require.NoError(t, err)
	}
	f.clock.Advance(time.Hour)
	return f
}

// service returns a Service over the store, with small pages.
func (f *flooded) service(t *testing.T, with settings) *allocation.Service {
	t.Helper()
	return serve(t, f, f.settings(with))
}

func (f *flooded) settings(with settings) settings {
	with.units.Now, with.units.PageSize, with.units.Backoff, with.units.MaxBackoff = f.clock.Now, floodPage, 1, 1
	with.units.Committed = func(_ context.Context, events []allocation.Event) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.reported = append(f.reported, events...)
	}
	return with
}

func (f *flooded) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	states, err := f.Store.Load(ctx, q)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range states {
		f.read += len(s.Lines)
		f.most = max(f.most, len(s.Lines))
	}
	return states, err
}

func (f *flooded) Commit(ctx context.Context, changes []allocation.Changes) error {
	if f.before != nil {
		f.before(changes)
	}
	err := f.Store.Commit(ctx, changes)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		removed := 0
		for _, c := range changes {
			removed += len(c.Removed)
		}
		f.removed = append(f.removed, removed)
	}
	return err
}

// holds counts the lapsed holds that are still stored.
func (f *flooded) holds(t *testing.T) (n int) {
	t.Helper()
	state, known := f.Product("LAMP")
	require.True(t, known)
	for _, l := range state.Lines {
		if l.Lapsed(f.clock.Now()) {
			n++
		}
	}
	return n
}

// forget resets what was counted.
func (f *flooded) forget() { f.read, f.most, f.removed, f.reported = 0, 0, nil, nil }

// told demands that Committed has got every event since the number, once and in order, and that the accounts agree.
func (f *flooded) told(t *testing.T, s *allocation.Service, after int64) {
	t.Helper()
	events, err := f.Events(t.Context(), "LAMP", after, 10_000)
	require.NoError(t, err)
	assert.Equal(t, events, f.reported, "events for Committed")
	drifted, err := s.Reconcile(t.Context(), "LAMP")
	require.NoError(t, err)
	assert.False(t, drifted.Drifted(), "%+v", drifted)
}

func (f *flooded) version(t *testing.T) int64 {
	t.Helper()
	state, _ := f.Product("LAMP")
	return state.Version
}
