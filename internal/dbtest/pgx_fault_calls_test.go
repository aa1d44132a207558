package dbtest

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// TestFaultsAtEveryExchangeOfAnErrandOverPgx: half an errand of a relay is done whole, or not at all, once it is
// repeated.
func TestFaultsAtEveryExchangeOfAnErrandOverPgx(t *testing.T) {
	t.Parallel()
	s := sampled(5)
	r := wired(t, wireMode{})
	for _, a := range errands {
		if a.again == nil {
			a.again = a.run
		}
		t.Run(a.name, func(t *testing.T) { r.sweepErrand(t, a, &s) })
	}
	t.Logf("tried %d of %d cases; %s=1 tries all", s.tried, s.seen, allFaults)
}

func (r *wireRig) sweepErrand(t *testing.T, a errand, s *sample) {
	t.Helper()
	prepare := func() {
		r.restore(t)
		a.prepare(t, r.engine.store(t, r.by.db, nil))
	}
	prepare()
	r.wire.arm(math.MaxInt, nil, r.counts)
	require.NoError(t, a.run(t.Context(), r.store.Store))
	_, exchanges, _ := r.wire.disarm()
	want := r.look(t)
	for _, f := range wireFaults {
		steps := 0
		for _, x := range exchanges {
			if !r.counts(x) {
				continue
			}
			if steps++; !s.takes(false) {
				continue
			}
			prepare()
			var err error
			struck, _, _, where := r.strike(t, f, steps, func(ctx context.Context) { err = a.run(ctx, r.store.Store) })
			require.NotNil(t, struck, "%s at %d never struck", f.name, steps)
			r.returned(t, where)
			require.False(t, f.isCurable() && err != nil, "%v after %s", err, where)
			if err == nil {
				require.Equal(t, want, r.look(t), "state after %s", where)
				continue
			}
			require.NotErrorIs(t, err, allocation.ErrConflict, where)
			require.NoError(t, a.again(t.Context(), r.store.Store), "repeat after %s", where)
			if a.name != "Claim" && a.name != "Claim of leases that have ended" { // leases last until another time
				require.Equal(t, want, r.look(t), "state after a repeat after %s", where)
			}
		}
		require.Positive(t, steps)
	}
}

// TestFaultsAtEveryExchangeOfAReadOverPgx: a read has its answer, or an error, and changes nothing.
func TestFaultsAtEveryExchangeOfAReadOverPgx(t *testing.T) {
	t.Parallel()
	s := sampled(5)
	r := wired(t, wireMode{})
	r.restore(t)
	_, err := r.service(t, running).Allocate(t.Context(), firm("known", "chair", 2))
	require.NoError(t, err)
	before := r.look(t)
	for name, read := range reads {
		t.Run(name, func(t *testing.T) {
			want, err := read(t.Context(), r.store)
			first := answer(want, err) // ErrNotFound, perhaps
			for _, f := range wireFaults {
				for n := 1; ; n++ {
					if !s.takes(false) && n < 2 {
						break
					}
					var value any
					struck, _, _, where := r.strike(t, f, n, func(ctx context.Context) {
						value, err = read(ctx, r.store)
					})
					if struck == nil {
						require.Equal(t, first, answer(value, err), name)
						break
					}
					r.returned(t, where)
					require.NotErrorIs(t, err, allocation.ErrUnknownOutcome, where)
					if err == nil {
						require.Equal(t, first, answer(value, err), where)
					}
				}
			}
		})
	}
	require.Equal(t, before, r.look(t))
	t.Logf("tried %d of %d cases; %s=1 tries all", s.tried, s.seen, allFaults)
}
