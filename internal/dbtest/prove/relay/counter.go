package relay

import (
	"context"
	"encoding/gob"
	"errors"
	"net"
	"sync"
	"time"
)

// counter listens for relays and notes what they send, before it says so.
type counter struct {
	listener net.Listener
	arrivals *arrivals

	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
	owners map[life]string // that have sent something
	traps  map[life]*trap
	all    sync.WaitGroup
}

// life is a relay from its start to its end.
type life struct{ relay, number int }

// newCounter listens on the loopback interface until it is closed.
func newCounter(ctx context.Context, a *arrivals) (*counter, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &counter{
		listener: listener, arrivals: a,
		open: map[net.Conn]bool{}, owners: map[life]string{}, traps: map[life]*trap{},
	}
	c.all.Go(c.accept)
	return c, nil
}

func (c *counter) address() string { return c.listener.Addr().String() }

func (c *counter) accept() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return // it is closed
		}
		if !c.keep(conn) {
			_ = conn.Close()
			return
		}
		c.all.Go(func() {
			defer c.drop(conn)
			c.serve(conn)
		})
	}
}

func (c *counter) keep(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.open[conn] = true
	}
	return !c.closed
}

func (c *counter) drop(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, conn)
	_ = conn.Close()
}

// serve ends with the connection, which a killed relay breaks off anywhere.
func (c *counter) serve(conn net.Conn) {
	in, out := gob.NewDecoder(conn), gob.NewEncoder(conn)
	var from greeting
	if in.Decode(&from) != nil {
		return
	}
	c.greet(from)
	for {
		var p parcel
		if in.Decode(&p) != nil {
			return
		}
		c.arrivals.note(p, from.Owner, time.Now())
		c.hold(life{from.Relay, from.Life})
		if out.Encode(receipt{Events: len(p.Letters)}) != nil {
			return
		}
	}
}

func (c *counter) greet(from greeting) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owners[life{from.Relay, from.Life}] = from.Owner
}

// owner is who leases for a relay; "" if it has not sent anything.
func (c *counter) owner(l life) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.owners[l]
}

// close ends all connections and returns when nothing more can arrive. To close it again does nothing.
func (c *counter) close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	err := c.listener.Close()
	for conn := range c.open {
		err = errors.Join(err, conn.Close())
	}
	c.mu.Unlock()
	c.all.Wait()
	return err
}
