package bus_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

func TestOnlyCommittedEventsArePublished(t *testing.T) {
	failure := errors.New("disk full")
	faults := map[string]struct {
		cause func(*shop)
		want  error
	}{
		"failed commit":   {func(s *shop) { s.store.FailCommit(failure) }, failure},
		"failed load":     {func(s *shop) { s.store.FailLoad(failure) }, failure},
		"unknown outcome": {func(s *shop) { s.store.LoseAnswer() }, allocation.ErrUnknownOutcome},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			s := open(t, 0, "CHAIR")
			kinds := s.kinds()
			fault.cause(s)
			assert.ErrorIs(t, s.allocate(t.Context(), "o1", "CHAIR"), fault.want)
			assert.Empty(t, *kinds)
			require.NoError(t, s.allocate(t.Context(), "o2", "CHAIR"))
			assert.Equal(t, []string{"LineAllocated"}, *kinds)
		})
	}
}

func TestARepeatedCommandPublishesNothing(t *testing.T) {
	s := open(t, 0, "CHAIR")
	kinds := s.kinds()
	s.store.LoseAnswer()
	require.ErrorIs(t, s.allocate(t.Context(), "o1", "CHAIR"), allocation.ErrUnknownOutcome)
	require.NoError(t, s.allocate(t.Context(), "o1", "CHAIR"), "the repeat returns the line unchanged")
	assert.Empty(t, *kinds, "the handlers never hear of the line; only the outbox has the event")
}

func TestOnlyTheLastAttemptPublishesEvents(t *testing.T) {
	s := open(t, 0, "CHAIR")
	heard := s.listen()
	s.store.FailCommit(allocation.ErrConflict, allocation.ErrConflict)
	orders := []allocation.OrderID{"loser", "loser again", "winner"}
	err := s.units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		order := orders[0]
		orders = orders[1:]
		chair, err := products.Get(ctx, "CHAIR", order)
		if err != nil {
			return err
		}
		line := allocation.OrderLine{OrderID: order, SKU: "CHAIR", Quantity: 1}
		_, err = chair.Allocate(products.Now(), nil, allocation.Request{OrderLine: line})
		return err
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"winner/CHAIR"}, heard())
}

func TestAUnitOfWorkWithoutACommitPublishesNothing(t *testing.T) {
	failure := errors.New("changed my mind")
	endings := map[string]func() error{
		"error":  func() error { return failure },
		"panic":  func() error { panic(failure) },
		"Goexit": func() error { runtime.Goexit(); return nil },
	}
	for name, end := range endings {
		t.Run(name, func(t *testing.T) {
			s := open(t, 0, "CHAIR")
			kinds := s.kinds()
			changed, done := false, make(chan struct{})
			go func() {
				defer close(done)
				defer func() { _ = recover() }()
				_ = s.units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
					chair, err := products.Get(ctx, "CHAIR")
					if err == nil {
						err = chair.SetLowStock(5, products.Now())
					}
					changed = err == nil
					return end()
				})
			}()
			<-done
			assert.True(t, changed, "the unit of work changed a product")
			assert.Empty(t, *kinds)
		})
	}
}

// joined is a store inside a transaction of the host.
type joined struct{ *memory.Store }

func (joined) Joined() {}

func TestAUnitOfWorkInAHostsTransactionRefusesABus(t *testing.T) {
	s := open(t, 0, "CHAIR")
	units := allocation.NewUnitOfWork(joined{s.store}, &allocation.UnitOfWorkOptions{Committed: s.Publish})
	_, err := allocation.New(units, nil)
	assert.ErrorIs(t, err, allocation.ErrInvalid, "New with Committed, although the host can still roll back")
}
