package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// broken is a store with a fault, and the row that must fail.
type broken struct {
	fault  string
	row    string
	new    func() allocation.Store
	second func(allocation.Store) allocation.Store // nil is the store itself
	reopen func(allocation.Store) allocation.Store // nil keeps the store
	join   func(testing.TB, allocation.Store, func(allocation.Store) error) error
	within within
	ledger bool // the row sees the fault through the ledger alone
}

var brokenStores = map[Topic][]broken{
	Load: slices.Concat(brokenLoads, brokenLapsed, brokenBatchLines, brokenManyLoads, brokenSelectors, brokenDue,
		brokenWaitingLoads),
	Values:    slices.Concat(brokenValues, brokenChanges, brokenFields, brokenLineIDs, brokenWaitingValues),
	Commit:    slices.Concat(brokenVersions, brokenKeys, brokenWrites, brokenManyWrites, brokenWaitingCommits),
	Isolation: slices.Concat(brokenCopies, brokenRaces, brokenMoments),
	Processes: brokenProcesses,
	Context:   slices.Concat(brokenContexts, brokenEndings, brokenGoroutines),
	Locker:    brokenLockers,
	Join:      slices.Concat(brokenJoins, brokenServices),
	Guests:    brokenGuests,
	Within:    brokenWithins,
	Aggregate: brokenAggregates,
	Ledger:    slices.Concat(brokenEvents, brokenAudits, brokenBalances, brokenAuditPages),
	Outbox:    slices.Concat(brokenOutboxEvents, brokenLeases, brokenSettlements, brokenFailures),
	Upkeep:    slices.Concat(brokenUpkeep, brokenPurges),
	Views: slices.Concat(brokenOrderViews, brokenStockViews, brokenStockFor, brokenSaleableViews, brokenBatchViews,
		brokenLineViews, brokenQueueViews, brokenTraces, brokenLists, brokenViews, tornViews),
	Durability: brokenDurability,
}

// The row of each fault must fail, and each row must fail for at least one fault.
func TestBrokenStoresAreRejected(t *testing.T) {
	if raceDetector {
		t.Skip("four times as slow under the race detector; make cover and go test ./storetest run the broken stores")
	}
	for _, g := range groups {
		t.Run(string(g.topic), func(t *testing.T) {
			noticed := map[string]bool{}
			for _, s := range brokenStores[g.topic] {
				t.Run(s.fault, func(t *testing.T) {
					failed := failures(t, s.config(), g.topic)
					for name, seen := range failed {
						noticed[name] = true
						if text := strings.Join(seen, "\n"); rowPanicked(text) {
							t.Errorf("row %q panicked in place of a failure: %s", name, text)
						}
					}
					if failed[s.row] == nil && !s.fails(t, s.config(), g.topic) {
						t.Errorf("row %q passed; failed rows: %q", s.row, slices.Collect(keys(failed)))
					}
					if !s.fails(t, s.bare(g.topic), g.topic) {
						t.Errorf("row %q passed without read models and outbox", s.row)
					}
				})
			}
			for _, r := range g.rows {
				if !noticed[r.name] {
					t.Errorf("row %q rejects none of the broken stores", r.name)
				}
			}
		})
	}
}

// fails runs the row of the fault, several times if the row passes: on a busy machine a race may not happen at once.
func (s broken) fails(t *testing.T, config Config, topic Topic) bool {
	t.Helper()
	for range 4 {
		if failures(t, config, topic, s.row)[s.row] != nil {
			return true
		}
	}
	return false
}

// rowPanicked reports whether a failure is a panic of the row's own code, rather than of the broken store.
func rowPanicked(text string) bool {
	_, stack, panicked := strings.Cut(text, "the row panicked")
	_, stack, _ = strings.Cut(stack, "\npanic(")
	for line := range strings.Lines(stack) {
		if strings.Contains(line, "/storetest/") && strings.HasPrefix(line, "\t") {
			return !strings.Contains(line, "_test.go")
		}
	}
	return panicked && stack == ""
}

func keys(failed map[string][]string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for name, seen := range failed {
			if !yield(name + ": " + strings.Join(seen, "; ")) {
				return
			}
		}
	}
}

func TestAConformingStoreIsAccepted(t *testing.T) {
	sound := broken{
		new:    with(func(*faulty) {}),
		second: func(first allocation.Store) allocation.Store { return over(first.(*faulty).Store, func(*faulty) {}) },
	}
	for _, g := range groups {
		if g.topic == Locker || g.topic == Join || g.topic == Within {
			continue // see TestAConformingLockerIsAccepted and TestAConformingWithinIsAccepted
		}
		for name, seen := range failures(t, sound.config(), g.topic) {
			t.Errorf("%s/%s: %s", g.topic, name, strings.Join(seen, "\n"))
		}
	}
}

func (s broken) config() Config {
	return Config{
		New:  func(testing.TB) allocation.Store { return s.new() },
		Join: s.join, Guests: hostRows, Within: s.within.config(),
		Second: func(_ testing.TB, store allocation.Store) allocation.Store {
			if s.second == nil {
				return store
			}
			return s.second(store)
		},
		Reopen: func(_ testing.TB, store allocation.Store) allocation.Store {
			if s.reopen == nil {
				return store
			}
			return s.reopen(store)
		},
	}
}

// bare is config for the store without read models and outbox, and without a ledger unless the topic or the fault needs
// one: a row must not depend on what other topics find out.
func (s broken) bare(topic Topic) Config {
	config := s.config()
	switch topic {
	case Locker, Join, Guests, Within, Outbox, Upkeep, Views:
		return config // such a store has neither read models nor an outbox, or the topic is about them
	}
	strip := func(store allocation.Store) allocation.Store {
		if topic == Ledger || s.ledger {
			return books{plain{store}, store.(ledger)}
		}
		return plain{store}
	}
	config.New = func(testing.TB) allocation.Store { return strip(s.new()) }
	config.Reopen = func(_ testing.TB, store allocation.Store) allocation.Store {
		if s.reopen == nil {
			return store
		}
		if b, is := store.(books); is {
			store = b.plain
		}
		return strip(s.reopen(store.(plain).Store))
	}
	return config
}

// ledger has all methods of a ledger.
type ledger interface {
	allocation.Ledger
	auditor
}

// books is a store whose only optional ability is the ledger.
type books struct {
	plain
	ledger
}

// faulty is a memory store with replaceable methods.
type faulty struct {
	*memory.Store
	load   func(ctx context.Context, q allocation.Query) ([]allocation.State, error)
	commit func(ctx context.Context, changes []allocation.Changes) error
	events func(ctx context.Context, sku allocation.SKU, after int64, limit int) ([]allocation.Event, error)
	audit  func(ctx context.Context, sku allocation.SKU) (allocation.Audit, error)

	commits atomic.Int64 // number of finished commits
	noted   sync.RWMutex // keeps loads away between a commit and what the instance notes of the commit
}

func (s *faulty) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	return s.load(ctx, q)
}

func (s *faulty) Commit(ctx context.Context, changes []allocation.Changes) error {
	defer s.commits.Add(1)
	return s.commit(ctx, changes)
}

func (s *faulty) Events(ctx context.Context, sku allocation.SKU, after int64, limit int) ([]allocation.Event, error) {
	return s.events(ctx, sku, after, limit)
}

func (s *faulty) Audit(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
	return s.audit(ctx, sku)
}

// with returns a store after replace has replaced some methods.
func with(replace func(s *faulty)) func() allocation.Store {
	return func() allocation.Store { return over(memory.New(), replace) }
}

// over returns a store over the data of m.
func over(m *memory.Store, replace func(s *faulty)) *faulty {
	s := &faulty{Store: m, load: m.Load, commit: m.Commit, events: m.Events, audit: m.Audit}
	replace(s)
	return s
}

// asking returns a store with a fault in the query of Load.
func asking(change func(s *memory.Store, q *allocation.Query)) func() allocation.Store {
	return with(func(s *faulty) {
		s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
			q.Orders, q.SKUs = slices.Clone(q.Orders), slices.Clone(q.SKUs)
			change(s.Store, &q)
			return s.Store.Load(ctx, q)
		}
	})
}

// answering returns a store with a fault in the states of Load.
func answering(spoil func(s *memory.Store, q allocation.Query, state *allocation.State)) func() allocation.Store {
	return with(func(s *faulty) {
		s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
			states, err := s.Store.Load(ctx, q)
			for i := range states {
				spoil(s.Store, q, &states[i])
			}
			return states, err
		}
	})
}

// writing returns a store with a fault in the changes of Commit.
func writing(spoil func(s *memory.Store, c *allocation.Changes)) func() allocation.Store {
	return with(func(s *faulty) {
		s.commit = func(ctx context.Context, changes []allocation.Changes) error {
			changes = copyOf(changes)
			for i := range changes {
				spoil(s.Store, &changes[i])
			}
			return s.Store.Commit(ctx, changes)
		}
	})
}

func copyOf(changes []allocation.Changes) []allocation.Changes {
	changes = slices.Clone(changes)
	for i := range changes {
		c := &changes[i]
		c.NewBatches, c.Batches = slices.Clone(c.NewBatches), slices.Clone(c.Batches)
		c.NewLines, c.Lines = copyLines(c.NewLines), copyLines(c.Lines)
		c.Removed, c.Events = slices.Clone(c.Removed), slices.Clone(c.Events)
	}
	return changes
}

func copyLines(lines []allocation.Allocation) []allocation.Allocation {
	lines = slices.Clone(lines)
	for i := range lines {
		lines[i].Parts = slices.Clone(lines[i].Parts)
	}
	return lines
}

// whole returns the whole state of a product.
func whole(s *memory.Store, sku allocation.SKU) allocation.State {
	state, _ := s.Product(sku)
	return state
}

func hasBatch(s allocation.State, ref allocation.BatchRef) bool {
	return slices.ContainsFunc(s.Batches, func(b allocation.Batch) bool { return b.Ref == ref })
}

func hasLine(s allocation.State, order allocation.OrderID) bool {
	return slices.ContainsFunc(s.Lines, func(l allocation.Allocation) bool { return l.OrderID == order })
}

// addLine adds a line and the batches of the line to a state, as a correct store does.
func addLine(s *memory.Store, state *allocation.State, l allocation.Allocation) {
	if slices.ContainsFunc(state.Lines, func(known allocation.Allocation) bool { return known.Key() == l.Key() }) {
		return
	}
	state.Lines = append(state.Lines, l)
	for _, b := range whole(s, state.SKU).Batches {
		ofBatch := func(p allocation.Part) bool { return p.Batch == b.Ref }
		if !hasBatch(*state, b.Ref) && slices.ContainsFunc(l.Parts, ofBatch) {
			state.Batches = append(state.Batches, b)
		}
	}
}

// dropLines removes lines from a state.
func dropLines(state *allocation.State, drop func(l allocation.Allocation) bool) {
	state.Lines = slices.DeleteFunc(state.Lines, drop)
}

func asksFor(q allocation.Query, order allocation.OrderID) bool {
	return q.Order == order || slices.Contains(q.Orders, order)
}

var errBroken = fmt.Errorf("broken")
