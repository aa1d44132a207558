package outbox

import (
	"context"
	"time"

	"github.com/cosmic-go/allocation"
)

// Store is an optional ability of an [allocation.Store]: the store gives its committed events to relays until the
// events are sent. A Store must be safe for concurrent use by several goroutines and processes. A nil or ended context
// has the errors of an allocation.Store.
//
// An event is unsent from its commit until a Settle reports that the event was sent. The store must keep this state per
// event or per commit. A single position in the order of all commits is not enough: a commit that takes a small
// position early and ends late would be passed over.
type Store interface {
	// Claim leases products with unsent events, and returns the first unsent events of each product. Claim skips
	// products with a live lease, and products whose failed event is dead or not yet due, see [Failure]. A product
	// has at most one live lease, even if two claims race.
	Claim(ctx context.Context, c Claim) ([]Delivery, error)

	// Settle records which events were sent, and ends the lease. The events count as sent even if the owner has lost
	// the lease meanwhile, because the receiver has the events. Settle ignores the failure, and keeps the lease, if
	// the lease belongs to another owner; Settle then returns nil. A repeated Settle changes nothing.
	Settle(ctx context.Context, s Settlement) error
}

// Claim is a request for leases.
type Claim struct {
	Owner    string         // identifies the run of a relay
	After    allocation.SKU // only products with a greater SKU, "" for all; sorted by SKU
	Products int            // largest number of products, at least 1
	Events   int            // largest number of events per product, at least 1
	Now      time.Time      // a lease, or a pause after a failure, has ended if its end is not after Now
	Until    time.Time      // end of the new leases
}

// Delivery is a leased product with its first unsent events, at least one event.
type Delivery struct {
	SKU    allocation.SKU
	Tries  int      // failed tries of the first event
	Events []Record // sorted by Sequence; without gaps, unless the store lost events
	More   bool     // the product has further unsent events
}

// Record is a stored event.
type Record struct {
	Sequence    int64 // number of the event among the events of the product
	Event       allocation.Event
	TraceParent string // trace parent of the command that caused the event, "" for none

	// Err is set, and Event is nil, if the store can't decode the event, for example an event of a newer version of
	// the program. Claim doesn't return the error, because the error concerns a single product.
	Err error
}

// Settlement is the result of a delivery.
type Settlement struct {
	Owner string
	SKU   allocation.SKU

	// Sent is the sequence of the last accepted event. All events up to Sent are sent. 0 means that no event was
	// accepted.
	Sent int64

	// Failure, if set, describes the failure of the event after Sent. The product and all of its later events then
	// wait until Failure.RetryAt, or, if the event is dead, for [Maintainer].Retry or Skip.
	//
	// Without a Failure the next claim may lease the product. If Sent marks no further event as sent either, because
	// the relay was stopped, the store keeps the tries of the first unsent event.
	Failure *Failure
}

// Failure describes an event that was not accepted. The later events of the product wait behind the failed event.
type Failure struct {
	SKU      allocation.SKU
	Sequence int64     // number of the failed event
	Tries    int       // number of tries so far
	RetryAt  time.Time // earliest time of the next try; zero for a dead event
	Dead     bool      // no relay tries the event again until Retry or Skip
	Error    string    // error of the last try: at most 1,000 bytes of valid UTF-8 without NUL
}

// Maintainer is an optional ability of a [Store]: operations for the people who run the shop.
type Maintainer interface {
	// Backlog counts unsent events, for a gauge and an alarm. Backlog reads one row for each commit with unsent
	// events.
	Backlog(ctx context.Context) (Backlog, error)

	// Failures returns a page of the products whose first unsent event failed, dead or not, sorted by SKU: at most
	// limit products with a SKU greater than after. limit must be at least 1.
	Failures(ctx context.Context, after allocation.SKU, limit int) ([]Failure, error)

	// Retry makes a product's failed event due now, and sets the number of tries to 0. For a product without a failed
	// event, Retry returns an [*allocation.Error] that wraps [allocation.ErrNotFound].
	Retry(ctx context.Context, sku allocation.SKU) error

	// Skip gives up a product's failed event: the event counts as sent, and the next events go on. The sequence must
	// be the sequence of the [Failure], so that a repeated call doesn't skip the next event. For another sequence, or
	// a product without a failed event, Skip returns an [*allocation.Error] that wraps [allocation.ErrNotFound].
	Skip(ctx context.Context, sku allocation.SKU, sequence int64) error

	// Purge deletes sent events that happened before the given time, and returns the number of deleted events. An
	// event that is unsent, or happened later, keeps all later events of the product. The store keeps the sums of
	// the deleted events' movements, and the number of the last event if no event remains, so that
	// [allocation.Service.Reconcile] still agrees; [allocation.Ledger].Events starts with the first remaining event.
	// Don't call Purge if you want to keep the whole ledger.
	//
	// Purge works in short steps. After an error the result counts the events deleted so far, and these stay
	// deleted.
	Purge(ctx context.Context, before time.Time) (int64, error)
}

// Backlog is the amount of unsent events.
type Backlog struct {
	Products int64     // number of products with unsent events
	Events   int64     // number of unsent events, failed and dead events included
	Oldest   time.Time // time of the oldest unsent event; zero if there is none
}
