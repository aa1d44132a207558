package dbtest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// TestSettleHidesFromThePlannerThatATableIsEmpty: programs measure Services that begin without lines, and the server
// keeps the first plans of a connection.
func TestSettleHidesFromThePlannerThatATableIsEmpty(t *testing.T) {
	db, store := onPostgreSQL.fresh(t)
	_, _ = stocked(t, store)
	measured, err := harness.ByName("postgresql")
	require.NoError(t, err)
	require.NoError(t, measured.Settle(t.Context(), db))
	assert.Equal(t, []string{"allocation_batches"}, texts(t, db, `SELECT relname FROM pg_class
		WHERE relname IN ('allocation_batches', 'allocation_lines') AND reltuples >= 0`), "tables with statistics")
}
