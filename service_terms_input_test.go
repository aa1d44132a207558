package allocation_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// touched is a store that counts loads and commits.
type touched struct {
	allocation.Store
	loads, commits int
}

func (s *touched) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	s.loads++
	return s.Store.Load(ctx, q)
}

func (s *touched) Commit(ctx context.Context, changes []allocation.Changes) error {
	s.commits++
	return s.Store.Commit(ctx, changes)
}

// Bad terms, splits and counts are errors that name field and value, and nothing is committed. The form of a value is
// checked before anything is read. Whether a time has passed is checked once the command is known to be no repeat, and
// so are quantity and Ref of a split.
func TestBadTermsSplitsAndCountsTouchNothing(t *testing.T) {
	store, clock := &touched{Store: memory.New()}, memory.NewClock(morning)
	options := allocation.UnitOfWorkOptions{Now: clock.Now}
	s := newService(t, allocation.NewUnitOfWork(store, &options), &allocation.ServiceOptions{CacheSize: -1})
	for _, b := range []allocation.Batch{stock("b1", "LAMP", 5), stock("b2", "LAMP", 5), stock("t1", "SOFA", 1)} {
		require.NoError(t, s.AddBatch(t.Context(), b))
	}
	only := func(_ any, err error) error { return err }
	const nowhere = allocation.Location(" S")
	id := allocation.LineID(strings.Repeat("x", 256))
	named := want("o1", "LAMP", 1)
	named.Line = id
	nextDay := morning.AddDate(0, 0, 1)
	past, ahead := morning.Add(-time.Microsecond), morning.Add(time.Minute+time.Microsecond)
	type call = func(context.Context) error
	allocating := func(change func(r *allocation.Request)) call {
		r := want("o1", "LAMP", 1)
		change(&r)
		return func(ctx context.Context) error { return only(s.Allocate(ctx, r)) }
	}
	announcing := func(change func(b *allocation.Batch)) call {
		b := stock("b3", "LAMP", 1)
		change(&b)
		return func(ctx context.Context) error { return s.AddBatch(ctx, b) }
	}
	splitting := func(ref allocation.BatchRef, units allocation.Quantity, at allocation.Location) call {
		part := allocation.Batch{Ref: ref, Purchased: units, Location: at}
		return func(ctx context.Context) error { return only(s.SplitBatch(ctx, "b1", part)) }
	}
	count := allocation.Count{Batch: "b1", Quantity: 4, At: ahead}
	for name, row := range map[string]struct {
		call   call
		reason error
		field  string
		value  any
		reads  bool
	}{
		"NeededBy has passed": {
			allocating(func(r *allocation.Request) { r.NeededBy = past }),
			allocation.ErrInvalid, "needed by", past, true,
		},
		"FreshUntil has passed": {
			allocating(func(r *allocation.Request) { r.FreshUntil = past }),
			allocation.ErrInvalid, "fresh until", past, true,
		},
		"a line is bound to a bad location": {
			allocating(func(r *allocation.Request) { r.Location = nowhere }),
			allocation.ErrInvalid, "location", nowhere, false,
		},
		"a batch is at a bad location": {
			announcing(func(b *allocation.Batch) { b.Location = nowhere }),
			allocation.ErrInvalid, "location", nowhere, false,
		},
		"a part goes to a bad location": {
			splitting("p1", 1, nowhere), allocation.ErrInvalid, "location", nowhere, false,
		},
		"BestBefore is the ETA": {
			announcing(func(b *allocation.Batch) { b.ETA, b.BestBefore = nextDay, nextDay }),
			allocation.ErrInvalid, "best before", nextDay, true,
		},
		"a long line id in Allocate": {
			allocating(func(r *allocation.Request) { r.Line = id }), allocation.ErrInvalid, "line", id, false,
		},
		"a long line id in ChangeLine": {
			func(ctx context.Context) error { return only(s.ChangeLine(ctx, named.OrderLine)) },
			allocation.ErrInvalid, "line", id, false,
		},
		"a long line id in ShipPart": {
			func(ctx context.Context) error { return only(s.ShipPart(ctx, named.OrderLine)) },
			allocation.ErrInvalid, "line", id, false,
		},
		"a split of 0": {splitting("p1", 0, ""), allocation.ErrInvalid, "quantity", allocation.Quantity(0), false},
		"a split of more than there is": {
			splitting("p1", 6, ""), allocation.ErrNotAllowed, "quantity", allocation.Quantity(6), true,
		},
		"a split into another batch": {
			splitting("b2", 1, ""), allocation.ErrMismatch, "batch", allocation.BatchRef("b2"), true,
		},
		"a split into a batch of another SKU": {
			splitting("t1", 1, ""), allocation.ErrMismatch, "batch", allocation.BatchRef("t1"), true,
		},
		"a count more than a minute ahead": {
			func(ctx context.Context) error { return only(s.ChangeBatchQuantity(ctx, count)) },
			allocation.ErrInvalid, "counted at", ahead, true,
		},
		"an arrival more than a minute ahead": {
			func(ctx context.Context) error { return only(s.ReceiveBatch(ctx, count)) },
			allocation.ErrInvalid, "counted at", ahead, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			store.loads, store.commits = 0, 0
			err := row.call(t.Context())
			require.ErrorIs(t, err, row.reason)
			var detail *allocation.Error
			require.ErrorAs(t, err, &detail)
			assert.Equal(t, []any{row.field, row.value}, []any{detail.Field, detail.Value}, "field and value")
			assert.Contains(t, err.Error(), row.field)
			assert.Equal(t, row.reads, store.loads > 0, "something was read")
			assert.Zero(t, store.commits, "commits")
		})
	}
}
