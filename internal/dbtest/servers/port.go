package servers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
)

// The ports from which a server takes one. The system gives those above to outgoing connections. A server there
// that is down for a while might find its port taken, even by one of its own clients: a connection from a port to
// itself succeeds.
const (
	lowestPort = 10_000
	abovePorts = 32_768 // Linux; others begin higher
)

// freePort is a port of the loopback interface on which nobody listens. The port is not among the taken ports.
func freePort(ctx context.Context, taken []int) (int, error) {
	above := abovePorts
	if content, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		var first int
		if _, err := fmt.Sscan(string(content), &first); err == nil && first > lowestPort {
			above = first
		}
	}
	var last error
	for range 100 {
		port := lowestPort + rand.IntN(above-lowestPort)
		if slices.Contains(taken, port) {
			continue
		}
		if last = listens(ctx, port); last == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port: %w", last)
}

// listens says whether a server could listen on the port now.
func listens(ctx context.Context, port int) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return listener.Close()
}
