package combine_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation/internal/combine"
)

// keeper checks that work which conflicts never runs at the same time.
type keeper struct {
	mu   sync.Mutex
	keys [8]int // −1: exclusive, else how many share
}

// take notes that a group, or a hold, has keys; the returned function notes the end.
func (k *keeper) take(t *testing.T, claims []combine.Claim[int]) (end func()) {
	t.Helper()
	exclusive := map[int]bool{}
	for _, c := range claims {
		exclusive[c.Key] = exclusive[c.Key] || !c.Shared
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, alone := range exclusive {
		if k.keys[key] < 0 || alone && k.keys[key] != 0 {
			t.Errorf("key %d is taken twice", key)
		}
		if k.keys[key]++; alone {
			k.keys[key] = -1
		}
	}
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		for key, alone := range exclusive {
			if k.keys[key]--; alone {
				k.keys[key] = 0
			}
		}
	}
}

// TestSlowGroupsHangAndEnd lets many callers come and leave while groups, holds and searches take from no time to many
// times the patience, so that waiters park and return all the time. Nothing conflicts, everybody gets an answer, and
// nothing is left behind.
func TestSlowGroupsHangAndEnd(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) { slowGroups(t, seed) })
	}
}

func slowGroups(t *testing.T, seed uint64) {
	t.Helper()
	const callers, rounds = 24, 15
	var keys keeper
	var mu sync.Mutex
	dice := rand.New(rand.NewPCG(seed, 1))
	roll := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return dice.IntN(n)
	}
	pause := func() {
		if roll(3) == 0 {
			time.Sleep(time.Duration(roll(400)) * time.Millisecond) //nolint:forbidigo // the clock of the bubble
		}
	}
	q := combine.New(func(g *combine.Group[int, bool]) {
		var claims []combine.Claim[int]
		for _, m := range g.Members() {
			claims = append(claims, m.Claims...)
		}
		defer keys.take(t, claims)()
		pause()
		if g.Leader().Value {
			runtime.Goexit()
		}
	}, combine.Options{Groups: 2, Size: 8, Patience: patience})
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range rounds {
				var claims []combine.Claim[int]
				for key := range len(keys.keys) - 2 {
					if roll(3) == 0 {
						c := combine.Claim[int]{Key: key, Shared: roll(3) == 0, Firm: roll(3) == 0, Quiet: key%2 == 0}
						claims = append(claims, c)
					}
				}
				if claims == nil {
					claims = []combine.Claim[int]{{Key: 2*roll(3) + 1}}
				}
				ctx, cancel := context.WithCancel(t.Context())
				if roll(4) == 0 {
					ctx, cancel = context.WithTimeout(t.Context(), time.Duration(roll(600))*time.Millisecond)
				}
				call := func() error { return q.Hold(ctx, claims, func() { defer keys.take(t, claims)(); pause() }) }
				if roll(8) != 0 {
					w := &combine.Waiter[int, bool]{Claims: claims, Size: 1 + roll(3), Value: roll(20) == 0}
					if roll(4) == 0 {
						further := combine.Claim[int]{Key: 6 + roll(2)}
						w.Find = func(context.Context) ([]combine.Claim[int], error) {
							defer keys.take(t, claims)()
							pause()
							return []combine.Claim[int]{further}, nil
						}
					}
					call = func() error { return q.Do(ctx, w) }
				}
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					if left := (*combine.LeftError)(nil); !errors.As(call(), &left) {
						return
					}
					if ctx.Err() == nil {
						t.Error("left, but the context has not ended")
					}
				}()
				<-ended
				cancel()
			}
		})
	}
	all.Wait()
	time.Sleep(time.Minute) //nolint:forbidigo // the clock of the bubble
	require.Empty(t, q.Leftovers(), "seed %d", seed)
	assert.NoError(t, q.Hold(t.Context(), []combine.Claim[int]{{Key: 1}, {Key: 7}}, func() {}))
}
