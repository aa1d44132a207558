package harness_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

// job is what a process of these tests does.
type job struct {
	Print string // as an error
	Fail  bool   // at once; by default the process ends with its input
}

func TestMain(m *testing.M) {
	if harness.ChildOf() == "test" {
		os.Exit(child())
	}
	goleak.VerifyTestMain(servers.M{M: m})
}

func child() int {
	var j job
	return harness.Live(&j, time.Minute, func(ctx context.Context) error {
		fmt.Fprint(os.Stderr, j.Print)
		fmt.Println("ready")
		if j.Fail {
			return assert.AnError
		}
		<-ctx.Done()
		return nil
	})
}

// started is a process that has printed what it has to print.
func started(t *testing.T, j job) *harness.Process {
	t.Helper()
	p := &harness.Process{Name: "client 3", Command: "test", Job: j}
	start(t, p)
	return p
}

func start(t *testing.T, p *harness.Process) {
	t.Helper()
	require.NoError(t, p.Start(t.Context()))
	t.Cleanup(func() { _ = p.Kill() })
	line, err := bufio.NewReader(p.Out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
}

func TestAProcessEndsWithItsInput(t *testing.T) {
	p := started(t, job{})
	assert.True(t, p.Running())
	require.NoError(t, p.In.Close())
	require.NoError(t, p.Wait(t.Context()))
	assert.False(t, p.Running())
	assert.True(t, p.Exited())
	assert.NoError(t, p.Kill(), "of a process that has ended")
}

func TestAFailureHasTheErrorsOfTheProcess(t *testing.T) {
	err := started(t, job{Fail: true}).Wait(t.Context())
	require.ErrorContains(t, err, "client 3: exit status 1")
	assert.ErrorContains(t, err, assert.AnError.Error())
}

func TestAKilledProcessLeavesItsWholeLinesAndCanBeStartedAgain(t *testing.T) {
	p := started(t, job{Print: "whole\ncut o"})
	require.NoError(t, p.Kill())
	assert.False(t, p.Exited())
	p.Job = job{Print: "again\n"}
	start(t, p)
	require.NoError(t, p.Kill())
	assert.Equal(t, []string{"whole", "again"}, p.Printed)
}

func TestTheEndOfTheContextKillsAProcess(t *testing.T) {
	p := started(t, job{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, p.Wait(ctx), context.Canceled)
	assert.False(t, p.Exited())
}
