package sqlstore

import (
	"time"

	"github.com/cosmic-go/allocation"
)

// schemaVersion is the version of the tables that this package needs, and that the package writes into each event: a
// program that was made for older tables must fail.
const schemaVersion = 6

// servingRow is where serving goes on in the queue of a product.
type servingRow struct {
	sku allocation.SKU
	allocation.Rank
}

var servingColumns = columns[servingRow]{
	textColumn("sku", func(s *servingRow) *allocation.SKU { return &s.sku }).in(roleKey),
	numberColumn("serving_priority", func(s *servingRow) *int { return &s.Priority }).as("smallint"),
	numberColumn("serving_sequence", func(s *servingRow) *int64 { return &s.Sequence }),
}

// waitingColumns are the columns of a line that waits.
var waitingColumns = columns[allocation.Allocation]{
	textColumn("order_id", func(l *allocation.Allocation) *allocation.OrderID { return &l.OrderID }),
	textColumn("sku", func(l *allocation.Allocation) *allocation.SKU { return &l.SKU }),
	textColumn("line", func(l *allocation.Allocation) *allocation.LineID { return &l.Line }),
	numberColumn("quantity", func(l *allocation.Allocation) *allocation.Quantity { return &l.Waiting }),
	numberColumn("wanted", func(l *allocation.Allocation) *allocation.Quantity { return &l.Wanted }),
	truthColumn("split", func(l *allocation.Allocation) *bool { return &l.Split }),
	truthColumn("partial", func(l *allocation.Allocation) *bool { return &l.Partial }),
	positiveOrNullColumn("hold_for", func(l *allocation.Allocation) *time.Duration { return &l.HoldFor },
		time.Microsecond),
	instantColumn("needed_by", func(l *allocation.Allocation) *time.Time { return &l.NeededBy }),
	instantColumn("fresh_until", func(l *allocation.Allocation) *time.Time { return &l.FreshUntil }),
	textColumn("location", func(l *allocation.Allocation) *allocation.Location { return &l.Location }),
	numberColumn("priority", func(l *allocation.Allocation) *int { return &l.Priority }).as("smallint"),
	textColumn("handed_from", func(l *allocation.Allocation) *allocation.OrderID { return &l.HandedFrom }),
	numberColumn("sequence", func(l *allocation.Allocation) *int64 { return &l.Sequence }),
}
