package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/cosmic-go/allocation"
)

var contextRows = []row{
	{"a Load with an ended context returns the context's error",
		"an empty result would be taken for a missing product", contextLoad},
	{"a Commit with an ended context writes nothing and returns the context's error",
		"after the error the caller assumes that nothing was written", contextCommit},
	{"a nil context is refused as invalid",
		"a mistake in the host's code must not become a panic inside a driver", contextNil},
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
	_, loading := b.store.Load(none, of("apple"))
	committing := b.store.Commit(none, []allocation.Changes{c})
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
