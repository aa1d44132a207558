package dbtest

import (
	"errors"
	"sync"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// behavioursOfHandOver are those of a cart that becomes an order.
var behavioursOfHandOver = []behaviour{
	{"A11 a cart becomes an order once, or is cancelled", showHandedOverOrCancelled},
	{"A11 two carts become one order", showTwoCarts},
	{"A11 a line keeps place, terms and hold", showKeptPlace},
	{"A11 a repeat takes nothing that the cart got since", showCartUsedAgain},
	{"A11 lines that can't be handed over", showNoHandOver},
	{"Case 6 cart to order", showCartToOrder},
	{"Case 11 a belated change wins", showBelatedChange},
	{"Case 13 a renamed product", showRenamedProduct},
}

// handOver hands over a cart in one of the processes.
func (s *scene) handOver(service *allocation.Service, from, to string) error {
	_, err := service.HandOver(s.Context(), s.order(from), s.order(to))
	return err
}

func showHandedOverOrCancelled(s *scene) {
	s.announce("b1", 5)
	s.given(s.want("cart-9", 3, heldUntil(s.minute(10))))
	var group sync.WaitGroup
	errs := make([]error, 2)
	var cancelled error
	for i, service := range []*allocation.Service{s.service, s.other} {
		group.Go(func() { errs[i] = s.handOver(service, "cart-9", "order-36") })
	}
	group.Go(func() { _, cancelled = s.other.Cancel(s.Context(), s.order("cart-9")) })
	group.Wait()
	again := s.handOver(s.service, "cart-9", "order-36")
	if cancelled == nil {
		for _, err := range append(errs, again) {
			require.ErrorIs(s, err, allocation.ErrNotFound)
		}
		s.free(5, 5)
		return
	}
	require.ErrorIs(s, cancelled, allocation.ErrNotFound)
	require.NoError(s, errors.Join(append(errs, again)...))
	assert.Equal(s, []string{"", "b1:3"}, []string{s.has("cart-9"), s.has("order-36")})
	assert.Equal(s, []string{"BatchAdded", "LineAllocated", "LineHandedOver"}, s.events(0))
}

func showTwoCarts(s *scene) {
	sofa := s.sku() + "-sofa"
	s.announce("b1", 5)
	require.NoError(s, s.service.AddBatch(s.Context(), allocation.Batch{Ref: s.ref("s1"), SKU: sofa, Purchased: 5}))
	s.given(s.want("cart-1", 3))
	other := s.want("cart-2", 2)
	other.SKU = sofa
	s.given(other)
	var group sync.WaitGroup
	group.Go(func() { assert.NoError(s, s.handOver(s.service, "cart-1", "order-36")) })
	group.Go(func() { assert.NoError(s, s.handOver(s.other, "cart-2", "order-36")) })
	group.Wait()
	lines, err := s.store.Order(s.Context(), s.order("order-36"))
	require.NoError(s, err)
	require.Len(s, lines, 2)
	for _, cart := range []string{"cart-1", "cart-2"} {
		assert.Empty(s, s.has(cart))
		came, err := s.other.HandOver(s.Context(), s.order(cart), s.order("order-36"))
		require.NoError(s, err)
		require.Len(s, came, 1, "lines that came from %s", cart)
		assert.Equal(s, s.order(cart), came[0].HandedFrom)
	}
}

func showKeptPlace(s *scene) {
	s.announce("b1", 6)
	terms := []func(*allocation.Request){neededBy(s.day(3)), heldUntil(s.minute(10))}
	before, err := s.service.Allocate(s.Context(), s.want("cart", 2, terms...))
	require.NoError(s, err)
	s.given(s.want("newer", 2, heldUntil(s.minute(10))))
	require.NoError(s, s.handOver(s.other, "cart", "order"))
	after, err := s.service.HandOver(s.Context(), s.order("cart"), s.order("order"))
	require.NoError(s, err)
	before[0].OrderID, before[0].HandedFrom = s.order("order"), s.order("cart")
	assert.Equal(s, before, after)
	require.NoError(s, s.count(s.other, 2, s.clock.Now()))
	assert.Equal(s, []string{"b1:2", ""}, []string{s.has("order"), s.has("newer")}, "the newer line leaves")
	s.clock.Set(s.minute(10))
	require.ErrorIs(s, s.handOver(s.other, "cart", "order"), allocation.ErrLapsed)
	assert.Equal(s, "b1:2", s.given(s.want("cart", 2)))
}

func showCartUsedAgain(s *scene) {
	s.announce("b1", 5)
	s.given(s.want("cart", 2))
	require.NoError(s, s.handOver(s.service, "cart", "order"))
	assert.Equal(s, "b1:1", s.given(s.want("cart", 1)), "a late message under the old id is a new line")
	s.quiet(func() { require.NoError(s, s.handOver(s.other, "cart", "order")) })
	assert.Equal(s, []string{"b1:1", "b1:2"}, []string{s.has("cart"), s.has("order")})
	require.NoError(s, s.handOver(s.other, "cart", "another"))
	assert.Equal(s, []string{"", "b1:1"}, []string{s.has("cart"), s.has("another")})
}

func showNoHandOver(s *scene) {
	s.announce("b1", 9)
	s.given(s.want("cart", 2))
	s.given(s.want("order", 3))
	s.given(s.want("lapsing", 3, heldUntil(s.minute(1))))
	s.clock.Set(s.minute(1))
	s.quiet(func() {
		require.ErrorIs(s, s.handOver(s.service, "cart", "order"), allocation.ErrMismatch)
		require.ErrorIs(s, s.handOver(s.other, "lapsing", "new"), allocation.ErrLapsed)
		require.ErrorIs(s, s.handOver(s.service, "none", "new"), allocation.ErrNotFound)
		s.about(s.handOver(s.service, "cart", "cart"), allocation.ErrInvalid, "to")
		_, err := s.other.HandOver(s.Context(), s.order("cart"), s.order("new"), s.sku(), s.sku()+"-other")
		require.ErrorIs(s, err, allocation.ErrNotFound)
	})
	assert.Equal(s, "b1:2", s.has("cart"))
	lines, err := s.other.HandOver(s.Context(), s.order("cart"), s.order("lapsing"), s.sku())
	require.NoError(s, err, "over a line that has lapsed")
	assert.Equal(s, "b1:2", s.batches(lines[0].Parts))
	s.free(4, 4)
}

func showCartToOrder(s *scene) {
	s.announce("b1", 1)
	s.given(s.want("cart-9", 1, heldUntil(s.minute(10))))
	require.NoError(s, s.handOver(s.service, "cart-9", "order-36"))
	assert.Zero(s, s.refused(s.want("cart-10", 1)))
	s.quiet(func() { require.NoError(s, s.handOver(s.other, "cart-9", "order-36")) })
	_, err := s.other.Confirm(s.Context(), s.order("order-36"))
	require.NoError(s, err)
	s.clock.Set(s.minute(11))
	assert.Zero(s, s.refused(s.want("cart-10", 1)))
	s.quiet(func() { require.NoError(s, s.handOver(s.other, "cart-9", "order-36")) })
	assert.Equal(s, []string{"", "b1:1"}, []string{s.has("cart-9"), s.has("order-36")})
}

// showBelatedChange shows that a ChangeLine has no age: a host that may send changes out of order has to sort them.
func showBelatedChange(s *scene) {
	s.announce("b1", 9)
	s.given(s.want("o1", 1))
	for _, units := range []allocation.Quantity{5, 3, 5} {
		_, err := s.service.ChangeLine(s.Context(), s.line("o1", units))
		require.NoError(s, err)
	}
	assert.Equal(s, "b1:5", s.has("o1"))
}

// showRenamedProduct shows that a SKU is a name for good: the batch of another SKU is another batch.
func showRenamedProduct(s *scene) {
	s.announce("b1", 5)
	s.given(s.want("o1", 5))
	s.quiet(func() {
		renamed := allocation.Batch{Ref: s.ref("b1"), SKU: s.sku() + "-new", Purchased: 5}
		s.about(s.service.AddBatch(s.Context(), renamed), allocation.ErrMismatch, "batch")
		r := s.want("o2", 1)
		r.SKU += "-new"
		_, err := s.other.Allocate(s.Context(), r)
		require.ErrorIs(s, err, allocation.ErrNotFound)
	})
	assert.Equal(s, "b1:5", s.has("o1"))
}
