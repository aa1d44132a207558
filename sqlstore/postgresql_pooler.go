package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/cosmic-go/allocation"
)

// A pooler in transaction mode, such as PgBouncer, gives each transaction any free session of the server. A driver that
// sends the text of a statement in one transaction and the values in the next may find another session, where the
// statement is unknown, has another text, or exists already.

// errPooler says which settings of drivers work behind a pooler.
var errPooler = errors.New("a pooler in transaction mode parts statements from their values: pgx needs " +
	"default_query_exec_mode=exec (or cache_describe, simple_protocol), lib/pq needs binary_parameters=yes")

// withPooler puts errPooler before an error that only a pooler causes.
func withPooler(err error) error {
	if isOfPooler(err) {
		return fmt.Errorf("%w: %w", errPooler, err)
	}
	return err
}

// isOfPooler recognises the answers to a statement that is unknown in its session, exists already, or takes another
// number of values. The server has carried out nothing.
func isOfPooler(err error) bool {
	switch state, _ := sqlState(err); state {
	case "26000", "42P05":
		return true
	case "08P01":
		return placeOf(err) == "exec_bind_message"
	}
	return false
}

// unsentByPooler are errors of PgBouncer about transactions that have never reached a server. PgBouncer has the state
// 08P01 for all of its errors, also for a server that was lost during a COMMIT.
var unsentByPooler = []string{"query_wait_timeout", "server_login_retry", "pgbouncer cannot connect to server"}

// isUnsentByPooler reports whether a pooler found no session for a statement.
func isUnsentByPooler(err error) bool {
	for _, text := range unsentByPooler {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

// sessionWait limits the time that checkSessions waits for a second connection, and for another session.
const sessionWait = 2 * time.Second

// seen is what a statement has seen of the session that carried the statement out.
type seen struct {
	pid int64

	// whole is 1 if the server got the text and the values in the same transaction. The server reads 'now' together
	// with the text, while now() is the time of the transaction that got the values.
	whole int64
}

const lookAround = `SELECT pg_backend_pid(), CASE WHEN CAST('now' AS timestamptz) = now() THEN 1 ELSE 0 END,
	CAST($1 AS bigint) /* %s */`

// checkSessions returns ErrInvalid if the connections lead through a pooler with which the driver's way to send
// statements can't work. A second connection holds the session that the first connection has used, in a transaction: a
// pooler then gives the first connection another session. Without a free second connection nothing is found out.
func (s *Store) checkSessions(ctx context.Context, op string) error {
	conn, err := s.db.connect(ctx)
	if err != nil {
		return s.meaning(ctx, op, err)
	}
	defer func() { _ = conn.close() }() // every answer is complete
	q := &query{text: fmt.Sprintf(lookAround, rand.Text())}
	first, err := look(ctx, conn, q)
	if err == nil && first.whole == 0 {
		err = s.movesSafely(ctx, conn, q, first)
	}
	switch {
	case isOfPooler(err), errors.Is(err, errPooler):
		return &allocation.Error{
			Op: op, Field: "connection", Value: s.engine.name,
			Err: fmt.Errorf("%w: %w", allocation.ErrInvalid, withPooler(err)),
		}
	case err != nil:
		return s.meaning(ctx, op, err)
	}
	return nil
}

// movesSafely returns errPooler if the connection gets another session than the first, and the driver relies on the
// first. A pooler that knows prepared statements sends the text together with the values to a session that doesn't know
// the text. A pooler with a single session gives it to both connections in turn.
func (s *Store) movesSafely(ctx context.Context, conn connection, q *query, first seen) error {
	limited, cancel := context.WithTimeout(ctx, sessionWait)
	defer cancel()
	holding, err := s.db.begin(limited, sql.LevelDefault)
	if err != nil {
		return ctx.Err() // no second connection
	}
	release := sync.OnceFunc(func() { holding.rollback(ctx) })
	defer release()
	held, err := look(ctx, holding, q)
	if err != nil {
		return err
	}
	defer time.AfterFunc(sessionWait, release).Stop()
	for range 3 { // a pooler that takes its sessions in turns comes to another one
		got, err := look(ctx, conn, q)
		switch {
		case err != nil:
			return err
		case got.pid != first.pid && got.whole == 0:
			return errPooler
		case got.pid != first.pid:
			return nil
		}
		release()
	}
	if held.pid == first.pid {
		return errPooler
	}
	return nil
}

// look carries the statement out.
func look(ctx context.Context, r runner, q *query) (s seen, err error) {
	var number int64
	err = r.each(ctx, q, []any{int64(1)}, func(row scanner) error { return row.Scan(&s.pid, &s.whole, &number) })
	return s, err
}
