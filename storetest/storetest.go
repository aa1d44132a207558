// Package storetest tells whether an [allocation.Store] keeps its promises. The stores of this module
// pass it, and so should a host's own:
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
// Every row is a subtest, named for its [Topic] and for what it holds, and begins with an empty store. A
// failure says what was seen and why that is wrong. Rows are independent of the wall clock and of
// each other; run them under the race detector too, and with a -timeout, which is what ends a store
// that hangs.
//
// A store that keeps only some of the promises, such as one for a single process, declares which topics it
// keeps in [Config].Topics. The others are reported as skipped, so that everybody can see what is
// missing. What only some stores can do, such as to hand out their events for package outbox, is a topic of its
// own, and skipped for a store that doesn't have the methods.
//
// The rows compare what a store answers with what the model of package allocation asked it to keep. They never
// look at how it is kept, nor at the text of an error, only at what errors.Is and errors.As find.
package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cosmic-go/allocation"
)

// Topic groups the rows by what a store promises.
type Topic string

// The topics, in the order in which somebody who writes a store may want to make them pass.
const (
	// Load: each query selects its products, and brings as much of each as [allocation.State] lists
	// and nothing else, so that a product doesn't grow with its history.
	Load Topic = "Load"

	// Values: what was committed comes back as it was: identifiers byte by byte, times to the
	// microsecond and in UTC, quantities up to 2^53−1, the parts of a line in their order.
	Values Topic = "Values"

	// Commit: versions are checked, keys are unique, and a commit is written whole or not at all.
	Commit Topic = "Commit"

	// Isolation: states and changes share no memory with the store, nobody sees half of a commit,
	// and of those who race for a version one wins.
	Isolation Topic = "Isolation"

	// Context: a nil context is refused, and one that has ended writes nothing.
	Context Topic = "Context"

	// Aggregate: the rules of the model hold through the store, for a Service that is used by many
	// at a time.
	Aggregate Topic = "Aggregate"

	// Ledger: events are kept in order and add up to the counters, for an [allocation.Ledger].
	Ledger Topic = "Ledger"

	// Outbox: events are handed out until they are sent, to one relay at a time and in order, for a
	// store of package outbox.
	Outbox Topic = "Outbox"

	// Upkeep: backlog and failures are shown, failed events are retried or skipped, and what is old is
	// purged, for a maintainer of package outbox.
	Upkeep Topic = "Upkeep"

	// Views: whoever shows products, orders and batches sees what was committed and what can be promised,
	// for a store that is one or more of the interfaces of package views.
	Views Topic = "Views"

	// Durability: everything is there when the data are opened again, see [Config].Reopen.
	Durability Topic = "Durability"
)

// Config says which store to test, and how.
type Config struct {
	// New returns a store that is empty and ready for use. It is called for each row, with that
	// row's test, so that Cleanup and TempDir are the row's own, and once to see what the store
	// is able to.
	New func(t testing.TB) allocation.Store

	// Topics are those that the store promises to keep. Left nil they are all of them, except for those
	// about an ability that the store doesn't have, such as [allocation.Ledger], and for Durability
	// if there is no Reopen.
	Topics []Topic

	// Reopen closes a store that New or Reopen returned, and opens the same data again.
	Reopen func(t testing.TB, store allocation.Store) allocation.Store
}

// row is one promise.
type row struct {
	name  string // what must hold
	why   string // what goes wrong for a host if it doesn't
	check func(b *bench)
}

type group struct {
	topic Topic
	rows  []row
}

var groups = []group{
	{Load, slices.Concat(loadRows, lapsedRows, batchLineRows)},
	{Values, valueRows},
	{Commit, slices.Concat(versionRows, keyRows, writeRows)},
	{Isolation, slices.Concat(copyRows, raceRows)},
	{Context, contextRows},
	{Aggregate, slices.Concat(aggregateRows, orderRows)},
	{Ledger, slices.Concat(eventRows, auditRows)},
	{Outbox, slices.Concat(outboxEventRows, leaseRows, settleRows, failureRows)},
	{Upkeep, slices.Concat(upkeepRows, purgeRows)},
	{Views, slices.Concat(orderViewRows, stockViewRows, batchViewRows, lineViewRows, anyViewRows)},
	{Durability, durabilityRows},
}

// Run tests a store on every row of its topics.
func Run(t *testing.T, config Config) {
	t.Helper()
	if err := config.check(); err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		t.Run(string(g.topic), func(t *testing.T) {
			if reason := config.skips(t, g.topic); reason != "" {
				t.Skip(reason)
			}
			for _, r := range g.rows {
				t.Run(r.name, func(t *testing.T) { r.run(t, config) })
			}
		})
	}
}

func (r row) run(t testing.TB, config Config) {
	r.check(&bench{TB: t, why: r.why, store: config.New(t), config: config})
}

// check refuses a configuration that would test less than it seems to.
func (c Config) check() error {
	if c.New == nil {
		return fmt.Errorf("storetest: Config.New must not be nil")
	}
	for _, topic := range c.Topics {
		if !slices.ContainsFunc(groups, func(g group) bool { return g.topic == topic }) {
			return fmt.Errorf("storetest: Config.Topics has %q, which is no topic", topic)
		}
	}
	if slices.Contains(c.Topics, Durability) && c.Reopen == nil {
		return fmt.Errorf("storetest: Config.Topics has %q, which needs Config.Reopen", Durability)
	}
	return nil
}

// skips says why a topic isn't tested; "" if it is.
func (c Config) skips(t testing.TB, topic Topic) string {
	switch {
	case c.Topics != nil && !slices.Contains(c.Topics, topic):
		return fmt.Sprintf("the store doesn't declare topic %q", topic)
	case c.Topics != nil:
		return ""
	case topic == Durability && c.Reopen == nil:
		return "there is no Config.Reopen: the store doesn't claim to keep anything"
	case topic == Ledger && !isLedger(c.New(t)):
		return "the store is no allocation.Ledger"
	case topic == Outbox && !isOutbox(c.New(t)):
		return "the store is no outbox.Store"
	case topic == Upkeep && !isMaintainer(c.New(t)):
		return "the store is no outbox.Maintainer"
	case topic == Views && !answersQuestions(c.New(t)):
		return "the store is none of the interfaces of package views"
	}
	return ""
}

func isLedger(store allocation.Store) bool {
	_, able := store.(allocation.Ledger)
	return able
}
