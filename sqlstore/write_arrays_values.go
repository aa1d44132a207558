package sqlstore

import (
	"slices"
	"strings"

	"github.com/cosmic-go/allocation"
)

// arrays are the values of a statement over arrays.
type arrays struct {
	*relations
	products []allocation.Changes
}

// shape says which relations have rows.
func (a arrays) shape() shape {
	first := a.products[0]
	return shape{
		one:         len(a.products) == 1 && first.Read > 0 && tells(first),
		newProducts: slices.ContainsFunc(a.products, isNew),
		newBatches:  len(a.newBatches) > 0, batches: len(a.batches) > 0,
		removed: len(a.removed) > 0, newLines: len(a.newParts) > 0, putLines: len(a.parts) > 0,
	}
}

func isNew(c allocation.Changes) bool { return c.Read == 0 }

// value is that of a parameter.
func (a arrays) value(param string) any {
	relation, name, _ := strings.Cut(param, "_")
	switch relation {
	case "p":
		return productColumns.array(name, a.products)
	case "n":
		return newBatchColumns.array(name, a.newBatches)
	case "b":
		return batchColumns.array(name, a.batches)
	case "r":
		return removedColumns.array(name, a.removed)
	case "l":
		return partColumns.array(name, a.newParts)
	case "u":
		return partColumns.array(name, a.parts)
	case "e":
		return eventColumns.array(name, a.events)
	case "changed":
		return len(a.batches)
	}
	return oneProductValue(a.products[0], name)
}

func oneProductValue(c allocation.Changes, name string) any {
	switch name {
	case "sku":
		return string(c.SKU)
	case "read":
		return c.Read
	case "version":
		return c.Version
	case "refused":
		return c.Refused
	default:
		return int64(c.LowStock)
	}
}
