package dbtest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// behavioursOfLines are those of several lines of an order for one product, and of the lines that lose at a cut.
var behavioursOfLines = []behaviour{
	{"A9 an unpaid hold loses its units before a paid order", showHoldLoses},
	{"A10 two lines of one SKU are both promised", showTwoLines},
	{"R6 lower priorities lose their units first", showPriorities},
}

func priority(p int) func(*allocation.Request) {
	return func(r *allocation.Request) { r.Priority = p }
}

func lineID(id allocation.LineID) func(*allocation.Request) {
	return func(r *allocation.Request) { r.Line = id }
}

// loses counts a batch and returns the released lines.
func (s *scene) loses(name string, units allocation.Quantity) []allocation.OrderLine {
	s.Helper()
	s.clock.Advance(time.Second)
	released, err := s.other.ChangeBatchQuantity(s.Context(),
		allocation.Count{Batch: s.ref(name), Quantity: units, At: s.clock.Now()})
	require.NoError(s, err)
	return released
}

func showHoldLoses(s *scene) {
	const paid = 300
	s.announce("b", paid+2)
	cart := heldUntil(s.day(1))
	requests := []allocation.Request{s.want("cart", 1, cart), s.want("paid at last", 1, cart)}
	for i := range paid {
		requests = append(requests, s.want(fmt.Sprint("paid", i), 1))
	}
	_, err := s.service.Allocate(s.Context(), requests...)
	require.NoError(s, err)
	_, err = s.service.Confirm(s.Context(), s.order("paid at last"))
	require.NoError(s, err)
	assert.Equal(s, []allocation.OrderLine{s.line("cart", 1)}, s.loses("b", paid+1))
	assert.Equal(s, []allocation.OrderLine{s.line(fmt.Sprint("paid", paid-1), 1)}, s.loses("b", paid))
	assert.Equal(s, "b:1", s.has("paid at last"))
}

func showPriorities(s *scene) {
	s.announce("b", 3)
	s.given(s.want("vip", 1, priority(32_767)))
	s.given(s.want("guest", 1, priority(-32_768)))
	s.given(s.want("newest", 1))
	s.given(s.want("guest", 1, priority(32_767))) // a repeat changes no priority
	for i, order := range []string{"guest", "newest", "vip"} {
		assert.Equal(s, []allocation.OrderLine{s.line(order, 1)}, s.loses("b", allocation.Quantity(2-i)))
	}
}

func showTwoLines(s *scene) {
	s.announce("b", 5)
	for range 2 { // the second time both are repeats
		assert.Equal(s, "b:2", s.given(s.want("o", 2, lineID("a"))))
		assert.Equal(s, "b:2", s.given(s.want("o", 2)))
	}
	s.free(1, 1)
	lines, err := s.store.Order(s.Context(), s.order("o"))
	require.NoError(s, err)
	require.Len(s, lines, 2)
	assert.Equal(s, []allocation.LineID{"", "a"}, []allocation.LineID{lines[0].OrderLine.Line, lines[1].OrderLine.Line})
	kept, err := s.other.Cancel(s.Context(), s.order("o"))
	require.NoError(s, err)
	assert.Empty(s, kept)
	s.free(5, 5)
}
