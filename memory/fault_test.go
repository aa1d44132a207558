package memory_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func TestEachCallTakesOneFault(t *testing.T) {
	store, service := seeded(t)
	first, second := errors.New("first"), errors.New("second")
	store.FailLoad(nil, first)
	store.FailLoad(second)
	for i, fault := range []error{nil, first, second, nil} {
		_, err := store.Load(t.Context(), allocation.Query{SKUs: []allocation.SKU{"LAMP"}})
		assert.Equal(t, fault, err, "load %d", i)
	}
	store.FailCommit(first)
	_, err := service.Allocate(t.Context(), want("o1", 1))
	require.ErrorIs(t, err, first)
	state, _ := store.Product("LAMP")
	assert.Empty(t, state.Lines, "lines after a failed commit")
	_, err = service.Allocate(t.Context(), want("o1", 1))
	assert.NoError(t, err)
}

func TestLoseAnswerWritesTheChangesAndReturnsErrUnknownOutcome(t *testing.T) {
	store, service := seeded(t)
	store.LoseAnswer()
	store.FailCommit(allocation.ErrConflict) // a failed commit doesn't use up LoseAnswer
	_, err := service.Allocate(t.Context(), want("o1", 1))
	require.ErrorIs(t, err, allocation.ErrUnknownOutcome)
	state, _ := store.Product("LAMP")
	assert.Len(t, state.Lines, 1)
	_, err = service.Allocate(t.Context(), want("o2", 1))
	assert.NoError(t, err)
}
