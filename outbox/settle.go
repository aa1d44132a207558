package outbox

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

// storeBackoff is the longest pause after the first failure of the store. Further failures double the pause up to the
// lease.
const storeBackoff = 100 * time.Millisecond

// settleTries is enough to bridge a lost connection. If the store is away for longer, the lease ends and the events are
// sent again.
const settleTries = 5

// settle reports a settlement to the store, and returns false if all tries failed. The end of ctx doesn't interrupt the
// tries, only a timeout does, because without the settlement the events would be sent again.
func (d *dispatcher) settle(ctx context.Context, s Settlement) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.opts.Lease/3)
	defer cancel()
	for try := 1; ; try++ {
		err := d.store.Settle(ctx, s)
		if err == nil {
			d.opts.Settled(ctx, s)
			return true
		}
		if try == settleTries || !sleep(ctx, pause(storeBackoff, d.opts.Lease, try)) {
			d.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "outbox: settle failed, events may be sent again",
				slog.String("sku", string(s.SKU)), slog.Int64("sent", s.Sent), slog.Any("error", err))
			return false
		}
	}
}

// sleep waits for the time d, and returns false if the context ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// pause returns how long to wait after the n-th failure in a row, with n >= 1. The longest pause is first for n = 1,
// and doubles with each failure up to limit. The result is random, from half of the longest pause to all of it, so
// that relays don't try in step.
func pause(first, limit time.Duration, n int) time.Duration {
	longest := min(first, limit)
	for i := 1; i < n && longest < limit; i++ {
		longest += min(longest, limit-longest)
	}
	return longest - rand.N(longest/2+1)
}
