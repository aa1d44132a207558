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

// settle makes a product the one that its commit stored, with open batches only and as if all orders that come
// were new. It reports false if that product won't do: nothing was committed, nothing is left to allocate, or there are
// lapsed holds about whose units it would have to know more.
func (p *Product) settle() bool {
	if len(p.events) == 0 || p.moreLapsed {
		return false
	}
	last := p.events[len(p.events)-1].Time()
	for _, l := range p.lines {
		switch {
		case l.removed || l.HeldUntil.IsZero():
		case l.Lapsed(last):
			return false
		case p.expires.IsZero() || l.HeldUntil.Before(p.expires):
			p.expires = l.HeldUntil
		}
	}
	p.read, p.complete, p.kept = p.Version(), false, true
	p.keepOpenBatches()
	p.forgetLines()
	return len(p.batches) > 0
}

func (p *Product) keepOpenBatches() {
	open := p.batches[:0]
	for _, b := range p.batches {
		if b.Available() > 0 {
			b.stored, b.linesFrom = b.Batch, noLines
			open = append(open, b)
		}
	}
	clear(p.batches[len(open):])
	p.batches = open
}

// forgetLines forgets what the next command doesn't need, and keeps the memory for it unless that is much.
func (p *Product) forgetLines() {
	const much = 64
	if len(p.lines) > much || len(p.events) > much {
		p.lines, p.events, p.byOrder = nil, nil, map[OrderID]*line{}
	}
	clear(p.lines)
	clear(p.events)
	clear(p.byOrder)
	p.lines, p.events, p.traces, p.asked = p.lines[:0], p.events[:0], nil, nil
}
