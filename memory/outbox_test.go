package memory_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/outbox"
)

// claimKinds claims the unsent events, all of product LAMP, and returns the kinds of the events.
func claimKinds(t *testing.T, store *memory.Store, now time.Time) []string {
	t.Helper()
	deliveries, err := store.Claim(t.Context(), outbox.Claim{
		Owner: "relay", Products: 9, Events: 9, Now: now, Until: now.Add(time.Minute),
	})
	require.NoError(t, err)
	var kinds []string
	for _, d := range deliveries {
		assert.Equal(t, allocation.SKU("LAMP"), d.SKU)
		for _, r := range d.Events {
			kinds = append(kinds, r.Event.Kind())
		}
	}
	return kinds
}

// settleSent reports to the store that the events of LAMP up to a sequence were sent.
func settleSent(t *testing.T, store *memory.Store, sent int64) {
	t.Helper()
	require.NoError(t, store.Settle(t.Context(), outbox.Settlement{Owner: "relay", SKU: "LAMP", Sent: sent}))
}

func TestEventsOfACommitWithALostAnswerAreUnsent(t *testing.T) {
	store, service := seeded(t)
	assert.Equal(t, []string{"BatchAdded"}, claimKinds(t, store, morning), "events of Seed")
	settleSent(t, store, 1)
	store.LoseAnswer()
	_, err := service.Allocate(t.Context(), want("o1", 1))
	require.ErrorIs(t, err, allocation.ErrUnknownOutcome)
	store.FailCommit(assert.AnError)
	_, err = service.Allocate(t.Context(), want("o2", 1))
	require.ErrorIs(t, err, assert.AnError)
	assert.Equal(t, []string{"LineAllocated"}, claimKinds(t, store, morning))
}

func TestSettlementBeyondTheLastEventLeavesLaterEventsUnsent(t *testing.T) {
	store, service := seeded(t)
	settleSent(t, store, 1_000)
	assert.Empty(t, claimKinds(t, store, morning))
	_, err := service.Allocate(t.Context(), want("o1", 1))
	require.NoError(t, err)
	assert.Equal(t, []string{"LineAllocated"}, claimKinds(t, store, morning))
}

func TestFailureOfAnEventSentMeanwhileIsIgnored(t *testing.T) {
	store, service := seeded(t)
	_, err := service.Allocate(t.Context(), want("o1", 1))
	require.NoError(t, err)
	require.Len(t, claimKinds(t, store, morning), 2)
	require.NoError(t, store.Settle(t.Context(), outbox.Settlement{Owner: "earlier owner", SKU: "LAMP", Sent: 1}))
	failure := &outbox.Failure{SKU: "LAMP", Sequence: 1, Tries: 3, RetryAt: morning.Add(time.Hour)}
	require.NoError(t, store.Settle(t.Context(), outbox.Settlement{Owner: "relay", SKU: "LAMP", Failure: failure}))
	failures, err := store.Failures(t.Context(), "", 9)
	require.NoError(t, err)
	assert.Empty(t, failures)
	assert.Equal(t, []string{"LineAllocated"}, claimKinds(t, store, morning))
}

func TestTraceParentsMustBeAsManyAsEvents(t *testing.T) {
	store, _ := seeded(t)
	err := store.Commit(t.Context(), []allocation.Changes{{
		SKU: "LAMP", Read: 1, Version: 2, Events: []allocation.Event{allocation.LineRefused{SKU: "LAMP"}},
		TraceParents: []string{"", ""},
	}})
	var detail *allocation.Error
	require.ErrorAs(t, err, &detail)
	assert.Equal(t, "trace parents", detail.Field)
	settleSent(t, store, 1)
	assert.Empty(t, claimKinds(t, store, morning))
}

// endsLater is a context that ends after a number of calls of Err.
type endsLater struct {
	parent
	calls int
}

type parent = context.Context

func (c *endsLater) Err() error {
	c.calls--
	if c.calls < 0 {
		return context.Canceled
	}
	return nil
}

func TestCancelledPurgeReportsThePurgedEvents(t *testing.T) {
	store := memory.New()
	for _, sku := range []allocation.SKU{"LAMP", "SOFA", "DESK"} {
		require.NoError(t, store.Seed(allocation.Batch{Ref: allocation.BatchRef(sku), SKU: sku, Purchased: 5}))
		require.NoError(t, store.Settle(t.Context(), outbox.Settlement{SKU: sku, Sent: 1}))
	}
	later := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	purged, err := store.Purge(&endsLater{t.Context(), 3}, later) // Err is called at the start and before each product
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, int64(2), purged)
	purged, err = store.Purge(t.Context(), later)
	require.NoError(t, err)
	assert.Equal(t, int64(1), purged)
}
