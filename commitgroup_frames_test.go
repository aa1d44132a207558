package allocation_test

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// mostFrames is how deep the road from Service.Allocate to the policy may be, both counted, over all goroutines on the
// way: a reader has to follow each of them.
const mostFrames = 14

// frames lists the functions between a goroutine's policy and Service.Allocate, or its beginning.
func frames() (names []string) {
	callers := make([]uintptr, 64)
	found := runtime.CallersFrames(callers[:runtime.Callers(2, callers)])
	for {
		frame, more := found.Next()
		if !strings.HasPrefix(frame.Function, "runtime.") {
			names = append(names, frame.Function)
		}
		if !more || strings.HasSuffix(frame.Function, "(*Service).Allocate") {
			return names
		}
	}
}

func TestRoadToThePolicyIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t, stock("b1", "LAMP", 10), stock("b2", "LAMP", 10))
		var mu sync.Mutex
		var roads [][]string
		policy := func(a, b allocation.Batch) int {
			road := frames()
			mu.Lock()
			defer mu.Unlock()
			roads = append(roads, road)
			return allocation.EarliestFirst(a, b)
		}
		service := newService(t, allocation.NewUnitOfWork(store, nil), &allocation.ServiceOptions{Policy: policy})
		first := callAllocate(t.Context(), service, want("o1", "LAMP", 1))
		leader := callAllocate(t.Context(), service, want("o2", "LAMP", 1))
		follower := callAllocate(t.Context(), service, want("o3", "LAMP", 1))
		close(store.let)
		for _, ended := range []<-chan outcome{first, leader, follower} {
			require.NoError(t, (<-ended).err)
		}
		require.Len(t, roads, 3)
		assert.LessOrEqual(t, len(roads[0]), mostFrames, "alone: %s", roads[0])
		assert.LessOrEqual(t, len(roads[1]), mostFrames, "leading: %s", roads[1])
		// A follower's command runs on a goroutine that the leader starts from within attempt.
		attempt := slices.IndexFunc(roads[1],
			func(name string) bool { return strings.HasSuffix(name, "(*commitGroup).attempt") })
		require.Positive(t, attempt, "leading: %s", roads[1])
		following := slices.Concat(roads[2], roads[1][attempt:])
		assert.LessOrEqual(t, len(following), mostFrames, "following: %s", following)
	})
}
