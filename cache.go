package allocation

import (
	"sync"
	"time"
)

// productCache holds products as they were committed, so that the next command needn't read them. A copy may be outdated
// at any time; then the version check fails, and the command runs again on a fresh read. A copy belongs to the group that
// took it, and comes back only after a commit. A productCache is safe for concurrent use.
type productCache struct {
	size     int // the most products; none if not positive
	mu       sync.Mutex
	products map[SKU]cachedProduct
}

type cachedProduct struct {
	*Product
	expires time.Time // when the next live hold lapses, or earlier; zero for never
}

func newProductCache(size int) *productCache {
	return &productCache{size: size, products: map[SKU]cachedProduct{}}
}

// take removes a product from the cache. It reports false if the cache has none, or if a hold may have lapsed by now.
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

// put caches products after their commit. Older copies of products that can't be cached any more are dropped.
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

// dropAny makes room. Which product goes doesn't matter: a product that is used often is soon back.
func (c *productCache) dropAny() {
	for sku := range c.products {
		delete(c.products, sku)
		return
	}
}
