package outbox

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

// storeBackoff is the longest pause after the store failed for the first time; it doubles up to the lease.
const storeBackoff = 100 * time.Millisecond

// settleTries bridge a lost connection. If the store is away for longer, the lease ends, and the events come again.
const settleTries = 5

// settle tells the store what came of a delivery, and reports whether it took it. Since a repeated event is worth
// some patience, the end of ctx doesn't interrupt it.
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

// sleep waits, and reports false if the context ended first.
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

// pause is how long to wait after the n-th failure in a row, n being at least 1: a random part, at least half, of
// a time that begins at first and doubles up to most.
func pause(first, most time.Duration, n int) time.Duration {
	longest := min(first, most)
	for i := 1; i < n && longest < most; i++ {
		longest += min(longest, most-longest)
	}
	return longest - rand.N(longest/2+1)
}
