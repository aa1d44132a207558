package servers_test

import (
	"context"
	"database/sql"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

func TestClientsOfAPoolerShareSessions(t *testing.T) {
	server := servers.Shared(t, servers.PostgreSQL)
	pooler := servers.Pooled(t, server, nil)
	dsn, err := pooler.Through(server.Database(t))
	require.NoError(t, err)
	db := open(t, servers.PostgreSQL, dsn+"&default_query_exec_mode=exec")
	session := func(conn *sql.Conn) (pid int) {
		require.NoError(t, conn.QueryRowContext(t.Context(), "SELECT pg_backend_pid()").Scan(&pid))
		return pid
	}
	first, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer first.Close()
	second, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer second.Close()
	assert.Equal(t, session(first), session(second), "two connections have one session, while no transaction is open")
}

func TestAPoolerLeavesNothing(t *testing.T) {
	server := servers.Shared(t, servers.PostgreSQL)
	needProcesses(t, servers.PostgreSQL)
	temp := openTemp(t)
	t.Setenv("TMPDIR", temp)
	t.Run("inner", func(t *testing.T) {
		pooler := servers.Pooled(t, server, nil)
		processes := processesIn(temp)
		require.Len(t, processes, 2, "a pooler and its guard")
		require.NoError(t, pooler.Kill())
		require.NoError(t, pooler.Start(context.WithoutCancel(t.Context())))
		if os.Geteuid() == 0 {
			assert.Contains(t, pooler.Log(), "user=postgres", "it does not run as root")
		}
	})
	assert.Empty(t, foldersIn(t, temp))
}
