package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// inDays is a time in the form of a message.
func inDays(n int) string { return time.Now().AddDate(0, 0, n).UTC().Format(time.RFC3339) }

// milk announces three batches of milk by messages, and reads orders.
func (w warehouse) milk(t *testing.T) {
	t.Helper()
	w.reads(t, batchesTopic)
	w.send(t, batchesTopic,
		`{"ref": "south", "sku": "milk", "quantity": 9, "location": "south"}`,
		`{"ref": "stale", "sku": "milk", "quantity": 9, "location": "north", "best_before": "`+inDays(2)+`"}`,
		`{"ref": "fresh", "sku": "milk", "quantity": 9, "location": "north", "best_before": "`+inDays(30)+`"}`,
		`{"ref": "later", "sku": "milk", "quantity": 9, "location": "north", "eta": "`+inDays(9)+`", "lot": "L-7"}`,
		`{"ref": "wet", "sku": "milk", "quantity": 9, "location": "north", "blocked": "wet"}`,
	)
	w.handled(t, batchesTopic)
	w.reads(t, ordersTopic)
}

// order sends an order for milk with further fields, and waits for the shop.
func (w warehouse) order(t *testing.T, id string, units int, fields string) {
	t.Helper()
	w.send(t, ordersTopic, milkOrder(id, units, fields))
	w.handled(t, ordersTopic)
}

func milkOrder(id string, units int, fields string) string {
	return fmt.Sprintf(`{"order_id": %q, "lines": [{"sku": "milk", "quantity": %d%s}]}`, id, units, fields)
}

// bought returns the lines and the version of the milk.
func (w warehouse) bought(t *testing.T) ([]allocation.Allocation, int64) {
	t.Helper()
	product, known := w.store.Product("milk")
	require.True(t, known)
	return product.Lines, product.Version
}

func TestTermsOfAnOrderBindTheLine(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.milk(t)
	neededBy, freshUntil := inDays(3), inDays(14)
	w.order(t, "o1", 5, `, "line": "gift", "split": true, "location": "north", "priority": -3,
		"needed_by": "`+neededBy+`", "fresh_until": "`+freshUntil+`"`)
	w.order(t, "o2", 5, `, "location": "north", "fresh_until": "`+freshUntil+`", "needed_by": "`+neededBy+`"`)
	require.Empty(t, w.dead(t), "a refusal is an answer, and no dead letter")
	lines, version := w.bought(t)
	require.Len(t, lines, 1, "o2 is refused")
	assert.Equal(t, allocation.Allocation{
		OrderLine: allocation.OrderLine{OrderID: "o1", SKU: "milk", Line: "gift", Quantity: 5}, Split: true,
		NeededBy: moment(t, neededBy), FreshUntil: moment(t, freshUntil), Location: "north", Priority: -3,
		Sequence: lines[0].Sequence, Parts: []allocation.Part{{Batch: "fresh", Quantity: 5}},
	}, lines[0])
	events, err := w.store.Events(t.Context(), "milk", version-1, 1)
	require.NoError(t, err)
	refused, is := events[0].(allocation.LineRefused)
	require.True(t, is, "%T", events[0])
	assert.Equal(t, []any{allocation.OrderID("o2"), allocation.Quantity(4)}, []any{refused.OrderID, refused.Available})
}

func moment(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return at
}

func TestAnOrderMayWaitForUnits(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.milk(t)
	w.order(t, "o1", 12, `, "location": "south", "split": true, "partial": true, "wait": true`)
	w.order(t, "o2", 1, `, "location": "south", "wait": true, "hold_for": "15m"`)
	w.send(t, batchesTopic, `{"ref": "more", "sku": "milk", "quantity": 9, "location": "south"}`)
	w.handled(t, batchesTopic)
	require.Empty(t, w.dead(t))
	lines, _ := w.bought(t)
	require.Len(t, lines, 2)
	assert.Equal(t, []allocation.Part{{Batch: "south", Quantity: 9}, {Batch: "more", Quantity: 3}}, lines[0].Parts)
	assert.WithinDuration(t, time.Now().Add(15*time.Minute), lines[1].HeldUntil, time.Minute)
}

func TestAnOrderThatComesAgainChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.milk(t)
	terms := `, "location": "south", "needed_by": "` + inDays(1) + `"`
	w.order(t, "o1", 5, terms)
	_, version := w.bought(t)
	w.order(t, "o1", 5, terms)
	_, again := w.bought(t)
	assert.Equal(t, version, again, "version after a repeat")

	_, err := w.shop.Ship(t.Context(), "o1")
	require.NoError(t, err)
	_, version = w.bought(t)
	w.order(t, "o1", 5, terms)
	w.send(t, batchesTopic, `{"ref": "south", "sku": "milk", "quantity": 9, "location": "south"}`)
	w.handled(t, batchesTopic)
	_, again = w.bought(t)
	assert.Equal(t, version, again, "version after a repeat of what has left")
	require.Empty(t, w.dead(t))
}

func TestALateMessageWeakensNoOrder(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.milk(t)
	short, long := `, "hold_until": "`+inDays(1)+`"`, `, "hold_until": "`+inDays(2)+`"`
	heldUntil := func() time.Time {
		lines, _ := w.bought(t)
		require.Len(t, lines, 1)
		return lines[0].HeldUntil
	}
	w.order(t, "o1", 5, short)
	w.order(t, "o1", 5, long)
	longest := heldUntil()
	w.order(t, "o1", 5, short)
	assert.Equal(t, longest, heldUntil(), "end of the hold after the first message came again")
	w.order(t, "o1", 5, "")
	w.order(t, "o1", 5, long)
	assert.Zero(t, heldUntil(), "end of the hold after the payment")
	require.Empty(t, w.dead(t))
}

func TestABadOrderOrBatchBecomesADeadLetterThatNamesTheField(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.milk(t)
	w.order(t, "known", 1, "")
	_, version := w.bought(t)
	batch := func(fields string) string { return `{"ref": "b", "sku": "milk", "quantity": 1` + fields + `}` }
	for topic, bad := range map[string][]struct{ body, field string }{
		ordersTopic: {
			{`milk for Ann`, "no JSON object"},
			{`{"order_id": "o", "lines": []}`, "lines"},
			{milkOrder("", 1, ""), "order_id"},
			{milkOrder("o", 0, ""), "quantity"},
			{milkOrder("o", 1, `, "colour": "red"`), "colour"},
			{milkOrder("o", 1, `, "Location": "south"`), "Location"},
			{milkOrder("o", 1, `, "location": "south", "location": "north"`), "location"},
			{milkOrder("o", 1, `, "location": " south"`), "location"},
			{milkOrder("o", 1, `, "needed_by": "soon"`), "needed_by"},
			{milkOrder("o", 1, `, "needed_by": "2024-03-01T09:00:00Z"`), "needed_by"},
			{milkOrder("o", 1, `, "fresh_until": "2024-03-01T09:00:00Z"`), "fresh_until"},
			{milkOrder("o", 1, `, "hold_until": "2024-03-01T09:00:00Z"`), "hold_until"},
			{milkOrder("o", 1, `, "hold_for": "a while"`), "hold_for"},
			{milkOrder("o", 1, `, "priority": 32768`), "priority"},
			{milkOrder("o", 1, `, "partial": true`), "partial"},
			{milkOrder("o", 1, `, "line": "`+strings.Repeat("x", 256)+`"`), "line"},
			{milkOrder("known", 2, ""), "quantity"},
			{milkOrder("known", 1, `, "location": "south"`), "location"},
			{`{"order_id": "o", "lines": [{"sku": "tea", "quantity": 1}]}`, "sku"},
		},
		batchesTopic: {
			{batch(`, "best_before": "` + inDays(1) + `", "eta": "` + inDays(1) + `"`), "best_before"},
			{batch(`, "eta": "soon"`), "eta"},
			{batch(`, "lot": " "`), "lot"},
			{batch(`, "colour": "red"`), "colour"},
			{`{"ref": "south", "sku": "milk", "quantity": 10, "location": "south"}`, "ref"},
		},
	} {
		for _, row := range bad {
			w.send(t, topic, row.body)
			w.handled(t, topic)
			letters := w.letters(t)
			last := letters[len(letters)-1]
			assert.Equal(t, row.body, last.body)
			assert.Regexp(t, `(^|: )`+row.field+`[: ]`, last.reason)
		}
	}
	_, again := w.bought(t)
	assert.Equal(t, version, again, "version after bad messages")
	w.order(t, "good", 1, "")
	lines, _ := w.bought(t)
	assert.Len(t, lines, 2, "bad messages hold up no other")
}

func TestOnlyAMessageThatIsEarlyIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	var tries []error
	reading(t, w.url, ordersTopic, func(msg *message.Message) error {
		err := incoming{w.shop}.order(msg)
		tries = append(tries, err)
		if errors.Is(err, allocation.ErrNotFound) {
			late := allocation.Batch{Ref: "m1", SKU: "milk", Purchased: 1}
			assert.NoError(t, w.shop.AddBatch(msg.Context(), late))
		}
		return err
	})
	w.order(t, "o1", 1, "")
	require.Len(t, tries, 2, "an order that comes before the batch is announced")
	require.NoError(t, tries[1])
	require.Empty(t, w.dead(t))
	w.order(t, "o1", 2, "")
	require.Len(t, tries, 3, "another quantity")
	w.order(t, "o2", 1, `, "location": " "`)
	require.Len(t, tries, 4, "a bad location")
	require.Len(t, w.dead(t), 2)
}
