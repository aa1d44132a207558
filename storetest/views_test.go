package storetest

import (
	"strings"
	"testing"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/views"
)

// newStockReader returns a store that answers one of the questions.
func newStockReader(testing.TB) allocation.Store {
	m := memory.New()
	return struct {
		allocation.Store
		views.StockReader
	}{m, m}
}

// needs names the interface that a row is about; "" if it is about all that the store has.
func needs(r row) string {
	question, _, _ := strings.Cut(r.name, ":")
	return map[string]string{
		"Order": "views.OrderReader", "Stock": "views.StockReader",
		"Batches": "views.BatchReader", "BatchLines": "views.LineReader",
	}[question]
}

func TestViewsAreTestedIfTheStoreAnswersOneQuestion(t *testing.T) {
	if got := (Config{New: newStockReader}).skips(t, Views); got != "" {
		t.Errorf("skips(%q) of a store that answers one question = %q, want none", Views, got)
	}
	if got := (Config{New: newPlain}).skips(t, Views); !strings.Contains(got, "package views") {
		t.Errorf("skips(%q) of a store that answers none = %q, want one that names package views", Views, got)
	}
}

func TestRowOfAViewThatIsMissingIsSkipped(t *testing.T) {
	for _, r := range rowsOf(Views) {
		record := &recorder{TB: t}
		runRecorded(record, r, Config{New: newStockReader})
		var want string
		if need := needs(r); need != "" && need != "views.StockReader" {
			want = "the store is no " + need
		}
		if record.seen != nil || record.skipped != want {
			t.Errorf("row %q of a store that only tells its stock: skipped %q, want %q; failed %q", r.name, record.skipped, want, record.seen)
		}
	}
}

func TestViewThatIsDeclaredAndMissingFails(t *testing.T) {
	failed := failures(t, Config{New: newStockReader, Topics: []Topic{Views}}, Views)
	for _, r := range rowsOf(Views) {
		if has := needs(r) == "views.StockReader"; has != (failed[r.name] == nil) {
			t.Errorf("row %q of a store that declares the topic and only tells its stock: failed %q", r.name, failed[r.name])
		}
	}
}
