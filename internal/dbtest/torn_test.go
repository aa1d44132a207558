package dbtest

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// A server of a Galera cluster ends a transaction that lost against another server. If PREPARE comes next, the server
// says nothing, and commits all further statements one by one.
var torn = fault{name: "an end of the transaction that nobody hears of", torn: true}

func isInTransaction(x exchange) bool {
	return x.inTx && (x.kind == "exec" || x.kind == "query" || x.kind == "part")
}

func TestMariaDBPreparesNothingInATransaction(t *testing.T) {
	r := onMariaDB.breaking(t)
	for _, r.opts.LockFirst = range []bool{false, true} {
		for _, c := range commands {
			for _, x := range r.recorded(t, c).exchanges {
				assert.False(t, x.inTx && x.kind == "prepare", "%s prepares in a transaction: %s", c.name, x.text)
			}
		}
	}
	exec(t, r.by.db, `CREATE TABLE orders (id VARCHAR(100) NOT NULL PRIMARY KEY)`)
	for _, c := range commands {
		tx, joined := r.join(t)
		r.breaker.arm(math.MaxInt, nil, func(exchange) bool { return true })
		_, _ = r.run(t, c, joined)
		_, exchanges, _ := r.breaker.disarm()
		require.NoError(t, tx.Rollback())
		for _, x := range exchanges {
			assert.NotEqual(t, "prepare", x.kind, "%s prepares in a host's transaction: %s", c.name, x.text)
		}
	}
}

func TestAStatementWhoseTransactionTheServerEndedWritesNothing(t *testing.T) {
	r := onMariaDB.breaking(t)
	for _, locks := range []bool{false, true} {
		for _, c := range commands {
			r.opts = allocation.UnitOfWorkOptions{Attempts: 3, LockFirst: locks}
			rec := r.recorded(t, c)
			for n := 1; r.tear(t, c, rec, n); n++ {
			}
		}
	}
}

// tear ends the transaction before the n-th statement in a transaction. It answers false if there are fewer.
func (r *rig) tear(t *testing.T, c command, rec record, n int) bool {
	t.Helper()
	r.by.restore(t)
	r.breaker.arm(n, &torn, isInTransaction)
	value, err := r.run(t, c, r.store)
	struck, _, _ := r.breaker.disarm()
	if struck == nil {
		require.Greater(t, n, 1, "%s has no statement in a transaction", c.name)
		return false
	}
	require.Equal(t, rec.first, answer(value, err), "%s, torn before %s", c.name, struck.text)
	require.Equal(t, rec.last(), r.by.look(t), "%s, torn before %s", c.name, struck.text)
	return true
}

// Without a second attempt nothing of the command is left.
func TestAHostsTransactionThatTheServerEndedGetsNothing(t *testing.T) {
	r := onMariaDB.breaking(t)
	exec(t, r.by.db, `CREATE TABLE orders (id VARCHAR(100) NOT NULL PRIMARY KEY)`)
	for _, c := range commands {
		if c.states > 2 {
			continue // it commits several times
		}
		rec := r.recorded(t, c)
		for n, more := 1, true; more; n++ {
			tx, joined := r.join(t)
			r.breaker.arm(n, &torn, isInTransaction)
			_, err := r.run(t, c, joined)
			struck, _, _ := r.breaker.disarm()
			if more = struck != nil; !more || isRead(struck.text) {
				require.NoError(t, tx.Rollback())
				continue
			}
			require.Error(t, err, "%s, torn before %s", c.name, struck.text)
			_ = tx.Commit()
			require.Equal(t, rec.states[0], r.by.look(t), "%s, torn before %s", c.name, struck.text)
		}
	}
}

func isRead(statement string) bool {
	statement = strings.TrimSpace(statement)
	reads := strings.HasPrefix(statement, "SELECT") || strings.HasPrefix(statement, "WITH")
	return reads && !strings.Contains(statement, "FOR UPDATE")
}

func TestAnErrandWhoseTransactionTheServerEndedIsDoneWholeOrNotAtAll(t *testing.T) {
	r := onMariaDB.breaking(t)
	for _, a := range errands {
		if a.name != "Skip" && a.name != "Purge" {
			continue // it has no transaction
		}
		require.NoError(t, r.errand(t, a))
		want := r.by.look(t)
		for n := 1; ; n++ {
			r.breaker.arm(n, &torn, isInTransaction)
			require.NoError(t, r.errand(t, a))
			struck, _, _ := r.breaker.disarm()
			require.Equal(t, want, r.by.look(t), "%s, torn before statement %d: %+v", a.name, n, struck)
			if struck == nil {
				require.Greater(t, n, 2)
				break
			}
		}
	}
}

// Every statement that writes as a part of a transaction fails if it is sent alone.
func TestNoStatementOfATransactionWritesAlone(t *testing.T) {
	r := onMariaDB.breaking(t)
	alone := 0
	for _, c := range commands {
		r.recorded(t, c)
		r.by.restore(t)
		r.breaker.arm(math.MaxInt, nil, isInTransaction)
		_, _ = r.run(t, c, r.store)
		_, exchanges, _ := r.breaker.disarm()
		r.by.restore(t)
		before := r.by.look(t)
		for _, x := range exchanges {
			if !isInTransaction(x) || isRead(x.text) || strings.HasPrefix(x.text, "IF ") {
				continue
			}
			_, err := r.by.db.ExecContext(context.Background(), x.text)
			require.ErrorContains(t, err, "@@in_transaction", "%s: %s", c.name, x.text)
			require.Equal(t, before, r.by.look(t), "%s: %s", c.name, x.text)
			alone++
		}
	}
	require.Greater(t, alone, 3*len(commands))
}
