//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package seam_test

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation/sqlstore/seam"
)

// connected returns both ends of a connection over loopback.
func connected(t *testing.T) (client, server net.Conn) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	client, err = new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	server, err = listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	return client, server
}

func hasEnded(conn net.Conn) func() bool { return func() bool { return seam.HasEnded(conn) } }

func TestAnOpenConnectionHasNotEnded(t *testing.T) {
	client, _ := connected(t)
	assert.False(t, seam.HasEnded(client))
}

func TestAConnectionThatTheServerClosedHasEnded(t *testing.T) {
	client, server := connected(t)
	require.NoError(t, server.Close())
	assert.Eventually(t, hasEnded(client), 10*time.Second, time.Millisecond)
}

func TestTheLookAtAConnectionTakesNoBytes(t *testing.T) {
	client, server := connected(t)
	_, err := server.Write([]byte("notice"))
	require.NoError(t, err)
	assert.False(t, seam.HasEnded(client))
	got := make([]byte, len("notice"))
	_, err = client.Read(got)
	require.NoError(t, err)
	assert.False(t, seam.HasEnded(client))
	assert.Equal(t, "notice", string(got))
}

// TestTheLookAtAConnectionWaitsForNoReader: pgx may leave a goroutine that reads.
func TestTheLookAtAConnectionWaitsForNoReader(t *testing.T) {
	client, server := connected(t)
	reading := make(chan struct{})
	done := make(chan error)
	go func() {
		close(reading)
		_, err := client.Read(make([]byte, 1))
		done <- err
	}()
	<-reading
	assert.False(t, seam.HasEnded(client))
	require.NoError(t, server.Close())
	require.Error(t, <-done)
	assert.True(t, seam.HasEnded(client))
}

func TestAConnectionWithoutASocketHasNotEnded(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	require.NoError(t, server.Close())
	assert.False(t, seam.HasEnded(client))
}
