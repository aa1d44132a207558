package bench

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(servers.M{M: m})
}

// tiny is enough to see that everything works.
var tiny = size{
	lines: 800, batches: 40, slices: 2, calls: 2,
	pools: 2, callers: 2, many: 3, rounds: 1, slice: 20 * time.Millisecond,
}

func TestARunPrintsItsRatioAndAllWaysOfLocking(t *testing.T) {
	var out strings.Builder
	require.NoError(t, play(t.Context(), "sqlite", tiny, &out))

	assert.Regexp(t, `(?m)^ratio sqlite flat \d+\.\d\d$`, out.String())
	for _, y := range ways {
		assert.Equal(t, 2, strings.Count(out.String(), "| "+y.name+" |"), "rows of %q in\n%s", y.name, out.String())
	}
}

func TestAFloodIsMeasuredAndCleared(t *testing.T) {
	tiny := floods{few: 100, many: 200, cleared: 300, batches: []int{1, 10}, calls: 1}
	measured := func(t *testing.T, engine string, fill flood) {
		var out strings.Builder
		require.NoError(t, tiny.measure(t.Context(), engine, fill, &out))
		assert.Regexp(t, `(?m)^\| 200 \| 10 \| [\d.]+ ms `, out.String())
		assert.Regexp(t, `(?m)^\| 300 \| 10 \| [\d.]+m?s \| `, out.String())
	}
	t.Run("memory", func(t *testing.T) { measured(t, "memory", floodMemory) })
	t.Run("SQLite", func(t *testing.T) {
		require.NoError(t, harness.Measure(t.Context(), "sqlite", func(started *harness.Place) error {
			measured(t, started.Name, (&place{started}).flooded)
			return nil
		}))
	})
}

// The long form is go run ./measure flood -waiting 100000.
func TestCallsBesideAQueueAreMeasuredAndReceiptsServeInOrder(t *testing.T) {
	var out strings.Builder
	require.NoError(t, harness.Measure(t.Context(), "sqlite", func(started *harness.Place) error {
		return (&place{started}).queue(t.Context(), queues{waiting: 500, receipt: 220, slices: 2, calls: 2}, &out)
	}))
	for _, c := range besideQueue {
		assert.Regexp(t, `(?m)^\| `+c.name+` \| [\d.]+ ms \| [\d.]+ ms \| [\d.]+ \|$`, out.String())
	}
	assert.Regexp(t, `(?m)^\| 220 \| [\d.]+ ms \| 1 \| the sweep \| [\d.]+m?s \| [2-9] \|$`, out.String())
	assert.Regexp(t, `(?m)^\| 220 \| [\d.]+ ms \| 1 \| a walk-in, who is refused \| `, out.String())
}

// The long form is make trace.
func TestTracesAreMeasuredBesideFewAndManyLines(t *testing.T) {
	var out strings.Builder
	require.NoError(t, harness.Measure(t.Context(), "sqlite", func(started *harness.Place) error {
		at, tiny := &place{started}, traces{few: 1000, many: 2000, slices: 2, calls: 1, orders: 2}
		return errors.Join(at.traces(t.Context(), tiny, &out), at.indexes(t.Context(), tiny, &out))
	}))
	for _, one := range looks {
		assert.Contains(t, out.String(), "| "+one.name+" |")
	}
	assert.Regexp(t, `(?m)^\| .Ship. \| [\d.]+ ms \| [\d.]+ ms \| [\d.]+ \|$`, out.String())
}

func TestAnUnknownEngineIsRefused(t *testing.T) {
	assert.ErrorContains(t, play(t.Context(), "oracle", tiny, &strings.Builder{}), `"oracle"`)
}

func TestAWayWithoutLocksHidesTheLocker(t *testing.T) {
	_, able := any(watched{}).(allocation.Locker)
	assert.False(t, able, "the store of a way that never locks is a Locker")
}
