package allocation_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// lineCounts is a gate with a note of how many new lines each commit has.
type lineCounts struct {
	*gate
	lines []int
}

func (s *lineCounts) Commit(ctx context.Context, changes []allocation.Changes) error {
	lines := 0
	for _, c := range changes {
		lines += len(c.NewLines)
	}
	s.lines = append(s.lines, lines)
	return s.gate.Commit(ctx, changes)
}

// A commit takes up to 512 lines of the callers in the queue; the next line waits for the next commit.
func TestGroupHasAtMost512Lines(t *testing.T) {
	for name, tt := range map[string]struct {
		waiting int
		commits []int
	}{
		"as many as fit": {512, []int{1, 512}},
		"one too many":   {513, []int{1, 512, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &lineCounts{gate: newGate(t, stock("b1", "LAMP", 1000))}
				service := serve(t, store, settings{})
				ended := []<-chan outcome{callAllocate(t.Context(), service, want("first", "LAMP", 1))}
				for i := range tt.waiting {
					ended = append(ended, callAllocate(t.Context(), service, want(numbered("o", i), "LAMP", 1)))
				}
				close(store.let)
				for _, e := range ended {
					require.NoError(t, (<-e).err)
				}
				assert.Equal(t, tt.commits, store.lines, "new lines of each commit")
			})
		})
	}
}
