package pgxstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/sqlstore"
	"github.com/cosmic-go/allocation/sqlstore/seam"
	"github.com/cosmic-go/allocation/views"
)

// Options are the settings of [New]; zero values are defaults.
type Options struct {
	sqlstore.Options

	// Notify makes every commit with events wake [Store.Listen] in all processes, by one NOTIFY after the commit: one
	// for each group of callers, and fewer while many groups commit. The callers of the group wait for the round
	// trip. A failed NOTIFY is no error, because relays also poll. A host that commits a transaction of its own
	// calls [Store.Notify].
	Notify bool
}

// Store is an [sqlstore.Store] whose statements go through pgx. A Store is safe for concurrent use, also by several
// processes. Only [New] makes a usable Store.
type Store struct {
	*sqlstore.Store
	pool     *pgxpool.Pool
	notifier *notifier // nil without Options.Notify
	channel  string
}

var (
	_ allocation.Store      = (*Store)(nil)
	_ allocation.Ledger     = (*Store)(nil)
	_ allocation.GuestStore = (*Store)(nil)
	_ allocation.Locker     = (*Store)(nil)
	_ outbox.Store          = (*Store)(nil)
	_ outbox.Maintainer     = (*Store)(nil)
	_ views.Reader          = (*Store)(nil)
)

// New returns a store over a pool of connections to a database with migrated tables, see [sqlstore.Store.Migrate],
// without querying the database. The options may be nil. Bad arguments are an [*allocation.Error] that wraps
// [allocation.ErrInvalid].
func New(pool *pgxpool.Pool, opts *Options) (*Store, error) {
	if opts == nil {
		opts = &Options{}
	}
	if pool == nil {
		return nil, invalid("New", "pool", "must not be nil")
	}
	inner, err := sqlstore.OverPostgreSQL(database{pool}, &opts.Options)
	if err != nil {
		return nil, named("New", err)
	}
	s := &Store{Store: inner, pool: pool, channel: channelOf(&opts.Options)}
	if opts.Notify {
		s.notifier = &notifier{pool: pool, channel: s.channel, sending: make(chan struct{}, 1)}
	}
	return s, nil
}

// named returns an error of sqlstore as an error of a function of this package.
func named(op string, err error) error {
	var found *allocation.Error
	if !errors.As(err, &found) {
		return err
	}
	return &allocation.Error{Op: op, Field: found.Field, Value: found.Value, Err: found.Err}
}

func invalid(op, field, rule string) error {
	return &allocation.Error{Op: op, Field: field, Err: fmt.Errorf("%w: %s", allocation.ErrInvalid, rule)}
}

// Join returns a store inside a transaction of the host, as [sqlstore.Store.Join] does. The transaction may be on any
// connection to the store's database.
func (s *Store) Join(tx pgx.Tx) allocation.Store {
	if s == nil {
		s = &Store{}
	}
	if tx == nil {
		return sqlstore.JoinOver(s.Store, nil)
	}
	return sqlstore.JoinOver(s.Store, transaction{runner{tx}, tx})
}

// Within is [sqlstore.Store.Within] with a transaction of pgx, which only Within commits and rolls back. If
// [Options].Notify is set, a NOTIFY follows the commit.
func (s *Store) Within(
	ctx context.Context, service *allocation.Service,
	fn func(ctx context.Context, tx pgx.Tx, inside *allocation.Service) error, skus ...allocation.SKU,
) error {
	if s == nil {
		s = &Store{}
	}
	var host func(ctx context.Context, tx seam.Transaction, inside *allocation.Service) error
	if fn != nil {
		host = func(ctx context.Context, tx seam.Transaction, inside *allocation.Service) error {
			own := tx.(*ownTransaction)
			err := fn(ctx, own.tx, inside)
			own.note(err) // of a statement of the host
			return err
		}
	}
	err := sqlstore.WithinOver(ctx, s.Store, service, host, skus...)
	if err == nil {
		s.notifier.notify(ctx)
	}
	return err
}

// Commit is [sqlstore.Store.Commit], with a NOTIFY after a commit with events if [Options].Notify is set.
func (s *Store) Commit(ctx context.Context, changes []allocation.Changes) error {
	if s == nil {
		s = &Store{}
	}
	err := s.Store.Commit(ctx, changes)
	if err == nil && hasEvents(changes) {
		s.notifier.notify(ctx)
	}
	return err
}

// CommitWith is [sqlstore.Store.CommitWith] in one round trip, with a NOTIFY like Commit.
func (s *Store) CommitWith(ctx context.Context, changes []allocation.Changes, guests []allocation.Guest) error {
	if s == nil {
		s = &Store{}
	}
	err := s.Store.CommitWith(ctx, changes, guests)
	if err == nil && hasEvents(changes) {
		s.notifier.notify(ctx)
	}
	return err
}

// Locked is [sqlstore.Store.Locked], with a NOTIFY after the commit if [Options].Notify is set.
func (s *Store) Locked(ctx context.Context, fn func(allocation.Store) error) error {
	if s == nil {
		s = &Store{}
	}
	if s.notifier == nil {
		return s.Store.Locked(ctx, fn)
	}
	recorded := false
	err := s.Store.Locked(ctx, func(inside allocation.Store) error {
		return fn(observed{inside.(insideStore), &recorded})
	})
	if err == nil && recorded {
		s.notifier.notify(ctx)
	}
	return err
}

// insideStore has the abilities of a store inside of Locked.
type insideStore interface {
	allocation.Store
	allocation.GuestStore
	allocation.Ledger
}

// observed is a store that notes whether a commit recorded events.
type observed struct {
	insideStore
	recorded *bool
}

func (o observed) Commit(ctx context.Context, changes []allocation.Changes) error {
	err := o.insideStore.Commit(ctx, changes)
	*o.recorded = *o.recorded || err == nil && hasEvents(changes)
	return err
}

func (o observed) CommitWith(ctx context.Context, changes []allocation.Changes, guests []allocation.Guest) error {
	err := o.insideStore.CommitWith(ctx, changes, guests)
	*o.recorded = *o.recorded || err == nil && hasEvents(changes)
	return err
}

func hasEvents(changes []allocation.Changes) bool {
	return slices.ContainsFunc(changes, func(c allocation.Changes) bool { return len(c.Events) > 0 })
}
