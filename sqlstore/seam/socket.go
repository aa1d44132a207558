package seam

import (
	"net"
	"reflect"
)

// HasEnded reports whether the server has closed a connection on which nothing is expected. The connection is a
// [net.Conn], or has a method PgConn or Conn that leads to a [net.Conn], as the connections of pgx have. HasEnded
// doesn't wait, sends nothing and takes no bytes away.
//
// The operating system accepts a statement for a connection that is closed, so the statement may count as sent. An
// implementation of [Database] therefore asks HasEnded before the first statement on a connection of its pool. False
// promises nothing, and is the only answer outside of Linux, macOS and the BSDs.
func HasEnded(conn any) bool {
	for range 4 { // in pgx: a connection of database/sql, of pgx and of the protocol, and a socket
		if socket, found := conn.(net.Conn); found {
			return isClosed(socket)
		}
		method := reflect.ValueOf(conn).MethodByName("PgConn")
		if !method.IsValid() {
			method = reflect.ValueOf(conn).MethodByName("Conn")
		}
		if !method.IsValid() || method.Type().NumIn() != 0 || method.Type().NumOut() != 1 {
			return false
		}
		conn = method.Call(nil)[0].Interface()
	}
	return false
}
