package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/cosmic-go/allocation"
)

var contextRows = []row{
	{"a Load with an ended context returns the context's error",
		"an empty result would be taken for a missing product", contextLoad},
	{"a Commit with an ended context writes nothing and returns the context's error",
		"after the error the caller assumes that nothing was written", contextCommit},
	{"a context that ends during a Commit leaves all changes or none, and the result says which",
		"an error of the context says that nothing was written, and the caller acts on it", contextDuring},
	{"a nil context is refused as invalid",
		"a mistake in the host's code must not become a panic inside a driver", contextNil},
	{"calls leave no goroutine behind",
		"a shop that goroutines fill up stops after days", contextGoroutines},
	{"the store works after a call with an ended context",
		"a caller that gives up must not spoil a connection or a lock for other callers", contextAfter},
}

// endedContexts returns contexts that have ended, by the error of the context.
func (b *bench) endedContexts() map[error]context.Context {
	cancelled, cancel := context.WithCancel(b.Context())
	cancel()
	late, cancel := context.WithDeadline(b.Context(), time.Unix(0, 0))
	b.Cleanup(cancel)
	return map[error]context.Context{context.Canceled: cancelled, context.DeadlineExceeded: late}
}

func contextLoad(b *bench) {
	b.announce("apple", stock("a1", 10))
	for want, ctx := range b.endedContexts() {
		for _, q := range []allocation.Query{of("apple"), ofOrder("o1"), ofBatch("a1"), ofLapsed(noon)} {
			_, err := b.store.Load(ctx, q)
			b.wantError(err, want, "Load(%s) with an ended context", shown(q))
		}
	}
}

func contextCommit(b *bench) {
	b.announce("apple", stock("a1", 10))
	c := b.allocation("apple", firm("o1", 1))
	for want, ctx := range b.endedContexts() {
		before := b.snapshot(c)
		err := b.store.Commit(ctx, []allocation.Changes{c})
		b.wantError(err, want, "Commit with an ended context")
		if errors.Is(err, allocation.ErrConflict) {
			b.errorf("Commit with an ended context = %v, want no ErrConflict, which would be tried again", err)
		}
		if d := difference(b.snapshot(c), before); d != "" {
			b.errorf("Commit with an ended context (%v) changed the store:%s", err, d)
		}
	}
}

func contextNil(b *bench) {
	b.announce("apple", stock("a1", 10))
	c := b.allocation("apple", firm("o1", 1))
	before := b.snapshot(c)
	var none context.Context
	loading := calm(func() error {
		_, err := b.store.Load(none, of("apple"))
		return err
	})
	committing := calm(func() error { return b.store.Commit(none, []allocation.Changes{c}) })
	for call, err := range map[string]error{"Load": loading, "Commit": committing} {
		b.wantError(err, allocation.ErrInvalid, "%s with a nil context", call)
		if typed := (*allocation.Error)(nil); !errors.As(err, &typed) {
			b.errorf("%s with a nil context = %v (%T), want an *allocation.Error", call, err, err)
		}
	}
	if d := difference(b.snapshot(c), before); d != "" {
		b.errorf("Commit with a nil context changed the store:%s", d)
	}
}

func contextGoroutines(b *bench) {
	const calls = 60
	b.announce("apple", stock("a1", 10))
	stale := checkOnly(allocation.State{SKU: "apple", Version: 9})
	once := func() {
		ctx, cancel := context.WithCancel(b.Context())
		_, err := b.store.Load(ctx, of("apple"))
		b.must(err, "Load")
		b.wantError(b.store.Commit(ctx, []allocation.Changes{stale}), allocation.ErrConflict, "Commit")
		cancel()
		if _, err := b.store.Load(ctx, of("apple")); err == nil {
			b.fatalf("Load with an ended context = nil, want an error")
		}
	}
	for range 10 { // the store may start goroutines of its own, such as those of a pool
		once()
	}
	before := runtime.NumGoroutine()
	for range calls {
		once()
	}
	more := func() int { return runtime.NumGoroutine() - before }
	for i := 0; i < 30 && more() >= calls; i++ {
		<-time.After(lockPatience) // goroutines of the last calls may be about to end
	}
	if more() >= calls {
		b.errorf("%d goroutines more after %d calls than before, want none", more(), calls)
	}
}

func contextAfter(b *bench) {
	b.announce("apple", stock("a1", 10))
	for _, ctx := range b.endedContexts() {
		for range 20 {
			c := b.allocation("apple", firm("o1", 1))
			_, loading := b.store.Load(ctx, of("apple"))
			if committing := b.store.Commit(ctx, []allocation.Changes{c}); loading == nil || committing == nil {
				b.fatalf("Load and Commit with an ended context = %v and %v, want errors", loading, committing)
			}
		}
	}
	b.allocate("apple", firm("o1", 1))
	q := of("apple", "o1")
	b.wantLines(b.state(q), q, "o1")
}

// endingContext ends when a call looks at it (Done or Err) for the n-th time, so that a context ends at each place at
// which a store looks.
type endingContext struct {
	context.Context //nolint:containedctx // it is a context itself
	done            chan struct{}

	mu    sync.Mutex
	looks int // looks left
}

func endingAfter(ctx context.Context, looks int) *endingContext {
	return &endingContext{Context: ctx, done: make(chan struct{}), looks: looks}
}

// look counts a look, and reports whether the context has ended.
func (c *endingContext) look() (ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.looks == 0 {
		close(c.done)
	}
	c.looks--
	return c.looks < 0
}

// ended reports whether the context has ended, without a look.
func (c *endingContext) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.looks < 0
}

func (c *endingContext) Done() <-chan struct{} {
	c.look()
	return c.done
}

func (c *endingContext) Err() error {
	if c.look() {
		return context.Canceled
	}
	return nil
}

func contextDuring(b *bench) {
	const most = 15
	for n := range most {
		ctx := endingAfter(b.Context(), n)
		b.commitEnding(ctx, fmt.Sprint("look ", n), func() {})
		if !ctx.ended() {
			break // the commit had fewer looks
		}
	}
	for n := range most {
		ctx, cancel := context.WithCancel(b.Context())
		b.commitEnding(ctx, fmt.Sprint("cancelled ", n), func() {
			for range 3 * n {
				runtime.Gosched()
			}
			cancel()
		})
	}
}

// commitEnding commits changes of all kinds to three products, with a context that meanwhile ends by itself or by end.
func (b *bench) commitEnding(ctx context.Context, prefix string, end func()) {
	b.Helper()
	var changes []allocation.Changes
	for i := range 3 {
		sku := allocation.SKU(fmt.Sprint(prefix, " ", i))
		b.announce(sku, stock(allocation.BatchRef(sku), 10))
		b.allocate(sku, firm("old", 1), split("grows", 1))
		c := b.busyChanges(sku, i)
		for n := range c.NewBatches {
			c.NewBatches[n].Ref = allocation.BatchRef("new " + sku)
		}
		changes = append(changes, c)
	}
	before := b.snapshot(changes...)
	var ending sync.WaitGroup
	ending.Go(end)
	err := b.store.Commit(ctx, changes)
	ending.Wait()
	b.wantOutcome(err, before, changes...)
}

// wantOutcome checks the result of a commit whose context may have ended meanwhile. With nil all changes must be
// written. With an error nothing may be written, except that ErrUnknownOutcome leaves it open. Half of the changes are
// never written. before is the snapshot before the commit.
func (b *bench) wantOutcome(err error, before []string, changes ...allocation.Changes) {
	b.Helper()
	unknown := errors.Is(err, allocation.ErrUnknownOutcome)
	if err != nil && !unknown && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		b.errorf("Commit with a context that ended = %v, want nil, the context's error or ErrUnknownOutcome", err)
	}
	call := "Commit of " + shownChanges(changes)
	left := difference(b.snapshot(changes...), before)
	switch {
	case left == "" && (err != nil || len(changes) == 0):
		return
	case err != nil && !unknown:
		b.errorf("%s = %v, which says that nothing was written, and the store changed:%s", call, err, left)
		return
	}
	for _, c := range changes {
		b.wantWritten(c)
	}
}

// wantWritten checks that all parts of the changes are in the store.
func (b *bench) wantWritten(c allocation.Changes) {
	b.Helper()
	q := of(c.SKU)
	for _, l := range slices.Concat(c.NewLines, c.Lines) {
		q.Orders = append(q.Orders, l.OrderID)
	}
	for _, key := range c.Removed {
		q.Orders = append(q.Orders, key.OrderID)
	}
	s := b.state(q)
	if s.Version != c.Version {
		b.errorf("version of product %q after the commit = %d, want %d", c.SKU, s.Version, c.Version)
	}
	for _, batch := range c.NewBatches {
		if got := b.batchOf(b.state(ofBatch(batch.Ref)), batch.Ref); got != batch {
			b.errorf("batch %s, want %s", describeBatch(got), describeBatch(batch))
		}
	}
	got := map[allocation.OrderID]string{}
	for _, l := range s.Lines {
		got[l.OrderID] = describeLine(l)
	}
	for _, l := range slices.Concat(c.NewLines, c.Lines) {
		if want := describeLine(l); got[l.OrderID] != want {
			b.errorf("line of order %q of product %q after the commit:\n  got:  %s\n  want: %s", l.OrderID, c.SKU,
				got[l.OrderID], want)
		}
	}
	for _, key := range c.Removed {
		if got[key.OrderID] != "" {
			b.errorf("product %q still has the line of order %q, which the commit removed", c.SKU, key.OrderID)
		}
	}
	if events := b.recorded(c.SKU); isLedger(b.store) && int64(len(events)) != c.Version {
		b.errorf("product %q has %d events, want %d", c.SKU, len(events), c.Version)
	}
}
