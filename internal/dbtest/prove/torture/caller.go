package torture

import (
	"context"
	"time"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// caller sends one command after the other. All that it does with an order it does itself, so that its journal says
// what the order must have come to.
type caller struct {
	*shop
	id int // from 1, of all callers

	knowledge knowledge
	next      int
	tries     int   // so far, of all commands
	open      *step // what the caller before it left without an outcome
}

// patience is how long an unknown outcome is pursued after the end of the run.
const patience = time.Minute

// newCaller is the caller with that number, which goes on where its journal ends.
func newCaller(id int, h *shop, past []*step) *caller {
	c := &caller{shop: h, id: id, next: 1}
	for _, done := range past {
		c.next = done.number + 1
		c.tries += len(done.attempts)
		if done.open() {
			c.open = done
			continue
		}
		c.knowledge.learn(done.command, done.last().outcome, done.last().answer)
	}
	return c
}

// run sends commands until the given time, and then until the last has an outcome.
func (c *caller) run(ctx context.Context, until time.Time) {
	ctx, stop := context.WithDeadline(ctx, until.Add(patience))
	defer stop()
	if c.open != nil {
		c.do(ctx, c.open.number, c.open.command, true)
	}
	ch := &chooser{settings: c.settings, caller: c.id, clock: c.clock}
	for time.Now().Before(until) && c.next <= c.settings.Commands {
		number := c.next
		c.next++
		c.do(ctx, number, ch.choose(number, &c.knowledge), false)
	}
}

// do tries a command until its outcome is definite. What failed without having changed anything may be given up.
func (c *caller) do(ctx context.Context, number int, cmd command, wasLost bool) {
	r := c.settings.random(purposeOf(c.id, number) ^ 1<<63)
	for ctx.Err() == nil {
		told, a := c.try(ctx, number, cmd, r.IntN(50) == 0, time.Duration(r.IntN(10_000))*time.Microsecond)
		switch told {
		case unknown:
			wasLost = true
			if r.IntN(2) == 0 {
				continue // while what it left may still be under way
			}
		case failed:
			if !wasLost && r.IntN(2) == 0 {
				return
			}
		default:
			c.knowledge.learn(cmd, told, a)
			return
		}
		harness.Rest(ctx, time.Duration(1+r.IntN(60))*time.Millisecond)
	}
}

// try calls the service once, and may hang up on it after a while.
func (c *caller) try(ctx context.Context, number int, cmd command, hangUp bool, after time.Duration) (outcome, answer) {
	if hangUp {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, after)
		defer stop()
	}
	c.tries++
	t := &try{trace: traceOf(c.id, c.tries)}
	c.journal.write(entry{Caller: c.id, Number: number, At: c.clock.tick(), Trace: t.trace, Command: &cmd})
	a, err := cmd.run(context.WithValue(ctx, tryKey{}, t), c.service)
	now := c.clock.Now()
	told, why := c.settings.judge(err, cmd, now)
	e := entry{
		Caller: c.id, Number: number, At: now.UnixMicro(), Told: t.told,
		Outcome: told, Why: why, Answer: a, Tallies: c.watch.take(),
	}
	if err != nil {
		e.Text = err.Error()
	}
	c.journal.write(e)
	return told, a
}
