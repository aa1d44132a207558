package allocation

import "context"

// Sweep records everything that the passing of time has done to products, the earliest first, and
// returns the number of holds, batches and lines concerned: holds that have lapsed ([HoldLapsed]),
// batches that have expired ([BatchExpired]), lines whose units have not arrived by NeededBy
// ([LineLate]), and lines that wait no longer because NeededBy has passed ([LineWaiting]);
// [LowStockCrossed] follows where the stock became low. Sweep also goes on serving those who wait, which
// the number leaves out. Each page of a product's holds or lines is a commit of its own, see
// [UnitOfWorkOptions].PageSize. After an error, the end of the context among them, the number says how
// much was recorded so far; what was recorded stays, and a repeat goes on with the rest.
//
// No sale has to wait for Sweep, since lapsed units are free at once (R7) and expired units are never
// sold (R13). Call Sweep now and then so that events come even for products that nobody buys, and so
// that no command meets a flood of lapsed holds.
//
// A sweep may look at a shipment in vain: [Batch].Due stays when a line that was needed by then is cancelled or
// moved by a command that doesn't read the other lines of the shipment, and a sweep that has nothing to record
// stores no later time. Each sweep then reads the product and the lines of the shipment once, until the shipment
// is received, counted or rescheduled, or a sweep records anything else about the product.
func (s *Service) Sweep(ctx context.Context) (swept int, err error) {
	if err := s.refuseGuests(opSweep); err != nil {
		return 0, err
	}
	var after Turn
	for {
		skus, last, err := s.due(ctx, after)
		if err != nil {
			return swept, err
		}
		for _, sku := range skus {
			for more := true; more; {
				var n int
				n, more, err = s.sweepPage(ctx, sku)
				if swept += n; err != nil {
					return swept, err
				}
			}
		}
		if !after.before(last) {
			return swept, nil
		}
		after = last
	}
}

// due returns the SKUs of a page of products for which something is due behind a turn, and the turn of
// the last product, whatever becomes of the product. Without products the turn is zero.
func (s *Service) due(ctx context.Context, after Turn) (skus []SKU, last Turn, err error) {
	alone := *s
	alone.groups = nil // the lookup changes nothing, and would burden a group with the products found
	type page struct {
		skus []SKU
		last Turn
	}
	c := command{op: opSweep}
	found, err := decide(ctx, &alone, c, func(ctx context.Context, products Repository) (f page, err error) {
		due, err := products.GetDue(ctx, after)
		for _, p := range due {
			f.skus = append(f.skus, p.sku)
			if turn := p.turn(after, products.Now()); f.last.before(turn) {
				f.last = turn
			}
		}
		return f, err
	})
	return found.skus, found.last, err
}

// sweepPage sweeps a page of one product, as a command of its own. More says whether further lapsed
// holds are left, or those who wait have yet to be served.
func (s *Service) sweepPage(ctx context.Context, sku SKU) (swept int, more bool, err error) {
	c := command{op: opSweep, skus: []SKU{sku}, itself: true}
	return s.runPage(ctx, c, func(ctx context.Context, products Repository) (swept int, more bool, err error) {
		found, err := products.GetDue(ctx, Turn{}, sku)
		if err != nil || len(found) == 0 {
			return 0, false, err
		}
		if err := found[0].loadDated(ctx, products); err != nil {
			return 0, false, err
		}
		return sweepLoaded(found[0], products)
	})
}

// loadDated loads the lines of the batches on the way that the sweep has to look at.
func (p *Product) loadDated(ctx context.Context, products Repository) error {
	now := products.Now()
	for i := 0; i < len(p.batches); i++ { // a load may add batches
		b := p.batches[i]
		if !b.isDue(now) || !b.Dated || b.ETA.IsZero() {
			continue
		}
		if _, err := products.GetByBatch(ctx, b.Ref); err != nil {
			return err
		}
		if _, err := p.allOn(opSweep, b, now); err != nil {
			return err
		}
	}
	return nil
}
