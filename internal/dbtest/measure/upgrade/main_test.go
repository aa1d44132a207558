package upgrade

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(servers.M{M: m})
}

func TestAnUpgradePrintsHowLongOthersWait(t *testing.T) {
	for _, e := range harness.Engines {
		t.Run(e.Name, func(t *testing.T) {
			if e.Server != nil {
				servers.Shared(t, e.Server) // or a skip that says what is missing
			}
			var out strings.Builder
			require.NoError(t, play(t.Context(), e.Name, 2000, &out))
			assert.Regexp(t, `(?m)^\| all \d+ statements \| \d+\.\d\d s \|$`, out.String())
			for _, p := range probes {
				assert.Regexp(t, `(?m)^\| `+p.table+` \| \d+\.\d\d s \| \d+\.\d\d s \|$`, out.String())
			}
		})
	}
}

func TestAnUnknownEngineIsRefused(t *testing.T) {
	assert.ErrorContains(t, play(t.Context(), "oracle", 2000, &strings.Builder{}), `"oracle"`)
}
