package outbox_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

const lamp = allocation.SKU("RED-LAMP")

var nextDay = noon.AddDate(0, 0, 1)

// everyKind has an event of every kind, and a second event of a kind with optional fields. The lines of
// testdata/envelopes.jsonl are the envelopes. Consumers depend on the lines: new fields are allowed, other changes
// are not.
var everyKind = []allocation.Event{
	allocation.BatchAdded{
		SKU: lamp, At: noon, Batch: "a", Quantity: 5, ETA: nextDay, Location: "hull", BestBefore: nextDay,
	},
	allocation.BatchAdded{SKU: lamp, At: noon, Batch: "a", Quantity: 5},
	allocation.BatchETAChanged{SKU: lamp, At: noon, Batch: "a", From: noon, To: nextDay},
	allocation.BatchReceived{SKU: lamp, At: noon, Batch: "a", From: 5, To: 0},
	allocation.BatchQuantityChanged{SKU: lamp, At: noon, Batch: "a", From: 0, To: 7},
	allocation.BatchCorrected{
		SKU: lamp, At: noon, Batch: "a", Purchased: -1, Allocated: 2, AllocatedFrom: 7, AllocatedTo: 4,
	},
	allocation.LineAllocated{SKU: lamp, At: noon, OrderID: "o", Batch: "a", Quantity: 1<<53 - 1, HeldUntil: nextDay},
	allocation.LineAllocated{SKU: lamp, At: noon, OrderID: "o", Batch: "a", Quantity: 1},
	allocation.LineDeallocated{SKU: lamp, At: noon, OrderID: "o", Batch: "a", Quantity: 1},
	allocation.LineReleased{SKU: lamp, At: noon, OrderID: "o", Batch: "a", Quantity: 1},
	allocation.LineShipped{SKU: lamp, At: noon, OrderID: "o", Batch: "a", Quantity: 1},
	allocation.LineRefused{SKU: lamp, At: noon, OrderID: "o", Quantity: 3, Available: 0},
	allocation.HoldConfirmed{SKU: lamp, At: noon, OrderID: "o"},
	allocation.HoldExtended{SKU: lamp, At: noon, OrderID: "o", From: noon, To: nextDay},
	allocation.HoldLapsed{SKU: lamp, At: nextDay, OrderID: "o", Batch: "a", Quantity: 1, HeldUntil: noon},
	allocation.LowStockSet{SKU: lamp, At: noon, From: 0, To: 3},
	allocation.LowStockCrossed{SKU: lamp, At: noon, Available: 2, Threshold: 3, Low: true},
	allocation.LineAllocated{SKU: lamp, At: noon, OrderID: "o", Line: "l", Batch: "a", Quantity: 1, HeldUntil: nextDay},
	allocation.LineDeallocated{SKU: lamp, At: noon, OrderID: "o", Line: "l", Batch: "a", Quantity: 1},
	allocation.LineReleased{SKU: lamp, At: noon, OrderID: "o", Line: "l", Batch: "a", Quantity: 1},
	allocation.LineShipped{SKU: lamp, At: noon, OrderID: "o", Line: "l", Batch: "a", Quantity: 1},
	allocation.LineRefused{SKU: lamp, At: noon, OrderID: "o", Line: "l", Quantity: 3, Available: 0},
	allocation.HoldConfirmed{SKU: lamp, At: noon, OrderID: "o", Line: "l"},
	allocation.HoldExtended{SKU: lamp, At: noon, OrderID: "o", Line: "l", From: noon, To: nextDay},
	allocation.HoldLapsed{SKU: lamp, At: nextDay, OrderID: "o", Line: "l", Batch: "a", Quantity: 1, HeldUntil: noon},
	allocation.BatchAdded{
		SKU: lamp, At: noon, Batch: "b", Quantity: 3, Lot: "lot", SplitFrom: "a", Blocked: "dented",
	},
	allocation.BatchSplit{SKU: lamp, At: noon, Batch: "a", Part: "b", Quantity: 3},
	allocation.BatchBlocked{SKU: lamp, At: noon, Batch: "a", Reason: "recall"},
	allocation.BatchUnblocked{SKU: lamp, At: noon, Batch: "a"},
	allocation.BatchExpired{SKU: lamp, At: nextDay, Batch: "a", BestBefore: noon},
	allocation.LineLate{SKU: lamp, At: noon, OrderID: "o", NeededBy: nextDay, Late: true},
	allocation.LineLate{SKU: lamp, At: nextDay, OrderID: "o", Line: "l"},
	allocation.LineHandedOver{SKU: lamp, At: noon, OrderID: "order-36", Line: "l", From: "cart-9"},
	allocation.LineWaiting{SKU: lamp, At: noon, OrderID: "o", Line: "l", Quantity: 2, Wanted: 5, NeededBy: nextDay},
	allocation.LineAllocated{SKU: lamp, At: noon, OrderID: "o", Batch: "a", Quantity: 1, Waited: true},
}

func TestEnvelopesAreStable(t *testing.T) {
	text, err := os.ReadFile("testdata/envelopes.jsonl")
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	require.Len(t, lines, len(everyKind), "lines")
	for i, event := range everyKind {
		t.Run(event.Kind(), func(t *testing.T) {
			r := outbox.Record{Sequence: int64(i) + 1, Event: event}
			if i%2 == 0 {
				r.TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
			}
			e, err := outbox.NewEnvelope("allocation", lamp, r)
			require.NoError(t, err)
			wire, err := json.Marshal(e)
			require.NoError(t, err)
			assert.Equal(t, lines[i], string(wire), "JSON")

			var read outbox.Envelope
			require.NoError(t, json.Unmarshal([]byte(lines[i]), &read))
			assert.Equal(t, e, read, "the parsed envelope")
			decoded, err := read.Event()
			require.NoError(t, err)
			assert.Equal(t, event, decoded, "Event()")
		})
	}
}

// The test takes the kinds of events from the source, so that a new kind can't be forgotten in the table.
func TestTheTableHasEveryKindOfEvent(t *testing.T) {
	var decls []ast.Decl
	for _, name := range []string{"../event.go", "../event_motion.go", "../event_due.go", "../event_wait.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		decls = append(decls, file.Decls...)
	}
	found := 0
	for _, decl := range decls {
		method, is := decl.(*ast.FuncDecl)
		if !is || method.Name.Name != "Kind" || method.Recv == nil {
			continue
		}
		found++
		kind := method.Recv.List[0].Type.(*ast.Ident).Name
		has := slices.ContainsFunc(everyKind, func(e allocation.Event) bool { return e.Kind() == kind })
		assert.True(t, has, "the table has an event of kind %s", kind)
	}
	assert.Equal(t, 22, found, "kinds of events")
}

// CloudEvents requires names of lower-case letters and digits, and strings without control characters as values.
func TestAttributesFollowTheRulesOfCloudEvents(t *testing.T) {
	e, err := outbox.NewEnvelope("allocation", lamp, outbox.Record{
		Sequence: 12, Event: everyKind[0], TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	})
	require.NoError(t, err)
	wire, err := json.Marshal(e)
	require.NoError(t, err)
	var attributes map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(wire, &attributes))
	delete(attributes, "data")
	assert.Len(t, attributes, 9, "attributes")
	for name, value := range attributes {
		assert.Regexp(t, `^[a-z0-9]{1,20}$`, name)
		assert.Regexp(t, `^"[^\x00-\x1f\x7f-\x9f]+"$`, string(value), "value of %s", name)
	}
	assert.Equal(t, `"0000000000000000012"`, string(attributes["sequence"]), "sequence")
	at, err := time.Parse(`"`+time.RFC3339+`"`, string(attributes["time"]))
	require.NoError(t, err)
	assert.Equal(t, noon, at, "time")
}
