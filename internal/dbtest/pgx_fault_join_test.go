package dbtest

import (
	"context"
	"math"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// TestFaultsAtEveryExchangeInAHostsTransactionOverPgx: a host that commits after all, though the store told the host of
// a failure, has nothing of the command.
func TestFaultsAtEveryExchangeInAHostsTransactionOverPgx(t *testing.T) {
	t.Parallel()
	s := sampled(13)
	r := wired(t, wireMode{})
	for _, c := range commands {
		t.Run(c.name, func(t *testing.T) { r.sweepJoined(t, c, &s) })
	}
	t.Logf("tried %d of %d cases; %s=1 tries all", s.tried, s.seen, allFaults)
}

// join begins a host's transaction with a row of the host's, and returns a Service inside.
func (r *wireRig) join(t testing.TB, c command) (pgx.Tx, *allocation.Service) {
	t.Helper()
	r.restore(t)
	ctx := context.Background()
	tx, err := r.pool.Begin(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(ctx) })
	_, err = tx.Exec(ctx, insertHostRow)
	require.NoError(t, err)
	inside, _ := r.service(t, c.clock()).Inside(r.store.Join(tx))
	return tx, inside
}

func (r *wireRig) sweepJoined(t *testing.T, c command, s *sample) {
	t.Helper()
	tx, inside := r.join(t, c)
	before := r.look(t)
	r.wire.arm(math.MaxInt, nil, func(exchange) bool { return true })
	_, _ = c.run(t.Context(), inside) // a refusal, perhaps
	_, exchanges, _ := r.wire.disarm()
	require.Equal(t, before, r.look(t), "what others see of a host's transaction")
	require.NoError(t, tx.Commit(t.Context()))
	after := r.look(t)
	require.NotEqual(t, before, after, "state without a fault")
	for _, f := range wireFaults {
		steps := 0
		for _, x := range exchanges {
			if !r.counts(x) {
				continue
			}
			if steps++; s.takes(false) {
				r.tryJoined(t, c, f, steps, before, after)
			}
		}
		require.Positive(t, steps)
	}
}

func (r *wireRig) tryJoined(t testing.TB, c command, f wireFault, n int, before, after string) {
	t.Helper()
	tx, inside := r.join(t, c)
	var err error
	struck, _, _, where := r.strike(t, f, n, func(ctx context.Context) { _, err = c.run(ctx, inside) })
	require.NotNil(t, struck, "%s at %d never struck", f.name, n)
	require.NotErrorIs(t, err, allocation.ErrUnknownOutcome, where)
	require.Equal(t, f.isCurable(), err != nil && isConflict(err), "%s: is %v a conflict?", where, err)
	if f.leaves() && err == nil {
		require.NoError(t, tx.Commit(t.Context()), where)
		require.Equal(t, after, r.look(t), "state after %s", where)
		return
	}
	require.Error(t, err, where)

	r.wire.arm(math.MaxInt, nil, func(exchange) bool { return true })
	_, further := c.run(t.Context(), inside)
	require.Error(t, further, "a further command after %s", where)
	_, sent, _ := r.wire.disarm()
	require.Empty(t, sent, "what was sent after %s", where)

	_ = tx.Commit(t.Context())
	require.Equal(t, before, r.look(t), "state after %s", where)
	r.returned(t, where)
}
