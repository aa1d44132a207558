package torture

import (
	"context"
	"database/sql/driver"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// spoilVariable tells a client which of the spoilers it uses.
const spoilVariable = "ALLOCATION_TORTURE_SPOILER"

// spoilers make a store that a run has to find out.
var spoilers = map[string]spoiler{
	"no version check":            func(s allocation.Store) allocation.Store { return &blind{full(s)} },
	"cached products are trusted": func(s allocation.Store) allocation.Store { return &trusting{blind{full(s)}} },
	"a commit for each product":   func(s allocation.Store) allocation.Store { return &piecemeal{full(s)} },
	"commits never made":          func(s allocation.Store) allocation.Store { return &forgetful{bookkeeper: full(s)} },
	"commits said to have failed": func(s allocation.Store) allocation.Store { return &denying{bookkeeper: full(s)} },
	"callers mixed up":            func(s allocation.Store) allocation.Store { return &confused{bookkeeper: full(s)} },
	"the queue is forgotten":      func(s allocation.Store) allocation.Store { return &careless{bookkeeper: full(s)} },
	"terms are forgotten":         func(s allocation.Store) allocation.Store { return &lax{bookkeeper: full(s)} },
}

// full is the store that a client has without a spoiler.
func full(s allocation.Store) bookkeeper { return s.(bookkeeper) }

func TestTortureFindsBrokenStores(t *testing.T) {
	for _, row := range []struct {
		spoiler string
		mode    mode
		wanted  []harness.FaultKind // any of them: which one it is depends on the moment
	}{
		{"no version check", everything, []harness.FaultKind{oversold, drift}},
		{"no version check", alone, []harness.FaultKind{oversold, drift}},
		{"cached products are trusted", everything, []harness.FaultKind{oversold, drift}},
		{"a commit for each product", alone, []harness.FaultKind{torn, doubled, leftover}},
		{"commits never made", everything, []harness.FaultKind{lost}},
		{"commits never made", alone, []harness.FaultKind{lost}},
		{"commits said to have failed", everything, []harness.FaultKind{leftover, wrong}},
		{"commits said to have failed", alone, []harness.FaultKind{leftover}},
		{"callers mixed up", everything, []harness.FaultKind{wrong}},
		{"terms are forgotten", alone, []harness.FaultKind{unfit}},
		{"the queue is forgotten", alone, []harness.FaultKind{jumped, unserved}},
	} {
		t.Run(row.spoiler+"/"+string(row.mode), func(t *testing.T) {
			t.Setenv(spoilVariable, row.spoiler)
			for seed := range uint64(20) { // it takes a moment that may not come
				found := spoilt(t, row.mode, seed)
				for _, kind := range row.wanted {
					if len(found.faults[kind]) > 0 {
						return
					}
				}
			}
			t.Errorf("found no fault of the kinds %q", row.wanted)
		})
	}
}

// spoilt is what a small run finds while clients use the spoiler.
func spoilt(t *testing.T, m mode, seed uint64) *report {
	t.Helper()
	s := &settings{
		Engine: "sqlite", Mode: m, Seed: seed,
		Processes: 2, Callers: 4, SKUs: 2, Commands: 50, For: 30 * time.Second,
	}
	e, err := find(s.Engine)
	require.NoError(t, err)
	dsn, err := placed(t, s, nil).Empty(t.Context())
	require.NoError(t, err)
	dsn += "&_pragma=ignore_check_constraints(1)" // the database would refuse to oversell
	found, err := tortureIn(context.WithoutCancel(t.Context()), t.TempDir(), &run{settings: s, engine: e, dsn: dsn})
	return logged(t, s, found, err)
}

// bookkeeper is a store and a ledger, and no more: what is spoilt can't lock.
type bookkeeper interface {
	allocation.Store
	allocation.Ledger
}

// blind commits on whatever version there is now.
type blind struct{ bookkeeper }

func (b *blind) Commit(ctx context.Context, changes []allocation.Changes) error {
	changes = slices.Clone(changes)
	for i := range changes {
		c := &changes[i]
		states, err := b.Load(ctx, allocation.Query{SKUs: []allocation.SKU{c.SKU}, Now: time.Now(), Limit: 1})
		if err != nil {
			return err
		}
		c.Read = states[0].Version
		c.Version = c.Read + int64(len(c.Events))
	}
	return b.bookkeeper.Commit(ctx, changes)
}

// trusting commits on cached products without a check of the version.
type trusting struct{ blind }

func (s *trusting) Commit(ctx context.Context, changes []allocation.Changes) error {
	if attemptOf(ctx).onCached(changes) {
		return s.blind.Commit(ctx, changes)
	}
	return s.bookkeeper.Commit(ctx, changes)
}

// piecemeal commits an order in as many transactions as it has products.
type piecemeal struct{ bookkeeper }

func (p *piecemeal) Commit(ctx context.Context, changes []allocation.Changes) error {
	for _, c := range changes {
		if err := p.bookkeeper.Commit(ctx, []allocation.Changes{c}); err != nil {
			return err
		}
	}
	return nil
}

// forgetful acknowledges a commit now and then that it has not made.
type forgetful struct {
	bookkeeper
	commits atomic.Int64
}

func (f *forgetful) Commit(ctx context.Context, changes []allocation.Changes) error {
	if f.commits.Add(1)%10 == 0 {
		return nil
	}
	return f.bookkeeper.Commit(ctx, changes)
}

// denying says of a commit now and then that it failed, and has made it.
type denying struct {
	bookkeeper
	commits atomic.Int64
}

func (d *denying) Commit(ctx context.Context, changes []allocation.Changes) error {
	err := d.bookkeeper.Commit(ctx, changes)
	if err == nil && d.commits.Add(1)%10 == 0 {
		return driver.ErrBadConn
	}
	return err
}

// confused attributes all that a group tells of a product to the first caller.
type confused struct{ bookkeeper }

func (c *confused) Commit(ctx context.Context, changes []allocation.Changes) error {
	changes = slices.Clone(changes)
	for i := range changes {
		parents := slices.Clone(changes[i].TraceParents)
		for j := range parents {
			parents[j] = parents[0]
		}
		changes[i].TraceParents = parents
	}
	return c.bookkeeper.Commit(ctx, changes)
}

// lax loads lines as if any batch fitted.
type lax struct{ bookkeeper }

func (l *lax) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	states, err := l.bookkeeper.Load(ctx, q)
	for _, s := range states {
		for i := range s.Lines {
			s.Lines[i].NeededBy, s.Lines[i].FreshUntil, s.Lines[i].Location = time.Time{}, time.Time{}, ""
		}
	}
	return states, err
}

// careless loads products as if nobody waited, unless an order is asked for.
type careless struct{ bookkeeper }

func (c *careless) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	states, err := c.bookkeeper.Load(ctx, q)
	for i := range states {
		s := &states[i]
		if q.Order == "" && !slices.ContainsFunc(q.Orders, func(order allocation.OrderID) bool {
			return slices.ContainsFunc(s.Waiting, func(a allocation.Allocation) bool { return a.OrderID == order })
		}) {
			s.AnyWaiting, s.Serving, s.Waiting, s.MoreWaiting = false, allocation.Rank{}, nil, false
		}
	}
	return states, err
}
