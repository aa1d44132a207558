package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

// The short form of the load proof, with everything on for a while and each thing off for a moment. The command takes
// longer, and more of everything.
func TestTorture(t *testing.T) {
	for _, name := range []string{"sqlite", "postgresql", "mariadb"} {
		t.Run(name, func(t *testing.T) {
			server := started(t, name)
			for _, m := range modes {
				t.Run(string(m), func(t *testing.T) { short(t, name, m, server) })
			}
		})
	}
}

// TestTortureOverPgx is the mode with everything on, with clients that use pgx itself.
func TestTortureOverPgx(t *testing.T) {
	short(t, "postgresql", everything, started(t, "postgresql"), func(s *settings) { s.Pgx = true })
}

func short(t *testing.T, engine string, m mode, server *servers.Server, set ...func(*settings)) {
	s := &settings{
		Engine: engine, Mode: m, Seed: rand.Uint64N(1_000_000),
		Processes: 4, Callers: 4, SKUs: 3, Commands: 10_000,
		For: time.Second, Cut: 0.01, Kills: 1,
	}
	if m == everything {
		s.For, s.Kills = 5*time.Second, 3
	}
	if server != nil && m == everything {
		s.Restarts = 1
	}
	for _, set := range set {
		set(s)
	}
	found := tortured(t, s, placed(t, s, server))
	assert.Empty(t, found.faults)
	assert.Positive(t, found.Acknowledged, "acknowledged")
	assert.Positive(t, found.Samples, "samples")
	assert.Equal(t, s.Kills, found.Kills, "client kills")
	assert.Equal(t, s.Restarts, found.Restarts, "server restarts")
	cached := found.Tallies.Cached + found.Tallies.Outdated
	if m == everything {
		assert.Positive(t, found.Tallies.Groups, "commits of several callers")
		assert.Positive(t, cached, "attempts on cached products")
	}
	if !m.groups() {
		assert.Zero(t, found.Tallies.Groups, "commits of several callers")
	}
	if !m.caches() {
		assert.Zero(t, cached, "attempts on cached products")
	}
}

// started is a server that may be killed; nil for an engine that has none.
func started(t *testing.T, engine string) *servers.Server {
	t.Helper()
	e, err := harness.ByName(engine)
	require.NoError(t, err)
	if e.Server == nil {
		return nil
	}
	return servers.Dedicated(t, e.Server, &servers.Options{Fast: true})
}

// placed is a place for databases on a server, or in files.
func placed(t *testing.T, s *settings, server *servers.Server) *harness.Place {
	t.Helper()
	e, err := harness.ByName(s.Engine)
	require.NoError(t, err)
	return &harness.Place{Engine: e, Running: server, Folder: t.TempDir(), Fast: true}
}

// tortured is what a run has found.
func tortured(t *testing.T, s *settings, at *harness.Place) *report {
	t.Helper()
	found, err := tortureAt(context.WithoutCancel(t.Context()), s, t.TempDir(), at)
	return logged(t, s, found, err)
}

// logged logs what a run has found, and how to repeat it.
func logged(t *testing.T, s *settings, found *report, err error) *report {
	t.Helper()
	require.NoError(t, err, s)
	var text strings.Builder
	found.write(&text, s)
	t.Log(text.String(), "again: ", s)
	return found
}

// A user proves a cluster that runs already. The database must be empty, and a lost event of the ledger is named.
func TestTortureInAGivenDatabase(t *testing.T) {
	s := &settings{
		Engine: "postgresql", Mode: everything, Seed: rand.Uint64N(1_000_000),
		DSN:       servers.Dedicated(t, servers.PostgreSQL, &servers.Options{Fast: true}).Database(t),
		Processes: 2, Callers: 2, SKUs: 1, Commands: 10_000, For: time.Second, Restarts: 1,
	}
	ctx := context.WithoutCancel(t.Context())
	found, err := torture(ctx, s, t.TempDir())
	logged(t, s, found, err)
	assert.Empty(t, found.faults)
	assert.Zero(t, found.Restarts, "restarts of servers that belong to somebody else")
	assert.NotContains(t, s.String(), "postgres://", "a DSN holds a password")
	_, err = torture(ctx, s, t.TempDir())
	require.ErrorContains(t, err, "give an empty database")

	e, err := find(s.Engine)
	require.NoError(t, err)
	db, store, err := e.open(s.DSN, nil)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(ctx, `DELETE FROM allocation_events WHERE sku = $1 AND sequence IN (2, 5)`, s.sku(0))
	require.NoError(t, err)
	_, missing, err := harness.Events(ctx, store, s.sku(0))
	require.NoError(t, err)
	assert.Equal(t, []int64{2, 5}, missing)
}

// A ledger that has lost an event, of whatever kind, is checked to its end, and the event is named.
func TestTheCheckSurvivesAGapInTheLedger(t *testing.T) {
	s := &settings{
		Engine: "sqlite", Mode: everything, Seed: rand.Uint64N(1_000_000),
		Processes: 2, Callers: 4, SKUs: 1, Commands: 50, For: 10 * time.Second,
	}
	ctx := context.WithoutCancel(t.Context())
	e, err := find(s.Engine)
	require.NoError(t, err)
	dsn, err := placed(t, s, nil).Empty(ctx)
	require.NoError(t, err)
	r := &run{settings: s, engine: e, dsn: dsn}
	found, err := tortureIn(ctx, t.TempDir(), r)
	require.Empty(t, logged(t, s, found, err).faults)
	did, err := r.histories()
	require.NoError(t, err)

	db, store, err := e.open(dsn, nil)
	require.NoError(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1) // with the transaction of BEGIN
	events, err := store.Events(ctx, s.sku(0), 0, found.Events)
	require.NoError(t, err)
	tried := map[string]bool{}
	for i, event := range events[:len(events)-1] {
		if tried[event.Kind()] {
			continue
		}
		tried[event.Kind()] = true
		for _, statement := range []string{
			"BEGIN", fmt.Sprintf("DELETE FROM allocation_events WHERE sku = '%s' AND sequence = %d", s.sku(0), i+1),
		} {
			_, err := db.ExecContext(ctx, statement)
			require.NoError(t, err)
		}
		r.report = report{}
		require.NoError(t, r.check(ctx, db, store, did))
		assert.Contains(t, r.report.faults[lost],
			fmt.Sprintf("product %q: event %d is missing in the ledger", s.sku(0), i+1), event.Kind())
		_, err := db.ExecContext(ctx, "ROLLBACK")
		require.NoError(t, err)
	}
	assert.Greater(t, len(tried), 10, "kinds of events")
}
