package torture

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"

	"github.com/cosmic-go/allocation"
)

func TestJudge(t *testing.T) {
	now := time.Date(2030, 1, 1, 9, 0, 0, 0, time.UTC)
	inPostgreSQL := func(state string) error { return &pgconn.PgError{Code: state} }
	inMariaDB := func(number uint16) error { return &mysql.MySQLError{Number: number} }
	of := func(reason, err error) error {
		return &allocation.Error{Op: "Commit", Field: "database", Err: fmt.Errorf("%w: %w", reason, err)}
	}
	for name, row := range map[string]struct {
		err  error
		hold time.Time
		want outcome
		why  string
	}{
		"done":                     {want: acknowledged},
		"a deadlock of PostgreSQL": {err: of(allocation.ErrConflict, inPostgreSQL("40P01")), want: deadlocked},
		"a deadlock of MariaDB":    {err: of(allocation.ErrConflict, inMariaDB(1213)), want: deadlocked},
		"a lost race": {
			err: of(allocation.ErrConflict, inPostgreSQL("40001")), want: failed, why: conflict,
		},
		"a lost answer": {err: of(allocation.ErrUnknownOutcome, mysql.ErrInvalidConn), want: unknown},
		"a commit that the caller left": {
			err: &allocation.Error{
				Op: "Ship", Field: "context", Err: fmt.Errorf("%w: %w", allocation.ErrUnknownOutcome, context.Canceled),
			},
			want: unknown, why: left,
		},
		"out of stock": {err: &allocation.OutOfStockError{}, want: refused, why: "out of stock"},
		"hung up":      {err: fmt.Errorf("load: %w", context.DeadlineExceeded), want: failed, why: cancelled},
		"a hold that was repeated too late": {
			err: allocation.ErrInvalid, hold: now, want: refused, why: "a time in the past",
		},
		"bad input":                           {err: allocation.ErrInvalid, hold: now.Add(1), want: unexpected},
		"a session that the server has ended": {err: inPostgreSQL("57P01"), want: failed, why: connection},
		"a connection that was killed":        {err: inMariaDB(1927), want: failed, why: connection},
		"a broken constraint":                 {err: inPostgreSQL("23514"), want: unexpected},
		"a duplicate":                         {err: allocation.ErrDuplicate, want: unexpected},
		"anything else":                       {err: errors.New("something"), want: unexpected},
	} {
		t.Run(name, func(t *testing.T) {
			told, why := judge(row.err, command{Hold: row.hold}, now)
			assert.Equal(t, row.want, told)
			assert.Equal(t, row.why, why)
		})
	}
}
