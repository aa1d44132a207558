package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

// Shard is one database with a part of the products.
type Shard struct {
	Name    string // part of the route: a shard with another name gets other SKUs
	Service *allocation.Service
}

// Shop sells products from several shards. A Shop is safe for concurrent use.
type Shop struct {
	shards []Shard
	hold   time.Duration // how long units of an order over several shards are held
	now    func() time.Time
}

// NewShop returns a shop over shards with different names. An order over several shards holds units for the given time
// until all shards have answered, so the time is longer than a caller waits for an answer.
func NewShop(hold time.Duration, now func() time.Time, shards ...Shard) *Shop {
	return &Shop{shards: shards, hold: hold, now: now}
}

// Of returns the shard of a SKU: the shard with the highest hash of both names. A further shard changes the route of
// the SKUs of the new shard only. The rows of these products must move before the shop sells the products there.
func (s *Shop) Of(sku allocation.SKU) *Shard {
	best, highest := 0, uint64(0)
	for i, shard := range s.shards {
		h := fnv.New64a()
		fmt.Fprintf(h, "%s\x00%s", sku, shard.Name)
		if sum := mix(h.Sum64()); sum >= highest {
			best, highest = i, sum
		}
	}
	return &s.shards[best]
}

// mix spreads the bits of a hash, because FNV changes few high bits for the last bytes of its input. The constants are
// those of the finaliser of MurmurHash3.
func mix(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// Announce adds a batch on the shard of the batch's SKU.
func (s *Shop) Announce(ctx context.Context, batch allocation.Batch) error {
	shard := s.Of(batch.SKU)
	return shard.wrap(shard.Service.AddBatch(ctx, batch))
}

// Place allocates the lines of an order. An order on a single shard is a single commit. An order over several shards is
// placed in two steps: each shard holds lines, and once all shards have, each shard confirms. If a shard refuses or
// doesn't answer, Place cancels the lines on the others; where cancelling fails too, the hold lapses. An error of the
// second step leaves some lines firm: Place again with the same lines completes the order, and Cancel takes the order
// back. A program that dies between the steps leaves the same state, so the host calls Place or Cancel for the orders
// that were begun according to the host's own table.
func (s *Shop) Place(ctx context.Context, order allocation.OrderID, lines ...allocation.OrderLine) error {
	parts := s.split(order, lines)
	if len(parts) == 1 {
		return parts[0].allocate(ctx, time.Time{})
	}
	until := s.now().Add(s.hold)
	for i, p := range parts {
		if err := p.allocate(ctx, until); err != nil {
			return errors.Join(err, cancelAll(ctx, order, parts[:i]))
		}
	}
	var failed []error
	for _, p := range parts {
		_, err := p.shard.Service.Confirm(ctx, order, p.skus()...)
		failed = append(failed, p.shard.wrap(err))
	}
	return errors.Join(failed...)
}

// Cancel takes back the given lines of an order. Every shard is asked, whatever the others answer, so that a dead
// shard keeps no units of the others. An order that a shard doesn't know is no error.
func (s *Shop) Cancel(ctx context.Context, order allocation.OrderID, lines ...allocation.OrderLine) error {
	return cancelAll(ctx, order, s.split(order, lines))
}

// part is the lines of an order on one shard.
type part struct {
	shard *Shard
	lines []allocation.Request
}

// split sorts the lines of an order by shard, in the order of the shards.
func (s *Shop) split(order allocation.OrderID, lines []allocation.OrderLine) (parts []part) {
	for i := range s.shards {
		p := part{shard: &s.shards[i]}
		for _, line := range lines {
			if s.Of(line.SKU) == p.shard {
				line.OrderID = order
				p.lines = append(p.lines, allocation.Request{OrderLine: line})
			}
		}
		if len(p.lines) > 0 {
			parts = append(parts, p)
		}
	}
	return parts
}

// allocate takes the units of a part, all or nothing; as a hold unless until is zero.
func (p part) allocate(ctx context.Context, until time.Time) error {
	requests := slices.Clone(p.lines)
	for i := range requests {
		requests[i].HoldUntil = until
	}
	_, err := p.shard.Service.Allocate(ctx, requests...)
	return p.shard.wrap(err)
}

func (p part) skus() (skus []allocation.SKU) {
	for _, line := range p.lines {
		skus = append(skus, line.SKU)
	}
	return skus
}

// cancelAll goes on after the caller has left, for five seconds, so that the units are free for others.
func cancelAll(ctx context.Context, order allocation.OrderID, parts []part) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	var failed []error
	for _, p := range parts {
		_, err := p.shard.Service.Cancel(ctx, order, p.skus()...)
		if !errors.Is(err, allocation.ErrNotFound) {
			failed = append(failed, p.shard.wrap(err))
		}
	}
	return errors.Join(failed...)
}

// wrap names the shard in an error, because the other shards have none.
func (s *Shard) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("shard %s: %w", s.Name, err)
}
