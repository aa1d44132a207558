package dbtest

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lib/pq"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/sqlstore"
)

// deafDialer makes connections that end while the first answer to a commit is on its way.
type deafDialer struct{ struck atomic.Bool }

func (d *deafDialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

func (d *deafDialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

func (d *deafDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	return &deafConn{Conn: conn, dialer: d}, err
}

type deafConn struct {
	net.Conn
	dialer   *deafDialer
	prepared bool // it has sent the statement, which is carried out by the next message
	deaf     bool
}

func (c *deafConn) Write(data []byte) (int, error) {
	if c.prepared && c.dialer.struck.CompareAndSwap(false, true) {
		c.deaf = true
	}
	c.prepared = c.prepared || bytes.Contains(data, []byte("WITH p AS"))
	return c.Conn.Write(data)
}

// readyForQuery is what the server says once it has committed.
var readyForQuery = []byte{'Z', 0, 0, 0, 5}

// Read waits for the end of the answer, and loses it.
func (c *deafConn) Read(data []byte) (int, error) {
	n, err := c.Conn.Read(data)
	for c.deaf && err == nil {
		if bytes.Contains(data[:n], readyForQuery) {
			_ = c.Close()
			return 0, io.EOF
		}
		n, err = c.Conn.Read(data)
	}
	return n, err
}

// Lib/pq answers ErrBadConn whenever a connection ends, also when it had sent the statement.
func TestALostAnswerIsErrUnknownOutcomeWithLibPQ(t *testing.T) {
	ctx := context.Background()
	dsn := servers.Shared(t, servers.PostgreSQL).Database(t)
	connector, err := pq.NewConnector(dsn)
	require.NoError(t, err)
	db := opened(t, connector)
	healthy, err := sqlstore.New(db, sqlstore.PostgreSQL, nil)
	require.NoError(t, err)
	require.NoError(t, healthy.Migrate(ctx))
	service, _ := stocked(t, healthy)
	_, err = service.Allocate(ctx, firm("o", "chair", 3))
	require.NoError(t, err)

	deaf, err := pq.NewConnector(dsn)
	require.NoError(t, err)
	dialer := &deafDialer{}
	deaf.Dialer(dialer)
	breaking, err := sqlstore.New(opened(t, deaf), sqlstore.PostgreSQL, nil)
	require.NoError(t, err)
	service, _ = serviceOn(t, breaking)
	_, err = service.Cancel(ctx, "o")
	require.True(t, dialer.struck.Load())
	require.ErrorIs(t, err, allocation.ErrUnknownOutcome)
	assert.Empty(t, load(t, healthy, "chair", "o").Lines, "the commit has happened")
}
