package yardstick

import (
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/measure/sides"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

func TestMain(m *testing.M) {
	if harness.ChildOf() != "" {
		os.Exit(sides.Live())
	}
	goleak.VerifyTestMain(servers.M{M: m})
}

// tiny is enough to see that everything works.
var tiny = size{
	skus: 10, slice: 20 * time.Millisecond, rounds: 1, best: []int{2}, tries: 1, lines: 800, batches: 40, bulk: 50,
	processes: 2, shared: 50 * time.Millisecond,
	wanted: func(w sides.Workload) bool { return w.Callers <= 16 || w.SoldOut },
	turn:   20 * time.Millisecond, least: 2, most: 2, past: 100, usedUp: 10, bulkTurn: 50,
}

// TestWorkloadsPrintTheirRatios runs each kind of workload on one engine, and one of them on the others.
func TestWorkloadsPrintTheirRatios(t *testing.T) {
	for _, e := range harness.Engines {
		t.Run(e.Name, func(t *testing.T) {
			workloads := []string{"many-1", "host-many-1"}
			if e.Server != nil {
				servers.Shared(t, e.Server) // or a skip that says what is missing
			} else {
				workloads = append(workloads, "one-16", "sold-out-64", "history", "processes", "bulk", "host-one-64")
			}
			for _, workload := range workloads {
				var out strings.Builder
				require.NoError(t, play(t.Context(), e.Name, workload, tiny, &out))
				assert.Regexp(t, `(?m)^ratio `+e.Name+" "+regexp.QuoteMeta(workload)+` \d+\.\d\d$`, out.String())
				if strings.HasPrefix(workload, "host-") {
					assert.Regexp(t, `(?m)^\| Within \| \**\d+\.\d\d\**.* \| \d+ \|$`, out.String(), "the row of a way")
				}
			}
		})
	}
}

func TestAGroupHasItsWorkloads(t *testing.T) {
	for _, only := range []string{"", "host", "host-one", "host-one-64"} {
		assert.True(t, chosen(only, "host-one-64"), only)
	}
	for _, only := range []string{"one", "hos", "host-one-6", "host-one-64-0"} {
		assert.False(t, chosen(only, "host-one-64"), only)
	}
}

func TestModesOfPgxPrintTheirRatios(t *testing.T) {
	servers.Shared(t, servers.PostgreSQL) // or a skip that says what is missing
	var out strings.Builder
	require.NoError(t, play(t.Context(), "postgresql", "pooler", tiny, &out))
	assert.Regexp(t, `(?m)^ratio postgresql pooler-one-64, exec \d+\.\d\d$`, out.String())
	if runtime.GOOS == "linux" {
		assert.Regexp(t, `(?m)^processor postgresql pooler-one-64, exec: \d+ µs of the server and \d+ µs of the client`,
			out.String())
	}
}

func TestAnUnknownEngineIsRefused(t *testing.T) {
	require.ErrorContains(t, play(t.Context(), "oracle", "", tiny, &strings.Builder{}), `"oracle"`)
	require.ErrorContains(t, against(t.Context(), "HEAD", "oracle", "", tiny, &strings.Builder{}), `"oracle"`)
}
