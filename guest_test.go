package allocation_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// errTaken is the error of a host's row that exists already.
var errTaken = errors.New("the row exists")

// table is a table of the host's: rows by key, and how often a guest was carried out. The store's lock guards both.
type table struct {
	rows map[allocation.OrderID]bool
	runs int
}

func newTable() *table { return &table{rows: map[allocation.OrderID]bool{}} }

// row returns a guest that inserts a row.
func (h *table) row(key allocation.OrderID) allocation.Guest {
	return memory.Func{
		Do: func() error {
			h.runs++
			if h.rows[key] {
				return errTaken
			}
			h.rows[key] = true
			return nil
		},
		Undo: func() { delete(h.rows, key) },
	}
}

// failing returns a guest that fails with an error.
func (h *table) failing(err error) allocation.Guest {
	return memory.Func{Do: func() error { h.runs++; return err }}
}

// keys lists the rows.
func (h *table) keys() (keys []allocation.OrderID) {
	for key := range h.rows {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// linesOf lists the orders with a line of a product.
func linesOf(store *memory.Store, sku allocation.SKU) (orders []allocation.OrderID) {
	state, _ := store.Product(sku)
	for _, l := range state.Lines {
		orders = append(orders, l.OrderID)
	}
	slices.Sort(orders)
	return orders
}

// wantGuestError checks that the error names the guest, and wraps the guest's own error.
func wantGuestError(t *testing.T, err error, op string, place int, cause error) {
	t.Helper()
	var detailed *allocation.Error
	require.ErrorAs(t, err, &detailed)
	assert.Equal(t, []any{op, "guest", place}, []any{detailed.Op, detailed.Field, detailed.Value})
	assert.ErrorIs(t, err, cause)
}

// manyCommits are the methods that take no guests, because they are no single commit.
var manyCommits = []string{"Sweep", "Mend", "PlanMend", "Transact"}

func TestEachCommandTakesItsGuestAlong(t *testing.T) {
	for mode, opts := range modes {
		for name, call := range useCases(t.Context()) {
			if slices.Contains(manyCommits, name) {
				continue
			}
			t.Run(mode+"/"+name, func(t *testing.T) {
				store, host := furnished(t), newTable()
				opts.units.Now = memory.NewClock(morning).Now
				service := serve(t, store, opts)
				state := func() [2]int64 {
					lamp, _ := store.Product("LAMP")
					sofa, _ := store.Product("SOFA")
					return [2]int64{lamp.Version, sofa.Version}
				}
				if name == "UnblockBatch" {
					_, err := service.BlockBatch(t.Context(), "b3", "dented")
					require.NoError(t, err)
				}
				before := state()
				wantGuestError(t, call(service.With(host.failing(errTaken))), name, 0, errTaken)
				assert.Equal(t, before, state(), "versions after a guest that failed")
				require.NoError(t, call(service.With(host.row("r1"))))
				assert.Equal(t, []allocation.OrderID{"r1"}, host.keys(), "rows")
				assert.Equal(t, 2, host.runs, "guests carried out")
			})
		}
	}
}

func TestCommandsOfSeveralCommitsTakeNoGuests(t *testing.T) {
	calls := useCases(t.Context())
	calls["Reconcile"] = func(s *allocation.Service) error {
		_, err := s.Reconcile(t.Context(), "LAMP")
		return err
	}
	for _, name := range append(manyCommits, "Reconcile") {
		host := newTable()
		service := serve(t, furnished(t), settings{}).With(host.row("r1"))
		require.ErrorIs(t, calls[name](service), allocation.ErrInvalid, name)
		require.NoError(t, calls[name](service.With()), "%s without guests", name)
		assert.Zero(t, host.runs, name)
	}
}

func TestGuestsOfATransactionBelongToTheServiceInside(t *testing.T) {
	store, host := furnished(t), newTable()
	service := serve(t, store, settings{})
	with := service.With(host.row("outside"))
	const rule = "must be given to the Service inside the transaction"
	err := store.Within(t.Context(), with, func(context.Context, *memory.Tx, *allocation.Service) error {
		panic("the function runs")
	})
	require.ErrorIs(t, err, allocation.ErrInvalid)
	require.ErrorContains(t, err, rule)
	inside, _ := with.Inside(store.Join(store.Begin()))
	_, err = inside.Allocate(t.Context(), want("o1", "LAMP", 1))
	require.ErrorIs(t, err, allocation.ErrInvalid)
	require.ErrorContains(t, err, rule)

	failure := errors.New("the host rolls back")
	for _, end := range []error{failure, nil} {
		require.ErrorIs(t, store.Within(t.Context(), service,
			func(ctx context.Context, _ *memory.Tx, inside *allocation.Service) error {
				_, err := inside.With(host.row("inside")).Allocate(ctx, want("o1", "LAMP", 1))
				return errors.Join(err, end)
			}), end)
		assert.Equal(t, end == nil, len(host.keys()) == 1, "rows %v after the end with %v", host.keys(), end)
	}
	assert.Equal(t, []allocation.OrderID{"o1"}, linesOf(store, "LAMP"))
}

func TestCommandsThatWriteNothingCarryOutNoGuest(t *testing.T) {
	for mode, opts := range modes {
		t.Run(mode, func(t *testing.T) {
			store, host := memory.New(), newTable()
			require.NoError(t, store.Seed(stock("b1", "LAMP", 5)))
			service := serve(t, store, opts)
			_, err := service.Allocate(t.Context(), want("o1", "LAMP", 1))
			require.NoError(t, err)
			with := service.With(host.row("r1"))
			_, err = with.Allocate(t.Context(), want("o1", "LAMP", 1))
			require.NoError(t, err, "a repeat")
			_, err = with.Allocate(t.Context(), want("o2", "LAMP", 9))
			require.ErrorAs(t, err, new(*allocation.OutOfStockError))
			_, err = with.Allocate(t.Context(), want("o1", "LAMP", 2))
			require.ErrorIs(t, err, allocation.ErrMismatch)
			_, err = with.Cancel(t.Context(), "none")
			require.ErrorIs(t, err, allocation.ErrNotFound)
			assert.Zero(t, host.runs)
			_, err = with.Cancel(t.Context(), "o1")
			require.NoError(t, err)
			assert.Equal(t, 1, host.runs)
		})
	}
}

// plain is a store without optional abilities that counts its calls.
type plain struct {
	allocation.Store
	calls int
}

func (p *plain) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	p.calls++
	return p.Store.Load(ctx, q)
}

func (p *plain) Commit(ctx context.Context, changes []allocation.Changes) error {
	p.calls++
	return p.Store.Commit(ctx, changes)
}

// strange is a guest that no store knows.
type strange struct{}

func (strange) Guest() {}

func TestGuestsNeedAStoreThatKnowsThem(t *testing.T) {
	for mode, opts := range modes {
		t.Run(mode, func(t *testing.T) {
			host, inner := newTable(), memory.New()
			require.NoError(t, inner.Seed(stock("b1", "LAMP", 5)))
			unable := &plain{Store: inner}
			service := serve(t, unable, opts).With(host.row("r1"))
			_, err := service.Allocate(t.Context(), want("o1", "LAMP", 1))
			require.ErrorIs(t, err, errors.ErrUnsupported)
			_, errs := service.AllocateEach(t.Context(), single("LAMP", 0, 1))
			require.ErrorIs(t, errs[0], errors.ErrUnsupported)
			assert.Zero(t, unable.calls, "calls of the store")

			able := &watchedStore{Store: inner}
			_, err = serve(t, able, opts).With(host.row("r1"), strange{}).Allocate(t.Context(), want("o1", "LAMP", 1))
			wantGuestError(t, err, "Allocate", 1, allocation.ErrInvalid)
			service = serve(t, able, opts).With(strange{}, host.row("r1"))
			_, errs = service.AllocateEach(t.Context(), single("LAMP", 0, 2))
			wantGuestError(t, errs[0], "AllocateEach", 0, allocation.ErrInvalid)
			require.NoError(t, errs[1])
			assert.Equal(t, []allocation.OrderID{"r1"}, host.keys(), "the other order goes through")
			assert.Len(t, linesOf(inner, "LAMP"), 1)
		})
	}
	units := foreign{allocation.NewUnitOfWork(memory.New(), nil)}
	err := newService(t, units, nil).With(strange{}).AddBatch(t.Context(), stock("b1", "LAMP", 5))
	require.ErrorIs(t, err, errors.ErrUnsupported, "a host's own unit of work")
	err = newService(t, &countingWrapper{UnitOfWork: allocation.NewUnitOfWork(memory.New(), nil)}, nil).
		With(newTable().row("r1")).AddBatch(t.Context(), stock("b1", "LAMP", 5))
	require.NoError(t, err, "a wrapper")
}

// A lost race runs the guests again, and the rows of the lost attempt are gone.
func TestGuestsRunAgainAfterALostRace(t *testing.T) {
	for mode, opts := range modes {
		t.Run(mode, func(t *testing.T) {
			store, host := memory.New(), newTable()
			require.NoError(t, store.Seed(stock("b1", "LAMP", 5)))
			opts.units.Backoff = 1
			service := serve(t, store, opts)
			deadlocks := 2
			deadlock := memory.Func{Do: func() error {
				if deadlocks--; deadlocks >= 0 {
					return allocation.ErrConflict
				}
				return nil
			}}
			_, err := service.With(host.row("r1"), deadlock).Allocate(t.Context(), want("o1", "LAMP", 1))
			require.NoError(t, err)
			assert.Equal(t, 3, host.runs)
			assert.Equal(t, []allocation.OrderID{"r1"}, host.keys())
		})
	}
}

// The error of a guest is the guest's alone: an error that looks like an error of the commit is not tried again.
func TestErrorsOfGuestsAreNoErrorsOfTheCommit(t *testing.T) {
	for mode, opts := range modes {
		for _, cause := range []error{allocation.ErrDuplicate, allocation.ErrUnknownOutcome, context.Canceled} {
			t.Run(mode+"/"+cause.Error(), func(t *testing.T) {
				store, host := memory.New(), newTable()
				require.NoError(t, store.Seed(stock("b1", "LAMP", 5)))
				service := serve(t, store, opts)
				_, err := service.With(nil, host.failing(cause)).Allocate(t.Context(), want("o1", "LAMP", 1))
				wantGuestError(t, err, "Allocate", 1, cause)
				assert.Equal(t, 1, host.runs)
				assert.Empty(t, linesOf(store, "LAMP"))
			})
		}
	}
}

// A repeat after a lost answer finds the line and carries out nothing.
func TestRepeatAfterALostAnswerCarriesOutNoGuest(t *testing.T) {
	for mode, opts := range modes {
		t.Run(mode, func(t *testing.T) {
			store, host := memory.New(), newTable()
			require.NoError(t, store.Seed(stock("b1", "LAMP", 5)))
			service := serve(t, store, opts).With(host.row("r1"))
			store.LoseAnswer()
			_, err := service.Allocate(t.Context(), want("o1", "LAMP", 1))
			require.ErrorIs(t, err, allocation.ErrUnknownOutcome)
			_, err = service.Allocate(t.Context(), want("o1", "LAMP", 1))
			require.NoError(t, err)
			assert.Equal(t, 1, host.runs)
		})
	}
}

// Pages of lapsed holds that are cleared for a command are commits without the command's guests.
func TestClearingCarriesOutNoGuest(t *testing.T) {
	for mode, opts := range modes {
		t.Run(mode, func(t *testing.T) {
			store, host, clock := memory.New(), newTable(), memory.NewClock(morning)
			require.NoError(t, store.Seed(stock("b1", "LAMP", 4)))
			opts.units.Now, opts.units.PageSize = clock.Now, 1
			service := serve(t, store, opts)
			for i := range 4 {
				hold := want(numbered("hold", i), "LAMP", 1)
				hold.HoldUntil = morning.Add(time.Minute)
				_, err := service.Allocate(t.Context(), hold)
				require.NoError(t, err)
			}
			clock.Advance(time.Hour)
			_, err := service.With(host.row("r1")).Allocate(t.Context(), want("o1", "LAMP", 4))
			require.NoError(t, err)
			assert.Equal(t, 1, host.runs)
			clock.Advance(-time.Hour)
			_, errs := service.With(host.row("r2"), nil).AllocateEach(t.Context(), single("LAMP", 0, 2))
			require.ErrorAs(t, errs[0], new(*allocation.OutOfStockError))
			assert.Equal(t, 1, host.runs)
		})
	}
}

func TestAllocateEachGivesEachOrderItsGuest(t *testing.T) {
	for mode, opts := range modes {
		t.Run(mode, func(t *testing.T) {
			store, host := memory.New(), newTable()
			require.NoError(t, store.Seed(stock("b1", "LAMP", 5)))
			service := serve(t, store, opts)
			orders := single("LAMP", 0, 4)
			_, errs := service.With(host.row("r0"), host.row("r1")).AllocateEach(t.Context(), orders)
			for _, err := range errs {
				require.ErrorIs(t, err, allocation.ErrInvalid)
			}
			assert.Zero(t, host.runs)
			given, errs := service.With(host.row("r0"), nil, host.failing(errTaken), host.row("r3")).
				AllocateEach(t.Context(), orders)
			assert.Equal(t, []int{0, 1, 3}, succeeded(errs))
			wantGuestError(t, errs[2], "AllocateEach", 2, errTaken)
			assert.Empty(t, given[2])
			assert.Equal(t, []allocation.OrderID{"r0", "r3"}, host.keys())
			assert.Equal(t, []allocation.OrderID{"o[0]", "o[1]", "o[3]"}, linesOf(store, "LAMP"))
		})
	}
}

// counting is a store that counts commits with guests.
type counting struct {
	*memory.Store
	commits atomic.Int64
	fails   func(guests []allocation.Guest) error // nil for a sound store
}

func (c *counting) CommitWith(
	ctx context.Context, changes []allocation.Changes, guests []allocation.Guest,
) error {
	c.commits.Add(1)
	if c.fails != nil {
		if err := c.fails(guests); err != nil {
			return err
		}
	}
	return c.Store.CommitWith(ctx, changes, guests)
}

func TestGuestErrorNamesTheGuestsAtFault(t *testing.T) {
	err := &allocation.GuestError{Errs: []error{nil, errTaken, nil}}
	assert.Equal(t, "allocation: guest 1: "+errTaken.Error(), err.Error())
}
