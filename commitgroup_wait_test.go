package allocation_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// A batch is announced, and in the same group another batch is cut. The new units go to those who wait and not to the
// line that the cut displaces, as if the announcement had been committed alone.
func TestR15_ALaterCommandOfAGroupMeetsNoUnitsOfThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t, stock("old", "LAMP", 4))
		clock := memory.NewClock(morning)
		service := serve(t, store, settings{units: allocation.UnitOfWorkOptions{Now: clock.Now}})
		store.place(t, service, want("paid", "LAMP", 4))
		store.place(t, service, mayWait("waiter", "LAMP", 3))
		under := callAllocate(t.Context(), service, mayWait("last", "LAMP", 1)) // the others meet in the next group
		added := call(func() ([]allocation.Allocation, error) {
			return nil, service.AddBatch(t.Context(), stock("new", "LAMP", 4))
		})
		var released []allocation.OrderLine
		cut := call(func() (_ []allocation.Allocation, err error) {
			released, err = service.ChangeBatchQuantity(t.Context(), counted("old", 0, morning))
			return nil, err
		})
		close(store.let)
		for _, ended := range []<-chan outcome{under, added, cut} {
			require.NoError(t, (<-ended).err)
		}
		assert.EqualValues(t, 4, store.commits.Load(), "two commands in one commit")
		s := shop{t: t, store: store.Store}
		assert.EqualValues(t, 3, s.has("waiter", "LAMP"))
		assert.EqualValues(t, 1, s.has("last", "LAMP"))
		assert.Equal(t, []allocation.OrderLine{want("paid", "LAMP", 4).OrderLine}, released)
	})
}
