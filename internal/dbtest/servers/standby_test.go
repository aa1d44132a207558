package servers_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

func TestAStandbyTakesOver(t *testing.T) {
	temp := openTemp(t)
	t.Setenv("TMPDIR", temp)
	t.Run("inner", func(t *testing.T) {
		pair := servers.DedicatedPair(t, &servers.Options{Fast: true})
		database, err := pair.Primary().CreateDatabase(t.Context())
		require.NoError(t, err)
		both := open(t, servers.PostgreSQL, pair.DSN(database.DSN)+"&target_session_attrs=read-write")
		run(t, both, "CREATE TABLE batches (ref INT PRIMARY KEY)")
		for range 2 { // the second time the servers have traded places
			run(t, both, "INSERT INTO batches SELECT COUNT(*) FROM batches")
			require.NoError(t, pair.CaughtUp(t.Context()))
			require.NoError(t, pair.Failover(t.Context()))
			again := open(t, servers.PostgreSQL, pair.DSN(database.DSN)+"&target_session_attrs=read-write")
			run(t, again, "INSERT INTO batches SELECT COUNT(*) FROM batches")
			require.NoError(t, pair.Rejoin(t.Context()))
		}
		standby := open(t, servers.PostgreSQL, pair.DSN(database.DSN)+"&target_session_attrs=standby")
		require.NoError(t, pair.CaughtUp(t.Context()))
		assert.Equal(t, 4, number(t, standby, "SELECT COUNT(*) FROM batches"))
		_, err = standby.ExecContext(t.Context(), "INSERT INTO batches VALUES (99)")
		assert.ErrorContains(t, err, "25006")
		assert.Len(t, foldersIn(t, temp), 2)
	})
	assert.Empty(t, foldersIn(t, temp))
	assert.Empty(t, processesIn(temp))
}
