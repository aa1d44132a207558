package allocation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// A product that can't be read ends the sweep with the error.
func TestSweepTellsThatAProductCannotBeRead(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5))
	held := want("o", "LAMP", 1)
	held.HoldUntil = morning.Add(time.Minute)
	_, err := s.Allocate(t.Context(), held)
	require.NoError(t, err)
	s.clock.Advance(time.Hour)
	s.store.FailLoad(nil, errBroken) // the page of what is due is read, the product is not
	_, err = s.Sweep(t.Context())
	require.ErrorIs(t, err, errBroken)
	swept, err := s.Sweep(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, swept)
}

// The product is read, but not the lines whose NeededBy has passed: the sweep ends with the error as well.
func TestSweepTellsThatOverdueLinesCannotBeRead(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 1))
	s.mustAllocate(want("owner", "LAMP", 1))
	dated := mayWait("o", "LAMP", 1)
	dated.NeededBy = morning.Add(time.Minute)
	s.mustAllocate(dated)
	s.clock.Advance(time.Hour)
	s.store.FailLoad(nil, nil, errBroken) // what is due is read, and the product
	_, err := s.Sweep(t.Context())
	require.ErrorIs(t, err, errBroken)
	_, err = s.Sweep(t.Context())
	require.NoError(t, err)
	assert.Empty(t, s.queue("LAMP"), "orders that wait after a whole sweep")
}

// If SKUs are named, the order must have a line of each; otherwise the lines that there are are handed over.
func TestHandOverOfNamedSKUsNeedsALineOfEach(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5), stock("b2", "DESK", 5))
	for _, r := range []allocation.Request{want("cart", "LAMP", 1), want("order", "DESK", 1)} {
		_, err := s.Allocate(t.Context(), r)
		require.NoError(t, err)
	}
	_, err := s.HandOver(t.Context(), "cart", "order", "DESK", "LAMP")
	require.ErrorIs(t, err, allocation.ErrNotFound)
	lines, err := s.HandOver(t.Context(), "cart", "order")
	require.NoError(t, err)
	require.Len(t, lines, 1)
	assert.Equal(t, allocation.SKU("LAMP"), lines[0].SKU)
}
