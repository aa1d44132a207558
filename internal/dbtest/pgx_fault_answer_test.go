package dbtest

import (
	"encoding/binary"
	"io"
	"net"
	"os"
)

func (c *wiredConn) Read(b []byte) (int, error) {
	c.mu.Lock()
	empty := len(c.in) == 0 && !c.last
	c.mu.Unlock()
	if empty {
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	n := copy(b, c.in)
	c.in = c.in[n:]
	return n, nil
}

// fill waits for the whole answer to an exchange, and lets the exchange go wrong.
func (c *wiredConn) fill() error {
	if c.isCut() {
		return errCut
	}
	next, raw := c.next()
	for !raw && next.answers == 0 { // pgx reads ahead if sending takes long
		c.mu.Lock()
		past := c.past
		c.mu.Unlock()
		select {
		case <-c.sent:
		case <-past:
			return os.ErrDeadlineExceeded
		case <-c.over:
			if c.isCut() {
				return nil // what is there, or the end
			}
			return net.ErrClosed
		}
		next, raw = c.next()
	}
	if raw {
		return c.chunk(next)
	}
	answer, err := c.answer(next.answers)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.pending = c.pending[1:]
	c.inTx = answer[len(answer)-1] != 'I'
	c.mu.Unlock()
	c.wire.seen(next.exchange)
	if next.struck {
		if answer, err = c.strike(answer); err != nil {
			return err
		}
	}
	c.mu.Lock()
	c.in = answer
	c.mu.Unlock()
	return nil
}

// next returns the exchange whose answer comes next, or raw for bytes without any form.
func (c *wiredConn) next() (next pending, raw bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending) > 0 {
		next = c.pending[0]
	}
	return next, !c.begun || c.ending || next.kind == "connect"
}

// chunk reads what there is, without any form: a part of the start-up, or what the server sends unasked.
func (c *wiredConn) chunk(next pending) error {
	some := make([]byte, 4096)
	n, err := c.Conn.Read(some)
	if n == 0 {
		return err
	}
	c.mu.Lock()
	if raw := !c.begun || c.ending; !raw { // pgx has sent the first statement meanwhile
		c.mu.Unlock()
		c.got = append(c.got, some[:n]...)
		return c.fill()
	}
	c.in = some[:n]
	struck := next.struck
	if next.kind == "connect" {
		c.pending = c.pending[1:]
	}
	c.mu.Unlock()
	if struck {
		answer, err := c.strike(some[:n])
		c.mu.Lock()
		c.in = answer
		c.mu.Unlock()
		return err
	}
	return nil
}

// strike lets an exchange go wrong whose answer is there, and returns how much of the answer pgx sees.
func (c *wiredConn) strike(answer []byte) ([]byte, error) {
	switch c.wire.stage {
	case beforeAnswer:
		c.end()
		return nil, errCut
	case withinAnswer, beforeReady:
		c.end()
		seen := len(answer) / 2
		if c.wire.stage == beforeReady && len(answer) > 6 {
			seen = len(answer) - 6
		}
		c.mu.Lock()
		c.last = true
		c.mu.Unlock()
		return answer[:seen], nil
	case leavesAfter:
		if c.left() {
			return nil, os.ErrDeadlineExceeded
		}
	}
	return answer, nil
}

// answer reads until the server is ready for so many further requests. A call that pgx interrupts is resumed.
func (c *wiredConn) answer(ready int) (all []byte, err error) {
	some := make([]byte, 4096)
	for {
		if end := endOfAnswer(c.got, ready); end > 0 {
			all, c.got = c.got[:end:end], c.got[end:]
			return all, nil
		}
		n, err := c.Conn.Read(some)
		c.got = append(c.got, some[:n]...)
		if err != nil {
			return nil, err
		}
	}
}

// endOfAnswer returns the place behind so many ReadyForQuery, 0 if there are fewer.
func endOfAnswer(got []byte, ready int) (end int) {
	for len(got) >= end+5 {
		kind, size := got[end], int(binary.BigEndian.Uint32(got[end+1:]))
		if end += 1 + size; end > len(got) {
			return 0
		}
		if kind == 'Z' {
			if ready--; ready == 0 {
				return end
			}
		}
	}
	return 0
}
