// Package customstore is a store such as a host might write: products in a JSON file. Two methods are enough: Load
// selects products, Commit checks versions and writes. The library has all the rules. The conformance suite of package
// storetest tests the store; run the suite from the folder examples:
//
//	go test ./customstore
//
// A reader learns the promises of Load and Commit. Look at Load and Commit in store.go first, then at
// TestStoreKeepsItsPromises, which runs the suite. Below Commit are helpers; the
// file waiting.go is about lines that wait.
package customstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/cosmic-go/allocation"
)

// Store keeps products in a file. A Store is safe for concurrent use within one process. Every call reads the whole
// file, so that returned values share no memory, and so the store suits small shops only. The store keeps no events and
// is therefore no [allocation.Ledger].
type Store struct {
	path string
	mu   sync.RWMutex
}

var _ allocation.Store = (*Store)(nil)

// New returns a store in a folder, which must exist. The first commit creates the file.
func New(folder string) *Store { return &Store{path: filepath.Join(folder, "products.json")} }

// products is the content of the file: states with all batches and all lines.
type products map[allocation.SKU]*allocation.State
type line = allocation.Allocation

// Load reads the products that the query selects.
func (s *Store) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	var states []allocation.State
	for _, p := range all.selected(q) {
		states = append(states, asked(*p, q))
	}
	return states, nil
}

// Commit writes all changes or none: Commit applies the changes to a copy, and the copy replaces the file.
func (s *Store) Commit(ctx context.Context, changes []allocation.Changes) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, err := s.read(ctx)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if p := all[c.SKU]; p == nil && c.Read != 0 || p != nil && p.Version != c.Read {
			return fmt.Errorf("customstore: sku %q: %w", c.SKU, allocation.ErrConflict)
		}
	}
	for _, c := range changes {
		if c.Version == c.Read {
			continue // the product was only read
		}
		if err := all.apply(c); err != nil {
			return err
		}
	}
	return s.write(all)
}

func (s *Store) read(ctx context.Context) (products, error) {
	if ctx == nil {
		return nil, &allocation.Error{Op: "customstore", Field: "context", Err: allocation.ErrInvalid}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	all := products{}
	text, err := os.ReadFile(s.path)
	if errors.Is(err, os.ErrNotExist) {
		return all, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	return all, err
}

// write replaces the file in one step: after a crash, the next process finds all of a commit or nothing.
func (s *Store) write(all products) error {
	text, err := json.Marshal(all)
	if err == nil {
		err = os.WriteFile(s.path+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(s.path+".new", s.path)
	}
	return err
}

// apply makes the changes of a unit of work to a product.
func (all products) apply(c allocation.Changes) error {
	p := cmp.Or(all[c.SKU], &allocation.State{SKU: c.SKU})
	all[c.SKU] = p
	p.Version, p.Refused, p.LowStock, p.Low = c.Version, c.Refused, c.LowStock, c.Low
	for _, b := range c.NewBatches {
		if owners := all.selected(allocation.Query{Batch: b.Ref}); len(owners) > 0 {
			return fmt.Errorf("customstore: batch %q: %w", b.Ref, allocation.ErrDuplicate)
		}
		p.Batches = append(p.Batches, b)
	}
	for _, change := range c.Batches {
		i := slices.IndexFunc(p.Batches, is(change.Ref))
		if i < 0 || p.Batches[i].Available() < change.Allocated-change.Purchased {
			return fmt.Errorf("customstore: batch %q: somebody has changed it in the file", change.Ref)
		}
		b := &p.Batches[i]
		b.Purchased += change.Purchased
		b.Allocated += change.Allocated
		b.ETA, b.ArrivedAt, b.ShippedAt = change.ETA, change.ArrivedAt, change.ShippedAt
		b.CountedAt, b.CountedQuantity = change.CountedAt, change.CountedQuantity
		b.Blocked, b.Expired, b.Due, b.Dated = change.Blocked, change.Expired, change.Due, change.Dated
	}
	if err := replace(&p.Lines, c.NewLines, c.Lines, c.Removed); err != nil {
		return err
	}
	return applyWaiting(p, c)
}

// replace adds new lines, replaces changed lines, and deletes removed lines.
func replace(lines *[]line, added, changed []line, removed []allocation.LineKey) error {
	for _, l := range added {
		if slices.ContainsFunc(*lines, named(l.Key())) {
			return fmt.Errorf("customstore: order %q: %w", l.OrderID, allocation.ErrDuplicate)
		}
	}
	kept := slices.DeleteFunc(*lines, func(old line) bool {
		return slices.Contains(removed, old.Key()) || slices.ContainsFunc(changed, named(old.Key()))
	})
	*lines = slices.Concat(kept, added, changed)
	return nil
}

// selected lists the products that a query selects.
func (all products) selected(q allocation.Query) (found []*allocation.State) {
	for sku, p := range all {
		if slices.Contains(q.SKUs, sku) || q.Due && len(q.SKUs) == 0 && len(due(p, q)) > 0 ||
			slices.ContainsFunc(p.Lines, of(q.Order)) || slices.ContainsFunc(p.Waiting, of(q.Order)) ||
			slices.ContainsFunc(p.Batches, is(q.Batch)) {
			found = append(found, p)
		}
	}
	if q.Due && len(q.SKUs) == 0 {
		slices.SortFunc(found, func(a, b *allocation.State) int { return byTurn(due(a, q)[0], due(b, q)[0]) })
		found = found[:min(len(found), q.Limit)]
	}
	return found
}

// asked cuts a product down to the parts that the query asks for.
func asked(p allocation.State, q allocation.Query) allocation.State {
	gone := lapsed(&p, q)
	p.MoreLapsed = len(gone) > q.Limit
	unshipped := func(part allocation.Part) bool { return part.Batch == q.Batch && part.Shipped < part.Quantity }
	open := filter(p.Lines, byRank, func(l line) bool { return slices.ContainsFunc(l.Parts, unshipped) })
	if p.MoreLines = len(open) > q.Limit; p.MoreLines {
		p.LinesFrom = open[q.Limit-1].Rank()
	}
	orders := append([]allocation.OrderID{q.Order}, q.Orders...)
	for _, l := range slices.Concat(gone[:min(len(gone), q.Limit)], open[:min(len(open), q.Limit)], page(&p, q)) {
		orders = append(orders, l.OrderID)
	}
	if live := filter(p.Lines, byExpiry, func(l line) bool { return l.HeldUntil.After(q.Now) }); len(live) > 0 {
		p.NextExpiry = live[0].HeldUntil
	}
	p.Lines = filter(p.Lines, byRank, func(l line) bool { return slices.Contains(orders, l.OrderID) })
	askedWaiting(&p, q, orders)
	p.Batches = slices.DeleteFunc(p.Batches, func(b allocation.Batch) bool {
		from := func(part allocation.Part) bool { return part.Batch == b.Ref }
		uses := func(l line) bool { return slices.ContainsFunc(l.Parts, from) }
		isDue := q.Due && !b.Due.IsZero() && !b.Due.After(q.Now)
		forSale := b.Available() > 0 && b.Blocked == "" && !b.Expired
		return !forSale && !isDue && b.Ref != q.Batch && !slices.ContainsFunc(p.Lines, uses)
	})
	return p
}

// filter lists the wanted lines, sorted.
func filter(lines []line, by func(a, b line) int, wanted func(line) bool) []line {
	unwanted := func(l line) bool { return !wanted(l) }
	return slices.SortedFunc(slices.Values(slices.DeleteFunc(slices.Clone(lines), unwanted)), by)
}

func lapsed(p *allocation.State, q allocation.Query) []line {
	return filter(p.Lines, byExpiry, func(l line) bool { return l.Lapsed(q.Now) })
}

// due lists the turns at which something of a product is due behind the turn of the query.
func due(p *allocation.State, q allocation.Query) (turns []allocation.Turn) {
	note := func(at time.Time) {
		if isBehind(q, at, p.SKU) {
			turns = append(turns, allocation.Turn{At: at, SKU: p.SKU})
		}
	}
	for _, l := range lapsed(p, q) {
		note(l.HeldUntil)
	}
	for _, b := range p.Batches {
		if !b.Due.IsZero() && !b.Due.After(q.Now) {
			note(b.Due)
		}
	}
	dueWaiting(p, q, note)
	return slices.SortedFunc(slices.Values(turns), byTurn)
}

func byTurn(a, b allocation.Turn) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.SKU, b.SKU))
}

func byRank(a, b line) int   { return a.Rank().Compare(b.Rank()) }
func byExpiry(a, b line) int { return cmp.Or(a.HeldUntil.Compare(b.HeldUntil), byKey(a, b)) }

func is(ref allocation.BatchRef) func(allocation.Batch) bool {
	return func(b allocation.Batch) bool { return b.Ref == ref }
}
func named(key allocation.LineKey) func(line) bool {
	return func(l line) bool { return l.Key() == key }
}
func of(order allocation.OrderID) func(line) bool {
	return func(l line) bool { return l.OrderID == order }
}
