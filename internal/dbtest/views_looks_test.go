package dbtest

import (
	"context"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// looksAtLists trace a lot and read lists, each with one statement.
var looksAtLists = []look{
	{"open batches", func(ctx context.Context, r views.Reader) error {
		_, err := r.OpenBatches(ctx, start.Add(time.Hour), "chair", "product 1")
		return err
	}},
	{"batches of a lot", func(ctx context.Context, r views.Reader) error {
		_, err := r.LotBatches(ctx, start.Add(time.Hour), "b", "", 5)
		return err
	}},
	{"due", func(ctx context.Context, r views.Reader) error {
		_, err := r.Due(ctx, start.Add(time.Hour), views.Key{At: start, Kind: views.DueHold, SKU: "chair"}, 5)
		return err
	}},
	{"products", func(ctx context.Context, r views.Reader) error {
		_, err := r.Products(ctx, start.Add(time.Hour), views.ProductFilter{Prefix: "prod"}, "product 1", 5)
		return err
	}},
	{"products with low stock, by an index alone", func(ctx context.Context, r views.Reader) error {
		_, err := r.Products(ctx, start.Add(time.Hour), views.ProductFilter{Low: true}, "", 5)
		return err
	}},
	{"products with low stock that lines wait for, by an index alone", func(ctx context.Context, r views.Reader) error {
		_, err := r.Products(ctx, start.Add(time.Hour), views.ProductFilter{Low: true, Waiting: true}, "", 5)
		return err
	}},
	{"orders, by an index alone", func(ctx context.Context, r views.Reader) error {
		_, err := r.Orders(ctx, "shipped", "shipped 1", 5)
		return err
	}},
}

// looksInSteps send a statement that finds batches or products, and a statement that reads their rows.
var looksInSteps = []look{
	{"lines of a lot", func(ctx context.Context, r views.Reader) error {
		_, err := r.LotLines(ctx, "b", views.Key{}, 5)
		return err
	}},
	{"events of a product", func(ctx context.Context, r views.Reader) error {
		_, err := r.Entries(ctx, start, "chair", views.Key{}, 5)
		return err
	}},
	{"events of all products", func(ctx context.Context, r views.Reader) error {
		_, err := r.Entries(ctx, start, "", views.Key{SKU: "product 999"}, 2)
		return err
	}},
	{"further lines of a lot", func(ctx context.Context, r views.Reader) error {
		_, err := r.LotLines(ctx, "b", views.Key{Batch: "b", Rank: allocation.Rank{Sequence: 90_000}}, 5)
		return err
	}},
}
