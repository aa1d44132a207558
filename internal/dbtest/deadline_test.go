package dbtest

import (
	"context"
	"database/sql/driver"
	"maps"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
