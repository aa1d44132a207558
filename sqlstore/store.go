package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"

	"github.com/cosmic-go/allocation"
)

// Options are the settings of [New] and [Migrations]. Zero values mean the defaults.
type Options struct {
	// TablePrefix begins the name of every table and index, so that they stand apart from the host's
	// own, and so that one database can hold several stores: "allocation_" by default. It is a
	// lower-case letter or underscore and at most 29 more of these or digits.
	TablePrefix string
}

const defaultPrefix = "allocation_"

var validPrefix = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,29}$`)

// prefix returns the table prefix, if it is a valid one.
func (o *Options) prefix(op string, dialect *Dialect) (string, error) {
	if o == nil || o.TablePrefix == "" {
		return defaultPrefix, nil
	}
	switch prefix := o.TablePrefix; {
	case !validPrefix.MatchString(prefix):
		return "", invalid(op, "table prefix", prefix, "must be a to z, 0 to 9 and _, no digit first, and at most 30 bytes")
	case dialect.reserved != "" && strings.HasPrefix(prefix, dialect.reserved):
		return "", invalid(op, "table prefix", prefix, "is reserved by the engine")
	default:
		return prefix, nil
	}
}

// Store keeps products in a database. It is safe for concurrent use, by several processes as well. It has no
// Close: what it holds on to belongs to the *sql.DB and ends with it.
type Store struct {
	db         *sql.DB
	dialect    *Dialect
	prefix     string
	statements *statements
}

var (
	_ allocation.Store  = (*Store)(nil)
	_ allocation.Ledger = (*Store)(nil)
)

// New returns a store over a database, which has to be migrated, see [Store.Migrate]. It does not talk to the
// database yet. The options may be nil. A nil database or dialect and a bad prefix are an
// [*allocation.Error] that wraps [allocation.ErrInvalid].
func New(db *sql.DB, dialect *Dialect, opts *Options) (*Store, error) {
	switch {
	case db == nil:
		return nil, invalid("New", "database", nil, "must not be nil")
	case dialect == nil:
		return nil, invalid("New", "dialect", nil, "must not be nil")
	}
	prefix, err := opts.prefix("New", dialect)
	if err != nil {
		return nil, err
	}
	return &Store{db: db, dialect: dialect, prefix: prefix, statements: dialect.statements(prefix)}, nil
}

// check refuses a context with which nothing can be done.
func (s *Store) check(ctx context.Context, op string) error {
	if ctx == nil {
		return invalid(op, "context", nil, "must not be nil")
	}
	if err := ctx.Err(); err != nil {
		return ended(op, err)
	}
	return nil
}

func invalid(op, field string, value any, rule string) error {
	return &allocation.Error{Op: op, Field: field, Value: value, Err: fmt.Errorf("%w: %s", allocation.ErrInvalid, rule)}
}

func ended(op string, err error) error { return fmt.Errorf("sqlstore: %s: %w", op, err) }
