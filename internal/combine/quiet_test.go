package combine_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation/internal/combine"
)

func quiet(key string) claim      { return claim{Key: key, Quiet: true} }
func quietShare(key string) claim { return claim{Key: key, Quiet: true, Shared: true} }

// Shared claims on quiet keys have no lines until the first exclusive claim comes, and again once all exclusive claims
// are through.
func TestSharedClaimsOnQuietKeysHaveNoLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(10)
		var answers []<-chan error
		send := func(value string, claims ...claim) { answers = append(answers, w.send(t.Context(), value, claims...)) }
		release := w.block("first")
		send("first", claim{Key: "lamp"}, quietShare("o1"))
		send("second", claim{Key: "lamp"}, quietShare("o2"))
		assert.Equal(t, 1, w.Lines(), "lamp")
		releaseCancel := w.block("cancel")
		send("cancel", quiet("o9"))
		assert.Equal(t, 4, w.Lines(), "lamp and all orders")
		send("third", claim{Key: "lamp"}, quietShare("o3"))
		assert.Equal(t, 5, w.Lines(), "lamp and all orders")
		releaseCancel()
		synctest.Wait()
		send("fourth", claim{Key: "lamp"}, quietShare("o4"))
		assert.Equal(t, 4, w.Lines(), "lamp and the orders from before")
		release()
		for _, answer := range answers {
			require.NoError(t, <-answer)
		}
		assert.Empty(t, w.Leftovers())
	})
}

// A follower who waits again, because the leader's goroutine ended, has an unlisted claim as before.
func TestUnlistedClaimOutlivesTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(10)
		w.pause = func() {
			if groups := w.seen(); groups[len(groups)-1][0] == "exits" {
				runtime.Goexit()
			}
		}
		releaseFirst, releaseAgain := w.block("first"), w.block("again")
		first := w.send(t.Context(), "first", claim{Key: "lamp"})
		w.send(t.Context(), "exits", claim{Key: "lamp"})
		again := w.send(t.Context(), "again", claim{Key: "lamp"}, quietShare("order"))
		releaseFirst()
		require.NoError(t, <-first)
		synctest.Wait()
		cancel := w.send(t.Context(), "cancel", quiet("order"))
		assert.False(t, answered(cancel), "the other one has the order")
		releaseAgain()
		require.NoError(t, <-again)
		require.NoError(t, <-cancel)
		assert.Equal(t, [][]string{{"first"}, {"exits", "again"}, {"again"}, {"cancel"}}, w.seen())
	})
}

// Quiet keys change the cost and nothing else: the same callers get into the same groups and hear
// the same answers with and without.
func TestQuietKeysChangeNoGroup(t *testing.T) {
	for seed := range uint64(300) {
		quiet, loud := script{seed: seed, quiet: true}, script{seed: seed}
		synctest.Test(t, quiet.play)
		synctest.Test(t, loud.play)
		if !quiet.exits() {
			require.Equal(t, loud.groups, quiet.groups, "seed %d", seed)
		}
		require.Equal(t, loud.answers, quiet.answers, "seed %d", seed)
	}
}

// script is a random sequence of steps, in which callers come and leave and groups end. The seed decides about all
// steps.
type script struct {
	seed  uint64
	quiet bool
	dice  *rand.Rand
	queue *combine.Queue[int, int]

	mu      sync.Mutex
	groups  [][]int               // the members of every group, the leader first
	blocked map[int]chan struct{} // groups by their leaders, and waiters that look for keys
	answers map[int]string
}

// Keys of products are claimed exclusively, keys of orders usually shared.
const (
	products = 3
	orders   = 4
)

func (s *script) play(t *testing.T) {
	s.dice = rand.New(rand.NewPCG(s.seed, 1))
	s.blocked, s.answers = map[int]chan struct{}{}, map[int]string{}
	s.queue = combine.New(s.carryOut, combine.Options{Groups: 1, Size: 100, Patience: time.Hour})
	var leave []context.CancelFunc
	for step := range 60 {
		switch s.dice.IntN(8) {
		case 0, 1, 2, 3:
			ctx, cancel := context.WithCancel(t.Context())
			leave = append(leave, cancel)
			go s.call(ctx, s.waiter(step))
		case 4:
			if len(leave) > 0 {
				leave[s.dice.IntN(len(leave))]()
			}
		default:
			s.release()
		}
		synctest.Wait()
	}
	for s.release() {
		synctest.Wait()
	}
	for _, cancel := range leave {
		cancel()
	}
	assert.Empty(t, s.queue.Leftovers(), "seed %d", s.seed)
}

// waiter places lines of orders, or looks up the products of an order.
func (s *script) waiter(value int) *combine.Waiter[int, int] {
	w := &combine.Waiter[int, int]{Value: value, Size: 1}
	order := products + s.dice.IntN(orders)
	product, another := s.dice.IntN(products), s.dice.IntN(products)
	found := []combine.Claim[int]{{Key: product}}
	if product != another && s.dice.IntN(2) == 0 {
		found = append(found, combine.Claim[int]{Key: another})
	}
	if s.dice.IntN(4) == 0 {
		w.Claims = []combine.Claim[int]{{Key: order, Firm: true, Quiet: s.quiet}}
		w.Find = func(context.Context) ([]combine.Claim[int], error) { s.block(value); return found, nil }
		return w
	}
	w.Claims = found
	w.Claims = append(w.Claims, combine.Claim[int]{Key: order, Shared: true, Firm: true, Quiet: s.quiet})
	return w
}

func (s *script) call(ctx context.Context, w *combine.Waiter[int, int]) {
	answer := "exited"
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.answers[w.Value] = answer
	}()
	answer = fmt.Sprint(s.queue.Do(ctx, w))
}

func (s *script) carryOut(g *combine.Group[int, int]) {
	var values []int
	for _, m := range g.Members() {
		values = append(values, m.Value)
	}
	slices.Sort(values[1:])
	s.mu.Lock()
	s.groups = append(s.groups, values)
	s.mu.Unlock()
	s.block(values[0])
	if s.exits() && values[0]%7 == 0 {
		runtime.Goexit()
	}
}

// exits reports whether some leaders end their goroutines. Then the next groups depend on the order of keys.
func (s *script) exits() bool { return s.seed%2 == 1 }

func (s *script) block(value int) {
	gate := make(chan struct{})
	s.mu.Lock()
	s.blocked[value] = gate
	s.mu.Unlock()
	<-gate
}

// release lets one of the blocked go on; false if there is none.
func (s *script) release() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	values := slices.Sorted(maps.Keys(s.blocked))
	if len(values) == 0 {
		return false
	}
	value := values[s.dice.IntN(len(values))]
	close(s.blocked[value])
	delete(s.blocked, value)
	return true
}
