package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

var (
	_ outbox.Store      = (*Store)(nil)
	_ outbox.Maintainer = (*Store)(nil)
)

// Limits of one claim.
const (
	mostProducts = 10_000
	mostEvents   = 1_000 // per product; MariaDB ends a recursion after 1,000 steps
)

// Claim leases products, up to 10,000, and reads the first unsent events of each, up to 1,000. See [outbox.Store].
// Claim writes nothing if no product is claimable. A lost race is retried, in the end with [allocation.ErrConflict].
// After an error some products may stay leased until c.Until.
func (s *Store) Claim(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
	const op = "Claim"
	if err := s.checkClaim(ctx, op, c); err != nil {
		return nil, err
	}
	c.Products, c.Events = min(c.Products, mostProducts), min(c.Events, mostEvents)
	var l *lease
	err := s.retry(ctx, func() (err error) {
		l, err = s.lease(ctx, c)
		return err
	})
	if err != nil || len(l.tries) == 0 {
		return nil, s.explain(ctx, op, err)
	}
	var deliveries []outbox.Delivery
	err = s.retry(ctx, func() (err error) {
		deliveries, err = s.deliver(ctx, l)
		return err
	})
	return deliveries, s.explain(ctx, op, err)
}

func (s *Store) checkClaim(ctx context.Context, op string, c outbox.Claim) error {
	return s.check(ctx, op, atLeast(1, "products", c.Products), atLeast(1, "events", c.Events),
		checkAfter(c.After), checkOwner(c.Owner), checkUntil(c))
}

// checkAfter accepts "", the start of the list.
func checkAfter(sku allocation.SKU) error {
	if sku == "" {
		return nil
	}
	return sku.Validate()
}

func checkOwner(owner string) error {
	if len(owner) > 255 || !utf8.ValidString(owner) || strings.ContainsRune(owner, 0) {
		return invalid("", "owner", owner, "must be at most 255 bytes of valid UTF-8 without NUL")
	}
	return nil
}

func checkUntil(c outbox.Claim) error {
	if c.Until.UnixMicro() <= c.Now.UnixMicro() {
		return invalid("", "until", c.Until, "must be after now, by a microsecond at least")
	}
	return nil
}

// attempts limits the retries after races that were lost on the server. The winner proceeds meanwhile, so a pause
// is not needed.
const attempts = 5

func (s *Store) retry(ctx context.Context, fn func() error) (err error) {
	for range attempts {
		if err = fn(); err == nil || ctx.Err() != nil || !s.classify(err).isCurable() {
			return err
		}
	}
	return err
}

// lease is a running claim.
type lease struct {
	outbox.Claim
	number    int64                       // random, to tell the claim from all others
	claimable string                      // products that looked claimable, as JSON
	leased    []allocation.SKU            // some of the leased products, whose events to read
	tries     map[allocation.SKU]tryCount // the leased products
}

// tryCount has the tries of one event.
type tryCount struct {
	sequence int64
	count    int
}

func (l *lease) arg(name string) any {
	switch name {
	case "owner":
		return l.Owner
	case "claim":
		return l.number
	case "now":
		return l.Now.UnixMicro()
	case "until":
		return l.Until.UnixMicro()
	case "rows":
		return l.claimable
	case "skus":
		return idList(l.leased)
	case "products":
		return l.Products
	case "events":
		return l.Events
	case "page":
		return l.page()
	default:
		return string(l.After)
	}
}

// page is the number of marks to read at a time, for engines that read marks one by one. Products can have several
// marks, and products of other claims are among the marks.
func (l *lease) page() int { return 4*l.Products + 50 }

// lease leases claimable products.
func (s *Store) lease(ctx context.Context, c outbox.Claim) (*lease, error) {
	l := &lease{Claim: c, number: rand.Int64(), tries: map[allocation.SKU]tryCount{}}
	claimable := s.statements.outbox.claimable
	if claimable == nil {
		return l, s.take(ctx, l)
	}
	found, err := s.claimable(ctx, claimable, *l)
	if err != nil || len(found) == 0 {
		return l, err
	}
	for _, some := range cut(found, s.engine.longest, firstUnsent.size) {
		if l.claimable, err = jsonOf(some); err == nil {
			err = s.take(ctx, l)
		}
		if err != nil && len(l.tries) > 0 && s.classify(err).isCurable() {
			return l, nil // the products leased so far are enough
		}
		if err != nil {
			return l, err
		}
	}
	return l, nil
}

// take leases claimable products, and adds those that no rival has leased.
func (s *Store) take(ctx context.Context, l *lease) error {
	take := s.statements.outbox.take
	return s.db.each(ctx, take, take.args(l.arg), func(rows scanner) error {
		var sku allocation.SKU
		var t tryCount
		var holder sql.NullInt64
		err := rows.Scan(&sku, &t.sequence, &t.count, &holder)
		if holder.Int64 == l.number {
			l.tries[sku] = t
		}
		return err
	})
}

// firstUnsent is a product that looks claimable.
type firstUnsent struct {
	SKU      allocation.SKU `json:"sku"`
	Sequence int64          `json:"sequence"`
}

// size is about the size in JSON.
func (f firstUnsent) size() int { return jsonSize(f.SKU) + 40 }

// claimable finds products to lease. A rival may lease the products first.
func (s *Store) claimable(ctx context.Context, q *query, l lease) (found []firstUnsent, err error) {
	for passed := l.page(); passed >= l.page() && len(found) < l.Products; {
		passed = 0
		err := s.db.each(ctx, q, q.args(l.arg), func(rows scanner) error {
			var first sql.NullInt64
			err := rows.Scan(&l.After, &first, &passed)
			if first.Valid {
				found = append(found, firstUnsent{l.After, first.Int64})
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return found[:min(len(found), l.Products)], nil
}

// deliver reads the events of the leased products, which no rival can lease any more.
func (s *Store) deliver(ctx context.Context, l *lease) ([]outbox.Delivery, error) {
	last := map[allocation.SKU]int64{}
	events := map[allocation.SKU][]outbox.Record{}
	unsent := s.statements.outbox.unsent
	skus := slices.Sorted(maps.Keys(l.tries))
	for _, l.leased = range cutIDs(s.engine, skus) {
		err := s.db.each(ctx, unsent, unsent.args(l.arg), func(rows scanner) error {
			var sku allocation.SKU
			var end int64
			record, err := scanRecord(rows, &sku, &end)
			last[sku], events[sku] = end, append(events[sku], record)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	deliveries := make([]outbox.Delivery, 0, len(events))
	for _, sku := range skus {
		if len(events[sku]) == 0 { // an earlier owner sent the events late
			if err := s.release(ctx, l, sku); err != nil {
				return nil, err
			}
			continue
		}
		deliveries = append(deliveries, l.delivery(sku, events[sku], last[sku]))
	}
	return deliveries, nil
}

func (s *Store) release(ctx context.Context, l *lease, sku allocation.SKU) error {
	_, err := s.db.exec(ctx, s.statements.outbox.release, string(sku), l.number)
	return err
}

func (l *lease) delivery(sku allocation.SKU, events []outbox.Record, last int64) outbox.Delivery {
	slices.SortFunc(events, func(a, b outbox.Record) int { return cmp.Compare(a.Sequence, b.Sequence) })
	d := outbox.Delivery{SKU: sku, Events: events, More: events[len(events)-1].Sequence < last}
	if t := l.tries[sku]; t.sequence == events[0].Sequence {
		d.Tries = t.count
	}
	return d
}

// scanRecord reads an event. An event that can't be decoded is delivered with the error.
func scanRecord(rows scanner, sku *allocation.SKU, last *int64) (r outbox.Record, err error) {
	var kind, data string
	var parent sql.NullString
	if err := rows.Scan(sku, last, &r.Sequence, &kind, &data, &parent); err != nil {
		return r, err
	}
	r.TraceParent = parent.String
	r.Event, r.Err = allocation.DecodeEvent(kind, []byte(data))
	return r, nil
}
