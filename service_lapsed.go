package allocation

import "context"

// opReleaseLapsed is the name of every command that clears lapsed holds.
const opReleaseLapsed = "ReleaseLapsed"

// ReleaseLapsed records the end of lapsed holds ([HoldLapsed]) and returns the number of lines released. Each page
// of a product's holds is a commit of its own, see [UnitOfWorkOptions].PageSize. After an error, the end of the
// context among them, the number says how many lines have been released so far; the lines stay released, and a
// repeat goes on with the rest.
//
// No sale has to wait for ReleaseLapsed, since lapsed units are free at once (R7). Call ReleaseLapsed now and then
// so that events come even for products that nobody buys, and so that no command meets a flood of lapsed holds.
func (s *Service) ReleaseLapsed(ctx context.Context) (released int, err error) {
	for {
		skus, err := s.lapsed(ctx)
		if err != nil || len(skus) == 0 {
			return released, err
		}
		before := released
		for _, sku := range skus {
			for more := true; more; {
				var n int
				n, more, err = s.releasePage(ctx, sku)
				if released += n; err != nil {
					return released, err
				}
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
	c := command{op: opReleaseLapsed}
	return decide(ctx, &alone, c, func(ctx context.Context, products Repository) (skus []SKU, err error) {
		lapsed, err := products.GetLapsed(ctx)
		for _, p := range lapsed {
			skus = append(skus, p.SKU())
		}
		return skus, err
	})
}

// releasePage releases a page of the lapsed holds of one product, as a command of its own. More says whether
// further lapsed holds are left.
func (s *Service) releasePage(ctx context.Context, sku SKU) (released int, more bool, err error) {
	type page struct {
		released int
		more     bool
	}
	c := command{op: opReleaseLapsed, skus: []SKU{sku}}
	done, err := decide(ctx, s, c, func(ctx context.Context, products Repository) (p page, err error) {
		p.released, p.more, err = releasePage(ctx, products, sku)
		return p, err
	})
	return done.released, done.more, err
}
