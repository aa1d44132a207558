package dbtest

import (
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// behavioursOfRepeats are those of commands that come again (R3).
var behavioursOfRepeats = []behaviour{
	{"A12 a repeat is not refused because time has passed", showLateRepeat},
	{"Case 7 a hold that was paid stays", showPaidHold},
	{"Case 8 a longer hold stays after a late message", showLongerHold},
	{"R3 a repeat with other terms is a mismatch that names the field", showMismatches},
	{"R3 a refused order confirms and extends nothing", showRefusedRepeat},
}

func showLateRepeat(s *scene) {
	s.announce("b1", 9)
	announced := allocation.Batch{
		Ref: s.ref("b2"), SKU: s.sku(), Purchased: 5, ETA: s.day(2), BestBefore: s.day(3), Location: "hull",
	}
	require.NoError(s, s.service.AddBatch(s.Context(), announced))
	r := s.want("o1", 2, neededBy(s.day(4)), freshUntil(s.day(4)))
	first, err := s.service.Allocate(s.Context(), r)
	require.NoError(s, err)
	s.clock.Set(s.day(5))
	s.quiet(func() {
		for _, service := range []*allocation.Service{s.service, s.other} {
			again, err := service.Allocate(s.Context(), r)
			require.NoError(s, err)
			assert.Equal(s, first, again)
			require.NoError(s, service.AddBatch(s.Context(), announced))
		}
	})
	_, err = s.other.Ship(s.Context(), s.order("o1"))
	require.NoError(s, err)
	s.quiet(func() { assert.Equal(s, "b1:2/2", s.given(r)) })
	_, err = s.service.Allocate(s.Context(), s.want("o2", 2, neededBy(s.day(4))))
	s.about(err, allocation.ErrInvalid, "needed by")
}

func showPaidHold(s *scene) {
	s.announce("b1", 1)
	s.given(s.want("o1", 1, heldUntil(s.minute(10))))
	firm, err := s.other.Allocate(s.Context(), s.want("o1", 1))
	require.NoError(s, err)
	assert.Zero(s, firm[0].HeldUntil)
	s.quiet(func() { s.given(s.want("o1", 1, heldUntil(s.minute(10)))) })
	s.clock.Set(s.minute(11))
	assert.Zero(s, s.refused(s.want("o2", 1)))
	assert.Equal(s, []string{"BatchAdded", "LineAllocated", "HoldConfirmed", "LineRefused"}, s.events(0))
}

func showLongerHold(s *scene) {
	s.announce("b1", 1)
	var ends []time.Time
	for _, minutes := range []int{10, 30, 10} {
		lines, err := s.service.Allocate(s.Context(), s.want("o1", 1, heldUntil(s.minute(minutes))))
		require.NoError(s, err)
		ends = append(ends, lines[0].HeldUntil)
	}
	assert.Equal(s, []time.Time{s.minute(10), s.minute(30), s.minute(30)}, ends)
	s.clock.Set(s.minute(29))
	assert.Zero(s, s.refused(s.want("o2", 1)))
	s.clock.Set(s.minute(30))
	assert.Equal(s, "b1:1", s.given(s.want("o2", 1)))
}

func showMismatches(s *scene) {
	s.announce("b1", 9, stored("hull"))
	terms := []func(*allocation.Request){neededBy(s.day(4)), freshUntil(s.day(4)), located("hull")}
	s.given(s.want("o1", 2, terms...))
	s.quiet(func() {
		for field, r := range map[string]allocation.Request{
			"quantity":    s.want("o1", 3, terms...),
			"needed by":   s.want("o1", 2, append(terms, neededBy(s.day(5)))...),
			"fresh until": s.want("o1", 2, append(terms, freshUntil(time.Time{}))...),
			"location":    s.want("o1", 2, append(terms, located("york"))...),
			"split":       s.want("o1", 2, append(terms, spread)...),
		} {
			_, err := s.other.Allocate(s.Context(), r)
			s.about(err, allocation.ErrMismatch, field)
		}
		r := s.want("o1", 2, terms...)
		r.Priority = 7
		assert.Equal(s, "b1:2", s.given(r))
	})
}

func showRefusedRepeat(s *scene) {
	s.announce("b1", 9)
	held := heldUntil(s.minute(10))
	s.given(s.want("o1", 2, held))
	s.given(s.want("o2", 2, held))
	before := s.version()
	longer := heldUntil(s.minute(20))
	_, err := s.service.Allocate(s.Context(), s.want("o1", 2), s.want("o2", 2, longer), s.want("o3", 6))
	var short *allocation.OutOfStockError
	require.ErrorAs(s, err, &short)
	assert.Equal(s, []string{"LineRefused"}, s.events(before))
	s.clock.Set(s.minute(10))
	assert.Equal(s, "b1:9", s.given(s.want("o3", 9)))
}
