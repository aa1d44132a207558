package allocation_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// hour is a moment of a fuzzed story.
func hour(n byte) time.Time { return monday.Add(time.Duration(n) * time.Hour) }

// fits says by the rules R13 and R14, in the words of the rules, whether a batch may be given to a line.
func fits(b allocation.Batch, l allocation.Allocation, now time.Time) bool {
	perishable := !b.BestBefore.IsZero()
	switch {
	case b.Blocked != "", b.Expired, perishable && !now.Before(b.BestBefore):
		return false
	case perishable && !b.ETA.IsZero() && !b.ETA.Before(b.BestBefore):
		return false
	case l.Location != "" && l.Location != b.Location:
		return false
	case !l.FreshUntil.IsZero() && perishable && !b.BestBefore.After(l.FreshUntil):
		return false
	case l.NeededBy.IsZero(), b.ETA.IsZero():
		return true
	}
	return !b.ETA.Before(now) && !b.ETA.After(l.NeededBy)
}

// story runs random commands on a product, under a policy that answers at random.
type story struct {
	*tested
	now    time.Time
	policy allocation.Policy
	bytes  []byte
}

// next takes a byte; a story without bytes has ended.
func (s *story) next() byte {
	if len(s.bytes) == 0 {
		return 0
	}
	b := s.bytes[0]
	s.bytes = s.bytes[1:]
	return b
}

// when is a moment up to 15 hours from now; the zero time for every fourth byte.
func (s *story) when() time.Time {
	b := s.next()
	if b%4 == 0 {
		return time.Time{}
	}
	return s.now.Add(time.Duration(b/16) * time.Hour)
}

func (s *story) place() allocation.Location {
	return []allocation.Location{"", "", "hull", "york"}[s.next()%4]
}

func (s *story) order() allocation.OrderID { return allocation.OrderID(fmt.Sprint("o", s.next()%6)) }

// step runs one command. Refusals and errors about bad values are part of a story.
func (s *story) step() error {
	units := 1 + allocation.Quantity(s.next()%9)
	ref := allocation.BatchRef(fmt.Sprint("n", s.next()%5))
	switch s.next() % 8 {
	case 0:
		b := inWarehouse(ref, units)
		b.ETA, b.BestBefore, b.Location = s.when(), s.when(), s.place()
		return s.AddBatch(b, s.now)
	case 1:
		_, err := s.ChangeLine(lineOf(s.order(), units), s.now, s.policy)
		return err
	case 2:
		_, err := s.ChangeBatchQuantity(counted(ref, units-1, s.now), s.now, s.policy)
		return err
	case 3:
		_, err := s.ReceiveBatch(counted(ref, units-1, s.now), s.now, s.policy)
		return err
	case 4:
		return errorOf(s.ChangeBatchETA(ref, hour(s.next()), s.now, s.policy))
	}
	r := whole(s.order(), units)
	r.Split = s.next()%2 == 0
	r.NeededBy, r.FreshUntil, r.HoldUntil, r.Location = s.when(), s.when(), s.when(), s.place()
	_, err := s.Allocate(s.now, s.policy, r)
	s.checkShortage(r, err)
	return err
}

// checkShortage compares the number in a refusal with the batches that fit.
func (s *story) checkShortage(r allocation.Request, err error) {
	s.t.Helper()
	var short *allocation.OutOfStockError
	if !errors.As(err, &short) {
		return
	}
	line := allocation.Allocation{NeededBy: r.NeededBy, FreshUntil: r.FreshUntil, Location: r.Location}
	lapsed := map[allocation.BatchRef]allocation.Quantity{}
	for _, a := range s.Changes().NewLines {
		for _, part := range a.Parts {
			if a.Lapsed(s.now) {
				lapsed[part.Batch] += part.Quantity
			}
		}
	}
	var most, sum allocation.Quantity
	for b := range s.Batches() {
		if fits(b, line, s.now) {
			free := b.Available() + lapsed[b.Ref]
			most, sum = max(most, free), sum+free
		}
	}
	if r.Split {
		most = sum
	}
	require.Equal(s.t, most, short.Shortages[0].Available, "available to %v", r)
}

// checkGiven checks that each unit given since the event came from a batch that fits the line.
func (s *story) checkGiven(after int) {
	s.t.Helper()
	batches := map[allocation.BatchRef]allocation.Batch{}
	for b := range s.Batches() {
		batches[b.Ref] = b
	}
	for _, e := range s.Changes().Events[after:] {
		given, is := e.(allocation.LineAllocated)
		if !is {
			continue
		}
		lines, err := s.Lines(given.OrderID, s.now)
		require.NoError(s.t, err)
		b := batches[given.Batch]
		require.True(s.t, fits(b, lines[0], s.now), "at %v a line got units of %+v: %+v", s.now, b, lines[0])
	}
}

// closed are batches that nothing may be sold from, whatever the policy.
func closed() []allocation.Batch {
	blocked, expired := inWarehouse("blocked", 50), inWarehouse("expired", 50)
	blocked.Blocked, expired.Expired = "damaged", true
	return []allocation.Batch{blocked, expired, bestBefore(0, inWarehouse("old", 50))}
}

// FuzzTerms runs stories in which the policy lies. No policy can sell what is not saleable (R13), and no line gets a
// unit outside of its terms (R14).
func FuzzTerms(f *testing.F) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 40 {
		bytes := make([]byte, 200)
		for i := range bytes {
			bytes[i] = byte(random.Uint32())
		}
		f.Add(random.Uint64(), bytes)
	}
	f.Fuzz(func(t *testing.T, seed uint64, bytes []byte) {
		lies := rand.New(rand.NewPCG(seed, 5))
		state := allocation.State{SKU: lamp, Version: 1, Batches: closed()}
		orders := []allocation.OrderID{"o0", "o1", "o2", "o3", "o4", "o5"}
		q := allocation.Query{SKUs: []allocation.SKU{lamp}, Orders: orders}
		s := &story{tested: loadTested(t, state, q), now: monday, bytes: bytes}
		s.policy = func(allocation.Batch, allocation.Batch) int { return lies.IntN(3) - 1 }
		for len(s.bytes) > 0 {
			after := len(s.Changes().Events)
			if err := s.step(); err == nil {
				s.checkGiven(after)
			} else {
				require.Len(t, s.Changes().Events, after, "events of a command that failed: %v", err)
			}
			s.now = s.now.Add(time.Duration(s.next()%3) * time.Hour)
		}
		for b := range s.Batches() {
			if slices.Contains([]allocation.BatchRef{"blocked", "expired", "old"}, b.Ref) {
				require.Zero(t, b.Allocated, "units of %q", b.Ref)
			}
		}
	})
}
