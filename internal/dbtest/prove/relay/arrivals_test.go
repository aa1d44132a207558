package relay

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/outbox"
)

// counts are numbers of faults.
type counts map[harness.FaultKind]int

// Parcel 0 has the events 1 and 2 of "chair", parcel 1 its events 3 and 4, parcel 2 those of "table".
func TestTheComparisonFindsFaults(t *testing.T) {
	for name, row := range map[string]struct {
		spoil func(p []parcel) []parcel
		want  counts
	}{
		"nothing":                   {func(p []parcel) []parcel { return p }, nil},
		"products in another order": {func(p []parcel) []parcel { return []parcel{p[2], p[0], p[1]} }, nil},
		"a repeated parcel":         {func(p []parcel) []parcel { return append(p, p[0], p[0]) }, nil},
		"a parcel that comes again in other pieces": {
			func(p []parcel) []parcel { return []parcel{p[0], joined(p[0], p[1]), p[2]} }, nil,
		},
		"the first events are missing": {
			func(p []parcel) []parcel { return p[1:] }, counts{disordered: 2, lost: 2},
		},
		"the last events are missing": {func(p []parcel) []parcel { return []parcel{p[0], p[2]} }, counts{lost: 2}},
		"a product is missing":        {func(p []parcel) []parcel { return p[:2] }, counts{lost: 2}},
		"nothing arrives":             {func([]parcel) []parcel { return nil }, counts{lost: 6}},
		"parcels in the wrong order": {
			func(p []parcel) []parcel { return []parcel{p[1], p[0], p[2]} }, counts{disordered: 2},
		},
		"events in the wrong order": {
			func(p []parcel) []parcel { slices.Reverse(p[2].Letters); return p }, counts{disordered: 1},
		},
		"another ID":      {func(p []parcel) []parcel { p[1].Letters[1].ID = "x"; return p }, counts{altered: 1}},
		"another content": {func(p []parcel) []parcel { p[1].Letters[1].Sum++; return p }, counts{altered: 1}},
		"another ID when it is repeated": {func(p []parcel) []parcel {
			again := joined(p[0])
			again.Letters[0].ID = "x"
			return append(p, again)
		}, counts{altered: 1}},
		"an event that never was": {func(p []parcel) []parcel {
			p[2].Letters = append(p[2].Letters, letter{Sequence: 3})
			return p
		}, counts{invented: 1}},
		"a product that never was": {
			func(p []parcel) []parcel { return append(p, parcel{SKU: "sofa", Letters: []letter{{Sequence: 1}}}) },
			counts{invented: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			store, parcels := sent(t)
			a := newArrivals()
			for _, p := range row.spoil(parcels) {
				a.note(p, "relay", time.Now())
			}
			require.NoError(t, a.compare(t.Context(), store, []allocation.SKU{"chair", "table"}))
			got := counts{}
			for kind, texts := range a.faults {
				got[kind] = len(texts)
			}
			if row.want == nil {
				row.want = counts{}
			}
			assert.Equal(t, row.want, got, "faults %q", a.faults)
		})
	}
}

func TestRepeatsAreCountedOnceEach(t *testing.T) {
	_, parcels := sent(t)
	a := newArrivals()
	for _, p := range []parcel{parcels[0], parcels[0], parcels[2], joined(parcels[0], parcels[1]), parcels[2]} {
		a.note(p, "relay", time.Now())
	}
	assert.Equal(t, 6, a.events, "events")
	assert.Equal(t, 6, a.duplicates, "duplicates")
}

func TestAccountsThatDisagreeAreFound(t *testing.T) {
	store, parcels := sent(t)
	a := newArrivals()
	for _, p := range parcels {
		a.note(p, "relay", time.Now())
	}
	require.NoError(t, a.compare(t.Context(), &lying{store}, []allocation.SKU{"chair", "table"}))
	assert.Len(t, a.faults[drift], 4, "a tally and a version of each product: %q", a.faults)
}

func TestATakeoverLastsFromAKillToTheNextArrivalFromAnotherRelay(t *testing.T) {
	_, parcels := sent(t)
	noon := time.Date(2030, 5, 6, 12, 0, 0, 0, time.UTC)
	a := newArrivals()
	a.note(parcels[0], "dead", noon)
	a.died("dead", noon.Add(time.Second), []allocation.SKU{"chair"})
	a.note(parcels[0], "dead", noon.Add(2*time.Second)) // was on its way
	a.note(parcels[2], "heir", noon.Add(3*time.Second))
	assert.Empty(t, a.takeovers)

	a.died("heir", noon.Add(3*time.Second), []allocation.SKU{"chair"}) // had not sent anything of it
	a.note(parcels[1], "third", noon.Add(5*time.Second))
	a.note(parcels[1], "third", noon.Add(6*time.Second))
	assert.Equal(t, []time.Duration{4 * time.Second}, a.takeovers)
	assert.Equal(t, noon.Add(5*time.Second), a.last, "last new event")
}

// A ledger with a gap is read to its end, and the gap is named.
func TestAGapInTheLedgerIsNamed(t *testing.T) {
	store, parcels := sent(t)
	a := newArrivals()
	for _, p := range parcels {
		a.note(p, "relay", time.Now())
	}
	require.NoError(t, a.compare(t.Context(), &gapped{store}, []allocation.SKU{"chair", "table"}))
	assert.Contains(t, a.faults[drift], `product "chair": event 2 is missing in the ledger`)
	assert.Len(t, a.faults[invented], 1, "the event that arrived and is missing: %q", a.faults)
	assert.Empty(t, a.faults[lost])
	assert.Empty(t, a.faults[altered])
}

// sent is a store with two products, and their events as a relay sends them.
func sent(t *testing.T) (*memory.Store, []parcel) {
	t.Helper()
	ctx, store := context.Background(), memory.New()
	service, err := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
	require.NoError(t, err)
	for sku, lines := range map[allocation.SKU]int{"chair": 3, "table": 1} {
		batch := allocation.Batch{Ref: allocation.BatchRef("of " + sku), SKU: sku, Purchased: 10}
		require.NoError(t, service.AddBatch(ctx, batch))
		for i := range lines {
			line := allocation.OrderLine{OrderID: allocation.OrderID(fmt.Sprint("order-", i)), SKU: sku, Quantity: 1}
			_, err := service.Allocate(ctx, allocation.Request{OrderLine: line})
			require.NoError(t, err)
		}
	}
	var parcels []parcel
	for range 2 {
		now := time.Now()
		claim := outbox.Claim{Owner: "relay", Products: 9, Events: 2, Now: now, Until: now.Add(time.Hour)}
		deliveries, err := store.Claim(ctx, claim)
		require.NoError(t, err)
		for _, d := range deliveries {
			envelopes := make([]outbox.Envelope, len(d.Events))
			for i, r := range d.Events {
				envelopes[i], err = outbox.NewEnvelope(source, d.SKU, r)
				require.NoError(t, err)
			}
			parcels = append(parcels, newParcel(envelopes))
			settled := outbox.Settlement{Owner: "relay", SKU: d.SKU, Sent: d.Events[len(d.Events)-1].Sequence}
			require.NoError(t, store.Settle(ctx, settled))
		}
	}
	require.Len(t, parcels, 3)
	return store, []parcel{parcels[0], parcels[2], parcels[1]}
}

// joined is a parcel with the letters of others.
func joined(parcels ...parcel) parcel {
	whole := parcel{SKU: parcels[0].SKU}
	for _, p := range parcels {
		whole.Letters = append(whole.Letters, p.Letters...)
	}
	return whole
}

// lying is a ledger whose accounts disagree.
type lying struct{ *memory.Store }

func (l *lying) Audit(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
	a, err := l.Store.Audit(ctx, sku)
	a.Tallies[0].Promised++
	a.Version++
	return a, err
}

// gapped is a ledger without event 2 of "chair".
type gapped struct{ *memory.Store }

func (g *gapped) Events(
	ctx context.Context, sku allocation.SKU, after int64, limit int,
) ([]allocation.Event, error) {
	events, err := g.Store.Events(ctx, sku, after, limit+1)
	if sku == "chair" && after < 2 {
		events = slices.Delete(events, int(1-after), int(2-after))
	}
	return events[:min(limit, len(events))], err
}
