package console

import (
	"context"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// How much of each section the page of a product shows; further pages show the rest.
const (
	batchesWithLines = 5
	linesPerBatch    = 10
	shortQueue       = 10
	shortLedger      = 15
)

// productPage is a product with the first rows of everything about the product.
type productPage struct {
	SKU      allocation.SKU
	Version  int64
	LowStock allocation.Quantity
	Low      bool
	Stock    stockSection
	ForSale  batchSection // unless all batches are on the first page of Batches
	Batches  batchSection
	Lines    lineSection
	Queue    queueSection
	Ledger   ledgerSection
}

// stockSection is the free units.
type stockSection struct {
	Missing string // name of the missing ability, "" for none
	Here    allocation.Quantity
	Coming  allocation.Quantity
	Plot    plot
}

// batchSection is a page of batches.
type batchSection struct {
	Missing string
	Rows    []batchRow
	Next    allocation.BatchRef // the page behind; "" for none
	First   bool                // no batch comes before
}

// batchRow is a batch with a bar.
type batchRow struct {
	views.Batch
	Bar  bar
	Note string // where the batch is, or why the batch is not for sale
	Bad  bool
	Over bool // used up
}

// lineSection is lines with unshipped units of some batches.
type lineSection struct {
	Missing string
	Groups  []lineGroup
	More    bool // further batches have promised units
}

// lineGroup is the lines of a batch.
type lineGroup struct {
	Batch allocation.BatchRef
	Lines []views.BatchLine
	More  bool
}

// readProduct reads the sections one after the other, with at most 10 calls of the store: the product with the
// beginning of the queue, stock, batches, batches for sale, the lines of five batches, and the last events.
func (c *console) readProduct(ctx context.Context, q query) (any, error) {
	sku, err := q.sku()
	if err != nil {
		return nil, err
	}
	state, err := c.loadQueue(ctx, sku, firstInLine, shortQueue, q.at)
	if err != nil {
		return nil, err
	}
	p := productPage{SKU: sku, Version: state.Version, LowStock: state.LowStock, Low: state.Low}
	p.Queue = queueOf(state, shortQueue)
	if p.Stock, err = c.readStock(ctx, sku, q.at); err != nil {
		return nil, err
	}
	if p.Batches, err = c.readBatches(ctx, sku, allocation.BatchRef(q.values.Get("after")), q.at); err != nil {
		return nil, err
	}
	if p.Batches.Missing == "" && (p.Batches.Next != "" || !p.Batches.First) {
		if p.ForSale, err = c.readForSale(ctx, sku, q.at); err != nil {
			return nil, err
		}
	}
	if p.Lines, err = c.readLines(ctx, slices.Concat(p.ForSale.Rows, p.Batches.Rows)); err != nil {
		return nil, err
	}
	p.Ledger, err = c.readEntries(ctx, sku, q.at, state.Version+1, shortLedger)
	return p, err
}

// readStock reads the free units, and draws the plot.
func (c *console) readStock(ctx context.Context, sku allocation.SKU, now time.Time) (stockSection, error) {
	if c.stock == nil {
		return stockSection{Missing: "views.StockReader"}, nil
	}
	stocks, err := c.stock.Stock(ctx, now, sku)
	if err != nil {
		return stockSection{}, err
	}
	if len(stocks) == 0 {
		return stockSection{}, unknown("sku", sku)
	}
	s := stockSection{Here: stocks[0].InWarehouse, Plot: plotOf(stocks[0], now, c.PageSize)}
	s.Coming = s.Plot.Last.Available - s.Here
	return s, nil
}

// readBatches asks for a page and another batch, to know whether there is a page behind.
func (c *console) readBatches(
	ctx context.Context, sku allocation.SKU, after allocation.BatchRef, now time.Time,
) (batchSection, error) {
	if c.batches == nil {
		return batchSection{Missing: "views.BatchReader"}, nil
	}
	batches, err := c.batches.Batches(ctx, now, sku, after, c.PageSize+1)
	return c.batchesOf(batches, after, now), err
}

// readForSale reads the batches with free units, for a product with more batches than a page.
func (c *console) readForSale(ctx context.Context, sku allocation.SKU, now time.Time) (batchSection, error) {
	batches, err := c.batches.OpenBatches(ctx, now, sku)
	if isUnsupported(err) {
		return batchSection{}, nil
	}
	return c.batchesOf(batches, "", now), err
}

// batchesOf makes a section of a page of batches; a batch beyond the page says that there is a page behind.
func (c *console) batchesOf(batches []views.Batch, after allocation.BatchRef, now time.Time) batchSection {
	s := batchSection{First: after == ""}
	if len(batches) > c.PageSize {
		batches = batches[:c.PageSize]
		s.Next = batches[len(batches)-1].Ref
	}
	var longest allocation.Quantity
	for _, b := range batches {
		longest = max(longest, b.Purchased)
	}
	for _, b := range batches {
		row := batchRow{Batch: b, Bar: barOf(b, longest), Over: b.Purchased == 0}
		row.Note, row.Bad = noteOn(b.Batch, now)
		s.Rows = append(s.Rows, row)
	}
	return s
}

// noteOn says where a batch is, or why the batch is not for sale, and whether somebody should look at the batch. A
// used-up batch is past all trouble, blocked or not.
func noteOn(b allocation.Batch, now time.Time) (note string, bad bool) {
	switch {
	case b.Purchased == 0:
		return "used up", false
	case b.Blocked != "":
		return "blocked", true
	case !b.Saleable(now):
		return "expired", true
	case b.ETA.IsZero():
		return "in the warehouse", false
	case b.ETA.Before(now):
		return "overdue", true
	}
	return "on the way", false
}

// readLines reads the first lines of the first batches with promised units. A batch may be in the list twice.
func (c *console) readLines(ctx context.Context, batches []batchRow) (lineSection, error) {
	if c.lines == nil {
		return lineSection{Missing: "views.LineReader"}, nil
	}
	var s lineSection
	for _, b := range batches {
		if b.Allocated == 0 || slices.ContainsFunc(s.Groups, func(g lineGroup) bool { return g.Batch == b.Ref }) {
			continue
		}
		if len(s.Groups) == batchesWithLines {
			s.More = true
			break
		}
		lines, err := c.lines.BatchLines(ctx, b.Ref, allocation.Rank{}, linesPerBatch+1)
		if err != nil {
			return lineSection{}, err
		}
		g := lineGroup{Batch: b.Ref, Lines: lines[:min(len(lines), linesPerBatch)], More: len(lines) > linesPerBatch}
		s.Groups = append(s.Groups, g)
	}
	return s, nil
}

// sku returns the SKU in the address.
func (q query) sku() (allocation.SKU, error) {
	sku := allocation.SKU(q.values.Get("sku"))
	return sku, sku.Validate()
}

// key returns the place where a page begins, from the address; the zero Key for the first page.
func (q query) key() (key views.Key, err error) {
	return key, key.UnmarshalText([]byte(q.values.Get("from")))
}

// text writes a key for an address.
func text(key views.Key) string {
	b, err := key.MarshalText()
	if err != nil { // of a time beyond the year 9999; no store returns such a time
		return ""
	}
	return string(b)
}

// unknown is the error for an unknown name.
func unknown(field string, value any) error {
	return &allocation.Error{Op: "console", Field: field, Value: value, Err: allocation.ErrNotFound}
}
