package main

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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

func short(t *testing.T, engine string, m mode, server *servers.Server) {
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
	found := tortured(t, s, placed(t, s, server))
	assert.Empty(t, found.faults)
	assert.Positive(t, found.Acknowledged, "acknowledged")
	assert.Positive(t, found.Samples, "samples")
	assert.Equal(t, s.Kills, found.Kills, "client kills")
	assert.Equal(t, s.Restarts, found.Restarts, "server restarts")
	kept := found.Tallies.Kept + found.Tallies.Outdated
	if m == everything {
		assert.Positive(t, found.Tallies.Groups, "commits of several callers")
		assert.Positive(t, kept, "attempts on kept products")
	}
	if !m.groups() {
		assert.Zero(t, found.Tallies.Groups, "commits of several callers")
	}
	if !m.keeps() {
		assert.Zero(t, kept, "attempts on kept products")
	}
}

// started is a server that may be killed; nil for an engine that has none.
func started(t *testing.T, engine string) *servers.Server {
	t.Helper()
	e := engines[engine]
	if e.server == nil {
		return nil
	}
	return servers.Dedicated(t, e.server, (&settings{}).server())
}

// placed is an empty database on a server, or in a file.
func placed(t *testing.T, s *settings, server *servers.Server) *place {
	t.Helper()
	if server == nil {
		where, err := engines[s.Engine].start(t.Context(), s, t.TempDir())
		require.NoError(t, err)
		return where
	}
	database, err := server.CreateDatabase(t.Context())
	require.NoError(t, err)
	return &place{dsn: database.DSN, server: server}
}

// tortured logs what a run has found.
func tortured(t *testing.T, s *settings, where *place) *report {
	t.Helper()
	found, err := tortureAt(context.WithoutCancel(t.Context()), s, t.TempDir(), where)
	require.NoError(t, err, s)
	var text strings.Builder
	found.write(&text, s)
	t.Log(text.String())
	return found
}
