package allocation_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// queryText is a query in a few words.
func queryText(q allocation.Query) string {
	var words []string
	if len(q.SKUs) > 0 {
		words = append(words, fmt.Sprint(q.SKUs))
	}
	if q.Order != "" {
		words = append(words, "order "+string(q.Order))
	}
	if len(q.Orders) > 0 {
		words = append(words, "with", fmt.Sprint(q.Orders))
	}
	if q.Batch != "" {
		words = append(words, "batch "+string(q.Batch))
	}
	if q.Due {
		words = append(words, "due")
	}
	if q.Waiting {
		words = append(words, "waiting")
	}
	return strings.Join(words, " ")
}

// A command reads what it needs and nothing else, whether or not it may share a commit. SKUs and orders are sorted.
func TestEachCommandReadsWhatItNeeds(t *testing.T) {
	wanted := map[string][]string{
		"AddBatch":            {"batch b4", "[DESK]"},
		"ReceiveBatch":        {"batch b3"},
		"ChangeBatchQuantity": {"batch b1"},
		"ChangeBatchETA":      {"batch b3"},
		"SplitBatch":          {"batch b1", "batch b9"},
		"BlockBatch":          {"batch b3"},
		"UnblockBatch":        {"batch b3"},
		"SetLowStock":         {"[LAMP]"},
		"Allocate":            {"[LAMP] with [o1]"},
		"Allocate two":        {"[LAMP SOFA] with [o1]"},
		"AllocateEach":        {"[LAMP] with [o1]"},
		"ChangeLine":          {"[SOFA] with [o0]"},
		"Cancel":              {"order o0"},
		"Cancel SOFA":         {"[SOFA] with [o0]"},
		"Confirm":             {"order hold"},
		"Extend":              {"order hold"},
		"HandOver":            {"order o0 with [o9]", "order o9 with [o0]"},
		"HandOver SOFA":       {"[SOFA] with [o0 o9]"},
		"Ship":                {"order o0"},
		"Ship SOFA":           {"[SOFA] with [o0]"},
		"ShipPart":            {"[SOFA] with [o0]"},
		"Sweep":               {"due", "[SOFA] due", "due"},
		"Mend":                {"batch b1"},
		"PlanMend":            {"batch b1"},
		"Transact":            nil,
	}
	cases := useCases(t.Context())
	maps.Copy(cases, dueCases(t.Context()))
	require.Len(t, wanted, len(cases), "commands")
	for mode, opts := range modes {
		for name, call := range cases {
			s := &spy{Store: furnished(t)}
			var store allocation.Store = s
			if name == "Mend" || name == "PlanMend" {
				store = spiedDrift{s}
			}
			now := morning
			if name == "Sweep" {
				now = morning.Add(2 * time.Hour)
			}
			opts.units.Now = memory.NewClock(now).Now
			service := serve(t, store, opts)
			s.queries = nil
			require.NoError(t, call(service), "%s, %s", name, mode)
			var texts []string
			for _, q := range s.queries {
				assert.Equal(t, now, q.Now, "%s, %s", name, mode)
				texts = append(texts, queryText(q))
			}
			assert.Equal(t, wanted[name], texts, "reads of %s, %s", name, mode)
		}
	}
}
