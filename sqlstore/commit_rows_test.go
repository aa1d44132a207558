package sqlstore

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// listening notes which statements a context can interrupt, and ends the context during the n-th statement.
type listening struct {
	runner
	interruptible []bool
	n             int
	end           context.CancelFunc
}

func (l *listening) exec(ctx context.Context, _ *query, _ ...any) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	l.interruptible = append(l.interruptible, ctx.Done() != nil)
	if len(l.interruptible) == l.n {
		l.end()
	}
	return 1, nil
}

func TestOnlyTheFirstStatementOfACommitOnSQLiteCanBeInterrupted(t *testing.T) {
	rows, err := relationsOf([]allocation.Changes{{
		SKU: "chair", Read: 1, Version: 2,
		Batches: []allocation.BatchChange{{Ref: "b", Allocated: 1, CountersOnly: true}},
		NewLines: []allocation.Allocation{{
			OrderLine: allocation.OrderLine{OrderID: "o", SKU: "chair", Quantity: 1},
			Parts:     []allocation.Part{{Batch: "b", Quantity: 1}},
		}},
		Events: []allocation.Event{allocation.LineAllocated{}},
	}})
	require.NoError(t, err)
	w := newRowCommit(&templates{engine: &sqlite, prefix: "shop_"})
	for n, want := range [][]bool{{true, false, false, false}, {true}, {true, false}, {true, false, false}} {
		ctx, end := context.WithCancel(t.Context())
		r := &listening{n: n, end: end}
		err := w.write(ctx, r, rows)
		assert.Equal(t, want, r.interruptible)
		assert.Equal(t, n > 0, err != nil, "an error after the context ended in statement %d", n)
		end()
	}
}
