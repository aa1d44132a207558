package allocation_test

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// TestErrorOnACachedProductIsFoundAgainOnAFreshOne holds that an error of the store, such as a CHECK that fails because
// somebody changed a row by hand, is answered only if a fresh read leads there, too.
func TestErrorOnACachedProductIsFoundAgainOnAFreshOne(t *testing.T) {
	p := newProcesses(t, settings{}, stock("b1", "LAMP", 10))
	p.warm(t, want("o1", "LAMP", 1))
	p.store.FailCommit(errBroken)
	_, loads, commits, err := p.allocate(t, want("o2", "LAMP", 1))
	require.NoError(t, err)
	assert.Equal(t, []int{1, 2}, []int{loads, commits}, "reads and commits")

	p.store.FailCommit(errBroken, errBroken)
	_, _, commits, err = p.allocate(t, want("o3", "LAMP", 1))
	require.ErrorIs(t, err, errBroken)
	assert.Equal(t, 2, commits, "a broken store is asked once more, and no more")
}

// moved is a store in which a batch has been moved by hand to another product of the same version.
type moved struct{ *memory.Store }

func (m moved) Audit(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
	a, err := m.Store.Audit(ctx, sku)
	for i := range a.Tallies {
		a.Tallies[i] = allocation.Tally{Batch: "b2", RecordedPurchased: 5}
	}
	return a, err
}

func TestMendCorrectsNoOtherProduct(t *testing.T) {
	store := moved{memory.New()}
	require.NoError(t, store.Seed(stock("b1", "LAMP", 5), stock("b2", "SOFA", 7)))
	for name, opts := range map[string]allocation.ServiceOptions{"groups": {}, "no groups": {NoGroupCommit: true}} {
		_, err := newService(t, allocation.NewUnitOfWork(store, nil), &opts).Mend(t.Context(), "LAMP")
		require.ErrorIs(t, err, allocation.ErrMismatch, name)
		var detailed *allocation.Error
		require.ErrorAs(t, err, &detailed)
		assert.Equal(t, allocation.BatchRef("b2"), detailed.Value)
	}
	sofa, _ := store.Product("SOFA")
	assert.Equal(t, int64(1), sofa.Version, "the other product is as it was")
}

func TestStoreThatIsNotThereIsInvalid(t *testing.T) {
	var none *memory.Store
	_, err := allocation.New(allocation.NewUnitOfWork(none, nil), nil)
	require.ErrorIs(t, err, allocation.ErrInvalid, "a nil pointer")
	service := newService(t, allocation.NewUnitOfWork(&memory.Store{}, nil), nil)
	require.ErrorIs(t, service.AddBatch(t.Context(), stock("b1", "LAMP", 1)), allocation.ErrInvalid, "a zero store")
	_, err = service.Reconcile(t.Context(), "LAMP")
	require.ErrorIs(t, err, allocation.ErrInvalid)
	require.ErrorIs(t, none.Seed(stock("b1", "LAMP", 1)), allocation.ErrInvalid)
}

func TestAttemptHookWithoutAContextIsInvalid(t *testing.T) {
	var heard []error
	store := memory.New()
	require.NoError(t, store.Seed(stock("b1", "LAMP", 1)))
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{
		Attempt: func(context.Context, string, int) (context.Context, func(error)) {
			return nil, func(err error) { heard = append(heard, err) }
		},
	})
	_, err := newService(t, units, nil).Allocate(t.Context(), want("o1", "LAMP", 1))
	require.ErrorIs(t, err, allocation.ErrInvalid)
	require.Len(t, heard, 1)
	assert.ErrorIs(t, heard[0], allocation.ErrInvalid)
}

// TestLapsedHoldsAreRecordedInTheirOrder holds that the order of events doesn't depend on the store's order of lines.
func TestLapsedHoldsAreRecordedInTheirOrder(t *testing.T) {
	state := allocation.State{SKU: "LAMP", Version: 4}
	state.Batches = []allocation.Batch{stock("b1", "LAMP", 9)}
	state.Batches[0].Allocated = 3
	for i, order := range []allocation.OrderID{"o2", "o3", "o1"} {
		state.Lines = append(state.Lines, allocation.Allocation{
			OrderLine: want(order, "LAMP", 1).OrderLine,
			HeldUntil: morning.Add(time.Duration(i/2) * -time.Second),
			Sequence:  int64(2 + i),
			Parts:     []allocation.Part{part("b1", 1, 0)},
		})
	}
	lamp, err := state.Product(allocation.Query{SKUs: []allocation.SKU{"LAMP"}, Now: morning})
	require.NoError(t, err)
	require.Equal(t, 3, lamp.Sweep(morning))
	var orders []allocation.OrderID
	for _, e := range lamp.Changes().Events {
		orders = append(orders, e.(allocation.HoldLapsed).OrderID)
	}
	assert.Equal(t, []allocation.OrderID{"o1", "o2", "o3"}, orders)
}

// spiedDrift is a spy whose counters differ from the ledger.
type spiedDrift struct{ *spy }

func (d spiedDrift) Audit(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
	return drifting{d.Store}.Audit(ctx, sku)
}

// dueCases are commands that need more of furnished than useCases do: named SKUs, and an hour that has passed.
func dueCases(ctx context.Context) map[string]func(s *allocation.Service) error {
	only := func(_ any, err error) error { return err }
	return map[string]func(s *allocation.Service) error{
		"Cancel SOFA":   func(s *allocation.Service) error { return only(s.Cancel(ctx, "o0", "SOFA", "SOFA")) },
		"Ship SOFA":     func(s *allocation.Service) error { return only(s.Ship(ctx, "o0", "SOFA")) },
		"HandOver SOFA": func(s *allocation.Service) error { return only(s.HandOver(ctx, "o0", "o9", "SOFA", "SOFA")) },
		"Allocate two": func(s *allocation.Service) error {
			return only(s.Allocate(ctx, want("o1", "LAMP", 1), want("o1", "SOFA", 1)))
		},
		"Sweep": func(s *allocation.Service) error { return only(s.Sweep(ctx)) },
	}
}

// Whichever call of the store fails, the caller hears why, and nothing has changed.
func TestACommandWhoseStoreFailsChangesNothing(t *testing.T) {
	cases := useCases(t.Context())
	maps.Copy(cases, dueCases(t.Context()))
	type fault func(*memory.Store, ...error)
	for mode, opts := range modes {
		for name, call := range cases {
			later := time.Duration(0)
			if name == "Sweep" {
				later = 2 * time.Hour
			}
			opts.units.Now = memory.NewClock(morning.Add(later)).Now
			run := func(fail func(*memory.Store)) (before, after []allocation.State, calls [2]int, err error) {
				s := &spy{Store: furnished(t)}
				var store allocation.Store = s
				if name == "Mend" || name == "PlanMend" {
					store = spiedDrift{s}
				}
				service := serve(t, store, opts)
				if name == "UnblockBatch" {
					_, err := service.BlockBatch(t.Context(), "b3", "dented")
					require.NoError(t, err)
				}
				before = allOf(s.Store)
				s.queries, s.commits = nil, nil
				fail(s.Store)
				err = call(service)
				return before, allOf(s.Store), [2]int{len(s.queries), len(s.commits)}, err
			}
			t.Run(mode+"/"+name, func(t *testing.T) {
				_, _, calls, err := run(func(*memory.Store) {})
				require.NoError(t, err)
				for kind, fail := range []fault{(*memory.Store).FailLoad, (*memory.Store).FailCommit} {
					for at := range calls[kind] {
						errs := append(make([]error, at), errBroken)
						before, after, _, err := run(func(s *memory.Store) { fail(s, errs...) })
						require.ErrorIs(t, err, errBroken, "%s %d fails", []string{"read", "commit"}[kind], at)
						if name != "Sweep" { // what was swept before stays
							assert.Equal(t, before, after, "%s %d fails", []string{"read", "commit"}[kind], at)
						}
					}
				}
			})
		}
	}
}

// allOf returns what a store has of the products of furnished.
func allOf(store *memory.Store) (states []allocation.State) {
	for _, sku := range []allocation.SKU{"LAMP", "SOFA", "DESK"} {
		state, _ := store.Product(sku)
		states = append(states, state)
	}
	return states
}

// A queue that a run of a command needs is read at the version of the next run, even if others have changed the
// product in between.
func TestAQueueIsReadAfreshIfTheProductChangedMeanwhile(t *testing.T) {
	for mode, opts := range modes {
		s := newShop(t, stock("b1", "LAMP", 1))
		s.mustAllocate(want("owner", "LAMP", 1))
		s.mustAllocate(mayWait("first", "LAMP", 1))
		store := &nthLoad{gate: &gate{Store: s.store, let: make(chan struct{})}}
		close(store.let)
		store.then = func() { assert.NoError(t, s.SetLowStock(t.Context(), "LAMP", 3)) }
		store.left.Store(2)
		opts.units.Now = s.clock.Now
		_, err := serve(t, store, opts).Cancel(t.Context(), "owner", "LAMP")
		require.NoError(t, err, mode)
		assert.Empty(t, s.queue("LAMP"), mode)
	}
}
