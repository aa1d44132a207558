package torture

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

// The short form of the load proof on a cluster: commands through all servers at once, one of which is killed and joins
// again. `make galera` takes longer, and more of everything.
func TestTortureOfACluster(t *testing.T) {
	cluster := servers.DedicatedCluster(t, clusterSize, &servers.Options{Fast: true})
	s := &settings{
		Engine: galera, Mode: everything, Seed: rand.Uint64N(1_000_000),
		Processes: 3, Callers: 4, SKUs: 3, Commands: 10_000,
		For: 8 * time.Second, Cut: 0.01, Kills: 1, Restarts: 1, Writers: clusterSize,
	}
	found, err := tortureNodes(context.WithoutCancel(t.Context()), s, t.TempDir(), cluster)
	logged(t, s, found, err)
	assert.Empty(t, found.faults)
	assert.Positive(t, found.Acknowledged, "acknowledged")
	assert.Positive(t, found.Samples, "samples")
	assert.Equal(t, s.Kills, found.Kills, "client kills")
	assert.Equal(t, s.Restarts, found.Restarts, "server restarts")
}

// dialled returns the servers that answer a number of dials while some servers are down.
func dialled(t *testing.T, writers, dials int, down ...string) []string {
	t.Helper()
	dsn, err := nodesDSN([]string{"u:p@tcp(a:1)/x", "u:p@tcp(b:2)/x", "u:p@tcp(c:3)/x"}, writers)
	require.NoError(t, err)
	var answered []string
	n := newNodes(func(_ context.Context, network, address string) (net.Conn, error) {
		assert.Equal(t, "tcp", network)
		if slices.Contains(down, address) {
			return nil, errors.New("down")
		}
		answered = append(answered, address)
		return nil, nil
	})
	config, err := mysql.ParseDSN(dsn)
	require.NoError(t, err)
	assert.Equal(t, anyNode, config.Net)
	for range dials {
		_, err = n.dial(t.Context(), config.Net, config.Addr)
	}
	if err != nil {
		return nil
	}
	return answered
}

func TestConnectionsGoToAllWritersInTurn(t *testing.T) {
	assert.ElementsMatch(t, []string{"a:1", "b:2", "c:3", "a:1", "b:2", "c:3"}, dialled(t, 3, 6))
	assert.Equal(t, []string{"a:1", "a:1", "a:1"}, dialled(t, 1, 3))
}

func TestConnectionsPassOverAServerThatIsDown(t *testing.T) {
	assert.ElementsMatch(t, []string{"a:1", "c:3", "c:3"}, dialled(t, 3, 3, "b:2"))
	assert.Equal(t, []string{"b:2", "b:2"}, dialled(t, 1, 2, "a:1"))
	assert.Equal(t, []string{"c:3"}, dialled(t, 2, 1, "a:1", "b:2"))
	assert.Empty(t, dialled(t, 3, 1, "a:1", "b:2", "c:3"))
}
