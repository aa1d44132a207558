package outbox

import (
	"context"
	"time"

	"github.com/cosmic-go/allocation"
)

// Store is an optional ability of an [allocation.Store]: to hand out the events that its commits stored, until
// they are sent. Contexts are answered as by an allocation.Store. It must be safe for concurrent use, by
// several processes as well.
//
// An event is unsent from the commit that stores it until a Settle says that it was sent. Whether it is, is
// kept with the event, or with its commit, and not as a position in the order of all commits: a commit that
// began early and ended late would be left behind by such a position.
type Store interface {
	// Claim leases products that have unsent events, and returns the first of these events. It takes
	// those that nobody holds and that don't wait for another try, see [Settlement]. Two claims never
	// hold one product at a time, however they race.
	Claim(ctx context.Context, c Claim) ([]Delivery, error)

	// Settle ends a lease. That events were sent is kept whether or not the owner still holds the lease,
	// since it stays true; a lease or a failure that isn't the owner's is left alone, which is no
	// error. It may be repeated.
	Settle(ctx context.Context, s Settlement) error
}

// Claim says who leases what, and until when.
type Claim struct {
	Owner    string         // tells claims of one relay from those of others
	After    allocation.SKU // products greater than this one, in the order of their SKUs
	Products int            // at most so many products, at least 1
	Events   int            // at most so many events of each, at least 1
	Now      time.Time      // leases and waits that end at or before Now are over
	Until    time.Time      // when the leases end
}

// Delivery is a product that was leased, with its first unsent events. There is at least one.
type Delivery struct {
	SKU    allocation.SKU
	Tries  int      // how often its first unsent event was tried before, and failed
	Events []Record // in the order of their numbers, without gaps
	More   bool     // there are unsent events after these
}

// Record is an event as it is stored.
type Record struct {
	Sequence    int64 // its number among the events of its product
	Event       allocation.Event
	TraceParent string // of the caller who caused it, "" for none

	// Err is why Event is nil: the store has an event here that it can't decode, of a kind, perhaps, that
	// a newer version of the program told. It is returned here and not by Claim, where it would stop all products.
	Err error
}

// Settlement says how a delivery went.
type Settlement struct {
	Owner string
	SKU   allocation.SKU

	// Sent is the number of the last event that was accepted; that one and all before it are sent. With 0 none was.
	Sent int64

	// Failure is why the event after Sent was not accepted. The product then waits, with all of its
	// further events, until Failure.RetryAt, or for somebody's [Maintainer].Retry or Skip if it is
	// Dead. Nil means that nothing failed, and the next claim may take the product; if Sent brings nothing
	// new, because the relay was stopped, the tries of its first unsent event are kept.
	Failure *Failure
}

// Failure is an event that was not accepted, and keeps the later ones of its product waiting.
type Failure struct {
	SKU      allocation.SKU
	Sequence int64     // number of the event
	Tries    int       // how often it was tried
	RetryAt  time.Time // when it is tried again; zero if it is dead
	Dead     bool      // it is not tried again by itself
	Error    string    // why the last try failed: at most 1,000 bytes of valid UTF-8 without NUL
}

// Maintainer is an optional ability of a [Store]: what the people who run a shop need.
type Maintainer interface {
	// Backlog counts what is unsent, for a gauge and an alarm. It reads one row for each commit that is unsent.
	Backlog(ctx context.Context) (Backlog, error)

	// Failures lists products whose first unsent event failed, dead or not, by SKU, beginning after the
	// given one, at most limit of them (at least 1).
	Failures(ctx context.Context, after allocation.SKU, limit int) ([]Failure, error)

	// Retry lets a product's failed event be tried again now, with its count of tries at 0. A product
	// that has no failure is an [*allocation.Error] that wraps [allocation.ErrNotFound].
	Retry(ctx context.Context, sku allocation.SKU) error

	// Skip gives up a failed event: it counts as sent, and those after it go on. The number must be that
	// of the product's [Failure], so that a second call doesn't skip the next event; another one, or a
	// product without failure, is an [*allocation.Error] that wraps [allocation.ErrNotFound].
	Skip(ctx context.Context, sku allocation.SKU, sequence int64) error

	// Purge deletes events that are sent and happened before the given time, and returns how many. What
	// they moved in the counters is added up and kept, so that [allocation.Service.Reconcile] agrees
	// as before; [allocation.Ledger].Events begins with the first event that is left. To keep the
	// whole ledger, don't call it. An event that happened later, or is unsent, keeps all later
	// ones of its product. It works in short steps; after an error what was purged stays so.
	Purge(ctx context.Context, before time.Time) (int64, error)
}

// Backlog is what a relay has yet to send.
type Backlog struct {
	Products int64     // that have unsent events
	Events   int64     // that are unsent, failed ones included
	Oldest   time.Time // when the oldest of them happened; zero if there is none
}
