package dbtest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// task is the work of a process of a test, side by side with other processes. The program is the test's own.
type task struct {
	Role    string // the name of a function of roles
	Number  int    // 0 to Of-1
	Of      int    // processes
	Engine  string
	DSN     string
	Meeting string        // a folder for files by which processes wait for each other
	Ahead   time.Duration // of the process's clock
	Detail  string        // of the role
}

// ticker is a clock. No ticker shows a moment twice, or a moment of another process's ticker, so events of the same
// moment belong to the same commit. The ticker is safe for concurrent use.
type ticker struct {
	start         time.Time
	number, every int64 // microseconds
	ticks         atomic.Int64
}

// Now is a tick later than at every call before.
func (c *ticker) Now() time.Time {
	return c.start.Add(time.Duration(c.ticks.Add(1)*c.every+c.number) * time.Microsecond)
}

// advance lets at least so much time pass.
func (c *ticker) advance(by time.Duration) { c.ticks.Add(1 + by.Microseconds()/c.every) }

// roles are the tasks by name. A role returns the answer for the test, which travels as JSON.
var roles = map[string]func(ctx context.Context, w *worker) (any, error){
	"hand over":     handOverOrCancel,
	"move a lot":    moveLot,
	"bind to terms": bindToTerms,
	"walk in":       walkIn,
	"come late":     comeLate,
	"leave":         leaveQueue,
	"order twice":   orderTwice,
	"die serving":   dieServing,
}

// childOfTests marks a process of a test of this package.
const childOfTests = "dbtest"

// worker is a process at work.
type worker struct {
	task
	clock   *ticker
	units   allocation.UnitOfWork
	service *allocation.Service
}

// serve gives the worker a clock of its own, and a service.
func (w *worker) serve(store allocation.Store) (err error) {
	w.clock = &ticker{start: start.Add(w.Ahead), number: int64(w.Number), every: int64(w.Of)}
	w.units = allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: w.clock.Now, Attempts: 1000})
	w.service, err = allocation.New(w.units, nil)
	return err
}

// work is the whole life of a process, in terms of an exit code.
func work() int {
	w := &worker{}
	return harness.Live(&w.task, 0, func(ctx context.Context) error {
		e, err := harness.ByName(w.Engine)
		if err != nil {
			return err
		}
		db, store, err := e.Open(w.DSN, 8, nil)
		if err != nil {
			return err
		}
		defer db.Close()
		if err := w.serve(store); err != nil {
			return err
		}
		told, err := roles[w.Role](ctx, w)
		return errors.Join(err, json.NewEncoder(os.Stdout).Encode(told))
	})
}

// meet returns when all processes have called meet with the name.
func (w *worker) meet(ctx context.Context, name string) error {
	file := func(n int) string { return filepath.Join(w.Meeting, fmt.Sprintf("%s-%d", name, n)) }
	if err := os.WriteFile(file(w.Number), nil, 0o600); err != nil {
		return err
	}
	for n := 0; n < w.Of && ctx.Err() == nil; {
		if _, err := os.Stat(file(n)); err == nil {
			n++
			continue
		}
		harness.Rest(ctx, time.Millisecond)
	}
	return ctx.Err()
}

// together runs a role in so many processes on one database, and returns the answers. Change may change a task.
func together[T any](t *testing.T, p place, role string, processes int, change func(*task)) []T {
	t.Helper()
	told, meeting := make([]T, processes), t.TempDir()
	started := make([]*harness.Process, processes)
	for n := range started {
		job := task{Role: role, Number: n, Of: processes, Engine: strings.ToLower(p.name), DSN: p.dsn, Meeting: meeting}
		if change != nil {
			change(&job)
		}
		started[n] = &harness.Process{Name: fmt.Sprint(role, " ", n), Command: childOfTests, Job: job}
		require.NoError(t, started[n].Start(t.Context()))
		t.Cleanup(func() { _ = started[n].Kill() })
	}
	for n, process := range started {
		answer, err := bufio.NewReader(process.Out).ReadBytes('\n')
		require.NoError(t, errors.Join(process.Wait(t.Context()), err), "process %d", n)
		require.NoError(t, json.Unmarshal(answer, &told[n]), "answer of process %d: %s", n, answer)
	}
	return told
}
