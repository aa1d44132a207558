package torture

import (
	"slices"
	"time"

	"github.com/cosmic-go/allocation"
)

// books are the ledger of all products, replayed: what there must be, and who did it.
type books struct {
	settings *settings
	report   *report
	batches  map[allocation.BatchRef]*account
	stock    map[allocation.SKU][]*account
	lines    map[allocation.LineKey]timeline
	keys     map[allocation.OrderID][]allocation.LineKey // of all lines that the order ever had
	held     map[allocation.LineKey]bool                 // now
	queues   map[allocation.SKU]map[allocation.LineKey]bool
	latest   map[allocation.SKU]time.Time // of all events
	versions map[allocation.SKU]int       // numbers of events

	byCaller map[int][]*trace // in the order of their times
	byParent map[string]*trace
}

// account is a batch's.
type account struct {
	ref                  allocation.BatchRef
	sku                  allocation.SKU
	purchased, allocated allocation.Quantity
	announced            allocation.Quantity
	from                 allocation.BatchRef // the batch that it was split off
	lot                  allocation.BatchRef
	eta, bestBefore      time.Time
	location             allocation.Location
	blocked, expired     bool
	counts               []time.Time // when it was counted, by the counts' own times
	etas                 []time.Time // every one to which the batch slipped
}

// trace is what an attempt has left in the ledger.
type trace struct {
	step     *step
	attempt  *attempt
	until    int64       // when the last commit may have begun that it was in, on the client's clock
	events   int         // of all commits
	commits  []time.Time // that changed something
	refusals int
	counted  bool
	released []allocation.OrderLine
	late     []allocation.OrderLine
}

func newBooks(s *settings, did *history, found *report) *books {
	b := &books{
		settings: s, report: found,
		batches:  map[allocation.BatchRef]*account{},
		stock:    map[allocation.SKU][]*account{},
		lines:    map[allocation.LineKey]timeline{},
		keys:     map[allocation.OrderID][]allocation.LineKey{},
		held:     map[allocation.LineKey]bool{},
		queues:   map[allocation.SKU]map[allocation.LineKey]bool{},
		latest:   map[allocation.SKU]time.Time{},
		versions: map[allocation.SKU]int{},
		byCaller: map[int][]*trace{},
		byParent: map[string]*trace{},
	}
	for caller, steps := range did.callers {
		for _, step := range steps {
			for i := range step.attempts {
				t := &trace{step: step, attempt: &step.attempts[i], until: step.until(i)}
				b.byCaller[caller] = append(b.byCaller[caller], t)
				b.byParent[t.attempt.trace] = t
			}
		}
	}
	return b
}

// whose is the attempt that told something in a commit of that time; nil if there is none with that trace parent, or
// if the time is another client's or none of the attempt's.
func (b *books) whose(parent string, at time.Time) *trace {
	t := b.byParent[parent]
	if t == nil || ownerOf(at, b.settings.owners()) != b.settings.ownerOf(t.step.caller) {
		return nil
	}
	if moment := at.UnixMicro(); moment < t.attempt.from || moment > t.until {
		return nil
	}
	return t
}

// until is when the last commit may have begun that an attempt was in. A caller who leaves one that it shares doesn't
// end it, but is not told the outcome of a repeat before.
func (s *step) until(i int) int64 {
	switch a := s.attempts[i]; {
	case a.why != left:
		return a.to
	case s.command.Verb == sweep:
		return forever // its repeat doesn't wait for it, since it takes nothing back
	}
	return s.last().to
}

// committed notes a commit that changed something. One of several products has one time.
func (t *trace) committed(at time.Time) {
	if !slices.ContainsFunc(t.commits, at.Equal) {
		t.commits = append(t.commits, at)
	}
}

// push notes what a line has become.
func (b *books) push(key allocation.LineKey, v version) {
	if _, known := b.lines[key]; !known {
		b.keys[key.OrderID] = append(b.keys[key.OrderID], key)
	}
	b.lines[key] = append(b.lines[key], v)
	delete(b.held, key)
	if !v.held.IsZero() && len(v.parts) > 0 {
		b.held[key] = true
	}
	b.queue(key, v.lineState)
}

// free is what each batch of a product could give to a line with the terms in the middle of a commit: units that are
// not promised, and units of lapsed holds.
func (b *books) free(c *commit, t terms) map[allocation.BatchRef]allocation.Quantity {
	free := map[allocation.BatchRef]allocation.Quantity{}
	for ref, a := range b.batches {
		if a.sku == c.sku && a.serves(t, c.at) {
			free[ref] = a.purchased - a.allocated
		}
	}
	for key := range b.held {
		l := b.lines[key].now()
		if cleared, touched := c.lines[key]; touched {
			l = cleared
		}
		if key.SKU == c.sku && l.lapsed(c.at) {
			for _, p := range l.parts {
				if b.batches[p.Batch].serves(t, c.at) {
					free[p.Batch] += p.Quantity
				}
			}
		}
	}
	return free
}
