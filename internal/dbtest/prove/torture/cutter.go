package torture

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// errCut is what a driver sees of a connection that was cut.
var errCut = errors.New("connection was cut")

// cutter decides when a connection is cut. It is safe for concurrent use.
type cutter struct {
	probability float64
	note        func(when string)

	mu     sync.Mutex
	random *rand.Rand
}

func newCutter(s *settings, process, start int, note func(when string)) *cutter {
	return &cutter{
		probability: s.Cut,
		note:        note,
		random:      s.random(1<<62 | uint64(process)<<32 | uint64(start)),
	}
}

// cuts says whether to cut now, and notes it.
func (c *cutter) cuts(when string) bool {
	c.mu.Lock()
	struck := c.random.Float64() < c.probability
	c.mu.Unlock()
	if struck {
		c.note(when)
	}
	return struck
}

const (
	beforeRequest   = "before a request"
	beforeAnswer    = "before an answer"
	insteadOfAnswer = "instead of an answer"
)

// dial opens a network connection that may be cut.
func (c *cutter) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &cutConn{TCPConn: conn.(*net.TCPConn), cut: c}, nil
}

// cutConn is cut before it sends a request, between the request and its answer, or when the answer is there. Between
// them the server goes on by itself, unless the driver tells it on another connection to stop, as PostgreSQL's does;
// once there is an answer, the request has been carried out and nobody is told.
type cutConn struct {
	*net.TCPConn
	cut   *cutter
	asked atomic.Bool
}

func (c *cutConn) Write(b []byte) (int, error) {
	if c.cut.cuts(beforeRequest) {
		return 0, c.drop("write")
	}
	c.asked.Store(true)
	return c.TCPConn.Write(b)
}

func (c *cutConn) Read(b []byte) (int, error) {
	if !c.asked.Swap(false) {
		return c.TCPConn.Read(b)
	}
	if c.cut.cuts(beforeAnswer) {
		return 0, c.drop("read")
	}
	n, err := c.TCPConn.Read(b)
	if err == nil && c.cut.cuts(insteadOfAnswer) {
		return 0, c.drop("read")
	}
	return n, err
}

// drop closes the connection and tells it as the network would.
func (c *cutConn) drop(op string) error {
	_ = c.Close()
	return &net.OpError{Op: op, Net: "tcp", Err: syscall.ECONNRESET}
}
