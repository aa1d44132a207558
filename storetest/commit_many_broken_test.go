package storetest

import (
	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

const rowManyParts = "one commit may have many batches, changed batches, changed lines, removed lines and events"

// page cuts a list after the first 50 elements.
func page[T any](list []T) []T { return list[:min(len(list), 50)] }

var brokenManyWrites = []broken{
	{fault: "of more than 50 changed batches the rest is lost", row: rowManyParts,
		new: writing(func(_ *memory.Store, c *allocation.Changes) { c.Batches = page(c.Batches) })},
	{fault: "of more than 50 changed lines the rest is lost", row: rowManyParts,
		new: writing(func(_ *memory.Store, c *allocation.Changes) { c.Lines = page(c.Lines) })},
	{fault: "of more than 50 removed lines the rest is lost", row: rowManyParts,
		new: writing(func(_ *memory.Store, c *allocation.Changes) { c.Removed = page(c.Removed) })},
	{fault: "of more than 50 new batches the rest is lost", row: rowManyParts,
		new: writing(func(_ *memory.Store, c *allocation.Changes) {
			if len(c.NewLines) == 0 || c.Read > 0 {
				c.NewBatches = page(c.NewBatches)
			}
		})},
	{fault: "of more than 50 events the rest is lost", row: rowManyParts, ledger: true,
		new: writing(func(_ *memory.Store, c *allocation.Changes) {
			if c.Read > 0 {
				c.Events = page(c.Events)
			}
		})},
}
