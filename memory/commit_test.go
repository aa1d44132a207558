package memory_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func TestCommitChecksTheConstraintsOfADatabase(t *testing.T) {
	tests := map[string]func(*allocation.Changes){
		"more allocated than purchased": func(c *allocation.Changes) {
			c.Batches = []allocation.BatchChange{{Ref: "b1", Allocated: 6}}
		},
		"a negative allocated counter": func(c *allocation.Changes) {
			c.Batches = []allocation.BatchChange{{Ref: "b1", Allocated: -1}}
		},
		"a new batch with more allocated than purchased": func(c *allocation.Changes) {
			c.NewBatches = []allocation.Batch{{Ref: "b2", SKU: "LAMP", Purchased: 1, Allocated: 2}}
		},
		"an unknown batch": func(c *allocation.Changes) {
			c.Batches = []allocation.BatchChange{{Ref: "b2"}}
		},
		"a line of an unknown batch": func(c *allocation.Changes) {
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
			events := []allocation.Event{allocation.LineRefused{}}
			c := allocation.Changes{SKU: "LAMP", Read: 1, Version: 2, Events: events}
			change(&c)
			err := store.Commit(t.Context(), []allocation.Changes{c})
			var detail *allocation.Error
			require.ErrorAs(t, err, &detail)
			after, _ := store.Product("LAMP")
			assert.Equal(t, before, after)
		})
	}
}
