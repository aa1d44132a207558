package allocation_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// order lists the batches in the order in which a policy gives out one unit of each to a split line.
func order(t *testing.T, policy allocation.Policy, batches []allocation.Batch) string {
	t.Helper()
	p := newTested(t, batches...)
	var units allocation.Quantity
	for _, b := range batches {
		units += b.Purchased
	}
	given, err := p.Allocate(monday, policy, split("all", units))
	require.NoError(t, err)
	refs := make([]string, len(given[0].Parts))
	for i, part := range given[0].Parts {
		refs[i] = string(part.Batch)
	}
	return strings.Join(refs, " ")
}

func at(location allocation.Location, b allocation.Batch) allocation.Batch {
	b.Location = location
	return b
}

func bestBefore(days int, b allocation.Batch) allocation.Batch {
	b.BestBefore = mondayPlus(days)
	return b
}

func TestR1_PolicyOrder(t *testing.T) {
	plain := []allocation.Batch{arriving("next-week", 1, 7), inWarehouse("here", 1), arriving("tomorrow", 1, 1)}
	perishable := []allocation.Batch{
		inWarehouse("keeps", 1), bestBefore(30, inWarehouse("month", 1)), bestBefore(3, arriving("days", 1, 2)),
	}
	places := []allocation.Batch{
		at("york", inWarehouse("y", 1)), at("hull", arriving("h-late", 1, 9)), at("hull", arriving("h-early", 1, 3)),
		inWarehouse("nowhere", 1), at("leeds", inWarehouse("l", 1)),
	}
	byPurchase := func(a, b allocation.Batch) int { return int(b.Purchased - a.Purchased) }
	rows := []struct {
		name    string
		policy  allocation.Policy
		batches []allocation.Batch
		want    string
	}{
		{
			"warehouse before shipments, shipments by earliest ETA", allocation.EarliestFirst, plain,
			"here tomorrow next-week",
		},
		{"nil is EarliestFirst", nil, plain, "here tomorrow next-week"},
		{
			"a shipment that should have come already is still a shipment", nil,
			[]allocation.Batch{arriving("overdue", 1, -400), inWarehouse("zz", 1)}, "zz overdue",
		},
		{
			"ties go to the lower Ref, as bytes", nil,
			[]allocation.Batch{
				inWarehouse("b", 1), inWarehouse("B", 1), inWarehouse("a", 1), inWarehouse("10", 1),
				inWarehouse("9", 1),
			},
			"10 9 B a b",
		},
		{
			"shipments of one moment go by Ref", nil,
			[]allocation.Batch{arriving("b", 1, 2), arriving("a", 1, 2)}, "a b",
		},
		{"first expired first, not perishable last", allocation.FirstExpiredFirst, perishable, "days month keeps"},
		{
			"first expired first falls back on EarliestFirst", allocation.FirstExpiredFirst,
			[]allocation.Batch{
				arriving("a", 1, 5), bestBefore(9, arriving("b", 1, 1)), bestBefore(9, inWarehouse("c", 1)),
				inWarehouse("d", 1),
			},
			"c b d a",
		},
		{
			"locations in the given order, then the others", allocation.PreferLocations("leeds", "hull"), places,
			"l h-early h-late nowhere y",
		},
		{"no location is preferred", allocation.PreferLocations(), places, "l nowhere y h-early h-late"},
		{
			"then asks next where the first doesn't care",
			allocation.PreferLocations("hull").Then(allocation.FirstExpiredFirst),
			[]allocation.Batch{
				bestBefore(1, inWarehouse("x1", 1)), at("hull", bestBefore(9, inWarehouse("h9", 1))),
				at("hull", bestBefore(5, arriving("h5", 1, 1))), bestBefore(2, inWarehouse("x2", 1)),
			},
			"h5 h9 x1 x2",
		},
		{
			"then nil is EarliestFirst", allocation.PreferLocations("york").Then(nil), places,
			"y l nowhere h-early h-late",
		},
		{
			"nil then anything is EarliestFirst", allocation.Policy(nil).Then(allocation.FirstExpiredFirst), perishable,
			"keeps month days",
		},
		{
			"a host's own function, ties by EarliestFirst", byPurchase,
			[]allocation.Batch{
				inWarehouse("small", 1), arriving("big-late", 9, 2), arriving("big-soon", 9, 1),
			}, "big-soon big-late small",
		},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			assert.Equal(t, row.want, order(t, row.policy, row.batches), "order of batches")
		})
	}
}

func TestR1_SameInputGivesSameAnswerInAnyOrderOfLoading(t *testing.T) {
	batches := []allocation.Batch{
		inWarehouse("a", 2), inWarehouse("b", 2), at("hull", inWarehouse("c", 2)), arriving("d", 2, 1),
		bestBefore(4, arriving("e", 2, 1)), bestBefore(4, inWarehouse("f", 2)), at("hull", arriving("g", 2, 1)),
	}
	policies := map[string]allocation.Policy{
		"earliest first":      nil,
		"first expired first": allocation.FirstExpiredFirst,
		"locations":           allocation.PreferLocations("hull"),
		"doesn't care":        func(allocation.Batch, allocation.Batch) int { return 0 },
	}
	random := rand.New(rand.NewPCG(1, 2))
	for name, policy := range policies {
		t.Run(name, func(t *testing.T) {
			want := order(t, policy, batches)
			wantWhole := firstFor(t, policy, batches)
			for range 20 {
				random.Shuffle(len(batches), func(i, j int) { batches[i], batches[j] = batches[j], batches[i] })
				require.Equal(t, want, order(t, policy, batches), "order of batches, loaded as %v", batches)
				require.Equal(t, wantWhole, firstFor(t, policy, batches),
					"batch of a whole line, loaded as %v", batches)
			}
		})
	}
}

// firstFor returns the batch chosen for a whole line of two units.
func firstFor(t *testing.T, policy allocation.Policy, batches []allocation.Batch) string {
	t.Helper()
	given, err := newTested(t, batches...).Allocate(monday, policy, whole("one", 2))
	require.NoError(t, err)
	return from(given[0])
}

func TestR1_LaterLinesAreRankedByTheNewETA(t *testing.T) {
	p := newTested(t, arriving("slow", 9, 5), arriving("fast", 9, 2))
	p.allocates(whole("before", 1))
	require.NoError(t, slips(p, "fast", mondayPlus(8), monday))
	p.allocates(whole("after", 1))
	assert.Equal(t, "fast:1", p.line("before"), "lines that are allocated stay")
	assert.Equal(t, "slow:1", p.line("after"), "later lines go by the new ETA")
}

func TestR1_PolicySeesWhatIsAvailableToTheLine(t *testing.T) {
	p := newTested(t, inWarehouse("a", 10), inWarehouse("b", 10))
	p.allocates(hold("lapsed", 8, mondayPlus(1)))
	seen := map[allocation.BatchRef]allocation.Quantity{}
	fullest := func(x, y allocation.Batch) int {
		seen[x.Ref], seen[y.Ref] = x.Available(), y.Available()
		return int(y.Available() - x.Available())
	}
	given, err := p.Allocate(mondayPlus(2), fullest, split("first", 3), split("second", 2))
	require.NoError(t, err)
	assert.Equal(t, map[allocation.BatchRef]allocation.Quantity{"a": 7, "b": 10}, seen,
		"a lapsed hold doesn't count, an earlier line of the call does")
	assert.Equal(t, []string{"a:3", "b:2"}, []string{from(given[0]), from(given[1])}, "batches of the lines")
}

func TestR1_PreferLocationsKeepsItsOwnList(t *testing.T) {
	list := []allocation.Location{"hull", "york"}
	policy := allocation.PreferLocations(list...)
	list[0] = "york"
	assert.Negative(t, policy(at("hull", inWarehouse("b", 1)), at("york", inWarehouse("a", 1))), "hull before york")
}
