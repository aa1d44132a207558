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
	size     int // the most products; nothing is cached if not positive
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
func (c *productCache) take(sku SKU, now time.Time) (cachedProduct, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, known := c.products[sku]
	if !known {
		return cachedProduct{}, false
	}
	delete(c.products, sku)
	return p, p.expires.IsZero() || now.Before(p.expires)
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
			continue
		}
		if len(c.products) >= c.size {
			c.dropAny()
		}
		c.products[p.sku] = cachedProduct{p.Product, expires}
	}
}

// dropAny makes room by dropping any product. A product in frequent use soon comes back.
func (c *productCache) dropAny() {
	for sku := range c.products {
		delete(c.products, sku)
		return
	}
}
