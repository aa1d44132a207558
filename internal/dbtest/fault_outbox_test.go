package dbtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/sqlstore"
)

// errand is what a relay, or somebody who looks after it, does with the stock of [prepareStock].
type errand struct {
	name    string
	prepare func(t testing.TB, store *sqlstore.Store)
	run     func(ctx context.Context, store *sqlstore.Store) error

	// again is how a caller repeats it who doesn't know what became of it.
	again func(ctx context.Context, store *sqlstore.Store) error
}

func claiming(minutes int) func(context.Context, *sqlstore.Store) error {
	return func(ctx context.Context, store *sqlstore.Store) error {
		deliveries, err := store.Claim(ctx, everything("relay", minutes))
		if err != nil {
			return err
		}
		if len(deliveries) != 3 || len(deliveries[0].Events) != 7 {
			return fmt.Errorf("deliveries are %+v, want 3, of the chairs with 7 events", deliveries)
		}
		return nil
	}
}

func settling(s outbox.Settlement) func(context.Context, *sqlstore.Store) error {
	s.Owner, s.SKU = "relay", "chair"
	return func(ctx context.Context, store *sqlstore.Store) error { return store.Settle(ctx, s) }
}

func claimed(t testing.TB, store *sqlstore.Store) {
	t.Helper()
	require.NoError(t, claiming(0)(t.Context(), store))
}

func chairFailed(t testing.TB, store *sqlstore.Store) {
	t.Helper()
	claimed(t, store)
	require.NoError(t, settling(outbox.Settlement{Sent: 2, Failure: chairFailure})(t.Context(), store))
}

var chairFailure = &outbox.Failure{Sequence: 3, Tries: 2, RetryAt: start, Error: "no route to the broker"}

// unlessDone lets a repeat find that there is nothing to do any more.
func unlessDone(run func(context.Context, *sqlstore.Store) error) func(context.Context, *sqlstore.Store) error {
	return func(ctx context.Context, store *sqlstore.Store) error {
		if err := run(ctx, store); !errors.Is(err, allocation.ErrNotFound) {
			return err
		}
		return nil
	}
}

func retrying(ctx context.Context, store *sqlstore.Store) error { return store.Retry(ctx, "chair") }
func skipping(ctx context.Context, store *sqlstore.Store) error { return store.Skip(ctx, "chair", 3) }
func purging(ctx context.Context, store *sqlstore.Store) error {
	_, err := store.Purge(ctx, start.AddDate(1, 0, 0))
	return err
}

var errands = []errand{
	{"Claim", func(testing.TB, *sqlstore.Store) {}, claiming(5), claiming(10)},
	{"Claim of leases that have ended", claimed, claiming(5), claiming(10)},
	{"Settle", claimed, settling(outbox.Settlement{Sent: 5}), nil},
	{"Settle a failure", claimed, settling(outbox.Settlement{Sent: 2, Failure: chairFailure}), nil},
	{"Settle untried", func(t testing.TB, store *sqlstore.Store) {
		t.Helper()
		chairFailed(t, store)
		_, err := store.Claim(t.Context(), everything("relay", 5))
		require.NoError(t, err)
	}, settling(outbox.Settlement{}), nil},
	{"Retry", chairFailed, retrying, unlessDone(retrying)},
	{"Skip", chairFailed, skipping, unlessDone(skipping)},
	{"Purge", settleAllOf, purging, nil},
}

func settleAllOf(t testing.TB, store *sqlstore.Store) {
	t.Helper()
	settleAll(t, store)
}

// What is half done is done whole, or not at all, once it is repeated.
func TestFaultsAtEveryStepOfEveryErrand(t *testing.T) {
	sideBySide(t, engines, func(t *testing.T, e *engine) {
		s := sample{every: 5}
		switch {
		case os.Getenv(allFaults) == "1":
			s.every = 1
		case e == onSQLite:
			s.every = 11
		}
		r := e.breaking(t)
		r.lend(t)
		for _, a := range errands {
			if a.again == nil {
				a.again = a.run
			}
			t.Run(a.name, func(t *testing.T) { r.sweepErrand(t, a, &s) })
		}
		t.Logf("tried %d of %d cases; %s=1 tries all", s.tried, s.seen, allFaults)
	})
}

// lend warms the pool up, so that only what an errand itself needs is counted.
func (r *rig) lend(t *testing.T) {
	t.Helper()
	for _, a := range errands {
		require.NoError(t, r.errand(t, a))
	}
}

// errand runs an errand from the beginning.
func (r *rig) errand(t *testing.T, a errand) error {
	t.Helper()
	r.by.restore(t)
	a.prepare(t, r.engine.store(t, r.by.db, nil))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return a.run(ctx, r.store)
}

func (r *rig) sweepErrand(t *testing.T, a errand, s *sample) {
	t.Helper()
	r.breaker.arm(math.MaxInt, nil, func(exchange) bool { return true })
	require.NoError(t, r.errand(t, a))
	_, exchanges, _ := r.breaker.disarm()
	want := r.by.look(t)
	for _, f := range r.faults() {
		suits := func(x exchange) bool { // a statement that wrote its rows doesn't fail any more
			return r.suits(f, x) && (f.done || x.kind != "rows" || !strings.Contains(x.text, "RETURNING"))
		}
		steps := 0
		for _, x := range exchanges {
			if !suits(x) {
				continue
			}
			if steps++; s.takes(false) {
				r.tryErrand(t, a, want, f, steps, suits)
			}
		}
		assert.Positive(t, steps, "steps at which there can be a %s", f.name)
	}
}

// tryErrand lets the n-th exchange go wrong. Without a fault the tables are as wanted in the end.
func (r *rig) tryErrand(t *testing.T, a errand, want string, f judged, n int, suits func(exchange) bool) {
	t.Helper()
	ctx := context.Background()
	r.breaker.arm(n, &f.fault, suits)
	err := r.errand(t, a)
	struck, _, _ := r.breaker.disarm()
	require.NotNil(t, struck, "%s at %d never struck", f.name, n)
	where := fmt.Sprintf("%s at %d, %s %.60q", f.name, n, struck.kind, struck.text)
	require.Zero(t, r.db.Stats().InUse, "connections in use after %s", where)
	if f.verdict == curable {
		require.NoError(t, err, where)
	}
	if err == nil {
		require.Equal(t, want, r.by.look(t), "state after %s", where)
		return
	}
	require.ErrorIs(t, err, f.err, where)
	require.NotErrorIs(t, err, allocation.ErrConflict, where)
	require.NoError(t, a.again(ctx, r.store), "repeat after %s", where)
	if a.name != "Claim" && a.name != "Claim of leases that have ended" { // leases last until another time
		require.Equal(t, want, r.by.look(t), "state after a repeat after %s", where)
	}
}
