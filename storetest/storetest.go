// Package storetest is the conformance suite for an [allocation.Store]. All stores of this module pass the suite, and a
// host's own store should pass, too:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, storetest.Config{
//			New: func(t testing.TB) allocation.Store {
//				store := mystore.Open(t.TempDir())
//				t.Cleanup(store.Close)
//				return store
//			},
//		})
//	}
//
// The suite consists of rows, and each row tests a single promise. A row is a subtest of its [Topic]. The name of the
// row is the promise, and every row starts with an empty store. A failure shows the wrong result and the wanted result,
// and says why the promise matters to a host.
//
// Rows don't depend on the wall clock or on each other. Run the suite with the race detector, and with a -timeout to
// end a store that hangs.
//
// # Topics
//
// A store may keep only some of the promises, for example a store for a single process. Such a store declares its
// topics in [Config].Topics, and Run reports all other topics as skipped, so that the missing promises are visible.
// Optional abilities, for example the outbox, have topics of their own. Without Config.Topics, Run skips the topics of
// abilities that the store doesn't have.
//
// # For the author of a store
//
//   - Changes of a batch that doesn't exist, and a line of Lines or Removed that doesn't exist, come only from rows
//     that somebody changed by hand. A store may refuse such changes with an error without a sentinel; the suite
//     doesn't ask.
//   - A store need not refuse allocated above purchased: the model never commits that. All stores of this module refuse
//     such counters, as a second guard against rows changed by hand.
//   - The error of an ended context wraps the context's Err. The error may wrap context.Cause as well, but not instead.
//   - A context that ends during a Commit leaves all changes and nil, or no change and the context's error. A store
//     that can't tell returns an error that wraps [allocation.ErrUnknownOutcome].
//   - If the function inside [allocation.Locker].Locked ignores the error of a Commit, nothing of that Commit is
//     written. Locked may return nil or an error.
//   - A query doesn't repeat a SKU in SKUs, and may repeat an order in Orders. A result has each product once.
//   - A page of a Load, of Events or of a view is full while there is more: rows accept no shorter page.
//   - A live lease keeps the product from every claim, even from a claim by the owner of the lease.
//   - New may call t.Parallel; rows then run at the same time, each on a store of its own.
//
// # Method
//
// Rows commit changes that the model of package allocation has computed, and compare the results of the store with the
// changes. Rows never look into the storage. Rows match errors by errors.Is and errors.As, never by text.
package storetest

import (
	"fmt"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/cosmic-go/allocation"
)

// Topic is a group of rows.
type Topic string

// The topics, in the recommended order of work for the author of a store.
const (
	// Load: each query brings the data that [allocation.State] describes, and no further data, so that loads don't
	// grow with the history of a product.
	Load Topic = "Load"

	// Values: committed values come back unchanged. Identifiers are compared byte by byte, times have microseconds
	// and are in UTC, quantities go up to 2^53−1, and the parts of a line keep their order.
	Values Topic = "Values"

	// Commit: a commit checks versions and unique keys, and writes all changes or none.
	Commit Topic = "Commit"

	// Isolation: states and changes share no memory with the store, no load sees half of a commit, and of several
	// concurrent commits on a version exactly one succeeds.
	Isolation Topic = "Isolation"

	// Processes: what one process commits is known to another process over the same data, lines that wait included; see
	// [Config].Second.
	Processes Topic = "Processes"

	// Context: a call with a nil context is refused, and a call with an ended context writes nothing.
	Context Topic = "Context"

	// Locker: an attempt after a lost race keeps its products for itself until its end, and a failed attempt leaves
	// nothing; for an [allocation.Locker].
	Locker Topic = "Locker"

	// Join: what a store inside a transaction of the host writes lasts if the host commits, and only then; see
	// [Config].Join.
	Join Topic = "Join"

	// Guests: guests of a commit last if the commit does, and only then; for an [allocation.GuestStore], see
	// [Config.Guests].
	Guests Topic = "Guests"

	// Within: the rows of a host's transaction and its lines last together, through the store's own call for a
	// transaction from its beginning to its end; see [Config].Within.
	Within Topic = "Within"

	// Aggregate: the rules of the model hold for a Service on the store, with concurrent callers.
	Aggregate Topic = "Aggregate"

	// Ledger: events are kept in order and add up to the counters, for an [allocation.Ledger].
	Ledger Topic = "Ledger"

	// Outbox: unsent events are claimed in order, by one relay at a time, until a relay reports the events as sent;
	// for an outbox.Store.
	Outbox Topic = "Outbox"

	// Upkeep: backlog and failures are reported, failed events are retried or skipped, and old events are purged;
	// for an outbox.Maintainer.
	Upkeep Topic = "Upkeep"

	// Views: queries about products, orders and batches agree with the committed data and with the model, for a
	// store with at least one of the interfaces of package views.
	Views Topic = "Views"

	// Durability: all committed data are there after the data are opened again, see [Config].Reopen.
	Durability Topic = "Durability"
)

// Config describes the store to test.
type Config struct {
	// New returns an empty store. Run calls New for each row, with the row's test, so that Cleanup and TempDir
	// belong to the row. Run also calls New to find out which abilities the store has.
	New func(t testing.TB) allocation.Store

	// Topics are the topics that the store promises. nil means all topics, except the topics of abilities that the
	// store doesn't have, such as [allocation.Ledger], and except Processes, Durability, Join, Guests and Within if
	// Second, Reopen, Join, Guests or Within is nil.
	Topics []Topic

	// Second opens the data of a store of New a second time, as another process does, while the store stays open. The
	// two stores share nothing but the data.
	Second func(t testing.TB, store allocation.Store) allocation.Store

	// Reopen closes a store of New or Reopen, and opens the data of the store again.
	Reopen func(t testing.TB, store allocation.Store) allocation.Store

	// Join begins a transaction of the host on a store of New, and runs fn with the store inside the transaction, the
	// store with the method Joined. Join commits and returns nil if fn returns nil; otherwise Join rolls back and
	// returns the error of fn.
	Join func(t testing.TB, store allocation.Store, fn func(joined allocation.Store) error) error

	// Guests makes an empty table of the host's, in the storage of a store of New.
	Guests func(t testing.TB, store allocation.Store) HostRows

	// Within makes an empty table of the host's, in the storage of a store of New, and returns the table with the
	// store's call for a transaction.
	Within func(t testing.TB, store allocation.Store) HostTransactions
}

// row is the test of a single promise.
type row struct {
	name  string // the promise
	why   string // the consequence for a host if a store breaks the promise
	check func(b *bench)
}

// group has the rows of a topic.
type group struct {
	topic Topic
	rows  []row
}

var groups = []group{
	{Load, slices.Concat(loadRows, lapsedRows, dueRows, batchLineRows, waitingLoadRows)},
	{Values, slices.Concat(valueRows, changedRows, fieldRows, lineIDRows, waitingValueRows)},
	{Commit, slices.Concat(versionRows, keyRows, writeRows, waitingCommitRows)},
	{Isolation, slices.Concat(copyRows, raceRows)},
	{Processes, processRows},
	{Context, contextRows},
	{Locker, lockerRows},
	{Join, joinRows},
	{Guests, guestRows},
	{Within, withinRows},
	{Aggregate, slices.Concat(aggregateRows, orderRows)},
	{Ledger, slices.Concat(eventRows, auditRows, auditsRows)},
	{Outbox, slices.Concat(outboxEventRows, leaseRows, settleRows, failureRows)},
	{Upkeep, slices.Concat(upkeepRows, purgeRows)},
	{Views, slices.Concat(
		orderViewRows, stockViewRows, stockForRows, saleableViewRows, batchViewRows, lineViewRows, queueViewRows,
		traceRows, listRows, anyViewRows)},
	{Durability, durabilityRows},
}

// Run runs all rows of the store's topics as subtests of t.
func Run(t *testing.T, config Config) {
	t.Helper()
	if err := config.check(); err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		t.Run(string(g.topic), func(t *testing.T) {
			if reason := config.skipReason(t, g.topic); reason != "" {
				t.Skip(reason)
			}
			for _, r := range g.rows {
				t.Run(r.name, func(t *testing.T) { r.run(t, config) })
			}
		})
	}
}

// run reports a panic as a failure, so that the other rows are tested, too.
func (r row) run(t testing.TB, config Config) {
	t.Helper()
	b := &bench{TB: t, why: r.why, config: config}
	defer func() {
		if cause := recover(); cause != nil {
			b.errorf("the row panicked: %v\n%s", cause, debug.Stack())
		}
	}()
	b.store = config.New(t)
	r.check(b)
}

// check refuses a configuration with a mistake that would leave out tests.
func (c Config) check() error {
	if c.New == nil {
		return fmt.Errorf("storetest: Config.New must not be nil")
	}
	for _, topic := range c.Topics {
		if !slices.ContainsFunc(groups, func(g group) bool { return g.topic == topic }) {
			return fmt.Errorf("storetest: Config.Topics has the unknown topic %q", topic)
		}
	}
	if slices.Contains(c.Topics, Processes) && c.Second == nil {
		return fmt.Errorf("storetest: topic %q needs Config.Second", Processes)
	}
	if slices.Contains(c.Topics, Durability) && c.Reopen == nil {
		return fmt.Errorf("storetest: topic %q needs Config.Reopen", Durability)
	}
	if slices.Contains(c.Topics, Join) && c.Join == nil {
		return fmt.Errorf("storetest: topic %q needs Config.Join", Join)
	}
	if slices.Contains(c.Topics, Guests) && c.Guests == nil {
		return fmt.Errorf("storetest: topic %q needs Config.Guests", Guests)
	}
	if slices.Contains(c.Topics, Within) && c.Within == nil {
		return fmt.Errorf("storetest: topic %q needs Config.Within", Within)
	}
	return nil
}

// skipReason returns why a topic is skipped, "" if the topic is tested.
func (c Config) skipReason(t testing.TB, topic Topic) string {
	switch {
	case c.Topics != nil && !slices.Contains(c.Topics, topic):
		return fmt.Sprintf("the store doesn't declare topic %q", topic)
	case c.Topics != nil:
		return ""
	case topic == Processes && c.Second == nil:
		return "there is no Config.Second, so the store promises nothing to other processes"
	case topic == Durability && c.Reopen == nil:
		return "there is no Config.Reopen, so the store promises no durability"
	case topic == Join && c.Join == nil:
		return "there is no Config.Join, so the store joins no transaction of the host"
	case topic == Guests && c.Guests == nil:
		return "there is no Config.Guests, so the store carries out no guests"
	case topic == Within && c.Within == nil:
		return "there is no Config.Within, so the store carries out no transaction of the host"
	case topic == Ledger && !isLedger(c.New(t)):
		return "the store doesn't implement allocation.Ledger"
	case topic == Locker && !isLocker(c.New(t)):
		return "the store doesn't implement allocation.Locker"
	case topic == Outbox && !isOutbox(c.New(t)):
		return "the store doesn't implement outbox.Store"
	case topic == Upkeep && !isMaintainer(c.New(t)):
		return "the store doesn't implement outbox.Maintainer"
	case topic == Views && !hasViews(c.New(t)):
		return "the store implements no interface of package views"
	}
	return ""
}

func isLedger(store allocation.Store) bool {
	_, able := store.(allocation.Ledger)
	return able
}
