package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// limitFlag adds the flag of commands that print lists.
func limitFlag(cmd *cobra.Command, limit *int) {
	cmd.Flags().IntVar(limit, "limit", 100, "print at most so many rows of a list; 0 for all")
}

func (a *app) stockCommand() *cobra.Command {
	var filter views.ProductFilter
	var limit int
	cmd := a.command("stock [SKU...]", "Show free units of products, and the batches of a single product",
		"Without SKUs, stock lists the products. With SKUs, stock also counts the lines that wait for units;\n"+
			"with one SKU, stock lists the batches of the product, used-up batches included.",
		cobra.ArbitraryArgs, false, func(ctx context.Context, s *shop, args []string) error {
			switch {
			case len(args) == 0:
				return s.products(ctx, filter, limit)
			case filter != views.ProductFilter{}:
				return usage("--begin, --low and --waiting are for the list, without SKUs")
			}
			return s.stock(ctx, args, limit)
		})
	cmd.Flags().StringVar(&filter.Prefix, "begin", "", "only SKUs that begin with this text")
	cmd.Flags().BoolVar(&filter.Low, "low", false, "only products whose stock is low")
	cmd.Flags().BoolVar(&filter.Waiting, "waiting", false, "only products that lines wait for")
	limitFlag(cmd, &limit)
	return cmd
}

// products lists products.
func (s *shop) products(ctx context.Context, filter views.ProductFilter, limit int) error {
	found, more, err := paged(limit, func(last *views.Product, n int) ([]views.Product, error) {
		var after allocation.SKU
		if last != nil {
			after = last.SKU
		}
		return s.store.Products(ctx, s.now(), filter, after, n)
	})
	if err != nil {
		return err
	}
	r := &report{more: more}
	t := r.table("products", "sku", "in_warehouse", "arriving", "low_stock", "low", "waiting")
	for _, p := range found {
		t.add(p.SKU, p.InWarehouse, arriving(p.Stock), p.LowStock, p.Low, p.Waiting)
	}
	return s.print(r)
}

// arriving adds up the free units that are on the way.
func arriving(s views.Stock) allocation.Quantity {
	s.InWarehouse = 0
	return s.AvailableBy(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC))
}

// stock shows the free units of some products.
func (s *shop) stock(ctx context.Context, args []string, limit int) error {
	skus := make([]allocation.SKU, len(args))
	for i, arg := range args {
		skus[i] = allocation.SKU(arg)
	}
	found, err := s.store.Stock(ctx, s.now(), skus...)
	if err != nil {
		return err
	}
	r := &report{}
	t := r.table("products", "sku", "in_warehouse", "arriving", "next_arrival", "version")
	for _, p := range found {
		var next time.Time
		if len(p.Arriving) > 0 {
			next = p.Arriving[0].ETA
		}
		t.add(p.SKU, p.InWarehouse, arriving(p), next, p.Version)
	}
	queues, err := s.store.Queues(ctx, skus...)
	if err != nil {
		return err
	}
	waiting := r.table("waiting", "sku", "lines", "units")
	for _, q := range queues {
		if q.Lines > 0 {
			waiting.add(q.SKU, q.Lines, q.Units)
		}
	}
	if len(skus) == 1 && len(found) == 1 {
		if err := s.batches(ctx, r, skus[0], limit); err != nil {
			return err
		}
	}
	if err := s.print(r); err != nil {
		return err
	}
	var unknown []string
	for _, sku := range skus {
		if !slices.ContainsFunc(found, func(p views.Stock) bool { return p.SKU == sku }) {
			unknown = append(unknown, cell(sku))
		}
	}
	if len(unknown) > 0 {
		return fmt.Errorf("%w: no product %s", errUnknown, strings.Join(unknown, ", "))
	}
	return nil
}

// batches adds the batches of a product.
func (s *shop) batches(ctx context.Context, r *report, sku allocation.SKU, limit int) error {
	found, more, err := paged(limit, func(last *views.Batch, n int) ([]views.Batch, error) {
		var after allocation.BatchRef
		if last != nil {
			after = last.Ref
		}
		return s.store.Batches(ctx, s.now(), sku, after, n)
	})
	if err != nil {
		return err
	}
	r.more = r.more || more
	s.addBatches(r, found)
	return nil
}

// addBatches adds a table of batches.
func (s *shop) addBatches(r *report, batches []views.Batch) {
	t := r.table("batches",
		"batch", "sku", "purchased", "allocated", "free", "eta", "location", "best_before", "lot", "blocked")
	for _, b := range batches {
		t.add(b.Ref, b.SKU, b.Purchased, b.Allocated, b.Free, b.ETA, b.Location, b.BestBefore, b.Lot, b.Blocked)
	}
}

func (a *app) orderCommand() *cobra.Command {
	var begin string
	var limit int
	cmd := a.command("order [ORDER]", "Show the lines of an order, and where their units come from",
		"For a line that waits, BEFORE counts the lines that are served before. Without an argument, order lists\n"+
			"the orders that begin with the text of --begin.",
		cobra.MaximumNArgs(1), false, func(ctx context.Context, s *shop, args []string) error {
			if len(args) == 0 {
				return s.orders(ctx, begin, limit)
			}
			if begin != "" {
				return usage("--begin is for the list, without an order")
			}
			return s.order(ctx, allocation.OrderID(args[0]))
		})
	cmd.Flags().StringVar(&begin, "begin", "", "list the orders that begin with this text")
	limitFlag(cmd, &limit)
	return cmd
}

// orders lists orders.
func (s *shop) orders(ctx context.Context, begin string, limit int) error {
	found, more, err := paged(limit, func(last *allocation.OrderID, n int) ([]allocation.OrderID, error) {
		var after allocation.OrderID
		if last != nil {
			after = *last
		}
		return s.store.Orders(ctx, begin, after, n)
	})
	if err != nil {
		return err
	}
	r := &report{more: more}
	t := r.table("orders", "order")
	for _, order := range found {
		t.add(order)
	}
	return s.print(r)
}

// order shows the lines of an order.
func (s *shop) order(ctx context.Context, order allocation.OrderID) error {
	lines, err := s.store.Order(ctx, order)
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		return fmt.Errorf("%w: no order %s; an order that was refused, cancelled or lapsed has no lines,\n"+
			"and the ledger may say more: allocation ledger SKU --order ORDER", errUnknown, cell(order))
	}
	places, err := s.store.Places(ctx, order)
	if err != nil {
		return err
	}
	r := &report{}
	t := r.table("lines", "sku", "line", "quantity", "waiting", "before", "held_until", "lapsed", "needed_by", "late")
	parts := r.table("parts", "sku", "line", "batch", "quantity", "shipped", "eta", "location", "best_before")
	for _, l := range lines {
		t.add(l.SKU, l.Line, l.Quantity, l.Waiting, before(places, l), l.HeldUntil, l.Lapsed(s.now()), l.NeededBy,
			l.Late)
		for _, p := range l.Parts {
			parts.add(l.SKU, l.Line, p.Batch, p.Quantity, p.Shipped, p.ETA, p.Location, p.BestBefore)
		}
	}
	return s.print(r)
}

// before returns how many lines come before a line in the queue, nil if the line doesn't wait.
func before(places []views.Place, l views.Line) any {
	for _, p := range places {
		if p.SKU == l.SKU && p.Line == l.Line {
			return p.Before
		}
	}
	return nil
}

func (a *app) batchCommand() *cobra.Command {
	var limit int
	cmd := a.command("batch BATCH", "Show a batch, and the lines that wait for its units",
		"Lines come in the order in which they leave the batch at a cut.",
		cobra.ExactArgs(1), false, func(ctx context.Context, s *shop, args []string) error {
			return s.batch(ctx, allocation.BatchRef(args[0]), limit)
		})
	limitFlag(cmd, &limit)
	return cmd
}

// batch shows a batch. A load by batch finds the product of the batch.
func (s *shop) batch(ctx context.Context, ref allocation.BatchRef, limit int) error {
	if err := ref.Validate(); err != nil {
		return err
	}
	states, err := s.store.Load(ctx, allocation.Query{Batch: ref, Now: s.now(), Limit: 1})
	if err != nil {
		return err
	}
	if len(states) == 0 {
		return fmt.Errorf("%w: no batch %s", errUnknown, cell(ref))
	}
	found, err := s.batchOf(ctx, states[0].SKU, ref)
	if err != nil {
		return err
	}
	lines, more, err := paged(limit, func(last *views.BatchLine, n int) ([]views.BatchLine, error) {
		var after allocation.Rank
		if last != nil {
			after = last.Rank()
		}
		return s.store.BatchLines(ctx, ref, after, n)
	})
	if err != nil {
		return err
	}
	r := &report{more: more}
	s.addBatches(r, found)
	t := r.table("lines", "order", "line", "quantity", "shipped", "held_until", "priority")
	for _, l := range lines {
		t.add(l.OrderID, l.Line, l.Quantity, l.Shipped, l.HeldUntil, l.Priority)
	}
	return s.print(r)
}

// batchOf returns a batch of a product. The page begins with the Ref before.
func (s *shop) batchOf(ctx context.Context, sku allocation.SKU, ref allocation.BatchRef) ([]views.Batch, error) {
	found, _, err := paged(0, func(last *views.Batch, n int) ([]views.Batch, error) {
		after := ref[:len(ref)-1] // sorts before ref, and may be empty
		if last != nil {
			after = last.Ref
		}
		if after >= ref {
			return nil, nil
		}
		return s.store.Batches(ctx, s.now(), sku, after, n)
	})
	return slices.DeleteFunc(found, func(b views.Batch) bool { return b.Ref != ref }), err
}

func (a *app) lotCommand() *cobra.Command {
	var limit int
	cmd := a.command("lot LOT", "Trace a lot: its batches, and all lines that got units of it",
		"Shipped lines are listed, too. Before a recall, block the batches of the lot.",
		cobra.ExactArgs(1), false, func(ctx context.Context, s *shop, args []string) error {
			return s.lot(ctx, allocation.BatchRef(args[0]), limit)
		})
	limitFlag(cmd, &limit)
	return cmd
}

// lot traces a lot.
func (s *shop) lot(ctx context.Context, lot allocation.BatchRef, limit int) error {
	batches, more, err := paged(limit, func(last *views.Batch, n int) ([]views.Batch, error) {
		var after allocation.BatchRef
		if last != nil {
			after = last.Ref
		}
		return s.store.LotBatches(ctx, s.now(), lot, after, n)
	})
	if err != nil {
		return err
	}
	if len(batches) == 0 {
		return fmt.Errorf("%w: no lot %s", errUnknown, cell(lot))
	}
	lines, moreLines, err := paged(limit, func(last *views.LotLine, n int) ([]views.LotLine, error) {
		var after views.Key
		if last != nil {
			after = last.Key()
		}
		return s.store.LotLines(ctx, lot, after, n)
	})
	if err != nil {
		return err
	}
	r := &report{more: more || moreLines}
	s.addBatches(r, batches)
	t := r.table("lines", "batch", "sku", "order", "line", "quantity", "shipped")
	for _, l := range lines {
		t.add(l.Batch, l.SKU, l.OrderID, l.Line, l.Quantity, l.Shipped)
	}
	return s.print(r)
}
