package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
)

// classify asks the host's Classify first.
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

// leaves reports whether the connection with the error should leave the pool.
func (s *Store) leaves(err error) bool { return err != nil && s.classify(err) == elsewhere }

// retryable makes an ErrConflict of a connection lost before COMMIT, for reads and transactions: nothing has been
// written, and another connection may reach another server.
func (s *Store) retryable(ctx context.Context, err error) error {
	if err == nil || past(ctx) != nil || errors.Is(err, allocation.ErrUnknownOutcome) || s.classify(err) != lost {
		return err
	}
	return fmt.Errorf("%w: %w", allocation.ErrConflict, err)
}

// meaning turns an error into an error of the contract of [allocation.Store].
func (s *Store) meaning(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	at := &subjectError{field: "database", value: s.engine.name, err: err}
	errors.As(err, &at)
	reason := err
	switch class := s.classify(err); {
	case errors.Is(err, allocation.ErrUnknownOutcome):
		if over := past(ctx); over != nil {
			reason = fmt.Errorf("%w: %w", over, err)
		}
	case errors.Is(err, allocation.ErrConflict):
	case past(ctx) != nil:
		return ended(op, past(ctx))
	case class.isCurable():
		reason = fmt.Errorf("%w: %w", allocation.ErrConflict, err)
	case class == duplicate && at.taken != nil:
		reason = fmt.Errorf("%w: %w", at.taken, err)
	case class == tooLarge:
		reason = fmt.Errorf("%w: %w", ErrTooLarge, err)
	case class == duplicate, class == refused:
		reason = fmt.Errorf("refused by the database: %w", err)
	case s.engine.advise != nil:
		reason = s.engine.advise(err)
	}
	return &allocation.Error{Op: op, Field: at.field, Value: at.value, Err: reason}
}

// past returns the error of a context that has ended, or whose deadline has passed: the timers of a driver, which
// limit a connect for example, may fire before the timer of the context.
func past(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// Options are the settings of [New] and [Migrations]; zero values are defaults.
type Options struct {
	// TablePrefix begins the name of every table and index, "allocation_" by default: a lower-case letter or
	// underscore, and at most 29 lower-case letters, digits or underscores.
	TablePrefix string

	// Schema is the schema (PostgreSQL) or database (MariaDB) of the tables, in the form of a prefix of at most 63
	// bytes; by default the connection's own. The schema must exist. SQLite has none.
	Schema string

	// Isolation is the level of the transactions of Commit and Locked, by default the connection's level for Commit
	// and READ COMMITTED for Locked. If a level is set, a commit on PostgreSQL takes two more round trips.
	Isolation sql.IsolationLevel

	// Functions makes Migrate create a function in PostgreSQL's language plpgsql, and commits of one firm line without
	// terms call the function. The server plans the statements of a function once for each session, so the option
	// pays where the driver prepares nothing, such as behind a pooler. The account of Migrate needs the right to
	// create functions in the schema. A tool of the host runs [Functions] after the migrations.
	Functions bool

	// Classify, if set, interprets an error of an unknown driver or server: ErrConflict if nothing was written and
	// a retry may succeed, ErrDuplicate if a unique key exists already, ErrUnknownOutcome if the error is no answer of
	// the server, nil for others. Classify must be safe for concurrent use.
	Classify func(error) error
}

const (
	defaultPrefix = "allocation_"
	namesAre      = "must be a to z, 0 to 9 and _, no digit first, and at most " // and a number of bytes
)

var (
	validPrefix = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,29}$`)
	validSchema = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)
)

// templates returns the names of tables and indexes, if the options are valid.
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
		return nil, invalid(op, "schema", o.Schema, namesAre+"63 bytes")
	case o.Isolation != sql.LevelDefault && !slices.Contains(e.isolations, o.Isolation):
		return nil, invalid(op, "isolation", o.Isolation,
			"is not a level at which this engine keeps the promises of a store")
	case o.Functions && !e.functions:
		return nil, invalid(op, "functions", o.Functions, "must be false: only PostgreSQL has functions")
	}
	return &templates{engine: e, schema: o.Schema, prefix: prefix, functions: o.Functions}, nil
}

// prefix returns the table prefix, if valid.
func (o *Options) prefix(op string, e *engine) (string, error) {
	if o.TablePrefix == "" {
		return defaultPrefix, nil
	}
	switch prefix := o.TablePrefix; {
	case !validPrefix.MatchString(prefix):
		return "", invalid(op, "table prefix", prefix, namesAre+"30 bytes")
	case e.reserved != "" && strings.HasPrefix(prefix, e.reserved):
		return "", invalid(op, "table prefix", prefix, "is reserved by the engine")
	default:
		return prefix, nil
	}
}

// Store keeps products in a database. A Store is safe for concurrent use, also by several processes, and needs no
// Close. Only [New] and [OverPostgreSQL] make a usable Store; every method of another Store, nil included, returns
// [allocation.ErrInvalid].
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

// New returns a store over a database with migrated tables, see [Store.Migrate], without querying the database. The
// options may be nil. Bad arguments are an [*allocation.Error] that wraps [allocation.ErrInvalid].
func New(db *sql.DB, dialect *Dialect, opts *Options) (*Store, error) {
	switch {
	case db == nil:
		return nil, invalid("New", "database", nil, "must not be nil")
	case dialect == nil || dialect.engine == nil:
		return nil, invalid("New", "dialect", nil, "must not be nil")
	}
	return newStore("New", &sqlDatabase{db: db, engine: dialect.engine}, dialect.engine, opts)
}

func newStore(op string, db database, e *engine, opts *Options) (*Store, error) {
	names, err := opts.templates(op, e)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, engine: e, templates: names, statements: names.statements()}
	if opts != nil {
		s.isolation, s.hostClassify = opts.Isolation, opts.Classify
	}
	return s, nil
}

// check returns an error for a store that New didn't make, for a nil or ended context, or the first error of the
// arguments.
func (s *Store) check(ctx context.Context, op string, arguments ...error) error {
	if s == nil || s.engine == nil {
		return invalid(op, "store", nil, "must be made by New")
	}
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
