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

// The short form of the load proof. The command takes longer, and more of everything.
func TestTorture(t *testing.T) {
	for _, name := range []string{"sqlite", "postgresql", "mariadb"} {
		t.Run(name, func(t *testing.T) {
			s := &settings{
				Engine: name, Seed: rand.Uint64N(1_000_000),
				Processes: 4, Callers: 4, SKUs: 3, Commands: 10_000,
				For: 5 * time.Second, Cut: 0.01, Kills: 3,
			}
			if engines[name].server != nil {
				s.Restarts = 1
			}
			found := tortured(t, s, placed(t, s))
			assert.Empty(t, found.faults)
			assert.Positive(t, found.Acknowledged, "acknowledged")
			assert.Positive(t, found.Samples, "samples")
			assert.Equal(t, s.Kills, found.Kills, "client kills")
			assert.Equal(t, s.Restarts, found.Restarts, "server restarts")
		})
	}
}

// placed is an empty database on a server that may be killed, or in a file.
func placed(t *testing.T, s *settings) *place {
	t.Helper()
	e := engines[s.Engine]
	if e.server == nil {
		where, err := e.start(t.Context(), s, t.TempDir())
		require.NoError(t, err)
		return where
	}
	server := servers.Dedicated(t, e.server, s.server())
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
