package dbtest

import (
	"context"
	"database/sql"
	"runtime"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// TestWhatAServerOfAClusterSays has the answers seen from servers that leave a Galera cluster, join, or lose against
// another server. As an answer to COMMIT, 1213 and 1047 say that nothing was committed. After 1180 other servers may
// have received the commit.
func TestWhatAServerOfAClusterSays(t *testing.T) {
	r := onMariaDB.breaking(t)
	r.opts = allocation.UnitOfWorkOptions{Attempts: 3}
	for i, f := range []judged{
		{fault{name: "1213", err: number("40001", 1213), ends: takeBack}, curable},
		{fault{name: "1205", err: number("HY000", 1205)}, curable},
		{fault{name: "1047", err: errNotReady, leaves: true}, curable},
		{fault{name: "1053", err: number("08S01", 1053), cut: true}, silent},
		{fault{name: "1927", err: number("70100", 1927), cut: true}, silent},
		{fault{name: "2006", err: number("HY000", 2006), cut: true}, silent},
		{fault{name: "2013", err: number("HY000", 2013), cut: true}, silent},
		{fault{name: "2013, committed", err: number("HY000", 2013), cut: true, done: true}, silent},
		{fault{name: "4031", err: number("HY000", 4031), cut: true}, silent},
		{fault{name: "invalid connection", err: mysql.ErrInvalidConn, cut: true}, silent},
		{fault{name: "invalid connection, committed", err: mysql.ErrInvalidConn, cut: true, done: true}, silent},
	} {
		t.Run(f.name, func(t *testing.T) {
			for j, c := range commands {
				if (i+j)%4 > 0 {
					continue // every command meets some of the answers
				}
				rec := r.recorded(t, c)
				commits := func(x exchange) bool { return r.commits(x) && r.suits(f, x) }
				require.True(t, r.try(t, c, rec, f, 1, commits), "%s has no COMMIT", c.name)
				if f.done {
					continue
				}
				reads := func(x exchange) bool { return x.kind == "query" && !x.inTx && r.suits(f, x) }
				require.True(t, r.try(t, c, rec, f, 1, reads), "%s reads nothing", c.name)
				writes := func(x exchange) bool {
					return x.kind == "exec" && (x.inTx || strings.HasPrefix(x.text, scriptStart)) && r.suits(f, x)
				}
				require.True(t, r.try(t, c, rec, f, 1, writes), "%s writes nothing", c.name)
			}
		})
	}
	lostTheOthers := judged{fault{name: "1180", err: number("HY000", 1180), cut: true}, silent}
	for _, c := range commands {
		require.True(t, r.try(t, c, r.recorded(t, c), lostTheOthers, 1, r.commits), "%s has no COMMIT", c.name)
	}
}

// A server that has left its cluster refuses COMMIT and keeps the transaction. The next START TRANSACTION on the
// connection would commit the writes, of which the caller has heard that they failed.
func TestATransactionThatTheServerKeepsIsNotCommittedLater(t *testing.T) {
	r := onMariaDB.breaking(t)
	r.db.SetMaxOpenConns(1)
	ctx := t.Context()
	before := r.by.look(t)
	next := make(chan error, 1)
	refused := &fault{name: "1047", err: errNotReady, open: true}
	r.breaker.arm(1, refused, func(x exchange) bool {
		if x.kind != "commit" {
			return false
		}
		go func() { next <- another(ctx, r.db) }()
		for r.db.Stats().WaitCount == 0 {
			runtime.Gosched()
		}
		return true
	})
	service := newService(t, allocation.NewUnitOfWork(r.store, &allocation.UnitOfWorkOptions{Attempts: 1}), nil)
	err := r.store.Within(ctx, service, func(ctx context.Context, _ *sql.Tx, inside *allocation.Service) error {
		return inside.AddBatch(ctx, allocation.Batch{Ref: "kept", SKU: "kept", Purchased: 1})
	})
	require.ErrorIs(t, err, allocation.ErrConflict)
	require.NotErrorIs(t, err, allocation.ErrUnknownOutcome)
	require.NoError(t, <-next)
	require.Equal(t, before, r.by.look(t), "what was answered as a failure")
	require.True(t, r.breaker.victim.gone, "the connection stays in the pool")
}

// another is a transaction of another caller.
func another(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	return tx.Commit()
}
