package torture

import (
	"context"
	"fmt"

	"github.com/cosmic-go/allocation"
)

// shop is what all callers of a client share: one Service, which commits together what they want of the same products,
// a clock, and the journal.
type shop struct {
	settings *settings
	journal  *journal
	clock    *clock
	watch    *watch
	service  *allocation.Service
}

// newShop is the shop of a client, 0 to Processes-1, which goes on where the history ends.
func newShop(process int, s *settings, j *journal, store allocation.Store, past *history) (*shop, error) {
	w, watched := newWatch(store)
	h := &shop{settings: s, journal: j, clock: newClock(s.owners(), 1+process, past.end()), watch: w}
	o, opts := s.Mode.options(process)
	o.Attempts = s.Attempts
	o.Now, o.Attempt, o.Committed, o.TraceParent = h.clock.Now, w.attempt, committed, traceParent
	service, err := allocation.New(allocation.NewUnitOfWork(watched, &o), opts)
	h.service = service
	return h, err
}

// try is one call of the service, which the caller's context carries. It belongs to the caller's goroutine.
type try struct {
	trace string // names it in the ledger
	told  int    // events that the caller was told it had caused
}

type tryKey struct{}

// traceOf names a caller's try, both from 1, as a W3C trace parent.
func traceOf(caller, number int) string { return fmt.Sprintf("00-%032x-%016x-01", caller, number) }

func traceParent(ctx context.Context) string {
	if t, ok := ctx.Value(tryKey{}).(*try); ok {
		return t.trace
	}
	return ""
}

func committed(ctx context.Context, events []allocation.Event) {
	if t, ok := ctx.Value(tryKey{}).(*try); ok {
		t.told += len(events)
	}
}
