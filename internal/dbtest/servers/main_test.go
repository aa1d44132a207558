package servers_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

// hostVariable makes the test binary another program: one that starts the server of the engine it names and waits.
const hostVariable = "ALLOCATION_TEST_HOST"

func TestMain(m *testing.M) {
	if name := os.Getenv(hostVariable); name != "" {
		host(name)
	}
	goleak.VerifyTestMain(servers.M{M: m})
}

// host starts a server, says so, and ends with its input.
func host(name string) {
	for _, engine := range servers.Engines() {
		if engine.String() != name {
			continue
		}
		if _, err := servers.Start(context.Background(), engine, &servers.Options{Fast: true}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("started")
	}
	_, _ = os.Stdin.Read(make([]byte, 1))
	os.Exit(0)
}

// startHost starts the other program with its temporary folders in temp, and returns a function that ends it with
// SIGKILL, and one that waits until it has started the server.
func startHost(t *testing.T, engine *servers.Engine, temp string) (kill, await func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), hostVariable+"="+engine.String(), "TMPDIR="+temp)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = stdin.Close() }) // ending the program has closed it
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())

	kill = func() {
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait(), "ended otherwise than by the signal")
	}
	await = func() {
		line, err := bufio.NewReader(stdout).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "started\n", line)
	}
	return kill, await
}

// soon waits until something holds that other processes bring about.
func soon(t *testing.T, holds func() bool, message string, args ...any) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf(message, args...)
		}
	}
}
