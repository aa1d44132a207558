package combine

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// An event that the table doesn't list for a state is a mistake of this package, and changes nothing.
func TestOnlyListedEventsMoveAWaiter(t *testing.T) {
	for before, row := range transitions {
		for e, after := range row {
			s := state(before)
			if after != idle {
				s.on(event(e))
				assert.Equal(t, after, s)
				continue
			}
			assert.Panics(t, func() { s.on(event(e)) }, "event %d in state %d", e, before)
			assert.Equal(t, state(before), s)
		}
	}
}
