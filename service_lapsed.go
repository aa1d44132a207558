package allocation

import "context"

// ReleaseLapsed tells of the holds that have lapsed ([HoldLapsed]) and clears them away, a page of products at
// a time and each product by itself, and returns how many lines that were. Nothing has to wait for
// it, since lapsed units are free from the moment the hold passes; call it now and then so that the
// events come even for products that nobody buys. A repeat goes on where the first call ended.
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
			return released, nil // others were faster
		}
	}
}

func (s *Service) lapsed(ctx context.Context) (skus []SKU, err error) {
	alone := *s
	alone.groups = nil // it only looks, and would burden a group with all that it finds
	return decide(ctx, &alone, command{op: "ReleaseLapsed"}, func(ctx context.Context, products Repository) (skus []SKU, err error) {
		lapsed, err := products.GetLapsed(ctx)
		for _, p := range lapsed {
			skus = append(skus, p.SKU())
		}
		return skus, err
	})
}

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
