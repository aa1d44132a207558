package main

import (
	"slices"
	"sort"
	"time"

	"github.com/cosmic-go/allocation"
)

// books are the ledger of all products, replayed: what there must be, and who did it.
type books struct {
	settings *settings
	report   *report
	batches  map[allocation.BatchRef]*account
	lines    map[lineKey]timeline
	skus     map[allocation.OrderID][]allocation.SKU // that the order ever had
	held     map[lineKey]bool                        // now
	versions map[allocation.SKU]int                  // numbers of events

	byCaller map[int][]*trace // in the order of their times
}

// account is a batch's.
type account struct {
	sku                  allocation.SKU
	purchased, allocated allocation.Quantity
	announced            allocation.Quantity
	counts               []time.Time // when it was counted, by the counts' own times
}

// trace is what an attempt has left in the ledger.
type trace struct {
	step     *step
	attempt  *attempt
	commits  []time.Time // that changed something
	refusals int
	counted  bool
	released []allocation.OrderLine
}

func newBooks(s *settings, did *history, found *report) *books {
	b := &books{
		settings: s, report: found,
		batches:  map[allocation.BatchRef]*account{},
		lines:    map[lineKey]timeline{},
		skus:     map[allocation.OrderID][]allocation.SKU{},
		held:     map[lineKey]bool{},
		versions: map[allocation.SKU]int{},
		byCaller: map[int][]*trace{},
	}
	for caller, steps := range did.callers {
		for _, step := range steps {
			for i := range step.attempts {
				b.byCaller[caller] = append(b.byCaller[caller], &trace{step: step, attempt: &step.attempts[i]})
			}
		}
	}
	return b
}

// whose is the attempt that committed something at a time of its clock; nil if there is none.
func (b *books) whose(at time.Time) *trace {
	traces := b.byCaller[ownerOf(at, b.settings.owners())]
	moment := at.UnixMicro()
	after := sort.Search(len(traces), func(i int) bool { return traces[i].attempt.from > moment })
	if after == 0 || traces[after-1].attempt.to < moment {
		return nil
	}
	return traces[after-1]
}

// committed notes a commit that changed something. One of several products has one time.
func (t *trace) committed(at time.Time) {
	if !slices.ContainsFunc(t.commits, at.Equal) {
		t.commits = append(t.commits, at)
	}
}

// push notes what a line has become.
func (b *books) push(key lineKey, v version) {
	if _, known := b.lines[key]; !known {
		b.skus[key.order] = append(b.skus[key.order], key.sku)
	}
	b.lines[key] = append(b.lines[key], v)
	delete(b.held, key)
	if !v.held.IsZero() && len(v.parts) > 0 {
		b.held[key] = true
	}
}

// free is what each batch of a product could give: what is not promised, and what lapsed holds occupy.
func (b *books) free(sku allocation.SKU, now time.Time) map[allocation.BatchRef]allocation.Quantity {
	free := map[allocation.BatchRef]allocation.Quantity{}
	for ref, a := range b.batches {
		if a.sku == sku {
			free[ref] = a.purchased - a.allocated
		}
	}
	for key := range b.held {
		if l := b.lines[key].now(); key.sku == sku && l.lapsed(now) {
			for _, p := range l.parts {
				free[p.Batch] += p.Quantity
			}
		}
	}
	return free
}
