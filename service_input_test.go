package allocation_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

func TestBadInputIsRefusedBeforeAnythingIsRead(t *testing.T) {
	store := memory.New()
	s := newService(t, allocation.NewUnitOfWork(store, nil), nil)
	ctx := t.Context()
	line := func(order allocation.OrderID, sku allocation.SKU, q allocation.Quantity) allocation.OrderLine {
		return allocation.OrderLine{OrderID: order, SKU: sku, Quantity: q}
	}
	only := func(_ any, err error) error { return err }
	tests := []struct {
		name  string
		op    string
		field string
		err   error
	}{
		{"no requests", "Allocate", "requests", only(s.Allocate(ctx))},
		{"empty order", "Allocate", "order", only(s.Allocate(ctx, want("", "LAMP", 1)))},
		{"NUL in SKU", "Allocate", "sku", only(s.Allocate(ctx, want("o1", "LA\x00MP", 1)))},
		{"zero quantity", "Allocate", "quantity", only(s.Allocate(ctx, want("o1", "LAMP", 0)))},
		{
			"sum overflows", "Allocate", "quantity",
			only(s.Allocate(ctx, want("o1", "LAMP", 1<<53-1), want("o1", "LAMP", 1))),
		},
		{"batch without SKU", "AddBatch", "sku", s.AddBatch(ctx, stock("b1", "", 1))},
		{"batch of nothing", "AddBatch", "quantity", s.AddBatch(ctx, stock("b1", "LAMP", 0))},
		{
			"spaced location", "AddBatch", "location",
			s.AddBatch(ctx, allocation.Batch{Ref: "b", SKU: "s", Purchased: 1, Location: " a"}),
		},
		{
			"negative count", "ChangeBatchQuantity", "quantity",
			only(s.ChangeBatchQuantity(ctx, allocation.Count{Batch: "b1", Quantity: -1, At: morning})),
		},
		{
			"count without batch", "ReceiveBatch", "batch",
			only(s.ReceiveBatch(ctx, allocation.Count{Quantity: 1, At: morning})),
		},
		{
			"count without time", "ReceiveBatch", "counted at",
			only(s.ReceiveBatch(ctx, allocation.Count{Batch: "b1", Quantity: 1})),
		},
		{"no ETA", "ChangeBatchETA", "eta", errorOf(s.ChangeBatchETA(ctx, "b1", time.Time{}))},
		{"ETA of no batch", "ChangeBatchETA", "batch", errorOf(s.ChangeBatchETA(ctx, "", morning))},
		{"negative threshold", "SetLowStock", "threshold", s.SetLowStock(ctx, "LAMP", -1)},
		{"threshold of no SKU", "SetLowStock", "sku", s.SetLowStock(ctx, "", 1)},
		{
			"split of nothing", "SplitBatch", "quantity",
			only(s.SplitBatch(ctx, "b1", allocation.Batch{Ref: "b2"})),
		},
		{"split into itself", "SplitBatch", "batch", only(s.SplitBatch(ctx, "b1", stock("b1", "LAMP", 1)))},
		{"split of no batch", "SplitBatch", "from", only(s.SplitBatch(ctx, "", stock("b1", "LAMP", 1)))},
		{"split into no batch", "SplitBatch", "batch", only(s.SplitBatch(ctx, "b1", stock("", "LAMP", 1)))},
		{
			"split to a spaced location", "SplitBatch", "location",
			only(s.SplitBatch(ctx, "b1", allocation.Batch{Ref: "b2", Purchased: 1, Location: "S 2 "})),
		},
		{
			"split of a spaced SKU", "SplitBatch", "sku",
			only(s.SplitBatch(ctx, "b1", stock("b2", " LAMP", 1))),
		},
		{
			"split blocked for spaces", "SplitBatch", "blocked",
			only(s.SplitBatch(ctx, "b1", allocation.Batch{Ref: "b2", Purchased: 1, Blocked: "  "})),
		},
		{
			"lot with NUL", "AddBatch", "lot",
			s.AddBatch(ctx, allocation.Batch{Ref: "b", SKU: "s", Purchased: 1, Lot: "a\x00"}),
		},
		{"block no batch", "BlockBatch", "batch", only(s.BlockBatch(ctx, "", "recall"))},
		{"block for no reason", "BlockBatch", "reason", only(s.BlockBatch(ctx, "b1", ""))},
		{
			"block for a long reason", "BlockBatch", "reason",
			only(s.BlockBatch(ctx, "b1", strings.Repeat("x", 256))),
		},
		{"unblock no batch", "UnblockBatch", "batch", s.UnblockBatch(ctx, "")},
		{"change to nothing", "ChangeLine", "quantity", only(s.ChangeLine(ctx, line("o1", "LAMP", 0)))},
		{"ship nothing", "ShipPart", "quantity", only(s.ShipPart(ctx, line("o1", "LAMP", 0)))},
		{"cancel no order", "Cancel", "order", only(s.Cancel(ctx, ""))},
		{"cancel a bad SKU", "Cancel", "sku", only(s.Cancel(ctx, "o1", " "))},
		{"confirm no order", "Confirm", "order", only(s.Confirm(ctx, ""))},
		{"confirm a bad SKU", "Confirm", "sku", only(s.Confirm(ctx, "o1", "LAMP", ""))},
		{"ship no order", "Ship", "order", only(s.Ship(ctx, ""))},
		{"ship a bad SKU", "Ship", "sku", only(s.Ship(ctx, "o1", ""))},
		{"ship part of a bad SKU", "ShipPart", "sku", only(s.ShipPart(ctx, line("o1", "", 1)))},
		{"change a line of no order", "ChangeLine", "order", only(s.ChangeLine(ctx, line("", "LAMP", 1)))},
		{"extend no order", "Extend", "order", only(s.Extend(ctx, "", morning))},
		{"extend a bad SKU", "Extend", "sku", only(s.Extend(ctx, "o1", morning, ""))},
		{"hand over no order", "HandOver", "from", only(s.HandOver(ctx, "", "o2"))},
		{"hand over to no order", "HandOver", "to", only(s.HandOver(ctx, "o1", ""))},
		{"hand over to itself", "HandOver", "to", only(s.HandOver(ctx, "o1", "o1"))},
		{"hand over a bad SKU", "HandOver", "sku", only(s.HandOver(ctx, "o1", "o2", "LAMP", ""))},
		{"long threshold", "SetLowStock", "threshold", s.SetLowStock(ctx, "LAMP", 1<<53)},
		{"extend until never", "Extend", "hold until", only(s.Extend(ctx, "o1", time.Time{}))},
		{"reconcile no SKU", "Reconcile", "sku", only(s.Reconcile(ctx, ""))},
		{"mend no SKU", "Mend", "sku", only(s.Mend(ctx, ""))},
		{"plan to mend no SKU", "PlanMend", "sku", only(s.PlanMend(ctx, ""))},
	}
	store.FailLoad(errors.New("nothing is read"))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.ErrorIs(t, tt.err, allocation.ErrInvalid)
			var detail *allocation.Error
			require.ErrorAs(t, tt.err, &detail)
			assert.Equal(t, []string{tt.op, tt.field}, []string{detail.Op, detail.Field})
		})
	}
}

func TestUnknownSubjectsAreNamed(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5))
	ctx := t.Context()
	only := func(_ any, err error) error { return err }
	tests := map[string]struct {
		err   error
		field string
		value any
	}{
		"allocate": {
			only(s.Allocate(ctx, want("o1", "LAMP", 1), want("o1", "NOPE", 1))), "sku", allocation.SKU("NOPE"),
		},
		"cancel": {only(s.Cancel(ctx, "nope")), "order", allocation.OrderID("nope")},
		"line":   {only(s.Ship(ctx, "nope", "LAMP")), "order", allocation.OrderID("nope")},
		"count": {
			only(s.ChangeBatchQuantity(ctx, allocation.Count{Batch: "nope", Quantity: 1, At: morning})), "batch",
			allocation.BatchRef("nope"),
		},
		"split": {
			only(s.SplitBatch(ctx, "nope", stock("b2", "LAMP", 1))), "batch", allocation.BatchRef("nope"),
		},
		"block":     {only(s.BlockBatch(ctx, "nope", "recall")), "batch", allocation.BatchRef("nope")},
		"unblock":   {s.UnblockBatch(ctx, "nope"), "batch", allocation.BatchRef("nope")},
		"eta":       {errorOf(s.ChangeBatchETA(ctx, "nope", morning)), "batch", allocation.BatchRef("nope")},
		"threshold": {s.SetLowStock(ctx, "NOPE", 1), "sku", allocation.SKU("NOPE")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, tt.err, allocation.ErrNotFound)
			var detail *allocation.Error
			require.ErrorAs(t, tt.err, &detail)
			assert.Equal(t, tt.field, detail.Field)
			assert.Equal(t, tt.value, detail.Value)
		})
	}
	assert.Empty(t, s.product("LAMP").Lines)
}

func TestNilServiceParts(t *testing.T) {
	_, err := new(allocation.Service).Allocate(t.Context(), want("o1", "LAMP", 1))
	assert.ErrorIs(t, err, allocation.ErrInvalid, "a Service that is not of New")
	//nolint:staticcheck // a nil context is what is tested
	_, err = newShop(t).Allocate(nil, want("o1", "LAMP", 1))
	assert.ErrorIs(t, err, allocation.ErrInvalid)
}
