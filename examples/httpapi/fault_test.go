package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"
)

// faulty connects to SQLite without waiting for locks, and fails as a test demands.
type faulty struct {
	driver.Connector
	file   string
	begun  int          // transactions
	begins func(n int)  // called before the n-th transaction
	commit func() error // gives the answer to each COMMIT, unless nil
	undo   bool         // COMMIT is a rollback
}

func newFaulty(t *testing.T) (*shopDoor, *faulty) {
	t.Helper()
	f := &faulty{file: filepath.Join(t.TempDir(), "shop.db"), begins: func(int) {}}
	dsn, err := dataSource(f.file)
	require.NoError(t, err)
	at, settings, _ := strings.Cut(dsn, "?")
	f.Connector, err = sqlite.NewConnector(at + "?" + strings.Replace(settings, "5000", "0", 1))
	require.NoError(t, err)
	db := sql.OpenDB(f)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	shop := door(t, db)
	require.NoError(t, shop.migrate(t.Context()))
	shop.stocked("b1", "LAMP", 3)
	f.begun = 0
	return shop, f
}

func (f *faulty) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := f.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &faultyConn{conn.(connection), f}, nil
}

type connection interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
}

type faultyConn struct {
	connection
	faulty *faulty
}

func (c *faultyConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	c.faulty.begun++
	c.faulty.begins(c.faulty.begun)
	tx, err := c.connection.BeginTx(ctx, opts)
	return &faultyTx{tx, c.faulty}, err
}

type faultyTx struct {
	driver.Tx
	faulty *faulty
}

func (t *faultyTx) Commit() error {
	if t.faulty.commit == nil {
		return t.Tx.Commit()
	}
	end := t.Tx.Commit
	if t.faulty.undo {
		end = t.Rollback
	}
	if err := end(); err != nil {
		return err
	}
	return t.faulty.commit()
}

func lost() error { return errors.New("connection lost") }

func TestALostAnswerToCommitIsFoundByTheNextRequest(t *testing.T) {
	shop, f := newFaulty(t)
	f.commit = lost
	for i, headers := range [][]header{nil, {withKey("k")}} {
		order := fmt.Sprint("o", i)
		f.commit = lost
		g := shop.order(order, 1, headers...)
		g.problem(t, 503, "unknown-outcome")
		assert.True(t, g.tryAgain)
		f.commit = nil
		again := shop.order(order, 1, headers...)
		assert.Equal(t, http.StatusOK, again.status, again.text())
		assert.Equal(t, i == 1, again.replayed)
		assert.Equal(t, 2-i, shop.left("LAMP"))
	}
}

func TestACommitThatLosesItsAnswerMayNotBeDone(t *testing.T) {
	shop, f := newFaulty(t)
	f.commit, f.undo = lost, true
	shop.order("o1", 2, withKey("k")).problem(t, 503, "unknown-outcome")
	f.commit = nil
	again := shop.order("o1", 2, withKey("k"))
	assert.Equal(t, http.StatusOK, again.status)
	assert.False(t, again.replayed)
	assert.Equal(t, 1, shop.left("LAMP"))
}

func TestATransactionOnALockedFileIsTriedAgain(t *testing.T) {
	shop, f := newFaulty(t)
	release := lock(t, f.file)
	f.begins = func(n int) {
		if n == 3 {
			release()
		}
	}
	assert.Equal(t, http.StatusOK, shop.order("o1", 2, withKey("k")).status)
	assert.Equal(t, 3, f.begun)
}

func TestALockedFileIsAnsweredWithBusy(t *testing.T) {
	shop, f := newFaulty(t)
	release := lock(t, f.file)
	for _, headers := range [][]header{nil, {withKey("k")}} {
		g := shop.order("o1", 2, headers...)
		g.problem(t, 503, "busy")
		assert.Equal(t, "1", g.header.Get("Retry-After"))
	}
	release()
	assert.Equal(t, 3, shop.left("LAMP"))
	assert.Equal(t, http.StatusOK, shop.order("o1", 2, withKey("k")).status)
}

func TestASecondRequestWithAKeyIsTurnedAwayWhileTheFirstRuns(t *testing.T) {
	file := newFile(t)
	shop := start(t, file)
	waiting, second, release := shop.block(t.Context(), file)
	second.problem(t, 409, "key-in-flight")
	assert.True(t, second.tryAgain)
	release()
	first := <-waiting
	assert.Equal(t, http.StatusOK, first.status)
	again := shop.order("o1", 2, withKey("k"))
	assert.True(t, again.replayed)
	assert.Equal(t, first.text(), again.text())
	assert.Equal(t, 1, shop.left("LAMP"))
}

func TestTwoServersOnOneFileGiveOneAnswer(t *testing.T) {
	file := newFile(t)
	here, there := start(t, file), start(t, file)
	here.stocked("b1", "LAMP", 3)
	answers := make(chan got)
	for _, shop := range []*running{here, there} {
		go func() { answers <- shop.order("o1", 2, withKey("k")) }()
	}
	one, other := <-answers, <-answers
	assert.Equal(t, http.StatusOK, one.status)
	assert.Equal(t, one.text(), other.text())
	assert.NotEqual(t, one.replayed, other.replayed)
	assert.Equal(t, 1, there.left("LAMP"))
}

func TestARepeatGetsAnAnswerThatNobodyRead(t *testing.T) {
	shop := start(t, newFile(t))
	shop.stocked("b1", "LAMP", 3)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", shop.addr)
	require.NoError(t, err)
	body := lamps(2)
	fmt.Fprintf(conn, "POST /orders/o1/allocation HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n"+
		"Idempotency-Key: \"k\"\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	_, err = conn.Read(make([]byte, 1)) // the order was placed
	require.NoError(t, err)
	require.NoError(t, conn.Close())

	again := shop.send("POST", "/orders/o1/allocation", body, withKey("k"))
	assert.True(t, again.replayed)
	assert.Equal(t, http.StatusOK, again.status)
	assert.Equal(t, 1, shop.left("LAMP"))
}

func TestTheRequestOfAClientThatLeavesIsRolledBack(t *testing.T) {
	file := newFile(t)
	shop := start(t, file)
	ctx, leave := context.WithCancel(t.Context())
	first, _, release := shop.block(ctx, file)
	leave()
	assert.Zero(t, (<-first).status, "no answer")
	require.Eventually(t, func() bool { return len(shop.log.requests(t)) == 3 }, 10*time.Second, time.Millisecond)
	assert.EqualValues(t, http.StatusServiceUnavailable, shop.log.requests(t)[2]["status"])
	release()
	assert.Equal(t, http.StatusNotFound, shop.get("/orders/o1/allocation").status)
	again := shop.order("o1", 2, withKey("k"))
	assert.Equal(t, http.StatusOK, again.status)
	assert.False(t, again.replayed)
}
