package dbtest

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lib/pq"
	"github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/sqlstore"
	"github.com/cosmic-go/allocation/storetest"
)

// otherDrivers are those that the other tests don't use. Package ncruces tests one more.
var otherDrivers = []*engine{
	{
		name: "PostgreSQL with lib/pq", dialect: sqlstore.PostgreSQL, empty: on(servers.PostgreSQL),
		connector: func(dsn string) (driver.Connector, error) { return pq.NewConnector(dsn) },
	},
	{
		name: "PostgreSQL with lib/pq, binary parameters", dialect: sqlstore.PostgreSQL, empty: on(servers.PostgreSQL),
		connector: func(dsn string) (driver.Connector, error) {
			return pq.NewConnector(dsn + "&binary_parameters=yes")
		},
		topics: []storetest.Topic{ // about what travels as a parameter
			storetest.Values, storetest.Commit, storetest.Outbox, storetest.Views,
		},
	},
	onMattn,
}

var onMattn = &engine{
	name: "SQLite with mattn/go-sqlite3", dialect: sqlstore.SQLite, empty: sqliteFileWithCgo,
	connector: func(dsn string) (driver.Connector, error) {
		return mattn{file: fileOf(dsn), busyTimeout: 10 * time.Second}, nil
	},
}

// sqliteFileWithCgo skips the test if the binary was built without cgo, which needs a C compiler: mattn/go-sqlite3 has
// no database then.
func sqliteFileWithCgo(t testing.TB) string {
	t.Helper()
	build, _ := debug.ReadBuildInfo()
	if slices.Contains(build.Settings, debug.BuildSetting{Key: "CGO_ENABLED", Value: "0"}) {
		t.Skip("mattn/go-sqlite3 needs cgo, and cgo needs a C compiler")
	}
	return sqliteFile(t)
}

// mattn connects to a file.
type mattn struct {
	file        string
	busyTimeout time.Duration
}

func (m mattn) Connect(context.Context) (driver.Conn, error) {
	return m.Driver().Open(fmt.Sprintf("file:%s?_foreign_keys=1&_journal_mode=WAL&_busy_timeout=%d&_synchronous=NORMAL",
		m.file, m.busyTimeout.Milliseconds()))
}

func (mattn) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

func TestTheStoreKeepsItsPromisesWithOtherDrivers(t *testing.T) {
	sideBySide(t, otherDrivers, func(t *testing.T, e *engine) {
		next := e.emptyPlaces(t)
		storetest.Run(t, storetest.Config{
			New:    func(t testing.TB) allocation.Store { return reach(t, next(t)) },
			Topics: e.topics,
			Second: second,
			Reopen: reopen,
		})
	})
}

// coded is what drivers tell with their errors, each in its own way.
type (
	stateError  struct{ state string }
	numberError struct {
		Number  uint16
		Message string
	}
	fieldsError struct{ Code, ExtendedCode int }
)

func (e stateError) Error() string    { return "SQLSTATE " + e.state }
func (e stateError) SQLState() string { return e.state }
func (e *numberError) Error() string  { return e.Message }
func (e fieldsError) Error() string   { return "a failure of the database" }

func TestErrorsAreToldApartByWhatDriversTell(t *testing.T) {
	for name, c := range map[string]struct {
		on   *engine
		err  error
		want error // nil: none of the sentinels
	}{
		"40001":                  {onPostgreSQL, stateError{"40001"}, allocation.ErrConflict},
		"deadlock":               {onPostgreSQL, stateError{"40P01"}, allocation.ErrConflict},
		"lock not available":     {onPostgreSQL, stateError{"55P03"}, allocation.ErrConflict},
		"ended by administrator": {onPostgreSQL, stateError{"57P01"}, allocation.ErrConflict},
		"another one's crash":    {onPostgreSQL, stateError{"57P02"}, allocation.ErrUnknownOutcome},
		"connection failure":     {onPostgreSQL, stateError{"08006"}, allocation.ErrUnknownOutcome},
		"a pooler's lost server": {onPostgreSQL, stateError{"08P01"}, allocation.ErrUnknownOutcome},
		"check":                  {onPostgreSQL, stateError{"23514"}, nil},
		"unnamed unique key":     {onPostgreSQL, stateError{"23505"}, nil},
		"statement timeout":      {onPostgreSQL, stateError{"57014"}, nil},
		"1213":                   {onMariaDB, &numberError{1213, "deadlock"}, allocation.ErrConflict},
		"1205":                   {onMariaDB, &numberError{1205, "lock wait timeout"}, allocation.ErrConflict},
		"1020":                   {onMariaDB, &numberError{1020, "record has changed"}, allocation.ErrConflict},
		"1927": {onMariaDB, &numberError{1927, "connection was killed"},
			allocation.ErrUnknownOutcome},
		"4025":                   {onMariaDB, &numberError{4025, "constraint failed"}, nil},
		"busy, by fields":        {onSQLite, fieldsError{5, 517}, allocation.ErrConflict},
		"input/output by fields": {onSQLite, fieldsError{10, 0}, allocation.ErrUnknownOutcome},
		"full, by fields":        {onSQLite, fieldsError{13, 13}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := commitThatFails(t, c.on, c.err, nil)
			require.ErrorIs(t, err, c.err)
			for _, sentinel := range []error{allocation.ErrConflict, allocation.ErrDuplicate,
				allocation.ErrUnknownOutcome} {
				same := sentinel == c.want //nolint:errorlint // sentinels are compared
				require.Equal(t, same, errors.Is(err, sentinel), "%v, %v", err, sentinel)
			}
		})
	}
}

func TestAHostsClassifierIsAskedFirst(t *testing.T) {
	strange := &numberError{9999, "strange"}
	for name, told := range map[string]error{
		"conflict": allocation.ErrConflict, "unknown outcome": allocation.ErrUnknownOutcome, "doesn't know": nil,
	} {
		t.Run(name, func(t *testing.T) {
			each(t, []*engine{onSQLite, onMariaDB}, func(t *testing.T, e *engine) {
				err := commitThatFails(t, e, strange, func(error) error { return told })
				if told != nil {
					require.ErrorIs(t, err, told)
					return
				}
				require.NotErrorIs(t, err, allocation.ErrConflict)
			})
		})
	}
}

// commitThatFails returns what a store answers if the driver fails where a commit is made to last.
func commitThatFails(t *testing.T, e *engine, failure error, classify func(error) error) error {
	t.Helper()
	spied, db := e.new(t).spied(t)
	stocked(t, e.migrated(t, db))
	store := e.store(t, db, &sqlstore.Options{Classify: classify})
	changes := decide(t, store, "chair", firm("o", "chair", 1))
	spied.set(func(statement string) error {
		if strings.HasPrefix(strings.TrimSpace(statement), e.commit) {
			return failure
		}
		return nil
	}, nil)
	return store.Commit(context.Background(), []allocation.Changes{changes})
}
