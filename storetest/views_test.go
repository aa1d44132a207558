package storetest

import (
	"strings"
	"testing"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/views"
)

// newStockReader returns a store with one of the views.
func newStockReader(testing.TB) allocation.Store {
	m := memory.New()
	return struct {
		allocation.Store
		views.StockReader
	}{m, m}
}

// needs returns the interface of a row, "" for a row about all interfaces of the store.
func needs(r row) string {
	viewQuery, _, _ := strings.Cut(r.name, ":")
	return map[string]string{
		"Order": "views.OrderReader", "Stock": "views.StockReader", "StockFor": "views.StockReader",
		"Batches": "views.BatchReader", "BatchLines": "views.LineReader", "OpenBatches": "views.BatchReader",
		"LotLines": "views.LotReader", "LotBatches": "views.LotReader", "Due": "views.DueReader",
		"Products": "views.ListReader", "Orders": "views.ListReader", "Entries": "views.ListReader",
		"Places": "views.QueueReader", "Queues": "views.QueueReader", "Places and Queues": "views.QueueReader",
	}[viewQuery]
}

func TestViewsAreTestedIfTheStoreHasOneView(t *testing.T) {
	if got := (Config{New: newStockReader}).skipReason(t, Views); got != "" {
		t.Errorf("skipReason(%q) of a store with one view = %q, want none", Views, got)
	}
	if got := (Config{New: newPlain}).skipReason(t, Views); !strings.Contains(got, "package views") {
		t.Errorf("skipReason(%q) of a store without views = %q, want a reason that names package views", Views, got)
	}
}

func TestRowsOfAMissingViewAreSkipped(t *testing.T) {
	for _, r := range rowsOf(Views) {
		record := &recorder{TB: t}
		runRecorded(record, r, Config{New: newStockReader})
		var want string
		if need := needs(r); need != "" && need != "views.StockReader" {
			want = "the store doesn't implement " + need
		}
		if record.seen != nil || record.skipped != want {
			t.Errorf("row %q of a store with StockReader only: skipped %q, want %q; failed %q", r.name, record.skipped,
				want, record.seen)
		}
	}
}

func TestRowsOfAMissingViewFailIfTheTopicIsDeclared(t *testing.T) {
	failed := failures(t, Config{New: newStockReader, Topics: []Topic{Views}}, Views)
	for _, r := range rowsOf(Views) {
		if has := needs(r) == "views.StockReader"; has != (failed[r.name] == nil) {
			t.Errorf("row %q of a store with StockReader only that declares the topic: failed %q", r.name,
				failed[r.name])
		}
	}
}
