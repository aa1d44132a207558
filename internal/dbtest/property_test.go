package dbtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// machine gives random commands to a Service over the store in memory, and to the naive model. Every command is first
// tried with small pages, on copies of the store: the size of a page must not change an answer.
type machine struct {
	store   *memory.Store
	clock   *memory.Clock
	units   allocation.UnitOfWork
	service *allocation.Service
	trials  func(t *rapid.T) []*allocation.Service
	naive   *naive
	skus    []allocation.SKU
	orders  []allocation.OrderID
	batches int

	waiting bool                    // lines may wait
	before  *naive                  // before the last command
	refused map[allocation.SKU]bool // by the last command
	paged   bool                    // the answer of the command may depend on the size of a page
	version map[allocation.SKU]int64
}

// modes have group commit and cache switched on and off. No mode may change an answer.
var modes = map[string]*allocation.ServiceOptions{
	"group commit and cache": nil,
	"no group commit":        {NoGroupCommit: true},
	"no cache":               {CacheSize: -1},
	"neither":                {NoGroupCommit: true, CacheSize: -1},
}

func newMachine(t *rapid.T, skus []allocation.SKU, orders []allocation.OrderID) *machine {
	m := &machine{store: memory.New(), clock: memory.NewClock(time.Date(2031, 3, 3, 9, 0, 0, 0, time.UTC))}
	m.skus, m.orders, m.naive = skus, orders, newNaive()
	m.units = allocation.NewUnitOfWork(m.store, &allocation.UnitOfWorkOptions{Now: m.clock.Now})
	m.before, m.refused, m.version = newNaive(), map[allocation.SKU]bool{}, map[allocation.SKU]int64{}
	m.waiting = rapid.Bool().Draw(t, "waiting")
	mode := rapid.SampledFrom(slices.Sorted(maps.Keys(modes))).Draw(t, "mode")
	m.service = newService(t, m.units, modes[mode])
	m.trials = m.smallPages
	return m
}

// smallPages returns services with pages of 1 and of 2, each over a copy of the store.
func (m *machine) smallPages(t *rapid.T) (trials []*allocation.Service) {
	for page := 1; page <= 2; page++ {
		opts := &allocation.UnitOfWorkOptions{Now: m.clock.Now, PageSize: page}
		trials = append(trials, newService(t, allocation.NewUnitOfWork(m.copied(t), opts), nil))
	}
	return trials
}

// copied returns a copy of the store.
func (m *machine) copied(t *rapid.T) *memory.Store {
	var changes []allocation.Changes
	for _, s := range m.states() {
		events, err := m.store.Events(t.Context(), s.SKU, 0, math.MaxInt32)
		require.NoError(t, err)
		changes = append(changes, allocation.Changes{
			SKU: s.SKU, Version: s.Version, Refused: s.Refused, LowStock: s.LowStock, Low: s.Low,
			NewBatches: s.Batches, NewLines: s.Lines, Events: events,
			NewWaiting: s.Waiting, Serving: s.Serving, NewServing: true,
		})
	}
	store := memory.New()
	require.NoError(t, store.Commit(t.Context(), changes))
	return store
}

// ids are the orders o1, o2 and so on.
func ids(n int) (orders []allocation.OrderID) {
	for i := range n {
		orders = append(orders, allocation.OrderID(fmt.Sprintf("o%d", i+1)))
	}
	return orders
}

// TestPropertiesOfManyProducts has orders over several SKUs, all or nothing.
func TestPropertiesOfManyProducts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t, []allocation.SKU{"lamp", "sofa", "vase"}, ids(6))
		t.Repeat(m.actions())
	})
}

// TestPropertiesOfOneProduct has one crowded SKU, whose lines compete for the same batches.
func TestPropertiesOfOneProduct(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t, []allocation.SKU{"lamp"}, ids(8))
		if rapid.Bool().Draw(t, "crowded") {
			m.crowd(t)
		}
		t.Repeat(m.actions())
	})
}

func (m *machine) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"":              m.check,
		"add batch":     m.addBatch,
		"eta":           m.changeETA,
		"receive":       m.receive,
		"count":         m.count,
		"cut":           m.cutCrowded,
		"split":         m.split,
		"block":         m.block,
		"unblock":       m.unblock,
		"allocate":      m.allocate,
		"allocate more": m.allocate,
		"change line":   m.changeLine,
		"cancel":        m.cancel,
		"hand over":     m.handOver,
		"confirm":       m.confirm,
		"extend":        m.extend,
		"ship":          m.ship,
		"ship part":     m.shipPart,
		"release":       m.release,
		"low stock":     m.lowStock,
		"time passes":   m.wait,
	}
}

func (m *machine) wait(t *rapid.T) {
	m.clock.Advance(time.Duration(rapid.IntRange(1, 30).Draw(t, "hours")) * time.Hour)
}

func (m *machine) now() time.Time { return m.clock.Now() }

func (m *machine) sku(t *rapid.T) allocation.SKU { return rapid.SampledFrom(m.skus).Draw(t, "sku") }

func (m *machine) order(t *rapid.T) allocation.OrderID {
	return rapid.SampledFrom(m.orders).Draw(t, "order")
}

// someDay draws a day from yesterday on, more often none.
func (m *machine) someDay(t *rapid.T, name string) time.Time {
	if days := rapid.IntRange(-1, 10).Draw(t, name); days < 4 {
		return m.now().AddDate(0, 0, days)
	}
	return time.Time{}
}

func (m *machine) place(t *rapid.T) allocation.Location {
	return rapid.SampledFrom([]allocation.Location{"", "", "", "hull", "york"}).Draw(t, "location")
}

func (m *machine) some(t *rapid.T, least, most int) allocation.Quantity {
	return allocation.Quantity(rapid.IntRange(least, most).Draw(t, "quantity"))
}

// ref draws a batch that exists. If there is none, another command is drawn.
func (m *machine) ref(t *rapid.T) allocation.BatchRef {
	if m.batches == 0 {
		t.Skip("no batch yet")
	}
	return allocation.BatchRef(fmt.Sprintf("b%d", rapid.IntRange(1, m.batches).Draw(t, "batch")))
}

// states returns every stored product.
func (m *machine) states() map[allocation.SKU]allocation.State {
	states := map[allocation.SKU]allocation.State{}
	for _, sku := range m.skus {
		if s, there := m.store.Product(sku); there {
			states[sku] = s
		}
	}
	return states
}

// answer turns the result of a command into a text to compare.
func answer(value any, err error) string {
	var short *allocation.OutOfStockError
	switch {
	case err == nil:
		return fmt.Sprint(value)
	case errors.As(err, &short):
		return fmt.Sprint("short of ", short.Shortages)
	}
	for _, reason := range []error{
		allocation.ErrInvalid, allocation.ErrMismatch, allocation.ErrNotAllowed,
		allocation.ErrLapsed, allocation.ErrNotFound,
	} {
		if errors.Is(err, reason) {
			return reason.Error()
		}
	}
	return err.Error()
}

// run gives a command to the trials and then to the service. It compares the answers with each other and with the
// outcome of the naive model, and, after an error, the stored products with the products before.
func (m *machine) run(t *rapid.T, want outcome, call func(s *allocation.Service) (any, error)) {
	before, paged := m.states(), m.paged
	m.paged = false
	var trials []string
	for _, s := range m.trials(t) {
		trials = append(trials, answer(call(s)))
	}
	value, err := call(m.service)
	for i, trial := range trials {
		if paged {
			break
		}
		require.Equal(t, answer(value, err), trial, "answer with pages of 100, and of %d", i+1)
	}
	var short *allocation.OutOfStockError
	var shortages []allocation.Shortage
	if errors.As(err, &short) {
		shortages = short.Shortages
		for _, s := range shortages {
			m.refused[s.SKU] = true
		}
	}
	switch {
	case want.reasons != nil:
		require.Error(t, err, "want one of %v", want.reasons)
		gone := errors.Is(err, allocation.ErrNotFound) || errors.Is(err, allocation.ErrLapsed)
		require.True(t, slices.ContainsFunc(want.reasons, func(reason error) bool {
			return errors.Is(err, reason) || gone && errors.Is(reason, errGone)
		}), "got %v, want one of %v", err, want.reasons)
	case want.short != nil:
		require.Equal(t, want.short, shortages, "shortages of %v", err)
	default:
		require.NoError(t, err)
		return
	}
	m.unchanged(t, before, shortages)
}

func (m *machine) addBatch(t *rapid.T) {
	b := allocation.Batch{SKU: m.sku(t), Purchased: m.some(t, 1, 15)}
	if days := rapid.IntRange(0, 3).Draw(t, "days"); days > 0 {
		b.ETA = m.now().AddDate(0, 0, days)
	}
	b.Location, b.BestBefore = m.place(t), m.someDay(t, "best before")
	b.Lot = rapid.SampledFrom([]allocation.BatchRef{"", "", "crate", "b1"}).Draw(t, "lot")
	var want outcome
	switch {
	case m.batches > 0 && rapid.IntRange(0, 3).Draw(t, "again") == 0:
		known := m.naive.batches[m.ref(t)]
		b = allocation.Batch{Ref: known.Ref, SKU: known.SKU}
		b.Purchased, b.ETA = known.AnnouncedQuantity, known.AnnouncedETA
		b.Location, b.BestBefore, b.Lot = known.Location, known.BestBefore, known.Lot
		differently := rapid.Bool().Draw(t, "differently")
		if differently {
			b.Purchased++
		}
		if differently || known.SplitFrom != "" {
			want.because(allocation.ErrMismatch)
		}
	case !b.BestBefore.IsZero() && !b.BestBefore.After(b.ETA):
		b.Ref = "spoils"
		want.because(allocation.ErrInvalid)
	default:
		m.batches++
		b.Ref = allocation.BatchRef(fmt.Sprintf("b%d", m.batches))
		added := b
		added.AnnouncedQuantity, added.AnnouncedETA = b.Purchased, b.ETA
		if b.ETA.IsZero() {
			added.ArrivedAt = m.now()
		}
		if b.Lot == b.Ref {
			added.Lot = ""
		}
		m.naive.batches[b.Ref] = added
	}
	m.run(t, want, func(s *allocation.Service) (any, error) { return nil, s.AddBatch(t.Context(), b) })
}

func (m *machine) lowStock(t *rapid.T) {
	sku, threshold := m.sku(t), m.some(t, 0, 12)
	var want outcome
	if m.naive.known(sku) {
		m.naive.low[sku] = threshold
	} else {
		want.because(allocation.ErrNotFound)
	}
	m.run(t, want, func(s *allocation.Service) (any, error) { return nil, s.SetLowStock(t.Context(), sku, threshold) })
}

func (m *machine) allocate(t *rapid.T) {
	requests := make([]allocation.Request, rapid.IntRange(1, 4).Draw(t, "lines"))
	paged := false // the page decides whether a repeat already finds the units for which the line waits
	for i := range requests {
		r := &requests[i]
		r.OrderLine = allocation.OrderLine{
			OrderID: m.order(t), SKU: m.sku(t), Line: m.line(t), Quantity: m.some(t, 1, 9),
		}
		r.Split = rapid.Bool().Draw(t, "split")
		if rapid.IntRange(0, 2).Draw(t, "hold") == 0 {
			r.HoldUntil = m.now().Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "hours")) * time.Hour)
		}
		r.NeededBy, r.FreshUntil, r.Location = m.someDay(t, "needed by"), m.someDay(t, "fresh until"), m.place(t)
		r.Priority = rapid.IntRange(-1, 1).Draw(t, "priority") // counts for nothing in a repeat
		m.mayWait(t, r)
		m.inTime(t, r.OrderID)
		paged = paged || m.naive.lines[r.Key()].Waiting > 0 && m.servesPages(r.SKU)
		if l, there := m.naive.lines[r.Key()]; there && rapid.Bool().Draw(t, "repeat") {
			r.Quantity, r.Split, r.Partial = wantedBy(l), l.Split, l.Partial
			if r.Partial {
				r.HoldUntil, r.HoldFor = time.Time{}, 0
			}
			r.NeededBy, r.FreshUntil, r.Location = l.NeededBy, l.FreshUntil, l.Location
		}
	}
	want := m.naive.allocate(requests, m.now())
	m.paged = paged
	m.run(t, want, func(s *allocation.Service) (any, error) {
		given, err := s.Allocate(t.Context(), requests...)
		return quantities(given), err
	})
	if want.ok() {
		m.checkAges(t, requests)
	}
}

// quantities leaves out the batches: the choice between batches may depend on the pages of lapsed holds.
func quantities(given []allocation.Allocation) (lines []allocation.OrderLine) {
	for _, a := range given {
		lines = append(lines, a.OrderLine)
	}
	return lines
}

func (m *machine) changeLine(t *rapid.T) {
	wanted := allocation.OrderLine{OrderID: m.order(t), SKU: m.sku(t), Line: m.line(t), Quantity: m.some(t, 1, 15)}
	m.inTime(t, wanted.OrderID)
	var want outcome
	if m.naive.known(wanted.SKU) {
		want = m.naive.changeLine(wanted, m.now())
	} else {
		want.because(allocation.ErrNotFound)
	}
	m.run(t, want, func(s *allocation.Service) (any, error) {
		a, err := s.ChangeLine(t.Context(), wanted)
		return a.OrderLine, err
	})
}

// skusOf draws some products of an order, each once.
func (m *machine) skusOf(t *rapid.T) []allocation.SKU {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(m.skus), 1, min(2, len(m.skus)), rapid.ID).Draw(t, "skus")
}

type verb = func(
	s *allocation.Service, ctx context.Context, order allocation.OrderID, skus ...allocation.SKU,
) ([]allocation.Allocation, error)

// each runs a command on some lines of an order. If some lines of a product have lapsed and others have not, another
// command is drawn: the answer depends on whether the lapsed holds have been released already.
func (m *machine) each(t *rapid.T, v verb, as change) {
	order, skus, before := m.order(t), m.skusOf(t), m.naive.clone()
	m.inTime(t, order)
	for _, sku := range skus {
		if _, mixed := m.naive.linesOf(order, sku, m.now()); mixed {
			t.Skip("a hold of the order has lapsed")
		}
	}
	want := m.naive.each(order, skus, m.now(), as)
	m.naive.settle(before, m.now())
	m.run(t, want, func(s *allocation.Service) (any, error) {
		lines, err := v(s, t.Context(), order, skus...)
		return quantities(lines), err
	})
}

// cancel is not drawn while there are lapsed holds: the answer depends on whether a hold has been released already.
func (m *machine) cancel(t *rapid.T) {
	for _, l := range m.naive.lines {
		if l.Lapsed(m.now()) {
			t.Skip("a hold has lapsed")
		}
	}
	m.each(t, (*allocation.Service).Cancel, cancelled)
}

func (m *machine) confirm(t *rapid.T) { m.each(t, (*allocation.Service).Confirm, confirmed) }

func (m *machine) ship(t *rapid.T) {
	m.each(t, (*allocation.Service).Ship, func(l allocation.Allocation, want *outcome) allocation.Allocation {
		return m.naive.shipped(0)(l, want)
	})
}
