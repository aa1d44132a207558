package combine

import "slices"

// line has the waiting claims on a key, in the order of arrival, and the groups that hold the key.
type line[K comparable, V any] struct {
	key         K
	first, last *place[K, V]
	exclusive   int // how many of the waiting claims are exclusive

	holders   []*Group[K, V] // several only if all of them share the key
	shared    bool           // the holders share the key
	contested bool           // the key is quiet, and was claimed exclusively
}

// place is one claim in a line.
type place[K comparable, V any] struct {
	waiter     *Waiter[K, V]
	claim      *Claim[K]   // nil in the line for a slot
	line       *line[K, V] // nil while the claim waits in no line
	prev, next *place[K, V]
}

// isShared reports whether the claim doesn't conflict with other shared claims.
func (p *place[K, V]) isShared() bool { return p.claim != nil && p.claim.Shared }

// add puts a claim into the line, behind the claims of all waiters that arrived before.
func (l *line[K, V]) add(p *place[K, V]) {
	p.line = l
	if !p.isShared() {
		l.exclusive++
	}
	before := l.last
	for before != nil && before.waiter.arrival > p.waiter.arrival {
		before = before.prev
	}
	p.prev = before
	if before == nil {
		p.next, l.first = l.first, p
	} else {
		p.next, before.next = before.next, p
	}
	if p.next == nil {
		l.last = p
	} else {
		p.next.prev = p
	}
}

// remove takes a claim out of the line.
func (p *place[K, V]) remove() {
	l := p.line
	if p.prev == nil {
		l.first = p.next
	} else {
		p.prev.next = p.next
	}
	if p.next == nil {
		l.last = p.prev
	} else {
		p.next.prev = p.prev
	}
	if !p.isShared() {
		l.exclusive--
	}
	p.line, p.prev, p.next = nil, nil, nil
}

// clear reports whether a group may take the claim's key.
func (p *place[K, V]) clear(g *Group[K, V]) bool {
	l, shared := p.line, p.isShared()
	switch {
	case l == nil, !shared && p.prev != nil, shared && p.behindExclusive():
		return false
	case len(l.holders) == 0, l.shared && shared:
		return true
	}
	return len(l.holders) == 1 && l.holders[0] == g
}

// behindExclusive reports whether an exclusive claim waits before the claim.
func (p *place[K, V]) behindExclusive() bool {
	if p.line.exclusive == 0 {
		return false
	}
	for q := p.prev; q != nil; q = q.prev {
		if !q.isShared() {
			return true
		}
	}
	return false
}

// hold gives the key to a group, and reports whether the group didn't hold the key before.
func (l *line[K, V]) hold(g *Group[K, V], shared bool) bool {
	l.shared = shared && (l.shared || len(l.holders) == 0)
	if slices.Contains(l.holders, g) {
		return false
	}
	l.holders = append(l.holders, g)
	return true
}

// release takes the key from a group.
func (l *line[K, V]) release(g *Group[K, V]) {
	l.holders = without(l.holders, g)
}

// idle reports whether nobody waits for the key and no group holds the key.
func (l *line[K, V]) idle() bool { return l.first == nil && len(l.holders) == 0 }
