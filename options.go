package allocation

import (
	"cmp"
	"context"
	"log/slog"
	"reflect"
	"time"
)

// UnitOfWorkOptions are the settings of [NewUnitOfWork]. A zero value means the default.
//
// No setting is ignored. If the unit of work can't honour a setting over the given store, [New] and
// every Do return an [*Error] before the store is touched. The error wraps [ErrInvalid], and
// Error.Field names the setting.
type UnitOfWorkOptions struct {
	// Now is the clock; time.Now by default.
	Now func() time.Time

	// Attempts is how often a unit of work is tried before ErrConflict is returned; 10 by default.
	// Inside a host's transaction there is one attempt, because only the host can begin the
	// transaction again.
	Attempts int

	// Backoff is the longest pause after the first lost race, 1 ms by default. The longest pause
	// doubles with every further lost race, up to MaxBackoff, 100 ms by default; each pause is a
	// random part of the longest. If only one of the two is set, the default of the other adapts:
	// Backoff is at most MaxBackoff, MaxBackoff is at least Backoff. Neither can be set inside a
	// host's transaction.
	Backoff    time.Duration
	MaxBackoff time.Duration

	// LockFirst lets every attempt lock the products read; the store has to be a [Locker]. By default
	// only attempts after a lost race lock, which is faster where races are rare and fair where races
	// are common. Set LockFirst if you prefer waiting to retrying.
	LockFirst bool

	// PageSize is how many lapsed holds, or lines of a batch, are loaded at first; 100 by default. If a
	// cut has to move further lines, the unit of work begins again with a larger page. If a line can't
	// be met without the units of further lapsed holds, the holds are cleared, a page for each commit,
	// and the unit of work begins again. A line that can be met doesn't wait for further holds, and may
	// get units of a later batch although further lapsed holds have freed units of an earlier batch.
	PageSize int

	// LongestHold refuses holds that end later than so long from now ([ErrInvalid]): holds of new lines,
	// and holds that Extend, or a repeated Allocate with a later HoldUntil, would extend to such an end.
	// By default there is no limit. A repeat that changes nothing is never refused because of
	// LongestHold.
	//
	// A hold keeps the units from every other buyer, paid for or not, and later costs a commit that
	// clears the hold away; set LongestHold where strangers choose HoldUntil. Now is the clock of this
	// process: a process whose clock is ahead allows holds that are longer by the difference of the
	// clocks, and a process whose clock is behind refuses holds that another process allows. Leave
	// room for the difference.
	LongestHold time.Duration

	// Policy decides which batch comes first when units that became free go to lines that wait (R15),
	// whoever freed the units. By default New fills in [ServiceOptions].Policy, and without any Policy
	// EarliestFirst decides.
	Policy Policy

	// Logger logs lost races (Debug), and units of work that lost every race or whose commit has an
	// unknown outcome (Warn). By default nothing is logged.
	Logger *slog.Logger

	// Attempt, if set, is called before each attempt of a unit of work, with the Service's method,
	// "Do", or "Group" for commands that are committed together, and the attempt's number, from 1. A
	// group's context has the values of one caller's context. The attempt runs under the context that
	// Attempt returns; the returned function, which may be nil, is called after the attempt with its
	// error, an [ErrConflict] after a lost race. Attempt is the place for a span, and for counters of
	// attempts and conflicts.
	//
	// If lapsed holds have to be cleared first, each page is a unit of work called "Sweep", and the
	// command begins again with attempt 1. Outside of a group the attempt before ended with an error that
	// wraps [ErrNotLoaded].
	Attempt func(ctx context.Context, op string, number int) (context.Context, func(err error))

	// Committed, if set, is called after each commit with the events that the caller caused, by SKU
	// and in the order of their numbers: on the caller's goroutine, before the command returns, and
	// outside of the unit of work, so that Committed may begin another. Callers that share a commit
	// each receive their own events, in any order; nobody receives the events of a caller who left.
	// Package bus has a function for Committed.
	//
	// The commit stands even if Committed fails. A crash before the call, or an [ErrUnknownOutcome],
	// leaves the call out, so events that must not be missed go through package outbox. Committed
	// can't be set for a store inside a host's transaction, because the unit of work doesn't see the
	// host's commit; [Service.Inside] tells the events after the commit.
	Committed func(ctx context.Context, events []Event)

	// Commit, if set, is called before each call of Store.Commit, with the attempt's context; the
	// returned function, which may be nil, is called after the call with the error. Commit is the
	// place for a span or for a histogram of the durations of commits.
	Commit func(ctx context.Context) func(err error)

	// TraceParent, if set, returns the W3C trace parent of the caller's context, not of the context
	// of an attempt. The trace parent is stored with the events that the caller causes. Any text
	// other than 00-…-…-… in lower case counts as none.
	TraceParent func(ctx context.Context) string
}

// ServiceOptions are the settings of [New]. A zero value means the default. A setting that the Service can't honour
// over the given unit of work is an error of New.
type ServiceOptions struct {
	// Policy decides which batch comes first; EarliestFirst by default. Policy also serves lines that wait,
	// unless UnitOfWorkOptions.Policy is set or another Service over the unit of work came first.
	Policy Policy

	// NoGroupCommit makes every command a commit of its own. By default commands that meet on a product share a
	// commit: while a commit is under way, commands for its products wait, and the next commit takes all waiting
	// commands. Inside a host's transaction, and over a host's own UnitOfWork, every command is always a unit of
	// work of its own.
	NoGroupCommit bool

	// CacheSize is how many products the Service caches after a commit, so that the next allocation or
	// announcement needs no read; 4,096 by default, none if negative. A cached product only serves to
	// place lines and to announce batches, and the commit checks the version. If another process changed
	// the product, or if the answer needs no commit, the product is read afresh. Without the cache each
	// announcement reads all batches for sale of the product.
	//
	// The cache works with group commit over the library's own unit of work. Without group commit,
	// with LockFirst, inside a host's transaction or over a host's own UnitOfWork nothing is cached,
	// and a positive CacheSize is an error.
	CacheSize int

	// Command, if set, is called before each command of the Service, on the caller's goroutine, with the
	// name of the method. The command runs under the context that Command returns; the returned function,
	// which may be nil, is called with the answer that the caller gets, an [*OutOfStockError] after a
	// refusal. Command is the place for a span, and for counters and durations as callers see them: with
	// the wait for a group, all attempts, and the clearing of lapsed holds.
	//
	// Each order of [Service.AllocateEach] is a command, which lasts until the call ends; with group
	// commit the order runs under the context of the call. Within [Service.Sweep] each look for due
	// products, and each page of holds or lines, is a command called "Sweep"; so is, with group commit, a
	// page of lapsed holds that another command needs. A call whose arguments are refused is no command.
	Command func(ctx context.Context, op string) (context.Context, func(err error))

	// Group, if set, is called before each group of commands is carried out, with the number of
	// commands: 1 for a command that met no other. Group is called on the goroutine of the leader,
	// with the context of the group, and needs group commit.
	Group func(ctx context.Context, commands int)

	// CacheLookup, if set, is called for each product that a group looks for in the cache. If a hit
	// turns out to be stale at the commit, a read follows without a second call. CacheLookup needs
	// the cache.
	CacheLookup func(ctx context.Context, sku SKU, hit bool)
}

// mistake is a possible reason to refuse a setting.
type mistake struct {
	made  bool
	field string
	value any
	rule  string
}

// firstMistake returns the error for the first mistake that was made, nil for none.
func firstMistake(op string, mistakes []mistake) error {
	for _, m := range mistakes {
		if m.made {
			return invalid(op, m.field, m.value, m.rule)
		}
	}
	return nil
}

// isJoined reports whether a store is inside a host's transaction.
func isJoined(store Store) bool {
	_, joined := store.(interface{ Joined() })
	return joined
}

// isNil reports whether there is no store, or a nil pointer in its place.
func isNil(store Store) bool {
	value := reflect.ValueOf(store)
	return !value.IsValid() || value.Kind() == reflect.Pointer && value.IsNil()
}

// check refuses settings that a unit of work over the store would have to ignore.
func (o *UnitOfWorkOptions) check(store Store) error {
	const negative, hosts = "must not be negative", "must not be set inside a host's transaction"
	joined := isJoined(store)
	_, locks := store.(Locker)
	return firstMistake("NewUnitOfWork", []mistake{
		{isNil(store), "store", nil, "must not be nil"},
		{o.Attempts < 0, "Attempts", o.Attempts, negative},
		{o.Backoff < 0, "Backoff", o.Backoff, negative},
		{o.MaxBackoff < 0, "MaxBackoff", o.MaxBackoff, negative},
		{o.PageSize < 0, "PageSize", o.PageSize, negative},
		{o.LongestHold < 0, "LongestHold", o.LongestHold, negative},
		{o.MaxBackoff > 0 && o.Backoff > o.MaxBackoff, "Backoff", o.Backoff, "must not be longer than MaxBackoff"},
		{o.LockFirst && !locks, "LockFirst", o.LockFirst, "needs a store that is a Locker"},
		{joined && o.Attempts > 1, "Attempts", o.Attempts, "must be 1 inside a host's transaction"},
		{joined && o.Backoff > 0, "Backoff", o.Backoff, hosts},
		{joined && o.MaxBackoff > 0, "MaxBackoff", o.MaxBackoff, hosts},
		{joined && o.Committed != nil, "Committed", nil, hosts},
	})
}

// fill puts the defaults in place of zero values.
func (o *UnitOfWorkOptions) fill(store Store) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if isJoined(store) {
		o.Attempts = 1
	}
	o.Attempts = cmp.Or(o.Attempts, 10)
	longest := cmp.Or(o.MaxBackoff, max(100*time.Millisecond, o.Backoff))
	o.Backoff = cmp.Or(o.Backoff, min(time.Millisecond, longest))
	o.MaxBackoff = longest
	o.PageSize = cmp.Or(o.PageSize, 100)
}
