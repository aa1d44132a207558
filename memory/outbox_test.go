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

// claimed are the kinds of the unsent events of LAMP.
func claimed(t *testing.T, store *memory.Store, now time.Time) []string {
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

func settled(t *testing.T, store *memory.Store, sent int64) {
	t.Helper()
	require.NoError(t, store.Settle(t.Context(), outbox.Settlement{Owner: "relay", SKU: "LAMP", Sent: sent}))
}

func TestEventsOfACommitWhoseAnswerWasLostAreHandedOut(t *testing.T) {
	store, service := seeded(t)
	assert.Equal(t, []string{"BatchAdded"}, claimed(t, store, morning), "what was seeded is an event like any other")
	settled(t, store, 1)
	store.LoseAnswer()
	_, err := service.Allocate(t.Context(), want("o1", 1))
	require.ErrorIs(t, err, allocation.ErrUnknownOutcome)
	store.FailCommit(assert.AnError)
	_, err = service.Allocate(t.Context(), want("o2", 1))
	require.ErrorIs(t, err, assert.AnError)
	assert.Equal(t, []string{"LineAllocated"}, claimed(t, store, morning))
}

func TestSettlementOfMoreThanThereIsLeavesWhatComesLater(t *testing.T) {
	store, service := seeded(t)
	settled(t, store, 1_000)
	assert.Empty(t, claimed(t, store, morning))
	_, err := service.Allocate(t.Context(), want("o1", 1))
	require.NoError(t, err)
	assert.Equal(t, []string{"LineAllocated"}, claimed(t, store, morning))
}

func TestFailureOfWhatSomebodySentMeanwhileCountsForNothing(t *testing.T) {
	store, service := seeded(t)
	_, err := service.Allocate(t.Context(), want("o1", 1))
	require.NoError(t, err)
	require.Len(t, claimed(t, store, morning), 2)
	require.NoError(t, store.Settle(t.Context(), outbox.Settlement{Owner: "a late one", SKU: "LAMP", Sent: 1}))
	require.NoError(t, store.Settle(t.Context(), outbox.Settlement{
		Owner: "relay", SKU: "LAMP", Failure: &outbox.Failure{SKU: "LAMP", Sequence: 1, Tries: 3, RetryAt: morning.Add(time.Hour)},
	}))
	failures, err := store.Failures(t.Context(), "", 9)
	require.NoError(t, err)
	assert.Empty(t, failures)
	assert.Equal(t, []string{"LineAllocated"}, claimed(t, store, morning))
}

func TestTraceParentsThatBelongToNoEventAreRefused(t *testing.T) {
	store, _ := seeded(t)
	err := store.Commit(t.Context(), []allocation.Changes{{
		SKU: "LAMP", Read: 1, Version: 2, Events: []allocation.Event{allocation.LineRefused{SKU: "LAMP"}},
		TraceParents: []string{"", ""},
	}})
	var detail *allocation.Error
	require.ErrorAs(t, err, &detail)
	assert.Equal(t, "trace parents", detail.Field)
	settled(t, store, 1)
	assert.Empty(t, claimed(t, store, morning))
}

// endsLater is a context that has ended once it has been asked so often.
type endsLater struct {
	parent
	questions int
}

type parent = context.Context

func (c *endsLater) Err() error {
	c.questions--
	if c.questions < 0 {
		return context.Canceled
	}
	return nil
}

func TestPurgeThatIsEndedKeepsWhatItHasDone(t *testing.T) {
	store := memory.New()
	for _, sku := range []allocation.SKU{"LAMP", "SOFA", "DESK"} {
		require.NoError(t, store.Seed(allocation.Batch{Ref: allocation.BatchRef(sku), SKU: sku, Purchased: 5}))
		require.NoError(t, store.Settle(t.Context(), outbox.Settlement{SKU: sku, Sent: 1}))
	}
	later := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	purged, err := store.Purge(&endsLater{t.Context(), 3}, later) // one for the call, one for each of two products
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, int64(2), purged)
	purged, err = store.Purge(t.Context(), later)
	require.NoError(t, err)
	assert.Equal(t, int64(1), purged)
}
