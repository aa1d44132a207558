package combine_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation/internal/combine"
)

// TestNoTwoGroupsHaveAKeyAtATime lets many callers with random keys come, leave, and end their goroutines.
func TestNoTwoGroupsHaveAKeyAtATime(t *testing.T) {
	const callers, rounds, keys = 32, 300, 6
	var busy [keys]atomic.Int32 // −1: exclusive, else how many share
	var carried atomic.Int64
	q := combine.New(func(g *combine.Group[int, bool]) {
		modes := map[int]bool{}
		for _, m := range g.Members() {
			for _, c := range m.Claims {
				shared, known := modes[c.Key]
				modes[c.Key] = c.Shared && (shared || !known)
			}
		}
		for key, shared := range modes {
			if now := busy[key].Add(1); now != 1 && !shared {
				t.Errorf("key %d: %d groups at a time", key, now)
			}
		}
		runtime.Gosched()
		for key := range modes {
			busy[key].Add(-1)
		}
		carried.Add(int64(len(g.Members())))
		if g.Leader().Value {
			runtime.Goexit()
		}
	}, combine.Options{Groups: 2, Size: 8, Patience: time.Millisecond})
	var all sync.WaitGroup
	var answered, gone atomic.Int64
	for i := range callers {
		random := rand.New(rand.NewPCG(1, uint64(i)))
		all.Go(func() {
			for range rounds {
				perm := random.Perm(keys)
				w := &combine.Waiter[int, bool]{Size: 1 + random.IntN(3), Value: random.IntN(20) == 0}
				for _, key := range perm[:1+random.IntN(3)] {
					c := combine.Claim[int]{Key: key, Shared: random.IntN(3) == 0, Quiet: key < 3}
					w.Claims = append(w.Claims, c)
				}
				if random.IntN(4) == 0 {
					w.Find = func(context.Context) ([]combine.Claim[int], error) {
						one, two := perm[5], perm[4]
						found := []combine.Claim[int]{{Key: one, Quiet: one < 3}, {Key: two, Quiet: two < 3}}
						return found[:random.IntN(3)], nil
					}
					for i := range w.Claims {
						w.Claims[i].Shared = false
					}
				}
				ctx, cancel := context.WithCancel(t.Context())
				if random.IntN(5) == 0 {
					time.AfterFunc(time.Duration(random.IntN(100))*time.Microsecond, cancel)
				}
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					if err := q.Do(ctx, w); err != nil {
						gone.Add(1)
						return
					}
					answered.Add(1)
				}()
				<-ended
				cancel()
			}
		})
	}
	all.Wait()
	assert.Positive(t, answered.Load())
	assert.Positive(t, gone.Load())
	every := []combine.Claim[int]{{Key: 0}, {Key: 1}, {Key: 2}, {Key: 3}, {Key: 4}, {Key: 5}}
	require.NoError(t, q.Hold(t.Context(), every, func() {}), "nothing is left behind")
}
