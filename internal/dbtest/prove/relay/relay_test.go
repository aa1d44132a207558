package relay

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

// The short form of the proof. The command sends more events, and measures. Here a server crashes once and is back.
func TestEveryEventLeavesInItsOrderWhileRelaysAreKilled(t *testing.T) {
	for _, name := range []string{"sqlite", "postgresql", "mariadb"} {
		t.Run(name, func(t *testing.T) {
			s := small(name)
			p := plan{relays: s.Relays, kill: true}
			dsn := database(t, name)
			if e, _ := harness.ByName(name); e.Server != nil {
				p.server = servers.Dedicated(t, e.Server, &servers.Options{Fast: true})
				dsn = p.server.Database(t)
			}
			found := relayed(t, s, p, dsn)
			assert.Empty(t, found.faults)
			assert.Equal(t, p.server != nil, found.Failures > 0, "failures: %d", found.Failures)
			assert.GreaterOrEqual(t, found.Events, s.Events, "events")
			assert.Equal(t, found.Told, found.Events, "events")
			assert.GreaterOrEqual(t, found.Kills, s.Kills, "kills")
			assert.Positive(t, found.Duplicates, "duplicates, after kills between arrival and acknowledgement")
			assert.NotEmpty(t, found.takeovers, "takeovers")
		})
	}
}

func TestUndisturbedRelaysRepeatNothing(t *testing.T) {
	s := tiny()
	s.Lease = time.Minute // a machine that is busy must not make it end
	found := relayed(t, s, plan{relays: 1}, database(t, s.Engine))
	assert.Empty(t, found.faults)
	assert.Equal(t, found.Told, found.Events, "events")
	assert.Zero(t, found.Duplicates, "duplicates")
	assert.Equal(t, found.Events, found.effort.Events, "events that the relay has claimed")
	assert.Equal(t, found.effort.Products, found.effort.Settles.Calls, "settlements")
}

func TestARunPrintsItsLine(t *testing.T) {
	s := tiny()
	s.Measure = true
	var out strings.Builder
	require.NoError(t, play(t.Context(), s, &out))
	assert.Regexp(t, `(?m)^sqlite, 1 undisturbed, batch 5: \d+ events/s`, out.String())
	assert.Regexp(t, `(?m)^sqlite, 2 undisturbed, batch 5: \d+ events/s`, out.String())
	assert.Regexp(t, `(?m)^relay sqlite rate \d+ events/s, duplicates \d+, kills \d+$`, out.String())
}

func TestARunWithFaultsFailsAndSaysHowToRepeatTheRun(t *testing.T) {
	t.Setenv(spoilVariable, "a publisher that drops")
	s := tiny()
	s.Kills, s.Every = 0, time.Hour
	var out strings.Builder
	err := play(t.Context(), s, &out)
	require.ErrorIs(t, err, harness.ErrFound)
	assert.ErrorContains(t, err, "again: "+s.String())
	assert.Contains(t, out.String(), "found: ")
}

// A user proves a cluster that runs already. Nothing is measured, and the database must be empty.
func TestARunInAGivenDatabase(t *testing.T) {
	s := tiny()
	s.Engine, s.Measure = "postgresql", true
	s.DSN = database(t, s.Engine)
	var out strings.Builder
	require.NoError(t, play(t.Context(), s, &out))
	assert.NotContains(t, out.String(), "undisturbed")
	assert.Regexp(t, `(?m)^relay postgresql rate \d+ events/s, duplicates \d+, kills \d+$`, out.String())
	assert.NotContains(t, s.String(), "postgres://", "a DSN holds a password")
	require.ErrorContains(t, play(t.Context(), s, &out), "give an empty database")
}

func TestImpossibleSettingsAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*settings){
		"engine": func(s *settings) { s.Engine = "oracle" },
		"events": func(s *settings) { s.Events = 0 },
		"lease":  func(s *settings) { s.Lease = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			s := tiny()
			spoil(s)
			var out strings.Builder
			require.ErrorContains(t, play(t.Context(), s, &out), name)
			assert.Empty(t, out.String())
		})
	}
}

// small is enough to kill every relay in both ways. A file has one writer at a time: there many workers are in each
// other's way.
func small(engine string) *settings {
	s := &settings{
		Engine: engine, Events: 3000, Products: 60, Hot: 2, Relays: 2, Kills: 6, Every: 300 * time.Millisecond,
		Lease: time.Second, Batch: 20, Workers: 8, Fast: true, Patience: 30 * time.Second, Limit: 5 * time.Minute,
	}
	if engine == "sqlite" {
		s.Events, s.Workers = 2000, 2
	}
	return s
}

// tiny is enough to see that everything works.
func tiny() *settings {
	s := small("sqlite")
	s.Events, s.Products, s.Hot, s.Kills, s.Batch = 200, 10, 0, 1, 5
	return s
}

// relayed logs what a run in an empty database has found.
func relayed(t *testing.T, s *settings, p plan, dsn string) *report {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), s.Limit)
	defer cancel()
	e, err := harness.ByName(s.Engine)
	require.NoError(t, err)
	found, err := relaying(ctx, s, e, dsn, p)
	require.NoError(t, err, s)
	var text strings.Builder
	found.write(&text, s, p)
	t.Log(text.String())
	return found
}

// database is the DSN of an empty database.
func database(t *testing.T, engine string) string {
	t.Helper()
	e, err := harness.ByName(engine)
	require.NoError(t, err)
	if e.Server != nil {
		return servers.Shared(t, e.Server).Database(t)
	}
	dsn, err := (&harness.Place{Engine: e, Folder: t.TempDir(), Fast: true}).Empty(t.Context())
	require.NoError(t, err)
	return dsn
}
