package allocation_test

import (
	"context"
	"runtime/debug"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// modes are how a command may be committed: by itself, or with others.
var modes = map[string]settings{
	"alone":   {service: allocation.ServiceOptions{NoGroupCommit: true}},
	"default": {},
}

// If a lone command fails, no commit is tried: the commit could only fail, and its error would hide
// the command's.
func TestALoneFailureCostsOneRead(t *testing.T) {
	for name, opts := range modes {
		t.Run(name, func(t *testing.T) {
			p := newProcesses(t, opts, stock("b1", "LAMP", 10))
			p.store.FailCommit(errBroken)
			_, loads, commits, err := p.allocate(t, want("o1", "NONE", 1))
			assert.ErrorIs(t, err, allocation.ErrNotFound)
			assert.Equal(t, []int{1, 0}, []int{loads, commits}, "reads and commits")
		})
	}
}

// The owner of a batch named together with its product is looked up within the unit of work only.
func TestAnnouncementsCostNoLookUpOfTheirOwn(t *testing.T) {
	for name, opts := range modes {
		t.Run(name, func(t *testing.T) {
			p := newProcesses(t, opts, stock("b1", "LAMP", 10))
			require.NoError(t, p.one.AddBatch(t.Context(), stock("b1", "LAMP", 10)))
			assert.Equal(t, []int{1, 0}, []int{p.store.loads, p.store.commits}, "a repeat: reads and commits")
			p.store.loads, p.store.commits = 0, 0
			require.NoError(t, p.one.AddBatch(t.Context(), stock("b2", "SOFA", 10)))
			assert.Equal(t, []int{2, 1}, []int{p.store.loads, p.store.commits}, "a new product: reads and commits")
		})
	}
}

// A group with many commands that fail after a change doesn't read and run again for each command.
func TestFailuresHalfwayCostNoReadEach(t *testing.T) {
	const many = 100
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t, stock("b1", "LAMP", 1000), stock("b2", "SOFA", 10))
		service := store.service(t)
		lines := make([]allocation.Request, 0, many)
		for i := range many {
			lines = append(lines, want(numbered("o", i), "LAMP", 1))
		}
		store.place(t, service, lines...)
		first := callAllocate(t.Context(), service, want("first", "LAMP", 1))
		var ended []<-chan outcome
		for _, line := range lines {
			ended = append(ended, call(func() ([]allocation.Allocation, error) {
				return service.Cancel(t.Context(), line.OrderID, "LAMP", "SOFA")
			}))
		}
		store.loads.Store(0)
		close(store.let)
		require.NoError(t, (<-first).err)
		for _, e := range ended {
			require.ErrorIs(t, (<-e).err, allocation.ErrNotFound, "there is no line of SOFA")
		}
		assert.LessOrEqual(t, store.loads.Load(), int64(10), "reads for one group of %d", many)
	})
}

// lockCounting counts the reads that lock.
type lockCounting struct {
	*memory.Store
	inside *watchedStore
}

func (l *lockCounting) Locked(_ context.Context, fn func(allocation.Store) error) error {
	return fn(l.inside)
}

// With LockFirst a lookup, which locks nothing, only finds the products; the command decides on a
// locked read.
func TestLockedCommandsByOrderDecideOnLockedReads(t *testing.T) {
	store := memory.New()
	require.NoError(t, store.Seed(stock("b1", "LAMP", 10)))
	locking := &lockCounting{store, &watchedStore{Store: store}}
	service := serve(t, locking, settings{units: allocation.UnitOfWorkOptions{LockFirst: true}})
	_, err := service.Allocate(t.Context(), want("o1", "LAMP", 1))
	require.NoError(t, err)
	locking.inside.loads = 0
	_, err = service.Cancel(t.Context(), "o1")
	require.NoError(t, err)
	assert.Equal(t, 1, locking.inside.loads, "reads that locked")
}

// One line through the Service on the memory store costs few heap allocations, and earlier lines of
// the product add none. With the race detector slices.Grow allocates twice.
func TestAllocateCostsFewAllocations(t *testing.T) {
	const runs = 500
	most := 25.0
	if build, _ := debug.ReadBuildInfo(); slices.Contains(build.Settings,
		debug.BuildSetting{Key: "-race", Value: "true"}) {
		most++
	}
	for name, earlier := range map[string]int{"on a new product": 0, "beside 10,000 lines": 10_000} {
		t.Run(name, func(t *testing.T) {
			store := memory.New()
			require.NoError(t, store.Seed(stock("b1", "LAMP", 1<<40)))
			service := serve(t, store, settings{})
			orders := make([]allocation.OrderID, earlier+runs+2)
			for i := range orders {
				orders[i] = numbered("o", i)
			}
			next := 0
			place := func() {
				_, err := service.Allocate(t.Context(), want(orders[next], "LAMP", 1))
				next++
				if err != nil {
					t.Error(err)
				}
			}
			for range earlier + 1 {
				place()
			}
			assert.LessOrEqual(t, testing.AllocsPerRun(runs, place), most, "heap allocations for one line")
		})
	}
}
