package torture

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/cosmic-go/allocation"
)

// tallies count what a Service does behind its callers' backs.
type tallies struct {
	Lost      int `json:"lost,omitempty"`      // races: attempts that ended with ErrConflict
	Deadlocks int `json:"deadlocks,omitempty"` // that ended attempts, most of them among the lost ones
	Groups    int `json:"groups,omitempty"`    // commits of several callers' commands
	Cached    int `json:"cached,omitempty"`    // commits of cached products
	Outdated  int `json:"outdated,omitempty"`  // attempts at such a commit that the version check refused
}

func (t *tallies) add(more tallies) {
	t.Lost += more.Lost
	t.Deadlocks += more.Deadlocks
	t.Groups += more.Groups
	t.Cached += more.Cached
	t.Outdated += more.Outdated
}

// watch is a store that keeps the tallies of the Service on it. It is safe for concurrent use.
type watch struct {
	allocation.Store

	mu   sync.Mutex
	seen tallies
}

// watchLocker is a watch on a store that can lock.
type watchLocker struct {
	*watch
	locker allocation.Locker
}

// newWatch returns the store that a unit of work gets: one that can lock if the given one can.
func newWatch(store allocation.Store) (*watch, allocation.Store) {
	w := &watch{Store: store}
	if locker, able := store.(allocation.Locker); able {
		return w, watchLocker{watch: w, locker: locker}
	}
	return w, w
}

// attempted is an attempt of a unit of work, which its context carries. It belongs to one goroutine.
type attempted struct {
	op   string
	read map[allocation.SKU]bool
}

type attemptedKey struct{}

// attempt is the Attempt of the Service's options.
func (w *watch) attempt(ctx context.Context, op string, _ int) (context.Context, func(error)) {
	return context.WithValue(ctx, attemptedKey{}, &attempted{op: op, read: map[allocation.SKU]bool{}}), nil
}

// attemptOf is the attempt under way; a new one, which nobody looks at, if a command only looks before its first.
func attemptOf(ctx context.Context) *attempted {
	if a, ok := ctx.Value(attemptedKey{}).(*attempted); ok {
		return a
	}
	return &attempted{read: map[allocation.SKU]bool{}}
}

func (w *watch) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	states, err := w.Store.Load(ctx, q)
	for _, s := range states {
		attemptOf(ctx).read[s.SKU] = true
	}
	return states, err
}

func (w *watch) Commit(ctx context.Context, changes []allocation.Changes) error {
	return w.note(ctx, attemptOf(ctx).onCached(changes), w.Store.Commit(ctx, changes))
}

// Locked counts the attempt as one, whatever fails inside.
func (w watchLocker) Locked(ctx context.Context, fn func(allocation.Store) error) error {
	return w.note(ctx, false, w.locker.Locked(ctx, fn))
}

// note counts what came of an attempt.
func (w *watch) note(ctx context.Context, onCached bool, err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch conflict := errors.Is(err, allocation.ErrConflict); {
	case err == nil:
		w.seen.Groups += one(attemptOf(ctx).op == opGroup)
		w.seen.Cached += one(onCached)
	case onCached:
		w.seen.Outdated += one(conflict || errors.Is(err, allocation.ErrDuplicate))
	case conflict:
		w.seen.Lost++
	}
	w.seen.Deadlocks += one(isDeadlock(err))
	return err
}

// opGroup is what an attempt is called that several callers share.
const opGroup = "Group"

// onCached says that the attempt changes a product without having read it. Commands that place no lines may have read
// before their attempts.
func (a *attempted) onCached(changes []allocation.Changes) bool {
	places := a.op == opGroup || a.op == "Allocate"
	return places && slices.ContainsFunc(changes, func(c allocation.Changes) bool { return !a.read[c.SKU] })
}

func one(counts bool) int {
	if counts {
		return 1
	}
	return 0
}

// take hands out what was counted since the last time.
func (w *watch) take() tallies {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.seen
	w.seen = tallies{}
	return seen
}

// Audit and Events are those of the store, which every store of this run has.
func (w *watch) Audit(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
	return w.Store.(allocation.Ledger).Audit(ctx, sku)
}

func (w *watch) Events(ctx context.Context, sku allocation.SKU, after int64, limit int) ([]allocation.Event, error) {
	return w.Store.(allocation.Ledger).Events(ctx, sku, after, limit)
}
