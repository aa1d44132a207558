package sqlstore

import (
	"context"
	"database/sql"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore/seam"
)

// sessions is a seam.Database that answers looks by a script. A Transaction sees the session held.
type sessions struct {
	pretended
	looks []seen
	held  int64
	busy  bool // no second connection comes
}

func (d *sessions) Connect(context.Context) (seam.Connection, error) { return d, nil }

func (d *sessions) Begin(ctx context.Context, _ sql.IsolationLevel) (seam.Transaction, error) {
	if d.busy {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &sessions{looks: []seen{{pid: d.held}}}, nil
}

func (d *sessions) Each(_ context.Context, _ string, _ []any, row func(seam.Row) error) error {
	look := d.looks[0]
	d.looks = d.looks[1:]
	return row(look)
}

func (s seen) Scan(targets ...any) error {
	*targets[0].(*int64), *targets[1].(*int64) = s.pid, s.whole
	return nil
}

func TestSessionsThatAPoolerLends(t *testing.T) {
	for name, c := range map[string]struct {
		sessions
		want error
	}{
		"values with the text":          {sessions{looks: []seen{{1, 1}}}, nil},
		"no pooler":                     {sessions{looks: []seen{{1, 0}, {1, 0}, {1, 0}, {1, 0}}, held: 2}, nil},
		"no second connection":          {sessions{looks: []seen{{1, 0}}, busy: true}, nil},
		"another one, text again":       {sessions{looks: []seen{{1, 0}, {2, 0}}, held: 1}, errPooler},
		"another one, text with values": {sessions{looks: []seen{{1, 0}, {2, 1}}, held: 1}, nil},
		"another one later":             {sessions{looks: []seen{{1, 0}, {1, 0}, {1, 0}, {3, 0}}, held: 2}, errPooler},
		"the only session":              {sessions{looks: []seen{{1, 0}, {1, 0}, {1, 0}, {1, 0}}, held: 1}, errPooler},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, err := OverPostgreSQL(&c.sessions, nil)
				require.NoError(t, err)
				err = store.checkSessions(t.Context(), "CheckSchema")
				if c.want == nil {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, c.want)
				require.ErrorIs(t, err, allocation.ErrInvalid)
			})
		})
	}
}
