package dbtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// wireStage is the moment at which an exchange over the wire goes wrong.
type wireStage int

const (
	beforeSending wireStage = iota // the connection ends, and pgx knows that nothing was sent
	onTheWay                       // the connection ends after pgx has sent, and the server never hears of it
	beforeAnswer                   // the connection ends, and nothing of the answer arrives
	withinAnswer                   // the connection ends, and half of the answer arrives
	beforeReady                    // the connection ends, and all of the answer arrives but the last message
	leavesBefore                   // the caller's context ends when pgx sends
	leavesAfter                    // the caller's context ends when the answer is there
	refuses                        // the server answers with an error
	shutsDown                      // the server answers that it ends the connection, and does so
)

// wire stands between pgx and the server. The breaker counts the exchanges: what pgx sends up to a Sync, and the answer
// up to ReadyForQuery.
type wire struct {
	breaker

	stage wireStage
	state string             // SQLSTATE of the error with which the server refuses
	leave context.CancelFunc // ends the context of the caller

	victimOf *wiredConn // the connection of the exchange that went wrong
}

// between puts the wire between a pool and the server.
func (w *wire) between(c *pgxpool.Config) {
	dial := c.ConnConfig.DialFunc
	c.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &wiredConn{
			Conn: conn, wire: w, texts: map[string]string{}, past: make(chan struct{}),
			sent: make(chan struct{}, 1), over: make(chan struct{}),
		}, nil
	}
}

// errCut is the error of a connection that has ended.
var errCut = fmt.Errorf("the wire is cut: %w", syscall.ECONNRESET)

// wiredConn is a connection to the server. One goroutine at a time writes, and one reads.
type wiredConn struct {
	net.Conn
	wire *wire

	out   []byte            // the beginning of a message that pgx has not sent whole
	texts map[string]string // of prepared statements, by name
	sent  chan struct{}     // holds a value after pgx has sent something
	over  chan struct{}     // closed with the connection
	got   []byte            // the beginning of an answer, for the goroutine that reads

	mu      sync.Mutex
	begun   bool      // the start-up is over
	ending  bool      // pgx has said goodbye
	pending []pending // exchanges without an answer so far
	in      []byte    // of the answer, for pgx to read
	last    bool      // nothing comes after in
	inTx    bool
	cut     bool
	closed  bool
	past    chan struct{} // closed as soon as a deadline has passed, replaced once there is no deadline
}

// pending is an exchange that waits for its answer.
type pending struct {
	exchange
	answers int // ReadyForQuery that end the answer; 0 during the start-up
	struck  bool
}

// SyscallConn lets a store look whether the server has closed the connection.
func (c *wiredConn) SyscallConn() (syscall.RawConn, error) {
	return c.Conn.(syscall.Conn).SyscallConn()
}

func (c *wiredConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		close(c.over)
	}
	c.closed = true
	return c.Conn.Close()
}

func (c *wiredConn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// end cuts the connection.
func (c *wiredConn) end() {
	c.mu.Lock()
	c.cut = true
	c.mu.Unlock()
	_ = c.Close()
}

func (c *wiredConn) isCut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut
}

// SetDeadline notes whether pgx interrupts a call, which is how pgx notices that a context has ended.
func (c *wiredConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	over := !t.IsZero() && !t.After(time.Now())
	select {
	case <-c.past:
		if !over {
			c.past = make(chan struct{})
		}
	default:
		if over {
			close(c.past)
		}
	}
	c.mu.Unlock()
	return c.Conn.SetDeadline(t)
}

// left ends the context of the caller, and reports whether pgx has interrupted the exchange: not if the exchange has
// another context, such as that of a COMMIT.
func (c *wiredConn) left() bool {
	c.wire.leave()
	c.mu.Lock()
	past := c.past
	c.mu.Unlock()
	select {
	case <-past:
		return true
	case <-time.After(5 * time.Millisecond):
		return false
	}
}

func (c *wiredConn) Write(b []byte) (int, error) {
	if c.isCut() {
		return 0, errCut
	}
	next, whole := c.parse(b)
	if !whole {
		return c.Conn.Write(b)
	}
	fault := c.wire.strikes(next.exchange)
	if next.struck = fault != nil; next.struck {
		c.wire.victimOf = c
		switch c.wire.stage {
		case beforeSending:
			c.end()
			return 0, errCut
		case onTheWay:
			c.end()
			return len(b), nil
		case shutsDown:
			c.shutDown()
			return len(b), nil
		}
	}
	c.mu.Lock()
	c.pending = append(c.pending, next)
	c.mu.Unlock()
	select {
	case c.sent <- struct{}{}:
	default:
	}
	switch {
	case !next.struck:
	case c.wire.stage == leavesBefore:
		c.left()
	case c.wire.stage == refuses:
		_, err := c.Conn.Write(refusal(c.wire.state))
		return len(b), err
	}
	return c.Conn.Write(b)
}

// shutDown ends the connection as a server does that is told to stop.
func (c *wiredConn) shutDown() {
	const message = "SFATAL\x00VFATAL\x00C57P01\x00Mterminating connection due to administrator command\x00\x00"
	c.mu.Lock()
	c.in, c.last = append(binary.BigEndian.AppendUint32([]byte{'E'}, uint32(4+len(message))), message...), true
	c.mu.Unlock()
	c.end()
}

// refusal is a request to which the server answers with an error.
func refusal(state string) []byte {
	text := "DO $$ BEGIN RAISE EXCEPTION 'a failure of the server' USING ERRCODE = '" + state + "'; END $$\x00"
	return append(binary.BigEndian.AppendUint32([]byte{'Q'}, uint32(4+len(text))), text...)
}

// parse reads what pgx sends. whole reports whether the exchange is whole, so that an answer follows.
func (c *wiredConn) parse(b []byte) (next pending, whole bool) {
	if b[0] == 0 && !c.hasBegun() { // the start-up, or a request to cancel, has no type
		next.kind = "connect"
		return next, binary.BigEndian.Uint32(b[4:]) != cancelRequest
	}
	next.kind, next.inTx = "prepare", c.isInTx()
	c.out = append(c.out, b...)
	for len(c.out) >= 5 && len(c.out) > int(binary.BigEndian.Uint32(c.out[1:])) {
		size := 1 + int(binary.BigEndian.Uint32(c.out[1:]))
		c.message(&next, c.out[0], c.out[5:size])
		c.out = c.out[size:]
	}
	next.text = strings.TrimSpace(next.text)
	switch {
	case next.kind == "connect": // a password
	case next.text == "commit" || next.text == "rollback":
		next.kind = next.text
	case strings.HasPrefix(next.text, "begin"):
		next.kind = "begin"
	case next.text == ping:
	case next.text != "":
		next.kind = "exec"
	}
	return next, next.answers > 0 || next.kind == "connect"
}

// ping is the statement of a pool whose connection was idle for a second.
const ping = "-- ping"

// cancelRequest stands in place of the version of the protocol.
const cancelRequest = 80877102

// message adds a message of pgx to an exchange.
func (c *wiredConn) message(x *pending, kind byte, body []byte) {
	switch kind {
	case 'p':
		x.kind = "connect"
		return
	case 'X':
		c.mu.Lock()
		c.ending = true
		c.mu.Unlock()
	case 'P':
		name, text, _ := bytes.Cut(body, []byte{0})
		text, _, _ = bytes.Cut(text, []byte{0})
		c.texts[string(name)] = string(text)
	case 'B':
		_, rest, _ := bytes.Cut(body, []byte{0}) // the portal
		name, _, _ := bytes.Cut(rest, []byte{0})
		x.text += c.texts[string(name)] + "\n"
	case 'Q':
		x.text += string(bytes.TrimRight(body, "\x00"))
		x.answers++
	case 'S':
		x.answers++
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.begun {
		c.begun, c.pending = true, nil // the answers of the start-up have come, perhaps in other pieces
	}
}

func (c *wiredConn) hasBegun() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.begun
}

func (c *wiredConn) isInTx() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inTx
}
