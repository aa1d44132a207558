package memory_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func TestCommitRefusesWhatADatabaseWould(t *testing.T) {
	tests := map[string]func(*allocation.Changes){
		"more allocated than purchased": func(c *allocation.Changes) {
			c.Batches = []allocation.BatchChange{{Ref: "b1", Allocated: 6}}
		},
		"less than nothing allocated": func(c *allocation.Changes) {
			c.Batches = []allocation.BatchChange{{Ref: "b1", Allocated: -1}}
		},
		"a new batch with more than it has": func(c *allocation.Changes) {
			c.NewBatches = []allocation.Batch{{Ref: "b2", SKU: "LAMP", Purchased: 1, Allocated: 2}}
		},
		"a batch that isn't there": func(c *allocation.Changes) {
			c.Batches = []allocation.BatchChange{{Ref: "b2"}}
		},
		"a line of a batch that isn't there": func(c *allocation.Changes) {
			c.NewLines = []allocation.Allocation{{
				OrderLine: want("o1", 1).OrderLine,
				Parts:     []allocation.Part{{Batch: "b2", Quantity: 1}},
			}}
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			store, _ := seeded(t)
			before, _ := store.Product("LAMP")
			c := allocation.Changes{SKU: "LAMP", Read: 1, Version: 2, Events: []allocation.Event{allocation.LineRefused{}}}
			change(&c)
			err := store.Commit(t.Context(), []allocation.Changes{c})
			var detail *allocation.Error
			require.ErrorAs(t, err, &detail)
			after, _ := store.Product("LAMP")
			assert.Equal(t, before, after)
		})
	}
}
