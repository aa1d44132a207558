package storetest

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/views"
)

// lister is a store whose traces and lists a fault changes; a nil fault changes nothing.
type lister struct {
	*memory.Store
	lines    func(s *memory.Store, lines []views.LotLine, after views.Key) []views.LotLine
	batches  func(batches []views.Batch) []views.Batch
	open     func(open []views.Batch) []views.Batch
	due      func(due []views.Due, kinds []views.DueKind) []views.Due
	filter   func(f *views.ProductFilter)
	products func(products []views.Product) []views.Product
	orders   func(orders []allocation.OrderID) []allocation.OrderID
	entries  func(entries []views.Entry) []views.Entry
	audits   func(audits []allocation.Audit) []allocation.Audit
	lenient  bool // errors are left out
}

// altered returns a result that a fault has changed.
func altered[A any](s *lister, result []A, err error, fault func([]A) []A) ([]A, error) {
	if s.lenient {
		err = nil
	}
	if fault != nil && err == nil {
		result = fault(result)
	}
	return result, err
}

func (s *lister) LotLines(
	ctx context.Context, lot allocation.BatchRef, after views.Key, limit int,
) ([]views.LotLine, error) {
	lines, err := s.Store.LotLines(ctx, lot, after, limit)
	if s.lines != nil {
		lines = s.lines(s.Store, lines, after)
	}
	return altered(s, lines, err, nil)
}

func (s *lister) LotBatches(
	ctx context.Context, now time.Time, lot, after allocation.BatchRef, limit int,
) ([]views.Batch, error) {
	batches, err := s.Store.LotBatches(ctx, now, lot, after, limit)
	return altered(s, batches, err, s.batches)
}

func (s *lister) OpenBatches(ctx context.Context, now time.Time, skus ...allocation.SKU) ([]views.Batch, error) {
	open, err := s.Store.OpenBatches(ctx, now, skus...)
	return altered(s, open, err, s.open)
}

func (s *lister) Due(
	ctx context.Context, by time.Time, after views.Key, limit int, kinds ...views.DueKind,
) ([]views.Due, error) {
	due, err := s.Store.Due(ctx, by, after, limit, kinds...)
	return altered(s, due, err, func(due []views.Due) []views.Due {
		if s.due == nil {
			return due
		}
		return s.due(due, kinds)
	})
}

func (s *lister) Products(
	ctx context.Context, now time.Time, filter views.ProductFilter, after allocation.SKU, limit int,
) ([]views.Product, error) {
	if s.filter != nil {
		s.filter(&filter)
	}
	products, err := s.Store.Products(ctx, now, filter, after, limit)
	return altered(s, products, err, s.products)
}

func (s *lister) Orders(
	ctx context.Context, prefix string, after allocation.OrderID, limit int,
) ([]allocation.OrderID, error) {
	orders, err := s.Store.Orders(ctx, prefix, after, limit)
	return altered(s, orders, err, s.orders)
}

func (s *lister) Entries(
	ctx context.Context, since time.Time, sku allocation.SKU, after views.Key, limit int,
) ([]views.Entry, error) {
	entries, err := s.Store.Entries(ctx, since, sku, after, limit)
	return altered(s, entries, err, s.entries)
}

func (s *lister) Audits(ctx context.Context, after allocation.SKU, limit int) ([]allocation.Audit, error) {
	audits, err := s.Store.Audits(ctx, after, limit)
	return altered(s, audits, err, s.audits)
}

// withFault returns a function that makes a store with a fault.
func withFault(fault func(s *lister)) func() allocation.Store {
	return func() allocation.Store {
		s := &lister{Store: memory.New()}
		fault(s)
		return s
	}
}

// without leaves out the rows that match.
func without[A any](match func(A) bool) func([]A) []A {
	return func(rows []A) []A { return slices.DeleteFunc(slices.Clone(rows), match) }
}

var brokenTraces = []broken{
	{fault: "LotLines leaves out shipped lines", row: traceRows[0].name, new: withFault(func(s *lister) {
		s.lines = func(_ *memory.Store, lines []views.LotLine, _ views.Key) []views.LotLine {
			return without(func(l views.LotLine) bool { return l.Shipped == l.Quantity })(lines)
		}
	})},
	{fault: "LotLines shows a split line once", row: traceRows[0].name, new: withFault(func(s *lister) {
		s.lines = func(_ *memory.Store, lines []views.LotLine, _ views.Key) []views.LotLine {
			return without(func(l views.LotLine) bool { return l.Batch == "part" && l.OrderID == "o1" })(lines)
		}
	})},
	{fault: "a line that ships leaves its place", row: traceRows[1].name, new: withFault(func(s *lister) {
		s.lines = func(_ *memory.Store, lines []views.LotLine, after views.Key) []views.LotLine {
			if after == (views.Key{}) {
				return lines
			}
			return without(func(l views.LotLine) bool { return l.Shipped > 0 })(lines)
		}
	})},
	{fault: "LotBatches leaves out used-up batches", row: traceRows[2].name, new: withFault(func(s *lister) {
		s.batches = without(func(b views.Batch) bool { return b.Free == 0 })
	})},
	{fault: "OpenBatches leaves out shipments", row: traceRows[3].name, new: withFault(func(s *lister) {
		s.open = without(func(b views.Batch) bool { return !b.ETA.IsZero() })
	})},
	{fault: "OpenBatches leaves out the units of lapsed holds", row: traceRows[3].name, new: withFault(func(s *lister) {
		s.open = without(func(b views.Batch) bool { return b.Available() == 0 })
	})},
}

var brokenLists = []broken{
	{fault: "Due forgets promises on expired batches", row: listRows[0].name, new: withFault(func(s *lister) {
		s.due = func(due []views.Due, _ []views.DueKind) []views.Due {
			return without(func(d views.Due) bool { return d.Kind == views.DueExpiry && d.Told })(due)
		}
	})},
	{fault: "Due forgets lines that wait", row: listRows[0].name, new: withFault(func(s *lister) {
		s.due = func(due []views.Due, _ []views.DueKind) []views.Due {
			return without(func(d views.Due) bool { return d.Kind == views.DueWaiting })(due)
		}
	})},
	{fault: "Due knows the first kind alone", row: listRows[1].name, new: withFault(func(s *lister) {
		s.due = func(due []views.Due, kinds []views.DueKind) []views.Due {
			return without(func(d views.Due) bool { return len(kinds) > 0 && d.Kind != kinds[0] })(due)
		}
	})},
	{fault: "Products takes % for a wildcard", row: listRows[2].name, new: withFault(func(s *lister) {
		s.products = without(func(p views.Product) bool { return strings.Contains(string(p.SKU), "%") })
	})},
	{fault: "Products says that nobody waits", row: listRows[2].name, new: withFault(func(s *lister) {
		s.products = func(products []views.Product) []views.Product {
			for i := range products {
				products[i].Waiting = false
			}
			return products
		}
	})},
	{fault: "Products lists products that nobody waits for", row: listRows[2].name, new: withFault(func(s *lister) {
		s.filter = func(f *views.ProductFilter) { f.Waiting = false }
	})},
	{fault: "Orders leaves out orders that only wait", row: listRows[3].name, new: withFault(func(s *lister) {
		s.orders = without(func(o allocation.OrderID) bool { return o == "c-2" })
	})},
	{fault: "Entries leaves out events of the moment", row: listRows[4].name, new: withFault(func(s *lister) {
		s.entries = without(func(e views.Entry) bool { return e.Event.Time().Equal(minute(2)) })
	})},
	{fault: "bad arguments find nothing", row: listRows[5].name, new: withFault(func(s *lister) { s.lenient = true })},
}

var brokenAuditPages = []broken{
	{fault: "Audits leaves out drift", row: auditsRows[0].name, new: withFault(func(s *lister) {
		s.audits = func(audits []allocation.Audit) []allocation.Audit {
			for i := range audits {
				audits[i].Tallies = without(allocation.Tally.Drifted)(audits[i].Tallies)
			}
			return audits
		}
	})},
	{fault: "Audits is sorted without regard to case", row: auditsRows[0].name, new: withFault(func(s *lister) {
		s.audits = func(audits []allocation.Audit) []allocation.Audit {
			slices.SortFunc(audits, func(x, y allocation.Audit) int {
				return strings.Compare(strings.ToLower(string(x.SKU)), strings.ToLower(string(y.SKU)))
			})
			return audits
		}
	})},
}
