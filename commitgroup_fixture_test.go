package allocation_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// errBroken is the error of a broken store.
var errBroken = errors.New("disk full")

// gate is a store whose commits wait until they are let through.
type gate struct {
	*memory.Store
	let     chan struct{} // lets one commit go on; closed for all
	commits atomic.Int64
	loads   atomic.Int64
}

func newGate(t *testing.T, batches ...allocation.Batch) *gate {
	t.Helper()
	g := &gate{Store: memory.New(), let: make(chan struct{})}
	require.NoError(t, g.Seed(batches...))
	return g
}

func (g *gate) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	g.loads.Add(1)
	return g.Store.Load(ctx, q)
}

func (g *gate) Commit(ctx context.Context, changes []allocation.Changes) error {
	g.commits.Add(1)
	select {
	case <-g.let:
	case <-ctx.Done():
		return ctx.Err()
	}
	return g.Store.Commit(ctx, changes)
}

func (g *gate) service(t testing.TB) *allocation.Service {
	t.Helper()
	return newService(t, allocation.NewUnitOfWork(g, nil), nil)
}

// newService returns a Service whose options can be honoured.
func newService(t testing.TB, units allocation.UnitOfWork, opts *allocation.ServiceOptions) *allocation.Service {
	t.Helper()
	service, err := allocation.New(units, opts)
	require.NoError(t, err)
	return service
}

// settings are the options of a Service and of its unit of work.
type settings struct {
	units   allocation.UnitOfWorkOptions
	service allocation.ServiceOptions
}

// serve returns a Service over any store.
func serve(t testing.TB, store allocation.Store, with settings) *allocation.Service {
	t.Helper()
	return newService(t, allocation.NewUnitOfWork(store, &with.units), &with.service)
}

func numbered(prefix string, numbers ...int) allocation.OrderID {
	return allocation.OrderID(fmt.Sprint(prefix, numbers))
}

// outcome is the answer to one caller.
type outcome struct {
	given    []allocation.Allocation
	err      error
	panicked any
}

// call runs a command on a goroutine of its own, and lets it come as far as it can.
func call(fn func() ([]allocation.Allocation, error)) <-chan outcome {
	ended := make(chan outcome, 1)
	go func() {
		var got outcome
		defer func() {
			got.panicked = recover()
			ended <- got
		}()
		got.given, got.err = fn()
	}()
	synctest.Wait()
	return ended
}

// callAllocate is call for Allocate, the command of most tests.
func callAllocate(ctx context.Context, s *allocation.Service, lines ...allocation.Request) <-chan outcome {
	return call(func() ([]allocation.Allocation, error) { return s.Allocate(ctx, lines...) })
}

// place allocates while nobody else does, so that the gate has one commit to let through.
func (g *gate) place(t *testing.T, s *allocation.Service, lines ...allocation.Request) {
	t.Helper()
	ended := callAllocate(t.Context(), s, lines...)
	g.let <- struct{}{}
	require.NoError(t, (<-ended).err)
}

// rounds is how many seeds a test by chance tries: n, or what ALLOCATION_ROUNDS says, for a longer search. A subtest
// is named for its seed.
func rounds(n uint64) uint64 {
	if more, err := strconv.ParseUint(os.Getenv("ALLOCATION_ROUNDS"), 10, 32); err == nil {
		return more
	}
	return n
}
