package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/pgxstore"
	"github.com/cosmic-go/allocation/sqlstore"
)

func isUnknown(err error) bool { return errors.Is(err, allocation.ErrUnknownOutcome) }

// judge demands that the caller was told the truth: of a success, of a failure that wrote nothing, or of an outcome
// that nobody knows. So many commits came before the fault.
func (r *wireRig) judge(
	t testing.TB, f wireFault, x exchange, rec record, commits int, same bool, err error, state, where string,
) {
	t.Helper()
	commit := r.commits(x)
	switch {
	case same:
		require.Equal(t, rec.last(), state, "state after %s", where)
		require.False(t, commit && (f.arrives() || f.stage == onTheWay), "the answer is lost, success after %s", where)
	case commit && f.leaves() && (isUnknown(err) || len(rec.states) > 2): // between two commits, perhaps
		require.Contains(t, rec.states[commits:commits+2], state, "state after %s", where)
	case isUnknown(err) && commit && f.arrives():
		require.Equal(t, rec.states[commits+1], state, "state after %s", where)
	case isUnknown(err):
		require.True(t, commit || x.kind == "prepare", "%v after %s", err, where) // a commit's, perhaps
		require.Equal(t, rec.states[commits], state, "state after %s", where)
	default:
		require.Error(t, err, where)
		require.False(t, commit && f.arrives(), "%v after %s", err, where)
		require.Equal(t, rec.states[commits], state, "state after %s", where)
		require.NotErrorIs(t, err, allocation.ErrConflict, where)
	}
	silent := r.mode.silent && commit && strings.Contains(x.text, hostTable) // in a batch
	notify := strings.Contains(x.text, "pg_notify") && len(rec.states) < 3
	cured := f.isCurable() || f.stage == beforeSending && !x.inTx && !silent || notify
	if cured && x.kind != "connect" {
		require.True(t, same, "%v after %s", err, where)
	}
	if !same && f.leaves() {
		require.ErrorIs(t, err, context.Canceled, where)
	}
}

// wireModes are the ways to send statements. The first tries every command.
var wireModes = []wireMode{
	{name: "prepared"},
	{name: "first statements of a connection", cold: true, few: true},
	{name: "cached descriptions", set: inMode(pgx.QueryExecModeCacheDescribe), few: true},
	{name: "exec", set: inMode(pgx.QueryExecModeExec), silent: true, few: true},
	{name: "simple protocol", set: inMode(pgx.QueryExecModeSimpleProtocol), few: true},
	{name: "functions", opts: pgxstore.Options{Options: sqlstore.Options{Functions: true}}, few: true},
	{name: "NOTIFY", opts: pgxstore.Options{Notify: true}, few: true},
	{name: "locks", units: allocation.UnitOfWorkOptions{LockFirst: true}, few: true},
	{name: "guests one by one", few: true, opts: pgxstore.Options{
		Options: sqlstore.Options{Isolation: sql.LevelReadCommitted},
	}},
}

// TestFaultsAtEveryExchangeOverPgx lets every exchange of every command go wrong, in every way.
func TestFaultsAtEveryExchangeOverPgx(t *testing.T) {
	for m, mode := range wireModes {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			s, every := sample{every: 13}, 4 // three cases in a row have the same command
			if os.Getenv(allFaults) == "1" {
				s.every, every = 1, 1
			}
			r := wired(t, mode)
			for i, c := range wireCases(mode.few) {
				if (i+m)%every == 0 {
					t.Run(c.name, func(t *testing.T) { r.sweep(t, c, &s) })
				}
			}
			t.Logf("tried %d of %d cases; %s=1 tries all", s.tried, s.seen, allFaults)
		})
	}
}

// sweep tries faults at the exchanges of a case.
func (r *wireRig) sweep(t *testing.T, c wireCase, s *sample) {
	t.Helper()
	rec := r.recorded(t, c)
	var steps []exchange
	for _, x := range rec.exchanges {
		if r.counts(x) {
			steps = append(steps, x)
		}
	}
	require.NotEmpty(t, steps)
	for _, f := range wireFaults {
		for i, x := range steps {
			if s.takes(f.stage == beforeReady && r.commits(x)) {
				require.True(t, r.try(t, c, rec, f, i+1), "%s at %d never struck", f.name, i+1)
			}
		}
		if s.every == 1 {
			assert.False(t, r.try(t, c, rec, f, len(steps)+1), "%s struck beyond the last exchange", f.name)
		}
	}
}
