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

	"github.com/cosmic-go/allocation"
)

// faulty connects to SQLite, where nobody waits for a lock, and fails as a test wants it to.
type faulty struct {
	driver.Connector
	file   string
	begins func()       // called before each transaction
	commit func() error // called instead of each COMMIT's answer, unless it is nil
	undo   bool         // COMMIT is a rollback
}

func newFaulty(t *testing.T) (*shopDoor, *faulty) {
	t.Helper()
	f := &faulty{file: filepath.Join(t.TempDir(), "shop.db"), begins: func() {}}
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
	c.faulty.begins()
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

func TestALostAnswerToCommitIsFoundOut(t *testing.T) {
	shop, f := newFaulty(t)
	f.commit = lost
	g := shop.send("POST", "/orders/o1/allocation", lamps(2), withKey("k"))
	assert.Equal(t, http.StatusOK, g.status, g.text())
	assert.Equal(t, 1, shop.left("LAMP"))

	plain := shop.send("POST", "/orders/o2/allocation", lamps(1))
	assert.Equal(t, http.StatusServiceUnavailable, plain.status, "without a key the client has to ask again")
	assert.Equal(t, "unknown-outcome", plain.problem(t).Type)
	assert.True(t, plain.tryAgain)
	f.commit = nil
	assert.Equal(t, http.StatusOK, shop.send("POST", "/orders/o2/allocation", lamps(1)).status)
	assert.Zero(t, shop.left("LAMP"))
}

func TestACommitThatIsLostForeverIsUnknown(t *testing.T) {
	shop, f := newFaulty(t)
	begun := 0
	f.begins, f.commit, f.undo = func() { begun++ }, lost, true
	g := shop.send("POST", "/orders/o1/allocation", lamps(2), withKey("k"))
	assert.Equal(t, http.StatusServiceUnavailable, g.status)
	assert.Equal(t, "unknown-outcome", g.problem(t).Type)
	assert.Equal(t, attempts, begun, "transactions")
	f.commit = nil
	assert.Equal(t, http.StatusOK, shop.send("POST", "/orders/o1/allocation", lamps(2), withKey("k")).status)
	assert.Equal(t, 1, shop.left("LAMP"))
}

func TestOnlyACommitThatWasSentIsInDoubt(t *testing.T) {
	require.NoError(t, committed(nil))
	for _, unsent := range []error{sql.ErrTxDone, context.Canceled, context.DeadlineExceeded} {
		assert.Equal(t, unsent, committed(unsent))
	}
	assert.ErrorIs(t, committed(lost()), allocation.ErrUnknownOutcome)
}

func TestADoubtStaysUntilAnAttemptGoesThrough(t *testing.T) {
	shop, f := newFaulty(t)
	begun, release := 0, func() {}
	f.begins = func() {
		if begun++; begun == 2 {
			release = lock(t, f.file)
		}
	}
	f.commit = lost
	g := shop.send("POST", "/orders/o1/allocation", lamps(2), withKey("k"))
	assert.Equal(t, "unknown-outcome", g.problem(t).Type, "the first attempt was not busy, but lost its answer")
	release()
	again := shop.send("POST", "/orders/o1/allocation", lamps(2), withKey("k"))
	assert.Equal(t, http.StatusOK, again.status)
	assert.True(t, again.replayed)
}

func TestATransactionThatLostItsTurnBeginsAgain(t *testing.T) {
	shop, f := newFaulty(t)
	release, begun := lock(t, f.file), 0
	f.begins = func() {
		if begun++; begun == attempts {
			release()
		}
	}
	g := shop.send("POST", "/orders/o1/allocation", lamps(2), withKey("k"))
	assert.Equal(t, http.StatusOK, g.status)
	assert.Equal(t, attempts, begun)
}

func TestAShopThatIsTooBusySaysSo(t *testing.T) {
	shop, f := newFaulty(t)
	release := lock(t, f.file)
	for _, headers := range [][]header{nil, {withKey("k")}} {
		g := shop.send("POST", "/orders/o1/allocation", lamps(2), headers...)
		assert.Equal(t, http.StatusServiceUnavailable, g.status)
		assert.Equal(t, "busy", g.problem(t).Type)
		assert.Equal(t, "1", g.header.Get("Retry-After"))
	}
	release()
	assert.Equal(t, 3, shop.left("LAMP"))
	assert.Equal(t, http.StatusOK, shop.send("POST", "/orders/o1/allocation", lamps(2), withKey("k")).status)
}

func TestOfTwoEqualKeysAtOnceOneHasToWait(t *testing.T) {
	file := newFile(t)
	shop := start(t, file)
	shop.stocked("b1", "LAMP", 3)
	release := lock(t, file)
	answers := shop.twins(t.Context(), "/orders/o1/allocation", lamps(2), "k")
	second := <-answers
	assert.Equal(t, http.StatusConflict, second.status)
	assert.Equal(t, "key-in-flight", second.problem(t).Type)
	assert.True(t, second.tryAgain)
	release()
	first := <-answers
	assert.Equal(t, http.StatusOK, first.status)
	again := shop.send("POST", "/orders/o1/allocation", lamps(2), withKey("k"))
	assert.True(t, again.replayed)
	assert.Equal(t, first.text(), again.text())
	assert.Equal(t, 1, shop.left("LAMP"))
}

func TestTwoServersOnOneFileGiveOneAnswer(t *testing.T) {
	file := newFile(t)
	here, there := start(t, file), start(t, file)
	here.stocked("b1", "LAMP", 3)
	answers := make(chan got)
	for _, shop := range []*program{here, there} {
		go func() { answers <- shop.send("POST", "/orders/o1/allocation", lamps(2), withKey("k")) }()
	}
	one, other := <-answers, <-answers
	assert.Equal(t, http.StatusOK, one.status)
	assert.Equal(t, one.text(), other.text())
	assert.NotEqual(t, one.replayed, other.replayed)
	assert.Equal(t, 1, there.left("LAMP"))
}

func TestAnAnswerThatNobodyReadIsThereForTheRepeat(t *testing.T) {
	shop := start(t, newFile(t))
	shop.stocked("b1", "LAMP", 3)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", shop.addr)
	require.NoError(t, err)
	body := lamps(2)
	fmt.Fprintf(conn, "POST /orders/o1/allocation HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n"+
		"Idempotency-Key: \"k\"\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	_, err = conn.Read(make([]byte, 1)) // it was done
	require.NoError(t, err)
	require.NoError(t, conn.Close())

	again := shop.send("POST", "/orders/o1/allocation", body, withKey("k"))
	assert.True(t, again.replayed)
	assert.Equal(t, http.StatusOK, again.status)
	assert.Equal(t, 1, shop.left("LAMP"))
}

func TestWhatAClientAsksForThatLeavesIsTakenBack(t *testing.T) {
	file := newFile(t)
	shop := start(t, file)
	shop.stocked("b1", "LAMP", 3)
	release := lock(t, file)
	ctx, leave := context.WithCancel(t.Context())
	answers := shop.twins(ctx, "/orders/o1/allocation", lamps(2), "k")
	require.Equal(t, http.StatusConflict, (<-answers).status)
	leave()
	assert.Zero(t, (<-answers).status, "no answer")
	require.Eventually(t, func() bool { return len(shop.log.requests(t)) == 3 }, 10*time.Second, time.Millisecond)
	assert.EqualValues(t, http.StatusServiceUnavailable, shop.log.requests(t)[2]["status"])
	release()
	assert.Equal(t, http.StatusNotFound, shop.get("/orders/o1/allocation").status)
	again := shop.send("POST", "/orders/o1/allocation", lamps(2), withKey("k"))
	assert.Equal(t, http.StatusOK, again.status)
	assert.False(t, again.replayed)
}
