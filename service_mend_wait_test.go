package allocation_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// leak raises the counter of promised units of batch B-1 behind the library's back: too few units seem to be free.
func (s *shop) leak(units allocation.Quantity) {
	s.t.Helper()
	state := s.product("LAMP")
	require.NoError(s.t, s.store.Commit(s.t.Context(), []allocation.Changes{{
		SKU: "LAMP", Read: state.Version, Version: state.Version + 1,
		Events:  []allocation.Event{allocation.LineRefused{SKU: "LAMP"}},
		Refused: state.Refused, LowStock: state.LowStock, Low: state.Low,
		Batches: []allocation.BatchChange{{
			Ref: "B-1", Allocated: units, CountersOnly: true, Due: state.Batches[0].Due, Dated: state.Batches[0].Dated,
		}},
	}}))
}

// berlin makes a line wait for units in Berlin, where no batch of these tests is.
func berlin(r *allocation.Request) { r.Location = "Berlin" }

// PlanMend tells each line that waits and gets units which Mend frees, and Mend then does exactly what was told.
func TestPlanMendServesThoseWhoWaitAsMendDoes(t *testing.T) {
	for name, c := range map[string]struct {
		page    int
		prepare func(s *shop)
		served  []allocation.OrderID // by PlanMend and Mend
		mark    bool                 // serving goes on with the next commit
	}{
		"by priority and age": {page: 100, prepare: func(s *shop) {
			for _, r := range []allocation.Request{mayWait("low", "LAMP", 1), mayWait("high", "LAMP", 2)} {
				if r.OrderID == "high" {
					r.Priority = 5
				}
				s.mustAllocate(r)
			}
			s.mustAllocate(mayWait("too many", "LAMP", 9))
		}, served: []allocation.OrderID{"high", "low"}},
		"a whole line behind a page of lines that don't fit": {page: 2, prepare: func(s *shop) {
			s.crowd("LAMP", 7, berlin)
			s.mustAllocate(mayWait("anywhere", "LAMP", 3))
		}, served: []allocation.OrderID{"anywhere"}},
		"from the first in line although serving had come further": {page: 2, prepare: func(s *shop) {
			first := mayWait("first", "LAMP", 4)
			first.Split, first.Priority = true, 1
			s.mustAllocate(first)
			s.crowd("LAMP", 4, nil)
			require.NoError(s.t, s.AddBatch(s.t.Context(), stock("B-2", "LAMP", 3)))
			require.NotZero(s.t, s.product("LAMP").Serving, "two lines were served")
			require.Equal(s.t, allocation.OrderID("first"), s.queue("LAMP")[0])
		}, served: []allocation.OrderID{"first"}},
		"a page of lines, and the rest later": {page: 2, prepare: func(s *shop) {
			s.crowd("LAMP", 3, nil)
		}, served: []allocation.OrderID{"LAMP-00000", "LAMP-00001"}, mark: true},
	} {
		t.Run(name, func(t *testing.T) {
			before := func() *shop {
				s := newShop(t, stock("B-1", "LAMP", 5))
				s.mustAllocate(want("owner", "LAMP", 2))
				s.leak(3)
				s.pageOf(c.page)
				c.prepare(&s)
				return &s
			}
			planned, mended := before(), before()
			loaded := planned.product("LAMP")
			plan, err := planned.PlanMend(t.Context(), "LAMP")
			require.NoError(t, err)
			assert.Equal(t, loaded, planned.product("LAMP"), "PlanMend wrote")
			var served []allocation.OrderID
			for _, e := range plan.Events {
				if given, is := e.(allocation.LineAllocated); is && given.Waited {
					served = append(served, given.OrderID)
				}
			}
			assert.Equal(t, c.served, slices.Compact(served), "by the plan; a split line once for each part")
			assert.Equal(t, c.mark, plan.Serving != (allocation.Rank{}))

			_, err = mended.Mend(t.Context(), "LAMP")
			require.NoError(t, err)
			events, err := mended.store.Events(t.Context(), "LAMP", loaded.Version, 99)
			require.NoError(t, err)
			assert.Equal(t, plan.Events, events)
			require.NoError(t, planned.store.Commit(t.Context(), []allocation.Changes{plan}))
			assert.Equal(t, mended.product("LAMP"), planned.product("LAMP"), "after the plan was committed as it is")
			audit, err := mended.Reconcile(t.Context(), "LAMP")
			require.NoError(t, err)
			assert.False(t, audit.Drifted(), "%+v", audit)
		})
	}
}
