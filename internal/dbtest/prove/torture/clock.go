package torture

import (
	"sync"
	"time"
)

// clock shows the real time, changed by less than a thousandth of a second so that no two clocks of a run ever show
// the same microsecond, and none shows one twice: what happened at a time is known to be its owner's, and to be of one
// commit. It is safe for concurrent use.
type clock struct {
	step, owner int64 // microseconds

	mu   sync.Mutex
	last int64
}

// newClock is the clock of an owner, 0 to owners-1, which continues after a moment that it has shown before.
func newClock(owners, owner int, after int64) *clock {
	return &clock{step: int64(owners), owner: int64(owner), last: after}
}

// Now is later than at every call before.
func (c *clock) Now() time.Time { return time.UnixMicro(c.tick()).UTC() }

// tick is Now in microseconds since 1970.
func (c *clock) tick() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now().UnixMicro()
	now += c.owner - now%c.step
	c.last = max(now, c.last+c.step)
	return c.last
}

// ownerOf is whose clock showed that time.
func ownerOf(at time.Time, owners int) int { return int(at.UnixMicro() % int64(owners)) }
