package dbtest

import (
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// behavioursOfCounts are those of counts, by clocks that disagree.
var behavioursOfCounts = []behaviour{
	{"A16 a count ahead of the clock", showCountAhead},
	{"A16 no true count is swallowed", showTrueCount},
	{"A16 no true count that comes late is swallowed", showBelatedCount},
	{"R8 one moment has one count", showOneCount},
}

// count tells a count of batch b1 to one of the processes.
func (s *scene) count(service *allocation.Service, units allocation.Quantity, at time.Time) error {
	s.Helper()
	_, err := service.ChangeBatchQuantity(s.Context(), allocation.Count{Batch: s.ref("b1"), Quantity: units, At: at})
	return err
}

func (s *scene) ship(order string) {
	s.Helper()
	_, err := s.other.Ship(s.Context(), s.order(order))
	require.NoError(s, err)
}

func showCountAhead(s *scene) {
	s.announce("b1", 10)
	s.given(s.want("o1", 3))
	ahead := s.clock.Now().Add(50 * time.Second)
	s.ship("o1")
	s.clock.Advance(5 * time.Second)
	s.quiet(func() {
		s.about(s.count(s.service, 10, ahead), allocation.ErrNotAllowed, "counted at")
		far := s.clock.Now().Add(time.Minute + time.Microsecond)
		assert.Equal(s, far, s.about(s.count(s.service, 10, far), allocation.ErrInvalid, "counted at"))
	})
	require.NoError(s, s.count(s.service, 7, s.clock.Now()))
	assert.Equal(s, "0/7", s.batch("b1"))
	s.clock.Advance(time.Minute)
	require.NoError(s, s.count(s.other, 6, s.clock.Now().Add(time.Minute)))
	assert.Equal(s, "0/6", s.batch("b1"))
}

func showTrueCount(s *scene) {
	s.announce("b1", 10)
	ahead := s.clock.Now().Add(50 * time.Second)
	require.NoError(s, s.count(s.service, 10, ahead))
	s.given(s.want("o1", 3))
	s.ship("o1")
	s.quiet(func() {
		s.about(s.count(s.other, 7, s.clock.Now()), allocation.ErrNotAllowed, "counted at")
		require.NoError(s, s.count(s.other, 10, ahead))
		s.clock.Advance(-time.Hour)
		require.NoError(s, s.count(s.service, 10, ahead))
		s.clock.Advance(time.Hour)
	})
	s.clock.Advance(time.Minute)
	require.NoError(s, s.count(s.other, 7, s.clock.Now()))
	assert.Equal(s, "0/7", s.batch("b1"))
}

func showBelatedCount(s *scene) {
	s.announce("b1", 10)
	start := s.clock.Now()
	require.NoError(s, s.count(s.service, 10, start.Add(50*time.Second)))
	s.clock.Advance(time.Minute)
	s.quiet(func() {
		s.about(s.count(s.other, 7, start.Add(10*time.Second)), allocation.ErrNotAllowed, "counted at")
		require.NoError(s, s.count(s.other, 7, start.Add(-11*time.Second)))
		require.NoError(s, s.count(s.other, 10, start.Add(10*time.Second)))
	})
	require.NoError(s, s.count(s.other, 7, s.clock.Now()))
	assert.Equal(s, "0/7", s.batch("b1"))
}

func showOneCount(s *scene) {
	s.announce("b1", 10, arriving(s.day(1)))
	noon := s.clock.Now()
	require.NoError(s, s.count(s.service, 8, noon))
	receive := func(units allocation.Quantity) error {
		count := allocation.Count{Batch: s.ref("b1"), Quantity: units, At: noon}
		_, err := s.other.ReceiveBatch(s.Context(), count)
		return err
	}
	s.quiet(func() {
		s.about(s.count(s.other, 9, noon), allocation.ErrMismatch, "quantity")
		s.about(receive(9), allocation.ErrMismatch, "quantity")
		require.NoError(s, s.count(s.other, 8, noon))
	})
	require.NoError(s, receive(8))
	s.quiet(func() { require.NoError(s, receive(8)) })
	s.free(8, 8)
}
