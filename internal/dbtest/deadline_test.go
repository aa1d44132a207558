package dbtest

import (
	"context"
	"database/sql/driver"
	"maps"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

// overdue is a context whose deadline has passed, and whose timer has not fired yet.
type overdue struct{ context.Context }

func (overdue) Deadline() (time.Time, bool) { return start.AddDate(-100, 0, 0), true }

// dialling is a connector whose dialler gives up at the deadline of the context.
type dialling struct{ driver.Connector }

func (dialling) Connect(context.Context) (driver.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
}

func TestADeadlineThatPassesWhileDiallingIsTheErrorOfTheContext(t *testing.T) {
	operations := maps.Clone(operations)
	operations["Migrate"] = func(ctx context.Context, s *sqlstore.Store) error { return s.Migrate(ctx) }
	operations["Order"] = func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Order(ctx, "o")
		return err
	}
	operations["Claim"] = func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Claim(ctx, everything("relay", 5))
		return err
	}
	for _, e := range engines {
		for name, operation := range operations {
			t.Run(e.name+" "+name, func(t *testing.T) {
				err := operation(overdue{context.Background()}, e.store(t, opened(t, dialling{}), nil))
				require.ErrorIs(t, err, context.DeadlineExceeded)
			})
		}
	}
}

// TestADeadlineEndsTheWaitForALockedFile holds what README says of the drivers of SQLite: modernc's ends a call at the
// deadline, mattn's goes on waiting for the lock, for at most busy_timeout. Either way nothing is written.
func TestADeadlineEndsTheWaitForALockedFile(t *testing.T) {
	const (
		untilDeadline = 20 * time.Millisecond
		untilRelease  = 30 * time.Second       // no call may wait that long if the driver ends the call at the deadline
		behind        = 300 * time.Millisecond // beyond the deadline, for a driver that goes on waiting
	)
	impatient := *onMattn
	impatient.connector = func(dsn string) (driver.Connector, error) {
		return mattn{file: fileOf(dsn), busyTimeout: behind}, nil
	}
	for name, c := range map[string]struct {
		engine  *engine
		release time.Duration // after the beginning
		waits   bool          // until the file is released
	}{
		"modernc":                  {onSQLite, untilRelease, false},
		"mattn":                    {onMattn, untilDeadline + behind, true},
		"mattn until busy_timeout": {&impatient, untilRelease, false},
	} {
		for call, write := range map[string]func(context.Context, *sqlstore.Store, allocation.Changes) error{
			"Commit": func(ctx context.Context, s *sqlstore.Store, c allocation.Changes) error {
				return s.Commit(ctx, []allocation.Changes{c})
			},
			"Locked": func(ctx context.Context, s *sqlstore.Store, c allocation.Changes) error {
				return s.Locked(ctx, func(inside allocation.Store) error {
					return inside.Commit(ctx, []allocation.Changes{c})
				})
			},
			"Claim": func(ctx context.Context, s *sqlstore.Store, _ allocation.Changes) error {
				_, err := s.Claim(ctx, everything("relay", 5))
				return err
			},
		} {
			t.Run(name+" "+call, func(t *testing.T) {
				t.Parallel()
				p := c.engine.new(t)
				db := p.open(t)
				store := p.migrated(t, db)
				stocked(t, store)
				changes := decide(t, store, "chair", firm("o", "chair", 1))

				conn, err := p.open(t).Conn(t.Context())
				require.NoError(t, err)
				_, err = conn.ExecContext(t.Context(), "BEGIN IMMEDIATE")
				require.NoError(t, err)
				var released atomic.Bool
				gone := make(chan error)
				timer := time.NewTimer(c.release)
				returned := make(chan struct{})
				go func() {
					select {
					case <-timer.C:
					case <-returned:
					}
					released.Store(true)
					_, err := conn.ExecContext(context.Background(), "ROLLBACK")
					gone <- err
				}()
				ctx, cancel := context.WithTimeout(t.Context(), untilDeadline)
				defer cancel()
				err = write(ctx, store, changes)
				waited := released.Load()
				close(returned)
				require.NoError(t, <-gone)
				require.NoError(t, conn.Close())
				require.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, c.waits, waited, "the call waits until the file is released")

				assert.EqualValues(t, 1, load(t, store, "chair").Version, "nothing is written")
				exec(t, p.open(t), "UPDATE allocation_products SET refused = refused") // nobody locks the file
				require.NoError(t, store.Commit(t.Context(), []allocation.Changes{changes}))
			})
		}
	}
}
