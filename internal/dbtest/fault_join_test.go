package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

// A host that commits after all, though the store told it of a failure, has nothing of the command.
func TestFaultsAtEveryStepInAHostsTransaction(t *testing.T) {
	sideBySide(t, engines, func(t *testing.T, e *engine) {
		s := sample{every: 17}
		switch {
		case os.Getenv(allFaults) == "1":
			s.every = 1
		case e == onSQLite:
			s.every = 37
		}
		r := e.breaking(t)
		exec(t, r.by.db, `CREATE TABLE orders (id VARCHAR(100) NOT NULL PRIMARY KEY)`)
		for _, c := range commands {
			t.Run(c.name, func(t *testing.T) { r.sweepJoined(t, c, &s) })
		}
		t.Logf("tried %d of %d cases; %s=1 tries all", s.tried, s.seen, allFaults)
	})
}

func (r *rig) sweepJoined(t *testing.T, c command, s *sample) {
	t.Helper()
	rec := r.recorded(t, c)
	tx, joined := r.join(t)
	r.breaker.arm(math.MaxInt, nil, func(exchange) bool { return true })
	require.Equal(t, rec.first, answer(r.run(t, c, joined)))
	_, exchanges, _ := r.breaker.disarm()
	require.Equal(t, rec.states[0], r.by.look(t), "what others see of a host's transaction")
	require.NoError(t, tx.Commit())
	require.Equal(t, rec.last(), r.by.look(t), "state without a fault")
	for _, f := range r.faults() {
		suits := func(x exchange) bool { return r.suits(f, x) }
		n := 0
		for _, x := range exchanges {
			if !suits(x) {
				continue
			}
			if n++; s.takes(false) {
				r.tryJoined(t, c, rec, f, n, suits)
			}
		}
		assert.Positive(t, n, "steps at which there can be a %s", f.name)
	}
}

// join begins a host's transaction with an order of its own.
func (r *rig) join(t testing.TB) (*sql.Tx, allocation.Store) {
	t.Helper()
	r.by.restore(t)
	exec(t, r.by.db, `DELETE FROM orders`)
	tx, err := r.db.BeginTx(context.Background(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	_, err = tx.ExecContext(context.Background(), `INSERT INTO orders (id) VALUES ('o')`)
	require.NoError(t, err)
	return tx, r.store.Join(tx)
}

func (r *rig) tryJoined(t testing.TB, c command, rec record, f judged, n int, suits func(exchange) bool) {
	t.Helper()
	tx, joined := r.join(t)
	r.breaker.arm(n, &f.fault, suits)
	_, err := r.run(t, c, joined)
	struck, _, _ := r.breaker.disarm()
	require.NotNil(t, struck, "%s at %d never struck", f.name, n)
	where := fmt.Sprintf("%s at %d, %+v", f.name, n, *struck)
	require.ErrorIs(t, err, f.err, where)
	require.NotErrorIs(t, err, allocation.ErrUnknownOutcome, where)
	require.Equal(t, f.cut, r.breaker.victim.gone, "whether the host's connection is gone after %s", where)
	require.Equal(t, f.verdict == curable, isConflict(err), "%s: is %v a conflict?", where, err)

	r.breaker.arm(math.MaxInt, nil, func(exchange) bool { return true })
	_, err = r.run(t, c, joined)
	require.ErrorIs(t, err, f.err, "a further command after %s", where)
	_, further, _ := r.breaker.disarm()
	require.Empty(t, further, "what was sent after %s", where)

	_ = tx.Commit()
	state := r.by.look(t)
	if c.states > 2 {
		require.Contains(t, rec.states, state, "state after %s", where)
	} else {
		require.Equal(t, rec.states[0], state, "state after %s", where)
	}
	if r.dialect == sqlstore.PostgreSQL || f.cut || f.ends != nil {
		require.Zero(t, r.orders(t), "orders of the host after %s", where)
	}
	require.Zero(t, r.db.Stats().InUse, "connections in use after %s", where)
	r.repeat(t, c, rec, state, where)
}

func (r *rig) orders(t testing.TB) (n int) {
	t.Helper()
	require.NoError(t, r.by.db.QueryRowContext(context.Background(), `SELECT COUNT(*) FROM orders`).Scan(&n))
	return n
}
