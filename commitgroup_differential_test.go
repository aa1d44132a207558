package allocation_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// twin is a store with two Services, as of two processes, on one side of a comparison.
type twin struct {
	store    *memory.Store
	clock    *memory.Clock
	one, two *allocation.Service
}

// oneByOne is a Service that neither groups commands nor caches products.
var oneByOne = settings{service: allocation.ServiceOptions{NoGroupCommit: true, CacheSize: -1}}

func newTwin(t *testing.T, page int, with settings) *twin {
	t.Helper()
	w := &twin{store: memory.New(), clock: memory.NewClock(morning)}
	with.units.Now, with.units.PageSize, with.units.Backoff, with.units.MaxBackoff = w.clock.Now, page, 1, 1
	w.one = serve(t, w.store, with)
	w.two = serve(t, w.store, settings{
		allocation.UnitOfWorkOptions{Now: w.clock.Now, PageSize: page}, allocation.ServiceOptions{NoGroupCommit: true},
	})
	return w
}

// run returns the answer as text, since errors and values have to be the same and not identical.
func (w *twin) run(ctx context.Context, s step) string {
	service := w.one
	if s.elsewhere {
		service = w.two
	}
	value, err := s.run(ctx, service)
	return fmt.Sprintf("%+v, error: %v", value, err)
}

// history lists the events of a product. Holds that lapse together do so in the order of loading, which may differ.
func (w *twin) history(t *testing.T, sku allocation.SKU) (events []string) {
	t.Helper()
	stored, err := w.store.Events(t.Context(), sku, 0, 10_000)
	require.NoError(t, err)
	for _, e := range stored {
		events = append(events, fmt.Sprintf("%T%+v", e, e))
	}
	slices.Sort(events)
	return events
}

// The same commands run through a Service with groups and cached products, and through a Service
// without: answers, stored products and events are equal, even with another process at work in
// between.
func TestServiceAnswersAsIfAlone(t *testing.T) {
	for seed := range rounds(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			d := dice{rand.New(rand.NewPCG(seed, 5)), morning}
			page := 100
			if seed%2 == 1 {
				page = 1 + d.IntN(3)
			}
			grouped, alone := newTwin(t, page, settings{}), newTwin(t, page, oneByOne)
			for n := range 80 {
				d.now = d.tick()
				grouped.clock.Set(d.now)
				alone.clock.Set(d.now)
				s := d.step()
				switch d.IntN(12) {
				case 0:
					s = step{name: "Sweep", run: releaseLapsed}
				case 1:
					if page == 100 { // a larger page for one order is larger for the whole group
						s = d.each()
					}
				}
				at := fmt.Sprintf("step %d, %s", n, s.name)
				wanted := alone.run(t.Context(), s)
				require.Equal(t, wanted, grouped.run(t.Context(), s), at)
				sameProducts(t, alone.store, grouped.store, at)
				for _, sku := range stepSKUs {
					require.Equal(t, alone.history(t, sku), grouped.history(t, sku), "%s: events of %s", at, sku)
				}
			}
		})
	}
}

// tick lets time pass now and then, and a clock be set back.
func (d dice) tick() time.Time {
	switch d.IntN(24) {
	case 0, 1, 2, 3:
		return d.now.Add(time.Duration(d.IntN(120)) * time.Second)
	case 4:
		return d.now.Add(-time.Duration(d.IntN(200)) * time.Second)
	}
	return d.now
}

// plugged is a store whose commits of the products X and Y wait, so that all others meet in one group.
type plugged struct {
	*memory.Store
	let chan struct{}
}

func (p *plugged) Commit(ctx context.Context, changes []allocation.Changes) error {
	for _, c := range changes {
		if c.SKU == "X" || c.SKU == "Y" {
			<-p.let
		}
	}
	return p.Store.Commit(ctx, changes)
}

// Commands in one group give the same answers as the same commands one by one.
func TestGroupAnswersAsIfOneAfterTheOther(t *testing.T) {
	for seed := range rounds(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var groups atomic.Int64
				var opts allocation.UnitOfWorkOptions
				opts.Attempt = func(ctx context.Context, op string, _ int) (context.Context, func(error)) {
					if op == "Group" {
						groups.Add(1)
					}
					return ctx, nil
				}
				d := dice{rand.New(rand.NewPCG(seed, 77)), morning}
				grouped, alone := newTwin(t, 100, settings{units: opts}), newTwin(t, 100, oneByOne)
				plug := &plugged{grouped.store, make(chan struct{})}
				opts.Now = grouped.clock.Now
				grouped.one = serve(t, plug, settings{units: opts})
				require.NoError(t, grouped.store.Seed(stock("x", "X", 1<<40), stock("y", "Y", 1<<40)))
				for n := range 15 {
					d.now = d.now.Add(time.Duration(d.IntN(60)) * time.Second)
					grouped.clock.Set(d.now)
					alone.clock.Set(d.now)
					sweepQueues(t, grouped, alone)
					oneGroup(t, d, plug, grouped, alone, n)
				}
				assert.Positive(t, groups.Load(), "groups of several")
			})
		})
	}
}

// sweepQueues sweeps both sides if lines wait. A refusal is recorded behind the group of the command, in a commit that
// gives the units of lapsed holds to those who wait and drops overdue lines; one by one, later commands come behind
// that commit.
func sweepQueues(t *testing.T, grouped, alone *twin) {
	t.Helper()
	sweep := step{run: releaseLapsed}
	for _, sku := range stepSKUs {
		if p, _ := alone.store.Product(sku); p.AnyWaiting {
			require.Equal(t, alone.run(t.Context(), sweep), grouped.run(t.Context(), sweep), "sweep")
			return
		}
	}
}

// oneGroup lets some steps wait until both plugs are pulled.
func oneGroup(t *testing.T, d dice, plug *plugged, grouped, alone *twin, n int) {
	t.Helper()
	plugs := []<-chan outcome{
		callAllocate(t.Context(), grouped.one, want(numbered("x", n), "X", 1)),
		callAllocate(t.Context(), grouped.one, want(numbered("y", n), "Y", 1)),
	}
	var names, wanted, touched []string
	var ended []<-chan string
	for range 1 + d.IntN(8) {
		s := d.step()
		// A look-up waits for the commands before it that name its order or batch, and may be overtaken meanwhile.
		for s.looksUp && slices.ContainsFunc(s.names,
			func(name string) bool { return slices.Contains(touched, name) }) {
			s = d.step()
		}
		s.elsewhere = false
		touched = append(touched, s.names...)
		end := make(chan string, 1)
		go func() { end <- grouped.run(t.Context(), s) }()
		synctest.Wait()
		names, wanted, ended = append(names, s.name), append(wanted, alone.run(t.Context(), s)), append(ended, end)
	}
	for _, p := range plugs {
		plug.let <- struct{}{}
		synctest.Wait() // the next leader takes all waiting commands
		require.NoError(t, (<-p).err)
	}
	at := fmt.Sprintf("group %d of %s", n, strings.Join(names, ", "))
	for i, e := range ended {
		require.Equal(t, wanted[i], <-e, "%s: answer %d", at, i)
	}
	sameProducts(t, alone.store, grouped.store, at)
}
