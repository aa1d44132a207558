package allocation_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// A command by order that goes on without its caller doesn't reach lines that the caller places after it left.
func TestAbandonedCancelTakesBackNoLaterLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t, stock("b1", "LAMP", 100), stock("b2", "SOFA", 100))
		service := store.service(t)
		store.place(t, service, want("mine", "LAMP", 1))
		first := callAllocate(t.Context(), service, want("o1", "LAMP", 1))
		second := callAllocate(t.Context(), service, want("o2", "LAMP", 1))
		ctx, leave := context.WithCancel(t.Context())
		cancelled := call(func() ([]allocation.Allocation, error) { return service.Cancel(ctx, "mine") })
		store.FailCommit(nil, allocation.ErrConflict)
		store.let <- struct{}{}
		synctest.Wait()
		leave()
		require.ErrorIs(t, (<-cancelled).err, allocation.ErrUnknownOutcome)
		again := callAllocate(t.Context(), service, want("mine", "SOFA", 1))
		close(store.let) // the commit with the abandoned command loses a race, and reads again
		require.NoError(t, (<-again).err)
		require.NoError(t, (<-first).err)
		require.NoError(t, (<-second).err)
		assert.Equal(t, 1, placed(store.Store, "SOFA"), "lines that were placed last")
	})
}
