package torture

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
