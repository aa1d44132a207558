package memory_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func TestLedgerOfAnUnknownProduct(t *testing.T) {
	store, _ := seeded(t)
	_, err := store.Audit(t.Context(), "SOFA")
	assert.ErrorIs(t, err, allocation.ErrNotFound)
	events, err := store.Events(t.Context(), "SOFA", 0, 10)
	require.NoError(t, err)
	assert.Empty(t, events)
}
