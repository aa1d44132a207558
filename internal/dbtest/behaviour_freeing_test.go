package dbtest

import (
	"context"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// freeings are the commands that free two units, or bring two units that fit. The first function sets the scene,
// without a unit that fits a line with the terms.
var freeings = []struct {
	name  string
	set   func(s *scene)
	free  func(s *scene) error
	terms []func(*allocation.Request)
}{
	{"a batch that is added", func(*scene) {}, func(s *scene) error {
		return s.other.AddBatch(s.Context(), allocation.Batch{Ref: s.ref("new"), SKU: s.sku(), Purchased: 2})
	}, nil},
	{"a batch that is received with more units", func(s *scene) { s.sold("ship", 3, arriving(s.day(1))) },
		func(s *scene) error {
			count := allocation.Count{Batch: s.ref("ship"), Quantity: 5, At: s.clock.Now()}
			return errOf(s.other.ReceiveBatch(s.Context(), count))
		}, nil},
	{"a batch that is counted up", func(s *scene) { s.sold("b1", 3) }, func(s *scene) error {
		count := allocation.Count{Batch: s.ref("b1"), Quantity: 5, At: s.clock.Now()}
		return errOf(s.other.ChangeBatchQuantity(s.Context(), count))
	}, nil},
	{"a batch that is unblocked", func(s *scene) { s.announce("b1", 2, blocked("wet")) }, func(s *scene) error {
		return s.other.UnblockBatch(s.Context(), s.ref("b1"))
	}, nil},
	{"a batch that is split", func(s *scene) { s.announce("b1", 3, stored("Berlin")) }, func(s *scene) error {
		part := allocation.Batch{Ref: s.ref("part"), Purchased: 2, Location: "Munich"}
		return errOf(s.other.SplitBatch(s.Context(), s.ref("b1"), part))
	}, []func(*allocation.Request){located("Munich")}},
	{"a batch that is rescheduled", func(s *scene) { s.announce("ship", 2, arriving(s.day(9))) }, func(s *scene) error {
		return errOf(s.other.ChangeBatchETA(s.Context(), s.ref("ship"), s.day(1)))
	}, []func(*allocation.Request){func(r *allocation.Request) { r.NeededBy = start.AddDate(0, 0, 2) }}},
	{"a line that is cancelled", func(s *scene) { s.sold("b1", 2) }, func(s *scene) error {
		return errOf(s.other.Cancel(s.Context(), s.order("b1")))
	}, nil},
	{"a line that is made smaller", func(s *scene) { s.sold("b1", 5) }, func(s *scene) error {
		return errOf(s.other.ChangeLine(s.Context(), s.line("b1", 3)))
	}, nil},
	{"a line that a cut releases", func(s *scene) { s.sold("b1", 5) }, func(s *scene) error {
		count := allocation.Count{Batch: s.ref("b1"), Quantity: 2, At: s.clock.Now()}
		return errOf(s.other.ChangeBatchQuantity(s.Context(), count))
	}, nil},
	{"a hold that a sweep finds lapsed", func(s *scene) {
		s.announce("b1", 2)
		s.given(s.want("b1", 2, heldUntil(s.minute(1))))
	}, func(s *scene) error {
		s.clock.Set(s.minute(1))
		return errOf(s.other.Sweep(s.Context()))
	}, nil},
}

// behavioursOfFreeing show that whatever frees units gives the units to those who wait.
var behavioursOfFreeing = func() (all []behaviour) {
	for _, f := range freeings {
		all = append(all, behaviour{"R15 " + f.name + " serves the first in line", func(s *scene) {
			s.announce("gone", 1) // so that the product is known
			s.given(s.want("gone", 1))
			f.set(s)
			s.given(s.want("second", 2, append(f.terms, waiting)...))
			s.given(s.want("first", 2, append(f.terms, waiting, ranked(1))...))
			s.waits("first", 0, 2)
			require.NoError(s, f.free(s))
			s.waits("first", 2, 0)
			s.waits("second", 0, 2)
			assert.Zero(s, s.refused(s.want("walk-in", 2, f.terms...)), "units for a walk-in")
			s.cancel("second") // nothing is due in a later scene
		}})
	}
	return append(all, behaviour{"R15 a line begins and ends to wait in one commit", showBeginsAndEnds})
}()

// errOf returns the error of a command.
func errOf(_ any, err error) error { return err }

// sold announces a batch all of whose units an order of the same name has.
func (s *scene) sold(name string, units allocation.Quantity, terms ...func(*allocation.Batch)) {
	s.Helper()
	s.announce(name, units, terms...)
	s.given(s.want(name, units))
}

// showBeginsAndEnds has lines that wait for a part of a unit of work only: one is served, another is cancelled, and a
// third is cancelled and begins again.
func showBeginsAndEnds(s *scene) {
	s.sold("b1", 2)
	s.given(s.want("again", 3, waiting))
	before := s.version()
	units := allocation.NewUnitOfWork(s.store, &allocation.UnitOfWorkOptions{Now: s.clock.Now})
	require.NoError(s, units.Do(s.Context(), func(ctx context.Context, products allocation.Repository) error {
		p, err := products.Get(ctx, s.sku(), s.order("served"), s.order("cancelled"), s.order("again"))
		if err != nil {
			return err
		}
		now := products.Now()
		_, err = p.Allocate(now, nil, s.want("served", 2, waiting, ranked(1)), s.want("cancelled", 2, waiting))
		require.NoError(s, err)
		for _, order := range []string{"cancelled", "again"} {
			_, err = p.Cancel(s.order(order), now)
			require.NoError(s, err)
		}
		_, err = p.Allocate(now, nil, s.want("again", 4, waiting))
		require.NoError(s, err)
		return p.AddBatch(allocation.Batch{Ref: s.ref("b2"), SKU: s.sku(), Purchased: 2}, now)
	}))
	s.waits("served", 2, 0)
	s.waits("cancelled", 0, 0)
	s.waits("again", 0, 4)
	assert.Equal(s, []string{
		"LineWaiting", "LineWaiting", "LineWaiting", "LineWaiting", "LineWaiting", "BatchAdded", "LineAllocated",
	}, s.events(before))
	s.announce("b3", 4)
	s.waits("again", 4, 0)
}
