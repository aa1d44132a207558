package seam

import "net"

// HasEnded reports whether the server has closed a connection on which nothing is expected. HasEnded doesn't wait,
// sends nothing and takes no bytes away.
//
// The operating system accepts a statement for a connection that is closed, so the statement may count as sent. An
// implementation of [Database] therefore asks HasEnded before the first statement on a connection of its pool. False
// promises nothing, and is the only answer outside of Linux, macOS and the BSDs.
func HasEnded(conn net.Conn) bool { return isClosed(conn) }
