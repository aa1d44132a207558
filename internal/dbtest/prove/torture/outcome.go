package torture

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cosmic-go/allocation"
)

// outcome is what a caller was told of an attempt.
type outcome string

const (
	acknowledged outcome = "acknowledged" // done
	refused      outcome = "refused"      // by the rules; nothing changed
	failed       outcome = "failed"       // for a reason that passes; nothing changed
	unknown      outcome = "unknown"      // the answer to the commit was lost
	killed       outcome = ""             // nothing: the client was gone
	deadlocked   outcome = "deadlock"     // must not reach a caller
	unexpected   outcome = "unexpected"   // nobody foresaw that
)

// left is why an outcome is unknown to a caller who went away while others went on with the commit.
const left = "left"

// Reasons of failures.
const (
	conflict   = "conflict"   // every attempt of a unit of work lost its race
	cancelled  = "cancelled"  // by the caller
	connection = "connection" // cut, or the server is down
	exhausted  = "exhausted"  // a cluster ended the transaction of every attempt
)

// judge says what an error means to a caller at the given time, and why.
func judge(err error, c command, now time.Time) (outcome, string) {
	var short *allocation.OutOfStockError
	switch {
	case err == nil:
		return acknowledged, ""
	case isDeadlock(err):
		return deadlocked, ""
	case errors.As(err, &short):
		return refused, "out of stock" // and if its event couldn't be committed, nothing else was to be
	case errors.Is(err, allocation.ErrUnknownOutcome):
		return unknown, whyUnknown(err)
	case errors.Is(err, allocation.ErrConflict):
		return failed, conflict
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return failed, cancelled
	}
	for _, rule := range []error{
		allocation.ErrNotFound, allocation.ErrMismatch, allocation.ErrNotAllowed, allocation.ErrLapsed,
	} {
		if errors.Is(err, rule) {
			return refused, rule.Error()
		}
	}
	switch {
	case errors.Is(err, allocation.ErrInvalid) && c.passed(now):
		return refused, "a time in the past" // it was repeated too late
	case errors.Is(err, allocation.ErrInvalid) && c.Verb == split && !c.Batch.ETA.IsZero():
		return refused, "a part that spoils" // the caller doesn't know how long the batch keeps
	case isConnection(err):
		return failed, connection
	}
	return unexpected, ""
}

// passed says that a time which a new line must not have passed.
func (c command) passed(now time.Time) bool {
	for _, at := range []time.Time{c.Hold, c.Terms.NeededBy, c.Terms.FreshUntil} {
		if !at.IsZero() && !at.After(now) {
			return true
		}
	}
	return false
}

func whyUnknown(err error) string {
	if detailed := (*allocation.Error)(nil); errors.As(err, &detailed) && detailed.Field == "context" {
		return left
	}
	return ""
}

// stated is implemented by the errors of PostgreSQL's drivers.
type stated interface{ SQLState() string }

func isDeadlock(err error) bool {
	var inPostgreSQL stated
	var inMariaDB *mysql.MySQLError
	return errors.As(err, &inPostgreSQL) && inPostgreSQL.SQLState() == "40P01" ||
		errors.As(err, &inMariaDB) && inMariaDB.Number == 1213
}

// isConnection recognises what a cut connection, a server that is down and one that comes up look like.
func isConnection(err error) bool {
	for _, lost := range []error{
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, driver.ErrBadConn, sql.ErrConnDone, mysql.ErrInvalidConn, errCut,
	} {
		if errors.Is(err, lost) {
			return true
		}
	}
	var network net.Error
	var connecting *pgconn.ConnectError
	if errors.As(err, &network) || errors.As(err, &connecting) || pgconn.SafeToRetry(err) || isUnsent(err) {
		return true
	}
	var inPostgreSQL stated
	if errors.As(err, &inPostgreSQL) {
		// 08 is a connection's failure, 57P01 to 57P03 a session or server that is being ended or starts.
		state := inPostgreSQL.SQLState()
		return strings.HasPrefix(state, "08") || strings.HasPrefix(state, "57P")
	}
	var inMariaDB *mysql.MySQLError
	if errors.As(err, &inMariaDB) {
		switch inMariaDB.Number {
		case 1053, 1317, 1927: // shutdown, interrupted by KILL, connection was killed
			return true
		}
	}
	return false
}

// isUnsent recognises what MariaDB's driver answers at the end of a transaction whose connection it finds closed. The
// driver keeps that error to itself, so there is only its text.
func isUnsent(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if err.Error() == "bad connection" {
			return true
		}
	}
	return false
}
