//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package seam

import (
	"errors"
	"net"
	"syscall"
)

// isClosed looks for the end of what the server has sent, and leaves bytes before the end where they are.
func isClosed(conn net.Conn) bool {
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok { // as of TLS
		conn = secure.NetConn()
	}
	plain, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := plain.SyscallConn()
	if err != nil {
		return false
	}
	ended := false
	// Control, not Read: a goroutine of the driver may be waiting in Read for what the server sends next.
	_ = raw.Control(func(socket uintptr) {
		var next [1]byte
		n, _, err := syscall.Recvfrom(int(socket), next[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		ended = n == 0 && err == nil || errors.Is(err, syscall.ECONNRESET) ||
			errors.Is(err, syscall.ETIMEDOUT)
	})
	return ended
}
