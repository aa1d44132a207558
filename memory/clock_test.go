package memory_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/cosmic-go/allocation/memory"
)

func TestClockMovesOnlyBySetAndAdvance(t *testing.T) {
	clock := memory.NewClock(morning)
	assert.Equal(t, morning, clock.Now())
	clock.Advance(time.Minute)
	assert.Equal(t, morning.Add(time.Minute), clock.Now())
	clock.Set(morning)
	assert.Equal(t, morning, clock.Now())
}
