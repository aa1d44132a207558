package allocation

import "context"

// ReleaseLapsed records the end of lapsed holds ([HoldLapsed]) and returns the number of lines
// released. Each product is a commit of its own; after an error the released lines stay released, and
// a repeat goes on with the rest. No sale has to wait for ReleaseLapsed, since lapsed units are free
// at once (R7); call ReleaseLapsed now and then so that events come even for products that nobody
// buys.
func (s *Service) ReleaseLapsed(ctx context.Context) (released int, err error) {
	for {
		skus, err := s.lapsed(ctx)
		if err != nil || len(skus) == 0 {
			return released, err
		}
		before := released
		for _, sku := range skus {
			n, err := s.releaseLapsed(ctx, sku)
			if released += n; err != nil {
				return released, err
			}
		}
		if released == before {
			return released, nil // others have released the holds
		}
	}
}

// lapsed returns the SKUs of a page of products with lapsed holds.
func (s *Service) lapsed(ctx context.Context) (skus []SKU, err error) {
	alone := *s
	alone.groups = nil // the lookup changes nothing, and would burden a group with the products found
	c := command{op: "ReleaseLapsed"}
	return decide(ctx, &alone, c, func(ctx context.Context, products Repository) (skus []SKU, err error) {
		lapsed, err := products.GetLapsed(ctx)
		for _, p := range lapsed {
			skus = append(skus, p.SKU())
		}
		return skus, err
	})
}

// releaseLapsed releases the lapsed holds of one product, and returns the number of lines released.
func (s *Service) releaseLapsed(ctx context.Context, sku SKU) (released int, err error) {
	c := command{op: "ReleaseLapsed", skus: []SKU{sku}}
	return decide(ctx, s, c, func(ctx context.Context, products Repository) (int, error) {
		p, err := products.Get(ctx, sku)
		if err != nil {
			return 0, err
		}
		return p.ReleaseLapsed(products.Now()), nil
	})
}
