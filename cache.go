package allocation

import (
	"sync"
	"time"
)

// kept holds products as they were committed, so that the next command needn't read them. A copy may be outdated
// at any time; then the version check fails and the command runs again on a fresh one. It belongs to
// whoever took it, and comes back, if at all, as it was committed.
type kept struct {
	most     int
	mu       sync.Mutex
	products map[SKU]*Product
}

func newKept(most int) *kept {
	return &kept{most: most, products: map[SKU]*Product{}}
}

// take returns a product and forgets it; nil if there is none, or if a hold may have lapsed since.
func (k *kept) take(sku SKU, now time.Time) *Product {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.products[sku]
	if p == nil {
		return nil
	}
	delete(k.products, sku)
	if !p.expires.IsZero() && !now.Before(p.expires) {
		return nil
	}
	return p
}

// put keeps products after their commit, and forgets older copies of those that won't do.
func (k *kept) put(products []*Product) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range products {
		delete(k.products, p.sku)
		if k.most <= 0 || !p.settle() {
			continue
		}
		if len(k.products) >= k.most {
			k.dropAny()
		}
		k.products[p.sku] = p
	}
}

// dropAny makes room. Which one goes doesn't matter: a product that is used often is soon back.
func (k *kept) dropAny() {
	for sku := range k.products {
		delete(k.products, sku)
		return
	}
}
