package storetest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/views"
)

// batchPage returns a correct page of batches.
type batchPage func(after allocation.BatchRef, limit int) ([]views.Batch, error)

// paging returns a store with wrong pages of batches.
func paging(
	turn func(page batchPage, after allocation.BatchRef, limit int) ([]views.Batch, error),
) func() allocation.Store {
	return reading(func(s *misread) {
		s.batches = func(
			ctx context.Context, now time.Time, sku allocation.SKU, after allocation.BatchRef, limit int,
		) ([]views.Batch, error) {
			return turn(func(after allocation.BatchRef, limit int) ([]views.Batch, error) {
				return s.Store.Batches(ctx, now, sku, after, limit)
			}, after, limit)
		}
	})
}

var brokenBatchViews = []broken{
	{fault: "Batches leaves out used-up batches",
		row: "Batches: batches come sorted by Ref as bytes, used-up batches included",
		new: showingBatches(func(_ *memory.Store, batches []views.Batch) []views.Batch {
			return slices.DeleteFunc(batches, func(b views.Batch) bool { return b.Free == 0 })
		})},
	{fault: "Batches is sorted without regard to case",
		row: "Batches: batches come sorted by Ref as bytes, used-up batches included",
		new: showingBatches(func(_ *memory.Store, batches []views.Batch) []views.Batch {
			slices.SortFunc(batches, func(x, y views.Batch) int {
				return cmp.Or(strings.Compare(strings.ToLower(string(x.Ref)), strings.ToLower(string(y.Ref))),
					cmp.Compare(x.Ref, y.Ref))
			})
			return batches
		})},
	{fault: "a page begins with the last batch of the page before",
		row: "Batches: a page has at most limit batches with a Ref greater than after, known or not",
		new: paging(func(page batchPage, after allocation.BatchRef, limit int) ([]views.Batch, error) {
			batches, err := page("", plenty)
			batches = slices.DeleteFunc(batches, func(b views.Batch) bool { return b.Ref < after })
			return batches[:max(0, min(len(batches), limit))], err
		})},
	{fault: "a page leaves out its first batch",
		row: "Batches: a page has at most limit batches with a Ref greater than after, known or not",
		new: paging(func(page batchPage, after allocation.BatchRef, limit int) ([]views.Batch, error) {
			if after == "" {
				return page(after, limit)
			}
			batches, err := page(after, limit+1)
			return batches[min(1, len(batches)):], err
		})},
	{fault: "an unknown After restarts at the first page",
		row: "Batches: a page has at most limit batches with a Ref greater than after, known or not",
		new: paging(func(page batchPage, after allocation.BatchRef, limit int) ([]views.Batch, error) {
			all, _ := page("", plenty)
			if !slices.Contains(refsOfView(all), after) && after.Validate() == nil {
				after = ""
			}
			return page(after, limit)
		})},
	{fault: "Batches ignores the limit",
		row: "Batches: a page has at most limit batches with a Ref greater than after, known or not",
		new: paging(func(page batchPage, after allocation.BatchRef, limit int) ([]views.Batch, error) {
			return page(after, max(limit, min(limit*plenty, plenty)))
		})},
	{fault: "a limit of 0 returns an empty page", row: "Batches: a limit below 1 is refused as invalid",
		new: paging(func(page batchPage, after allocation.BatchRef, limit int) ([]views.Batch, error) {
			if limit < 1 {
				return nil, nil
			}
			return page(after, limit)
		})},
	{fault: "the time of a shipment is missing", row: "Batches: a batch comes with all of its fields",
		new: showingBatches(func(_ *memory.Store, batches []views.Batch) []views.Batch {
			for i := range batches {
				batches[i].ShippedAt = time.Time{}
			}
			return batches
		})},
	{fault: "the announced quantity and ETA change with the batch",
		row: "Batches: a batch comes with all of its fields",
		new: showingBatches(func(_ *memory.Store, batches []views.Batch) []views.Batch {
			for i := range batches {
				batches[i].AnnouncedQuantity = batches[i].Purchased
			}
			return batches
		})},
	{fault: "Free leaves out the units of lapsed holds",
		row: "Batches: Free includes the units of lapsed holds, and is 0 for a batch without free units",
		new: showingBatches(func(_ *memory.Store, batches []views.Batch) []views.Batch {
			for i := range batches {
				batches[i].Free = batches[i].Available()
			}
			return batches
		})},
	{fault: "Free includes the units of all holds",
		row: "Batches: in a busy shop the result agrees with loads and with the model",
		new: showingBatches(func(s *memory.Store, batches []views.Batch) []views.Batch {
			for i, b := range batches {
				holds := slices.DeleteFunc(whole(s, b.SKU).Lines,
					func(l allocation.Allocation) bool { return l.HeldUntil.IsZero() })
				batches[i].Free = b.Available() + heldOn(holds, b.Ref)
			}
			return batches
		})},
	{fault: "Batches compares SKUs without regard to case",
		row: "Batches: the page has only batches of the product, and none for an unknown product",
		new: reading(func(s *misread) {
			s.batches = func(
				ctx context.Context, now time.Time, sku allocation.SKU, after allocation.BatchRef, limit int,
			) ([]views.Batch, error) {
				batches, err := s.Store.Batches(ctx, now, sku, after, limit)
				if like := allocation.SKU(strings.ToLower(string(sku))); err == nil && like != sku {
					more, _ := s.Store.Batches(ctx, now, like, after, limit)
					batches = append(batches, more...)
				}
				return batches, err
			}
		})},
	{fault: "Free leaves out the units of lapsed holds on shipments",
		row: "Batches: Free includes the units of lapsed holds, and is 0 for a batch without free units",
		new: showingBatches(func(_ *memory.Store, batches []views.Batch) []views.Batch {
			for i, b := range batches {
				if !b.ETA.IsZero() {
					batches[i].Free = b.Available()
				}
			}
			return batches
		})},
}
