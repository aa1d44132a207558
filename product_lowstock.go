package allocation

import "time"

// LowStock is the low-stock threshold of the product, 0 for none, see [Product.SetLowStock].
func (p *Product) LowStock() Quantity { return p.lowStock }

// SetLowStock sets the low-stock threshold; 0 removes the threshold. A [LowStockCrossed] is recorded
// whenever the available units of saleable batches, arriving units included, fall below the threshold
// or are no longer below. The units of a lapsed hold count once the hold has been released.
func (p *Product) SetLowStock(threshold Quantity, now time.Time) error {
	if err := checkQuantity("SetLowStock", "threshold", threshold, 0); err != nil {
		return err
	}
	if threshold == p.lowStock {
		return nil
	}
	now = clean(now)
	p.record(LowStockSet{SKU: p.sku, At: now, From: p.lowStock, To: threshold})
	p.lowStock = threshold
	p.settle(now)
	return nil
}
