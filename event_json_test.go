package allocation_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

type pinnedEvent struct {
	name  string
	kind  string
	event allocation.Event
	json  string
}

// pinned is the JSON of every kind of event, stable for stores and readers: rows may only gain
// fields.
var pinned = []pinnedEvent{
	{
		"BatchAdded", "BatchAdded",
		allocation.BatchAdded{
			SKU: lamp, At: monday, Batch: "a", Quantity: 5, ETA: mondayPlus(1), Location: "hull",
			BestBefore: mondayPlus(9),
		},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","batch":"a","quantity":5,` +
			`"eta":"2031-03-04T09:00:00Z","location":"hull","best_before":"2031-03-12T09:00:00Z"}`,
	},
	{
		"BatchAdded without what may be unset", "BatchAdded",
		allocation.BatchAdded{SKU: lamp, At: monday, Batch: "a", Quantity: 5},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","batch":"a","quantity":5}`,
	},
	{
		"BatchAdded of a part", "BatchAdded",
		allocation.BatchAdded{
			SKU: lamp, At: monday, Batch: "b", Quantity: 3, Lot: "lot", SplitFrom: "a", Blocked: "dented",
		},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","batch":"b","quantity":3,"lot":"lot",` +
			`"split_from":"a","blocked":"dented"}`,
	},
	{
		"LineHandedOver", "LineHandedOver",
		allocation.LineHandedOver{SKU: lamp, At: monday, OrderID: "order-36", Line: "bundle", From: "cart-9"},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","order_id":"order-36","line":"bundle","from":"cart-9"}`,
	},
	{
		"BatchSplit", "BatchSplit",
		allocation.BatchSplit{SKU: lamp, At: monday, Batch: "a", Part: "b", Quantity: 3},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","batch":"a","part":"b","quantity":3}`,
	},
	{
		"BatchBlocked", "BatchBlocked",
		allocation.BatchBlocked{SKU: lamp, At: monday, Batch: "a", Reason: "recall"},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","batch":"a","reason":"recall"}`,
	},
	{
		"BatchUnblocked", "BatchUnblocked",
		allocation.BatchUnblocked{SKU: lamp, At: monday, Batch: "a"},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","batch":"a"}`,
	},
	{
		"BatchETAChanged", "BatchETAChanged",
		allocation.BatchETAChanged{SKU: lamp, At: monday, Batch: "a", From: mondayPlus(1), To: mondayPlus(2)},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","batch":"a","from":"2031-03-04T09:00:00Z",` +
			`"to":"2031-03-05T09:00:00Z"}`,
	},
	{
		"BatchReceived", "BatchReceived",
		allocation.BatchReceived{SKU: lamp, At: monday, Batch: "a", From: 5, To: 0},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","batch":"a","from":5,"to":0}`,
	},
	{
		"BatchQuantityChanged", "BatchQuantityChanged",
		allocation.BatchQuantityChanged{SKU: lamp, At: monday, Batch: "a", From: 0, To: 7},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","batch":"a","from":0,"to":7}`,
	},
	{
		"BatchCorrected", "BatchCorrected",
		allocation.BatchCorrected{
			SKU: lamp, At: monday, Batch: "a", Purchased: -1, Allocated: 2, AllocatedFrom: 7, AllocatedTo: 4,
		},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","batch":"a","purchased":-1,"allocated":2,` +
			`"allocated_from":7,"allocated_to":4}`,
	},
	{
		"LineAllocated", "LineAllocated",
		allocation.LineAllocated{
			SKU: lamp, At: monday.Add(time.Microsecond), OrderID: "o", Batch: "a", Quantity: 9007199254740991,
			HeldUntil: mondayPlus(1),
		},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00.000001Z","order_id":"o","batch":"a",` +
			`"quantity":9007199254740991,"held_until":"2031-03-04T09:00:00Z"}`,
	},
	{
		"LineAllocated, firm", "LineAllocated",
		allocation.LineAllocated{SKU: lamp, At: monday, OrderID: "o", Batch: "a", Quantity: 1},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","order_id":"o","batch":"a","quantity":1}`,
	},
	{
		"LineDeallocated", "LineDeallocated",
		allocation.LineDeallocated{SKU: lamp, At: monday, OrderID: "o", Batch: "a", Quantity: 1},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","order_id":"o","batch":"a","quantity":1}`,
	},
	{
		"LineReleased", "LineReleased",
		allocation.LineReleased{SKU: lamp, At: monday, OrderID: "o", Batch: "a", Quantity: 1},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","order_id":"o","batch":"a","quantity":1}`,
	},
	{
		"LineShipped", "LineShipped",
		allocation.LineShipped{SKU: lamp, At: monday, OrderID: "o", Batch: "a", Quantity: 1},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","order_id":"o","batch":"a","quantity":1}`,
	},
	{
		"LineRefused", "LineRefused",
		allocation.LineRefused{SKU: lamp, At: monday, OrderID: "o", Quantity: 3, Available: 0},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","order_id":"o","quantity":3,"available":0}`,
	},
	{
		"HoldConfirmed", "HoldConfirmed",
		allocation.HoldConfirmed{SKU: lamp, At: monday, OrderID: "o"},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","order_id":"o"}`,
	},
	{
		"HoldExtended", "HoldExtended",
		allocation.HoldExtended{SKU: lamp, At: monday, OrderID: "o", From: mondayPlus(1), To: mondayPlus(2)},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","order_id":"o","from":"2031-03-04T09:00:00Z",` +
			`"to":"2031-03-05T09:00:00Z"}`,
	},
	{
		"HoldLapsed", "HoldLapsed",
		allocation.HoldLapsed{
			SKU: lamp, At: mondayPlus(2), OrderID: "o", Batch: "a", Quantity: 1, HeldUntil: mondayPlus(1),
		},
		`{"sku":"RED-LAMP","at":"2031-03-05T09:00:00Z","order_id":"o","batch":"a","quantity":1,` +
			`"held_until":"2031-03-04T09:00:00Z"}`,
	},
	{
		"BatchExpired", "BatchExpired",
		allocation.BatchExpired{SKU: lamp, At: mondayPlus(1), Batch: "a", BestBefore: monday},
		`{"sku":"RED-LAMP","at":"2031-03-04T09:00:00Z","batch":"a","best_before":"2031-03-03T09:00:00Z"}`,
	},
	{
		"LineLate", "LineLate",
		allocation.LineLate{SKU: lamp, At: monday, OrderID: "o", Line: "l", NeededBy: mondayPlus(1), Late: true},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","order_id":"o","line":"l",` +
			`"needed_by":"2031-03-04T09:00:00Z","late":true}`,
	},
	{
		"LineLate without what may be unset", "LineLate",
		allocation.LineLate{SKU: lamp, At: monday, OrderID: "o"},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","order_id":"o","late":false}`,
	},
	{
		"LineWaiting", "LineWaiting",
		allocation.LineWaiting{
			SKU: lamp, At: monday, OrderID: "o", Line: "l", Quantity: 2, Wanted: 5, NeededBy: mondayPlus(1),
		},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","order_id":"o","line":"l","quantity":2,"wanted":5,` +
			`"needed_by":"2031-03-04T09:00:00Z"}`,
	},
	{
		"LineWaiting without what may be unset", "LineWaiting",
		allocation.LineWaiting{SKU: lamp, At: monday, OrderID: "o"},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","order_id":"o","quantity":0,"wanted":0}`,
	},
	{
		"LineAllocated to a line that had waited", "LineAllocated",
		allocation.LineAllocated{SKU: lamp, At: monday, OrderID: "o", Batch: "a", Quantity: 1, Waited: true},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","order_id":"o","batch":"a","quantity":1,"waited":true}`,
	},
	{
		"LowStockSet", "LowStockSet",
		allocation.LowStockSet{SKU: lamp, At: monday, From: 0, To: 3},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","from":0,"to":3}`,
	},
	{
		"LowStockCrossed", "LowStockCrossed",
		allocation.LowStockCrossed{SKU: lamp, At: monday, Available: 2, Threshold: 3, Low: true},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","available":2,"threshold":3,"low":true}`,
	},
	{
		"LineAllocated of a line with an id", "LineAllocated",
		allocation.LineAllocated{SKU: lamp, At: monday, OrderID: "o", Line: "l", Batch: "a", Quantity: 1},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","order_id":"o","line":"l","batch":"a","quantity":1}`,
	},
	{
		"LineDeallocated of a line with an id", "LineDeallocated",
		allocation.LineDeallocated{SKU: lamp, At: monday, OrderID: "o", Line: "l", Batch: "a", Quantity: 1},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","order_id":"o","line":"l","batch":"a","quantity":1}`,
	},
	{
		"LineReleased of a line with an id", "LineReleased",
		allocation.LineReleased{SKU: lamp, At: monday, OrderID: "o", Line: "l", Batch: "a", Quantity: 1},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","order_id":"o","line":"l","batch":"a","quantity":1}`,
	},
	{
		"LineShipped of a line with an id", "LineShipped",
		allocation.LineShipped{SKU: lamp, At: monday, OrderID: "o", Line: "l", Batch: "a", Quantity: 1},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","order_id":"o","line":"l","batch":"a","quantity":1}`,
	},
	{
		"LineRefused of a line with an id", "LineRefused",
		allocation.LineRefused{SKU: lamp, At: monday, OrderID: "o", Line: "l", Quantity: 3, Available: 0},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","order_id":"o","line":"l","quantity":3,"available":0}`,
	},
	{
		"HoldConfirmed of a line with an id", "HoldConfirmed",
		allocation.HoldConfirmed{SKU: lamp, At: monday, OrderID: "o", Line: "l"},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","order_id":"o","line":"l"}`,
	},
	{
		"HoldExtended of a line with an id", "HoldExtended",
		allocation.HoldExtended{
			SKU: lamp, At: monday, OrderID: "o", Line: "l", From: mondayPlus(1), To: mondayPlus(2),
		},
		`{"sku":"RED-LAMP","at":"2031-03-03T09:00:00Z","order_id":"o","line":"l","from":"2031-03-04T09:00:00Z",` +
			`"to":"2031-03-05T09:00:00Z"}`,
	},
	{
		"HoldLapsed of a line with an id", "HoldLapsed",
		allocation.HoldLapsed{
			SKU: lamp, At: mondayPlus(2), OrderID: "o", Line: "l", Batch: "a", Quantity: 1, HeldUntil: mondayPlus(1),
		},
		`{"sku":"RED-LAMP","at":"2031-03-05T09:00:00Z","order_id":"o","line":"l","batch":"a","quantity":1,` +
			`"held_until":"2031-03-04T09:00:00Z"}`,
	},
}

func TestEventJSONIsStableAndDecodes(t *testing.T) {
	for _, row := range pinned {
		t.Run(row.name, func(t *testing.T) {
			data, err := json.Marshal(row.event)
			require.NoError(t, err)
			assert.Equal(t, row.json, string(data), "JSON")
			assert.Equal(t, row.kind, row.event.Kind(), "Kind()")
			decoded, err := allocation.DecodeEvent(row.kind, []byte(row.json))
			require.NoError(t, err)
			assert.Equal(t, row.event, decoded, "the event, decoded")
		})
	}
}

// The kinds of events are found in the source, so that pinned misses no new kind.
func TestEveryEventHasAPinnedJSON(t *testing.T) {
	var decls []ast.Decl
	for _, name := range []string{"event.go", "event_motion.go", "event_due.go", "event_wait.go"} {
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
		pinned := slices.ContainsFunc(pinned, func(row pinnedEvent) bool { return row.kind == kind })
		assert.True(t, pinned, "%s has a row in the table of pinned JSON", kind)
	}
	assert.Equal(t, 22, found, "kinds of events")
}

func TestR9_MovementsOfEveryEvent(t *testing.T) {
	want := map[string]string{
		"BatchAdded": "a +5 +0", "BatchReceived": "a -5 +0",
		"BatchQuantityChanged": "a +7 +0", "BatchCorrected": "a -1 +2", "BatchSplit": "a -3 +0",
		"LineAllocated": "o a +0 +1", "LineDeallocated": "o a +0 -1",
		"LineReleased": "o a +0 -1", "LineShipped": "o a -1 -1",
		"HoldLapsed": "o a +0 -1", "HoldConfirmed": "o", "HoldExtended": "o",
		"LowStockCrossed": "available 2 of 3, low true", "LineLate": "o/l true",
		"LineWaiting":    "o/l for 2 of 5",
		"LineHandedOver": "order-36/bundle from cart-9",
	}
	for _, row := range pinned {
		if ref, purchased, allocated := row.event.Movement(); ref == "" {
			assert.Zero(t, [2]allocation.Quantity{purchased, allocated}, "%s moves units of no batch", row.kind)
		}
		if row.name == row.kind && row.kind != "LineAllocated" {
			text := row.kind
			if moved := want[row.kind]; moved != "" {
				text += " " + moved
			}
			assert.Equal(t, text, eventText(row.event), "what moved")
		}
	}
}

func TestDecodeEventIgnoresUnknownFields(t *testing.T) {
	e, err := allocation.DecodeEvent("HoldConfirmed", []byte(`{"order_id":"o","colour":"red"}`))
	require.NoError(t, err)
	assert.Equal(t, allocation.HoldConfirmed{OrderID: "o"}, e, "the event")
}

func TestR12_DecodeEventRefusesUnknownKindsAndBadData(t *testing.T) {
	_, err := allocation.DecodeEvent("BatchPainted", []byte(`{}`))
	assert.Equal(t, "BatchPainted", requireInvalid(t, err, "DecodeEvent", "kind").Value, "Value")
	for _, data := range []string{
		``, `{`, `[]`, `{"quantity":1.5}`, `{"quantity":"1"}`, `{"at":"yesterday"}`, `{"quantity":9223372036854775808}`,
	} {
		e, err := allocation.DecodeEvent("LineAllocated", []byte(data))
		assert.Equal(t, data, requireInvalid(t, err, "DecodeEvent", "data").Value, "Value")
		assert.Nil(t, e, "the event")
	}
}

// Text that is no JSON is refused for what JSON misses in the text, and JSON that is no object for being none.
func TestDecodeEventSaysWhatIsWrongWithTheText(t *testing.T) {
	for data, reason := range map[string]string{
		`x`: "invalid character 'x'", `{`: "unexpected end of JSON input", `null`: "an event must be a JSON object",
	} {
		_, err := allocation.DecodeEvent("LineShipped", []byte(data))
		require.ErrorIs(t, err, allocation.ErrInvalid)
		require.ErrorContains(t, err, reason)
	}
}
