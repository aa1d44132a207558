package allocation_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

func (p *tested) handsOver(from, to allocation.OrderID) func() error {
	return func() error { _, err := p.HandOver(from, to, monday); return err }
}

func TestA11_AProductHandsOverAllLines(t *testing.T) {
	p := newTested(t, inWarehouse("a", 20), arriving("b", 5, 1))
	p.allocates(as("x", whole("cart", 3)))
	p.allocates(split("cart", 22))
	p.refuses(allocation.ErrInvalid, p.handsOver("cart", "cart"))
	p.refuses(allocation.ErrNotFound, p.handsOver("none", "order"))
	before := len(p.Changes().Events)
	lines, err := p.HandOver("cart", "order", monday)
	require.NoError(t, err)
	require.Len(t, lines, 2)
	assert.Equal(t, []string{"LineHandedOver order from cart", "LineHandedOver order/x from cart"}, p.recorded(before))
	assert.Equal(t, "20/20", p.batch("a"))
	p.stays(p.handsOver("cart", "order"))
	_, err = p.Lines("cart", monday)
	require.ErrorIs(t, err, allocation.ErrNotFound)

	_, err = p.Cancel("order", monday)
	require.NoError(t, err)
	p.allocates(whole("cart", 4)) // a late message
	p.allocates(whole("order", 1))
	p.refuses(allocation.ErrMismatch, p.handsOver("cart", "order"))
}

// A stored line that is handed over leaves the store under one name and comes under another; a lapsed hold
// in its place is replaced.
func TestA11_ChangesOfAHandOver(t *testing.T) {
	state := allocation.State{
		SKU: lamp, Version: 9,
		Batches: []allocation.Batch{{Ref: "a", SKU: lamp, Purchased: 9, Allocated: 5}},
		Lines: []allocation.Allocation{
			{OrderLine: lineOf("cart", 3), Sequence: 4, Parts: []allocation.Part{{Batch: "a", Quantity: 3}}},
			{
				OrderLine: lineOf("lapsed", 2), Sequence: 5, HeldUntil: monday,
				Parts: []allocation.Part{{Batch: "a", Quantity: 2}},
			},
		},
	}
	query := allocation.Query{Orders: []allocation.OrderID{"cart", "order", "lapsed"}}
	p, err := state.Product(query)
	require.NoError(t, err)
	_, err = p.HandOver("cart", "order", monday)
	require.NoError(t, err)
	c := p.Changes()
	assert.Equal(t, []allocation.LineKey{{OrderID: "cart", SKU: lamp}}, c.Removed)
	require.Len(t, c.NewLines, 1)
	assert.Equal(t, int64(4), c.NewLines[0].Sequence)
	assert.Empty(t, c.Lines)
	assert.Empty(t, c.Batches)

	p, err = state.Product(query)
	require.NoError(t, err)
	_, err = p.HandOver("cart", "lapsed", monday)
	require.NoError(t, err)
	c = p.Changes()
	assert.Equal(t, []allocation.LineKey{{OrderID: "cart", SKU: lamp}}, c.Removed)
	require.Len(t, c.Lines, 1)
	assert.Equal(t, allocation.OrderID("lapsed"), c.Lines[0].OrderID)
	assert.Empty(t, c.NewLines)

	p, err = state.Product(allocation.Query{Orders: []allocation.OrderID{"cart"}})
	require.NoError(t, err)
	_, err = p.HandOver("cart", "order", monday)
	require.ErrorIs(t, err, allocation.ErrNotLoaded)
}

// A cart becomes an order twice, while another process cancels the cart, in groups and alone.
func TestA11_HandOverAndCancelRace(t *testing.T) {
	for name, with := range map[string]allocation.ServiceOptions{"groups": {}, "alone": {NoGroupCommit: true}} {
		t.Run(name, func(t *testing.T) {
			store := memory.New()
			require.NoError(t, store.Seed(stock("b1", "LAMP", 1000), stock("b2", "SOFA", 1000)))
			one, two := serve(t, store, settings{service: with}), serve(t, store, settings{service: with})
			for n := range 100 {
				cart, order := numbered("cart", n), numbered("order", n)
				_, err := one.Allocate(t.Context(), want(cart, "LAMP", 1), want(cart, "SOFA", 2))
				require.NoError(t, err)
				var group sync.WaitGroup
				errs := make([]error, 3)
				for i, s := range []*allocation.Service{one, two} {
					group.Go(func() { _, errs[i] = s.HandOver(t.Context(), cart, order) })
				}
				group.Go(func() { _, errs[2] = two.Cancel(t.Context(), cart) })
				group.Wait()
				lines, again := one.HandOver(t.Context(), cart, order)
				switch {
				case errs[2] == nil:
					for _, err := range []error{errs[0], errs[1], again} {
						require.ErrorIs(t, err, allocation.ErrNotFound)
					}
				default:
					require.ErrorIs(t, errs[2], allocation.ErrNotFound)
					require.NoError(t, errors.Join(errs[0], errs[1], again))
					require.Len(t, lines, 2)
				}
			}
			for _, sku := range []allocation.SKU{"LAMP", "SOFA"} {
				audit, err := one.Reconcile(t.Context(), sku)
				require.NoError(t, err)
				assert.False(t, audit.Drifted())
			}
		})
	}
}

// Commands for the cart and for the order keep their order around a hand-over, cached products included.
func TestA11_CommandsBeforeAndAfterAHandOver(t *testing.T) {
	store := memory.New()
	require.NoError(t, store.Seed(stock("b1", "LAMP", 10)))
	s := serve(t, store, settings{})
	for n := range 3 {
		cart, order := numbered("cart", n), numbered("order", n)
		_, errs := s.AllocateEach(t.Context(), [][]allocation.Request{{want(cart, "LAMP", 2)}})
		require.NoError(t, errs[0])
		_, err := s.HandOver(t.Context(), cart, order)
		require.NoError(t, err)
		_, err = s.Allocate(t.Context(), want(order, "LAMP", 2)) // a repeat: the order has the line
		require.NoError(t, err)
		_, err = s.Cancel(t.Context(), cart)
		require.ErrorIs(t, err, allocation.ErrNotFound)
	}
	units := allocation.NewUnitOfWork(store, nil)
	require.NoError(t, units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		p, err := products.Get(ctx, "LAMP", numbered("order", 0), "last")
		require.NoError(t, err)
		_, err = p.HandOver(numbered("order", 0), "last", products.Now())
		return err
	}))
	lines, err := s.Ship(t.Context(), "last")
	require.NoError(t, err)
	assert.Equal(t, allocation.Quantity(2), lines[0].Shipped())
	assert.Equal(t, numbered("order", 0), lines[0].HandedFrom)
}

// An order has at most 1000 lines of a SKU. Lines that the same unit of work has cancelled make room again.
func TestA11_CancelledLinesMakeRoomForAHandOver(t *testing.T) {
	p := newTested(t, inWarehouse("a", 2000))
	var full []allocation.Request
	for i := range 1000 {
		full = append(full, as(allocation.LineID(fmt.Sprint("l", i)), whole("order", 1)))
	}
	p.allocates(full...)
	p.allocates(whole("cart", 1))
	p.refuses(allocation.ErrNotAllowed, p.handsOver("cart", "order"))
	_, err := p.Cancel("order", monday)
	require.NoError(t, err)
	lines, err := p.HandOver("cart", "order", monday)
	require.NoError(t, err)
	assert.Len(t, lines, 1)
}

// The lines of the order that takes over can't be read: the failure is the answer, as at the order that gives.
func TestA11_AnOrderThatCanNotBeReadIsNoAnswer(t *testing.T) {
	for name, reads := range map[string][]error{
		"the order that gives":      {nil, nil, errBroken},
		"the order that takes over": {nil, nil, nil, errBroken},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, stock("b1", "LAMP", 1))
			s.mustAllocate(want("cart", "LAMP", 1))
			s.store.FailCommit(allocation.ErrConflict) // the first run has the readings of the lookup
			s.store.FailLoad(reads...)
			_, err := s.HandOver(t.Context(), "cart", "order")
			require.ErrorIs(t, err, errBroken)
		})
	}
}

// The store's unique key refuses a line that the unit of work can't see.
func TestA11_ADuplicateIsAMismatch(t *testing.T) {
	store := memory.New()
	require.NoError(t, store.Seed(stock("b1", "LAMP", 10)))
	s := serve(t, duplicates{store}, settings{units: allocation.UnitOfWorkOptions{Backoff: time.Nanosecond}})
	_, err := s.Allocate(t.Context(), want("cart", "LAMP", 2))
	require.NoError(t, err)
	_, err = s.HandOver(t.Context(), "cart", "order")
	require.ErrorIs(t, err, allocation.ErrMismatch)
}

// duplicates is a store that has a line of every order to which lines are handed over, and shows it to nobody.
type duplicates struct{ *memory.Store }

func (d duplicates) Commit(ctx context.Context, changes []allocation.Changes) error {
	for _, c := range changes {
		if len(c.Removed) > 0 && len(c.NewLines) > 0 {
			return fmt.Errorf("line exists: %w", allocation.ErrDuplicate)
		}
	}
	return d.Store.Commit(ctx, changes)
}

// Lapsed lines of the order leave room for the lines that are handed over.
func TestA11_LapsedLinesMakeRoomForAHandOver(t *testing.T) {
	p := newTested(t, inWarehouse("a", 2000))
	p.allocates(as("held", hold("order", 1, mondayPlus(1))))
	var full []allocation.Request
	for i := range 1000 {
		full = append(full, as(allocation.LineID(fmt.Sprint("l", i)), whole("cart", 1)))
	}
	p.allocates(full...)
	p.refuses(allocation.ErrNotAllowed, p.handsOver("cart", "order"))
	lines, err := p.HandOver("cart", "order", mondayPlus(1))
	require.NoError(t, err)
	assert.Len(t, lines, 1000)
}
