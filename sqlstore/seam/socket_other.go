//go:build !(linux || darwin || dragonfly || freebsd || netbsd || openbsd)

package seam

import "net"

func isClosed(net.Conn) bool { return false }
