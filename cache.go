package allocation

import (
	"cmp"
	"sync"
	"time"
)

// productCache holds recently committed products, so that the next command needs no read. A copy may
// be stale at any time; then the version check fails, and the command runs again on a fresh read. A
// group takes the copy out, and a copy comes back only after a commit. A productCache is safe for
// concurrent use.
type productCache struct {
	size     int           // the most products; nothing is cached if not positive
	outer    *productCache // if set, this is the cache of a transaction, see Inside
	mu       sync.Mutex
	products map[SKU]cachedProduct
}

// cachedProduct is a product in the cache.
type cachedProduct struct {
	*Product
	expires time.Time // when the next live hold lapses, or earlier; zero for never
}

// newProductCache returns an empty cache for so many products.
func newProductCache(size int) *productCache {
	return &productCache{size: size, products: map[SKU]cachedProduct{}}
}

// cacheSize is how many products are cached over a unit of work of the library.
func (o *ServiceOptions) cacheSize(u *unit) int {
	if o.CacheSize < 0 || u.locksFirst() {
		return 0
	}
	return cmp.Or(o.CacheSize, 4096)
}

// take removes a product from the cache. Take reports false if the cache has no copy, or if a hold
// may have lapsed by now.
//
// The cache of a transaction takes a copy of the outer cache only for the first command on the product:
// whatever the outer cache has later is from other commits. An empty entry stands for a product that has been
// taken.
func (c *productCache) take(sku SKU, now time.Time) (cachedProduct, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, known := c.products[sku]
	switch {
	case c.outer != nil:
		c.products[sku] = cachedProduct{}
		if !known {
			return c.outer.take(sku, now)
		}
	default:
		delete(c.products, sku)
	}
	return p, p.Product != nil && (p.expires.IsZero() || now.Before(p.expires))
}

// put caches products after their commit. If a product can't be cached any more, the older copy is
// dropped.
func (c *productCache) put(committed []present) {
	if c.size <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range committed {
		delete(c.products, p.sku)
		expires, able := p.rebase(p.expires)
		if !able {
			if c.outer != nil {
				c.products[p.sku] = cachedProduct{}
			}
			continue
		}
		if len(c.products) >= c.size {
			c.dropAny()
		}
		c.products[p.sku] = cachedProduct{p.Product, expires}
	}
}

// takeOver moves the products of a committed transaction's cache into c, unless c has a newer copy.
func (c *productCache) takeOver(inner *productCache) {
	inner.mu.Lock()
	defer inner.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for sku, p := range inner.products {
		known, has := c.products[sku]
		switch {
		case p.Product == nil || has && known.read > p.read:
			continue
		case !has && len(c.products) >= c.size:
			c.dropAny()
		}
		c.products[sku] = p
	}
	clear(inner.products)
}

// dropAny makes room by dropping any product. A product in frequent use soon comes back.
func (c *productCache) dropAny() {
	for sku := range c.products {
		delete(c.products, sku)
		return
	}
}
