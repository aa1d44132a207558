package dbtest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func TestCommandsWithLocksNeedOneConnection(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		r := e.breaking(t)
		r.db.SetMaxOpenConns(1)
		r.opts = allocation.UnitOfWorkOptions{LockFirst: true}
		for _, c := range commands {
			t.Run(c.name, func(t *testing.T) {
				r.by.restore(t)
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				_, err := r.runIn(ctx, c, r.store)
				require.NotErrorIs(t, err, context.DeadlineExceeded, "it waits for a second connection")
			})
		}
	})
}

func TestMendTriesAgainWhenItsAuditMeetsAConflict(t *testing.T) {
	r := onSQLite.breaking(t)
	c := command{name: "Mend", run: func(ctx context.Context, s *allocation.Service) (any, error) {
		return s.Mend(ctx, "lamp")
	}}
	f := judged{fault{name: "BUSY", err: coded(5)}, curable}
	r.try(t, c, r.recorded(t, c), f, 1, func(x exchange) bool { return x.kind == "query" })
}
