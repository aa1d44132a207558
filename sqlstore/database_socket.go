package sqlstore

import (
	"database/sql"
	"net"
	"reflect"
	"sync"

	"github.com/cosmic-go/allocation/sqlstore/seam"
)

// sockets remembers the sockets of a pool's connections, since finding a socket takes several times as long as looking
// at the socket.
type sockets struct {
	mu sync.Mutex
	of map[any]net.Conn // for each connection of the driver; nil if the driver hides the socket
}

// hasEnded reports whether the server has closed a connection, if the driver shows the socket. The pool has about open
// connections.
func (s *sockets) hasEnded(conn *sql.Conn, open int) (ended bool) {
	_ = conn.Raw(func(driverConn any) error {
		socket := s.find(driverConn, open)
		ended = socket != nil && seam.HasEnded(socket)
		return nil
	})
	return ended
}

// find forgets all sockets before the connections that have left the pool are more than those in the pool.
func (s *sockets) find(driverConn any, open int) net.Conn {
	if reflect.TypeOf(driverConn).Kind() != reflect.Pointer {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	socket, known := s.of[driverConn]
	if known {
		return socket
	}
	if s.of == nil || len(s.of) > 2*open {
		s.of = make(map[any]net.Conn)
	}
	socket = socketOf(driverConn)
	s.of[driverConn] = socket
	return socket
}

// socketOf follows the methods PgConn and Conn, as the connections of pgx have them, to the socket: from a connection
// of database/sql to one of pgx, to one of the protocol, to the [net.Conn]. It returns nil for another driver.
func socketOf(conn any) net.Conn {
	for range 4 {
		if socket, found := conn.(net.Conn); found {
			return socket
		}
		method := reflect.ValueOf(conn).MethodByName("PgConn")
		if !method.IsValid() {
			method = reflect.ValueOf(conn).MethodByName("Conn")
		}
		if !method.IsValid() || method.Type().NumIn() != 0 || method.Type().NumOut() != 1 {
			return nil
		}
		conn = method.Call(nil)[0].Interface()
	}
	return nil
}
