package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/cosmic-go/allocation"
)

// classify asks the host first.
func (s *Store) classify(err error) class {
	if s.hostClassify != nil {
		switch known := s.hostClassify(err); {
		case known == nil:
		case errors.Is(known, allocation.ErrConflict):
			return conflict
		case errors.Is(known, allocation.ErrDuplicate):
			return duplicate
		case errors.Is(known, allocation.ErrUnknownOutcome):
			return unanswered
		}
	}
	return s.engine.classify(err)
}

// explain is meaning, and tells whether the error is one of missing tables. No transaction may be open, since it
// may have to ask the database what is there.
func (s *Store) explain(ctx context.Context, op string, err error) error {
	if err != nil && ctx.Err() == nil && s.classify(err) == undefined {
		if missing := s.checkVersion(ctx, op); errors.Is(missing, ErrNotMigrated) {
			return missing
		}
	}
	return s.meaning(ctx, op, err)
}

// meaning turns an error into what the contract of [allocation.Store] says.
func (s *Store) meaning(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	at := &subjectError{field: "database", value: s.engine.name, err: err}
	errors.As(err, &at)
	reason := err
	switch class := s.classify(err); {
	case errors.Is(err, allocation.ErrUnknownOutcome), errors.Is(err, allocation.ErrConflict):
	case ctx.Err() != nil:
		return ended(op, ctx.Err())
	case class == conflict:
		reason = fmt.Errorf("%w: %w", allocation.ErrConflict, err)
	case class == duplicate && at.taken != nil:
		reason = fmt.Errorf("%w: %w", at.taken, err)
	case class == duplicate, class == refused:
		reason = fmt.Errorf("the database refuses: %w", err)
	}
	return &allocation.Error{Op: op, Field: at.field, Value: at.value, Err: reason}
}

// Options are the settings of [New] and [Migrations]. Zero values mean the defaults.
type Options struct {
	// TablePrefix begins the name of every table and index, so that they stand apart from the host's
	// own, and so that one database can hold several stores: "allocation_" by default. It is a
	// lower-case letter or underscore and at most 29 more of these or digits.
	TablePrefix string

	// Schema is where the tables are, by default wherever the connection looks first: a schema of
	// PostgreSQL, a database of MariaDB. It has the form of a prefix, with at most 63 bytes, and must
	// exist. SQLite has none.
	Schema string

	// Isolation is the level of the transactions of Commit and Locked; by default that of the connection,
	// except that Locked reads committed rows, which is all that it needs. At
	// [sql.LevelSerializable] the engine checks by itself what the versions check anyway. It costs
	// PostgreSQL two round trips for a commit.
	Isolation sql.IsolationLevel

	// Classify is asked first what an error of the driver means, for drivers and servers that this
	// package doesn't know. It answers [allocation.ErrConflict] if nothing was written and a fresh attempt may
	// cure it, [allocation.ErrDuplicate] if a unique key exists, [allocation.ErrUnknownOutcome] if it
	// is no answer of the server, and nil if it doesn't know. It must be safe for concurrent use.
	Classify func(error) error
}

const defaultPrefix = "allocation_"

var (
	validPrefix = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,29}$`)
	validSchema = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)
)

// names returns how tables are named, if the options are valid.
func (o *Options) templates(op string, e *engine) (*templates, error) {
	if o == nil {
		o = &Options{}
	}
	prefix, err := o.prefix(op, e)
	if err != nil {
		return nil, err
	}
	switch {
	case o.Schema != "" && !e.schemas:
		return nil, invalid(op, "schema", o.Schema, "must be empty: the engine has none")
	case o.Schema != "" && !validSchema.MatchString(o.Schema):
		return nil, invalid(op, "schema", o.Schema, "must be a to z, 0 to 9 and _, no digit first, and at most 63 bytes")
	case o.Isolation != sql.LevelDefault && !slices.Contains(e.isolations, o.Isolation):
		return nil, invalid(op, "isolation", o.Isolation, "is not a level at which this engine keeps the promises of a store")
	}
	return &templates{engine: e, schema: o.Schema, prefix: prefix}, nil
}

// prefix returns the table prefix, if it is a valid one.
func (o *Options) prefix(op string, e *engine) (string, error) {
	if o.TablePrefix == "" {
		return defaultPrefix, nil
	}
	switch prefix := o.TablePrefix; {
	case !validPrefix.MatchString(prefix):
		return "", invalid(op, "table prefix", prefix, "must be a to z, 0 to 9 and _, no digit first, and at most 30 bytes")
	case e.reserved != "" && strings.HasPrefix(prefix, e.reserved):
		return "", invalid(op, "table prefix", prefix, "is reserved by the engine")
	default:
		return prefix, nil
	}
}

// Store keeps products in a database. It is safe for concurrent use, by several processes as well. It has no
// Close: what it holds on to belongs to the *sql.DB and ends with it.
type Store struct {
	db           database
	engine       *engine
	templates    *templates
	statements   *statements
	isolation    sql.IsolationLevel
	hostClassify func(error) error // Options.Classify
}

var (
	_ allocation.Store  = (*Store)(nil)
	_ allocation.Ledger = (*Store)(nil)
)

// New returns a store over a database, which has to be migrated, see [Store.Migrate]. It does not talk to the
// database yet. The options may be nil. A nil database or dialect and bad options are an
// [*allocation.Error] that wraps [allocation.ErrInvalid].
func New(db *sql.DB, dialect *Dialect, opts *Options) (*Store, error) {
	switch {
	case db == nil:
		return nil, invalid("New", "database", nil, "must not be nil")
	case dialect == nil || dialect.engine == nil:
		return nil, invalid("New", "dialect", nil, "must not be nil")
	}
	names, err := opts.templates("New", dialect.engine)
	if err != nil {
		return nil, err
	}
	s := &Store{
		db:     &sqlDatabase{db: db, prepares: dialect.engine.prepares},
		engine: dialect.engine, templates: names, statements: names.statements(),
	}
	if opts != nil {
		s.isolation, s.hostClassify = opts.Isolation, opts.Classify
	}
	return s, nil
}

// check refuses a context with which nothing can be done, and bad arguments.
func (s *Store) check(ctx context.Context, op string, arguments ...error) error {
	if ctx == nil {
		return invalid(op, "context", nil, "must not be nil")
	}
	if err := ctx.Err(); err != nil {
		return ended(op, err)
	}
	for _, err := range arguments {
		var found *allocation.Error
		if errors.As(err, &found) {
			return &allocation.Error{Op: op, Field: found.Field, Value: found.Value, Err: found.Err}
		}
	}
	return nil
}
