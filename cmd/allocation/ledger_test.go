package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// column returns a column of rows.
func column(rows []map[string]any, name string) (values []any) {
	for _, row := range rows {
		values = append(values, row[name])
	}
	return values
}

func TestTheLedgerOfAProductBeginsWithTheNewestEvent(t *testing.T) {
	d := open(t)
	d.furnish()
	assert.Equal(t, exitDone, d.call("ledger", "LAMP"), d.err)
	assert.Equal(t, strings.Join([]string{
		"SKU   NUMBER  AT                    EVENT          ORDER    LINE  BATCH  PURCHASED  ALLOCATED  AHEAD  DETAILS",
		"LAMP  4       2030-03-01 09:00:00Z  LineAllocated  order-1  -     ship   0          2          -      -",
		"LAMP  3       2030-03-01 09:00:00Z  LineAllocated  order-1  -     here   0          5          -      -",
		"LAMP  2       2030-03-01 09:00:00Z  BatchAdded     -        -     ship   20         0          -      " +
			"eta=2030-03-02T09:00:00Z",
		"LAMP  1       2030-03-01 09:00:00Z  BatchAdded     -        -     here   5          0          -      " +
			"location=north lot=lot-7",
		"",
	}, "\n"), d.out)

	rows := d.rows(exitDone, "events", "ledger", "LAMP", "--limit", "1", "--before", "3")
	assert.Contains(t, d.out, `"more": true`)
	assert.Equal(t, []map[string]any{{
		"sku": "LAMP", "number": 2.0, "at": "2030-03-01T09:00:00Z", "event": "BatchAdded", "order": nil, "line": nil,
		"batch": "ship", "purchased": 20.0, "allocated": 0.0, "ahead": nil,
		"details": map[string]any{"eta": "2030-03-02T09:00:00Z"},
	}}, rows)
}

func TestTheLedgerOfAProductIsReadPageByPage(t *testing.T) {
	d := open(t)
	d.furnish()
	var numbers []any
	for _, args := range [][]string{{}, {"--before", "3"}, {"--before", "1"}} {
		rows := d.rows(exitDone, "events", append([]string{"ledger", "LAMP", "--limit", "2"}, args...)...)
		numbers = append(numbers, column(rows, "number")...)
	}
	assert.Equal(t, []any{4.0, 3.0, 2.0, 1.0}, numbers)
	assert.Contains(t, d.out, `"more": false`)
	assert.Equal(t, exitDone, d.call("ledger", "LAMP", "--limit", "2"), d.err)
	assert.Contains(t, d.out, "Older events: --before 3")
	assert.Len(t, d.rows(exitDone, "events", "ledger", "LAMP", "--limit", "0"), 4)
	assert.Len(t, d.rows(exitDone, "events", "ledger", "LAMP", "--before", "99"), 4)
}

func TestTheLedgerOfAnOrder(t *testing.T) {
	d := open(t)
	d.furnish()
	d.clock = morning.Add(time.Minute)
	_, err := d.service.HandOver(t.Context(), "order-1", "order-7")
	require.NoError(t, err)
	_, err = d.service.Cancel(t.Context(), "order-2")
	require.NoError(t, err)

	kinds := []any{"LineHandedOver", "LineAllocated", "LineAllocated"}
	rows := d.rows(exitDone, "events", "ledger", "--order", "order-7")
	assert.Equal(t, kinds[:1], column(rows, "event"))
	assert.Equal(t, kinds, column(d.rows(exitDone, "events", "ledger", "LAMP", "--order", "order-1"), "event"))
	rows = d.rows(exitDone, "events", "ledger", "LAMP", "--order", "order-1", "--limit", "1")
	assert.Equal(t, kinds[:1], column(rows, "event"))
	assert.Equal(t, map[string]any{"from": "order-1"}, rows[0]["details"])
	assert.Contains(t, d.out, `"more": true`)
	rows = d.rows(exitDone, "events", "ledger", "LAMP", "--order", "order-1", "--since", "2030-03-01T09:00:30Z")
	assert.Equal(t, kinds[:1], column(rows, "event"))

	assert.Equal(t, exitUnknown, d.call("order", "order-2"))
	assert.Contains(t, d.err, "ledger SKU --order ORDER")
	assert.Equal(t, exitUnknown, d.call("ledger", "--order", "order-2"), "the order has no line any more")
	assert.Equal(t, []any{"LineDeallocated", "LineAllocated"},
		column(d.rows(exitDone, "events", "ledger", "SOFA", "--order", "order-2"), "event"))

	d.terminal = true
	d.rows(exitDone, "events", "ledger", "SOFA", "--order", "order-2")
	assert.Contains(t, d.err, "events: 3 (SOFA), 2 of the order")
}

func TestEventsOfAllProductsSinceATime(t *testing.T) {
	d := open(t)
	d.furnish()
	assert.Len(t, d.rows(exitDone, "events", "ledger", "--since", "-1h"), 6)
	assert.Len(t, d.rows(exitDone, "events", "ledger", "--since", "-1h", "--limit", "5"), 5)
	assert.Contains(t, d.out, `"more": true`)
	assert.Empty(t, d.rows(exitDone, "events", "ledger", "--since", "+1h"))
}

// A process with a clock ahead has recorded an event.
func TestEventsAheadOfTheClockAreMarked(t *testing.T) {
	d := open(t)
	d.furnish()
	d.clock = morning.Add(10 * time.Minute)
	_, err := d.service.Allocate(t.Context(), allocation.Request{
		OrderLine: allocation.OrderLine{OrderID: "order-3", SKU: "LAMP", Quantity: 1},
	})
	require.NoError(t, err)
	d.clock = morning
	assert.Equal(t, []any{600.0, nil, nil, nil, nil}, column(d.rows(exitDone, "events", "ledger", "LAMP"), "ahead"))
	assert.Len(t, d.rows(exitDone, "events", "ledger", "--since", "+1s"), 1)

	row := map[string]any{
		"question": "events ahead of this clock", "state": "LOOK", "answer": 600.0, "since": "2030-03-01T09:10:00Z",
		"see": "ledger --since now, the clocks of all machines",
	}
	assert.Contains(t, d.rows(exitFound, "status", "status", "--drift"), row)
	assert.Len(t, d.rows(exitDone, "status", "status", "--drift", "--max-clock", "10m"), 12)
	d.rows(exitDone, "status", "status") // the question is for all products
}

func TestFieldsOfEventsAreReadable(t *testing.T) {
	blocked := allocation.BatchBlocked{SKU: "LAMP", Batch: "here", Reason: `a "wet" pallet`}
	text := fieldsOf(blocked).String()
	assert.Contains(t, text, `reason="a \"wet\" pallet"`)
	assert.Less(t, strings.Index(text, "batch="), strings.Index(text, "reason="), "sorted by name: %s", text)
}
