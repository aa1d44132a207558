package servers_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

// That a killed server joins again is tested under load, by package torture.
func TestServersOfAClusterHaveTheSameData(t *testing.T) {
	temp := openTemp(t)
	t.Setenv("TMPDIR", temp)
	t.Run("inner", func(t *testing.T) {
		cluster := servers.DedicatedCluster(t, 2, &servers.Options{Fast: true})
		databases, err := cluster.CreateDatabase(t.Context())
		require.NoError(t, err)
		require.Len(t, databases, 2)
		const caughtUp = "?wsrep_sync_wait=5" // SELECT and INSERT wait until the server has what others have committed
		first := open(t, servers.MariaDB, databases[0].DSN+caughtUp)
		second := open(t, servers.MariaDB, databases[1].DSN+caughtUp)
		run(t, first, "CREATE TABLE batches (ref INT PRIMARY KEY)")
		run(t, first, "INSERT INTO batches VALUES (1)")
		run(t, second, "INSERT INTO batches SELECT MAX(ref) + 1 FROM batches")

		assert.Equal(t, 2, number(t, second, "SELECT COUNT(*) FROM batches"))
		assert.Equal(t, 2, number(t, first, "SELECT MAX(ref) FROM batches"))
		assert.Len(t, foldersIn(t, temp), 2)
	})
	assert.Empty(t, foldersIn(t, temp))
	assert.Empty(t, processesIn(temp))
}
