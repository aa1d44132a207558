package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/examples/internal/wire"
	"github.com/cosmic-go/allocation/views"
)

// showOrder leaves out lapsed holds, whether or not the library has released them: lapsed holds bind no stock.
func (s *server) showOrder(ctx context.Context, r *http.Request) (reply, error) {
	id := orderID(r)
	lines, err := s.store.Order(ctx, id)
	if err != nil {
		return reply{}, err
	}
	now := s.now()
	lines = slices.DeleteFunc(lines, func(l views.Line) bool { return l.Lapsed(now) })
	if len(lines) == 0 {
		return reply{}, &allocation.Error{Op: "Order", Field: "order", Value: id, Err: allocation.ErrNotFound}
	}
	out := order{ID: id, Lines: make([]line, len(lines))}
	for i, l := range lines {
		out.Lines[i] = line{
			SKU: l.SKU, Line: l.Line, Quantity: l.Quantity, Waiting: l.Waiting, HeldUntil: l.HeldUntil,
			terms: terms{l.NeededBy, l.FreshUntil, l.Location, l.Priority}, Late: l.Late, Parts: []part{},
		}
		for _, p := range l.Parts {
			shown := part{p.Batch, p.Quantity, p.Shipped, p.ETA, p.Location, p.BestBefore}
			out.Lines[i].Parts = append(out.Lines[i].Parts, shown)
		}
	}
	return asJSON(http.StatusOK, out, nil)
}

// stock shows how much of a product can be promised. A later order may still come too late.
type stock struct {
	SKU         allocation.SKU       `json:"sku"`
	InWarehouse allocation.Quantity  `json:"in_warehouse"`
	Arriving    []arrival            `json:"arriving"`
	AvailableBy *allocation.Quantity `json:"available_by,omitempty"` // if the request says by when
}

type arrival struct {
	ETA      time.Time           `json:"eta"`
	Quantity allocation.Quantity `json:"quantity"`
}

func (s *server) showProduct(ctx context.Context, r *http.Request) (reply, error) {
	products, err := s.stock(ctx, r, allocation.SKU(r.PathValue("sku")))
	if err != nil {
		return reply{}, err
	}
	return asJSON(http.StatusOK, products[0], nil)
}

func (s *server) showProducts(ctx context.Context, r *http.Request) (reply, error) {
	var skus []allocation.SKU
	for _, sku := range r.URL.Query()["sku"] {
		skus = append(skus, allocation.SKU(sku))
	}
	if len(skus) == 0 {
		return reply{}, wire.BadField("sku", nil, "must be given")
	}
	products, err := s.stock(ctx, r, skus...)
	return asJSON(http.StatusOK, map[string]any{"products": products}, err)
}

// stock answers for all of the products, in their order, or with an error for each unknown product.
func (s *server) stock(ctx context.Context, r *http.Request, skus ...allocation.SKU) ([]stock, error) {
	by, err := wire.Time("by", r.URL.Query().Get("by"))
	if err != nil {
		return nil, err
	}
	known, err := s.store.Stock(ctx, s.now(), skus...)
	if err != nil {
		return nil, err
	}
	if err := missing(skus, known); err != nil {
		return nil, err
	}
	products := make([]stock, len(known))
	for i, k := range known {
		products[i] = stock{SKU: k.SKU, InWarehouse: k.InWarehouse, Arriving: make([]arrival, len(k.Arriving))}
		for j, a := range k.Arriving {
			products[i].Arriving[j] = arrival(a)
		}
		if !by.IsZero() {
			units := k.AvailableBy(by)
			products[i].AvailableBy = &units
		}
	}
	return products, nil
}

func missing(skus []allocation.SKU, known []views.Stock) error {
	var unknown []error
	for _, sku := range skus {
		if !slices.ContainsFunc(known, func(k views.Stock) bool { return k.SKU == sku }) {
			err := &allocation.Error{Op: "Stock", Field: "sku", Value: sku, Err: allocation.ErrNotFound}
			unknown = append(unknown, err)
		}
	}
	return errors.Join(unknown...)
}

// alive says that the program runs.
func alive(context.Context, *http.Request) (reply, error) {
	return asJSON(http.StatusOK, map[string]string{"status": "ok"}, nil)
}

// ready says that the shop can do business.
func (s *server) ready(ctx context.Context, r *http.Request) (reply, error) {
	if err := s.store.CheckSchema(ctx); err != nil {
		return reply{}, fmt.Errorf("%w: %w", &requestError{notReady, "its database can't be used"}, err)
	}
	return alive(ctx, r)
}
