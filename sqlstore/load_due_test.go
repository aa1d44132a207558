package sqlstore

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// rivals is a runner over a database in which others sweep every product between the choice and the load, so many
// times; then nothing is due any more.
type rivals struct {
	runner
	store          *Store
	sweeps         int
	choices, loads int
}

func (r *rivals) each(_ context.Context, q *query, _ []any, row func(scanner) error) error {
	if q != r.store.statements.due {
		r.loads++
		return nil
	}
	r.choices++
	if r.choices > r.sweeps {
		return nil
	}
	return row(chosen("chair"))
}

type chosen allocation.SKU

func (c chosen) Scan(targets ...any) error {
	*targets[0].(*allocation.SKU) = allocation.SKU(c)
	return nil
}

// An empty page ends a sweep, so the page must not be empty because others were faster.
func TestDueProductsAreChosenAgainIfOthersHaveSweptThem(t *testing.T) {
	store, err := New(new(sql.DB), MariaDB, nil)
	require.NoError(t, err)
	due := allocation.Query{Due: true, Now: time.Unix(1, 0), Limit: 10}

	r := &rivals{store: store, sweeps: 3}
	states, err := store.loadDue(t.Context(), r, due)
	require.NoError(t, err)
	assert.Empty(t, states)
	assert.Equal(t, []int{4, 3}, []int{r.choices, r.loads}, "the empty answer is the answer to the last choice")

	r = &rivals{store: store, sweeps: 1_000}
	_, err = store.loadDue(t.Context(), r, due)
	require.ErrorIs(t, err, allocation.ErrConflict, "the unit of work tries again")
	assert.Equal(t, mostDueReads, r.choices)
}
