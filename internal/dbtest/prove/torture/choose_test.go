package torture

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/cosmic-go/allocation"
)

// decided lets a caller decide so many times on its own, with every command acknowledged as it was meant, and
// returns the commands without their times.
func decided(s *settings, caller, times int) []command {
	ch := &chooser{settings: s, caller: caller, clock: newClock(s.owners(), 1, 0)}
	var k knowledge
	commands := make([]command, times)
	for i := range commands {
		c := ch.choose(i+1, &k)
		var a answer
		for _, line := range c.Lines {
			a.Lines = append(a.Lines, allocation.Allocation{OrderLine: line})
		}
		if c.Verb == handOver {
			line := allocation.OrderLine{OrderID: c.To, SKU: s.sku(0), Quantity: 1}
			a.Lines = append(a.Lines, allocation.Allocation{OrderLine: line})
		}
		k.learn(c, acknowledged, a)
		c.Hold, c.Batch.ETA, c.Batch.BestBefore, c.Count.At = time.Time{}, time.Time{}, time.Time{}, time.Time{}
		c.Terms.NeededBy, c.Terms.FreshUntil = time.Time{}, time.Time{}
		commands[i] = c
	}
	return commands
}

func TestTheSeedDecidesEverything(t *testing.T) {
	s := &settings{Seed: 7, Processes: 4, Callers: 8, SKUs: 3, Kills: 5, Restarts: 3, For: time.Minute}
	again, other := *s, *s
	other.Seed = 8
	first := decided(s, 5, 300)
	assert.Equal(t, first, decided(&again, 5, 300))
	assert.NotEqual(t, first, decided(s, 6, 300), "another caller")
	assert.NotEqual(t, first, decided(&other, 5, 300), "another seed")
	assert.Equal(t, s.troubles(3), again.troubles(3))
	assert.NotEqual(t, s.troubles(3), other.troubles(3))
}

func TestEveryKindOfCommandIsChosen(t *testing.T) {
	chosen := map[verb]int{}
	for _, c := range decided(&settings{Seed: 1, Processes: 1, Callers: 1, SKUs: 3}, 1, 1000) {
		chosen[c.Verb]++
	}
	for _, v := range []verb{
		allocate, confirm, extend, cancel, change, handOver, ship, shipPart, sweep, addBatch, receive, count, slip,
		split, block, unblock, reconcile,
	} {
		assert.Positive(t, chosen[v], v)
	}
}

func TestNoTwoClocksShowTheSameTime(t *testing.T) {
	const owners, readers, times = 5, 4, 1000
	var mu sync.Mutex
	seen := map[time.Time]int{}
	var reading sync.WaitGroup
	for owner := range owners {
		c := newClock(owners, owner, 0)
		for range readers {
			reading.Go(func() {
				for range times {
					now := c.Now()
					assert.Equal(t, owner, ownerOf(now, owners))
					mu.Lock()
					seen[now]++
					mu.Unlock()
				}
			})
		}
	}
	reading.Wait()
	assert.Len(t, seen, owners*readers*times)
}
