package dbtest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

// operations are all methods that talk to the database.
var operations = map[string]func(ctx context.Context, s *sqlstore.Store) error{
	"Load": func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Load(ctx, allocation.Query{SKUs: []allocation.SKU{"chair"}})
		return err
	},
	"Commit": func(ctx context.Context, s *sqlstore.Store) error {
		return s.Commit(ctx, []allocation.Changes{{SKU: "chair", Version: 1,
			Events: []allocation.Event{allocation.LineRefused{}}}})
	},
	"Commit of checks": func(ctx context.Context, s *sqlstore.Store) error {
		return s.Commit(ctx, []allocation.Changes{{SKU: "chair", Read: 1, Version: 1}})
	},
	"Audit": func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Audit(ctx, "chair")
		return err
	},
	"Events": func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Events(ctx, "chair", 0, 10)
		return err
	},
	"Locked": func(ctx context.Context, s *sqlstore.Store) error {
		return s.Locked(ctx, func(inside allocation.Store) error {
			_, err := inside.Load(ctx, allocation.Query{SKUs: []allocation.SKU{"chair"}})
			return err
		})
	},
	"CheckSchema": func(ctx context.Context, s *sqlstore.Store) error { return s.CheckSchema(ctx) },
}

func TestAnUnmigratedDatabaseIsErrNotMigrated(t *testing.T) {
	sideBySide(t, engines, func(t *testing.T, e *engine) {
		for name, operation := range operations {
			t.Run(name, func(t *testing.T) {
				db := e.new(t).open(t)
				db.SetMaxOpenConns(1) // what is open already must not be needed twice
				err := operation(context.Background(), e.store(t, db, nil))
				require.ErrorIs(t, err, sqlstore.ErrNotMigrated)
				var typed *allocation.Error
				require.ErrorAs(t, err, &typed)
				assert.Equal(t, strings.Fields(name)[0], typed.Op)
				assert.Equal(t, "allocation_schema_version", typed.Value)
			})
		}
	})
}

func TestAnUnreachableDatabaseIsATypedErrorThatWrapsTheDrivers(t *testing.T) {
	operations := maps.Clone(operations)
	operations["Migrate"] = func(ctx context.Context, s *sqlstore.Store) error { return s.Migrate(ctx) }
	for name, operation := range operations {
		t.Run(name, func(t *testing.T) {
			db := open(t, dsn(filepath.Join(t.TempDir(), "no", "such", "folder.db")))
			err := operation(context.Background(), storeOn(t, db, nil))
			var typed *allocation.Error
			require.ErrorAs(t, err, &typed)
			assert.Equal(t, "database", typed.Field)
			var drivers *sqlite.Error
			require.ErrorAs(t, err, &drivers)
			for _, other := range []error{
				sqlstore.ErrNotMigrated, allocation.ErrConflict, allocation.ErrDuplicate, allocation.ErrUnknownOutcome,
			} {
				assert.NotErrorIs(t, err, other)
			}
		})
	}
}

func TestALockedDatabaseIsErrConflict(t *testing.T) {
	ctx := context.Background()
	file := newFile(t)
	db := open(t, dsn(file))
	store := migrated(t, db)
	stocked(t, store)
	hasty := open(t, dsn(file))
	hasty.SetMaxOpenConns(1)
	exec(t, hasty, `PRAGMA busy_timeout = 0`)
	impatient := storeOn(t, hasty, nil)
	changes := decide(t, impatient, "chair", firm("o", "chair", 1))

	other, err := db.Conn(ctx)
	require.NoError(t, err)
	_, err = other.ExecContext(ctx, `BEGIN IMMEDIATE`)
	require.NoError(t, err)
	require.ErrorIs(t, impatient.Commit(ctx, []allocation.Changes{changes}), allocation.ErrConflict)
	_, err = other.ExecContext(ctx, `ROLLBACK`)
	require.NoError(t, err)
	require.NoError(t, other.Close())
	require.NoError(t, impatient.Commit(ctx, []allocation.Changes{changes}))
}

func TestALostAnswerToCommitIsErrUnknownOutcome(t *testing.T) {
	sideBySide(t, engines, func(t *testing.T, e *engine) {
		for name, lost := range map[string]error{"bad connection": driver.ErrBadConn,
			"end of file": io.ErrUnexpectedEOF} {
			if e == onPostgreSQL && errors.Is(lost, driver.ErrBadConn) {
				continue // which a driver answers only if it sent nothing, so that there is no doubt
			}
			fail := func(statement string) error {
				if strings.HasPrefix(strings.TrimSpace(statement), e.commit) {
					return lost
				}
				return nil
			}
			for where, set := range map[string]func(s *spy){
				"before it arrived": func(s *spy) { s.set(fail, nil) },
				"after it was done": func(s *spy) { s.set(nil, fail) },
			} {
				t.Run(name+" "+where, func(t *testing.T) {
					ctx := context.Background()
					spied, db := e.new(t).spied(t)
					service, _ := stocked(t, e.migrated(t, db))
					set(spied)
					_, err := service.Allocate(ctx, firm("o", "chair", 3))
					require.ErrorIs(t, err, allocation.ErrUnknownOutcome)
					require.ErrorIs(t, err, lost)
					spied.set(nil, nil)
					got, err := service.Allocate(ctx, firm("o", "chair", 3))
					require.NoError(t, err, "the repeat")
					assert.EqualValues(t, 3, got[0].Quantity)
					audit, err := service.Reconcile(ctx, "chair")
					require.NoError(t, err)
					assert.False(t, audit.Drifted(), "%+v", audit)
				})
			}
		}
	})
}

// coded is an error as SQLite's driver returns them.
type coded int

func (c coded) Error() string { return "a failure of the database" }
func (c coded) Code() int     { return int(c) }

func TestAFailedCommitIsOnlyUnknownIfItsOutcomeIs(t *testing.T) {
	for name, c := range map[string]struct {
		code coded
		want error // besides the driver's
		not  []error
	}{
		"disk full":    {code: 13, not: []error{allocation.ErrUnknownOutcome, allocation.ErrConflict}},
		"busy":         {code: 5, want: allocation.ErrConflict, not: []error{allocation.ErrUnknownOutcome}},
		"input/output": {code: 10, want: allocation.ErrUnknownOutcome, not: []error{allocation.ErrConflict}},
	} {
		t.Run(name, func(t *testing.T) {
			spied, db := openSpied(t, dsn(newFile(t)))
			store := migrated(t, db)
			stocked(t, store)
			changes := decide(t, store, "chair", firm("o", "chair", 1))
			spied.set(func(statement string) error {
				if statement == "COMMIT" {
					return c.code
				}
				return nil
			}, nil)
			err := store.Commit(context.Background(), []allocation.Changes{changes})
			require.ErrorIs(t, err, c.code)
			if c.want != nil {
				assert.ErrorIs(t, err, c.want)
			}
			for _, not := range c.not {
				assert.NotErrorIs(t, err, not)
			}
		})
	}
}

func TestAContextThatEndsDuringACommitWritesNothing(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		for _, at := range e.steps {
			t.Run("at "+at, func(t *testing.T) {
				spied, db := e.new(t).spied(t)
				db.SetMaxOpenConns(1) // the connection has to be usable again
				store := e.migrated(t, db)
				stocked(t, store)
				changes := decide(t, store, "chair", firm("o", "chair", 1))
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				spied.set(func(statement string) error {
					if strings.HasPrefix(strings.TrimSpace(statement), at) {
						cancel()
					}
					return nil
				}, nil)
				err := store.Commit(ctx, []allocation.Changes{changes})
				require.ErrorIs(t, err, context.Canceled)
				assert.NotErrorIs(t, err, sql.ErrTxDone)
				spied.set(nil, nil)
				assert.EqualValues(t, 1, load(t, store, "chair").Version, "version after the cancelled commit")
				require.NoError(t, store.Commit(context.Background(), []allocation.Changes{changes}))
			})
		}
	})
}

func TestAContextThatEndsAfterTheLastStatementWritesNothing(t *testing.T) {
	each(t, transactional, func(t *testing.T, e *engine) {
		spied, db := e.new(t).spied(t)
		store := e.migrated(t, db)
		stocked(t, store)
		changes := decide(t, store, "chair", firm("o", "chair", 1))
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		spied.set(nil, func(statement string) error {
			if strings.Contains(statement, "INSERT INTO allocation_events") {
				cancel()
			}
			return nil
		})
		require.ErrorIs(t, store.Commit(ctx, []allocation.Changes{changes}), context.Canceled)
		assert.EqualValues(t, 1, load(t, store, "chair").Version, "version after the cancelled commit")
	})
}

func TestAContextThatEndsOnceCommitIsSentChangesNothing(t *testing.T) {
	each(t, transactional, func(t *testing.T, e *engine) {
		spied, db := e.new(t).spied(t)
		store := e.migrated(t, db)
		stocked(t, store)
		changes := decide(t, store, "chair", firm("o", "chair", 1))
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		spied.set(func(statement string) error {
			if statement == "COMMIT" {
				cancel()
			}
			return nil
		}, nil)
		require.NoError(t, store.Commit(ctx, []allocation.Changes{changes}))
		assert.Len(t, load(t, store, "chair", "o").Lines, 1)
	})
}

func TestAFailedCommitRollsBackAtOnce(t *testing.T) {
	each(t, transactional, func(t *testing.T, e *engine) {
		spied, db := e.new(t).spied(t)
		store := e.migrated(t, db)
		stocked(t, store)
		changes := decide(t, store, "chair", firm("o", "chair", 1))
		spied.forget()
		failure := errors.New("no more")
		spied.set(func(statement string) error {
			if strings.Contains(statement, "INSERT INTO allocation_events") {
				return failure
			}
			return nil
		}, nil)
		err := store.Commit(context.Background(), []allocation.Changes{changes})
		require.ErrorIs(t, err, failure)
		assert.NotErrorIs(t, err, allocation.ErrUnknownOutcome)
		assert.True(t, slices.Contains(spied.forget(), "ROLLBACK"), "ROLLBACK was sent before Commit returned")
	})
}
