package sqlstore

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Connections as pgx has them, each inside the next.
type (
	protocolConn struct{ socket net.Conn }
	nativeConn   struct{ inner *protocolConn }
	sharedConn   struct{ inner *nativeConn }
	hiddenConn   struct{ _ int }
)

func (c *protocolConn) Conn() net.Conn      { return c.socket }
func (c *nativeConn) PgConn() *protocolConn { return c.inner }
func (c *sharedConn) Conn() *nativeConn     { return c.inner }

func TestTheSocketOfAConnectionIsFoundAsInPgx(t *testing.T) {
	socket, other := net.Pipe()
	defer socket.Close()
	defer other.Close()
	var known sockets
	conn := &sharedConn{&nativeConn{&protocolConn{socket}}}
	for range 2 {
		assert.Same(t, socket, known.find(conn, 1))
	}
	assert.Nil(t, known.find(&hiddenConn{}, 1), "a driver without these methods")
	assert.Nil(t, known.find(struct{ of []int }{}, 1), "a connection that can't be a key")
}

func TestSocketsOfConnectionsThatLeftThePoolAreForgotten(t *testing.T) {
	var known sockets
	for range 100 {
		known.find(&hiddenConn{}, 3)
	}
	assert.LessOrEqual(t, len(known.of), 7)
}
