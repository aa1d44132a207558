package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation"
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

func TestAnUnknownEngineIsRefused(t *testing.T) {
	assert.ErrorContains(t, play(t.Context(), "oracle", tiny, &strings.Builder{}), `"oracle"`)
}

func TestTheHistoryAddsUpAndIsReadAsTheModelWritesIt(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			ctx := t.Context()
			p := &place{engine: e, folder: t.TempDir()}
			var dsn string
			if e.server != nil {
				dsn = servers.Shared(t, e.server).Database(t)
			} else {
				var err error
				dsn, err = p.empty(ctx, "history")
				require.NoError(t, err)
			}
			db, store, err := p.open(dsn, 1, nil)
			require.NoError(t, err)
			defer db.Close()
			require.NoError(t, store.Migrate(ctx))
			require.NoError(t, p.load(ctx, db, tiny))

			version, tallies, err := store.Audit(ctx, withHistory)
			require.NoError(t, err)
			assert.Equal(t, int64(40+800+760), version, "version")
			assert.Len(t, tallies, 40, "batches")
			promised := allocation.Quantity(0)
			for _, tally := range tallies {
				assert.False(t, tally.Drifted(), "%+v", tally)
				assert.Equal(t, tally.Purchased, tally.Allocated, "units left of %s", tally.Batch)
				promised += tally.Promised
			}
			assert.Equal(t, allocation.Quantity(40), promised, "open lines")
			events, err := store.Events(ctx, withHistory, 0, 10_000)
			require.NoError(t, err)
			assert.Len(t, events, int(version))

			service := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
			shipped, err := service.Ship(ctx, "earlier-1")
			require.NoError(t, err)
			assert.Equal(t, allocation.Quantity(1), shipped[0].Shipped())
			confirmed, err := service.Confirm(ctx, "earlier-761") // a hold
			require.NoError(t, err)
			assert.Equal(t, allocation.BatchRef("used-39"), confirmed[0].Parts[0].Batch)
		})
	}
}

func TestAQuantileIsAValueThatWasMeasured(t *testing.T) {
	values := []int{5, 1, 4, 2, 3}
	assert.Equal(t, 3, median(values))
	assert.Equal(t, 5, quantile(values, 0.99))
	assert.Equal(t, 1, quantile(values, 0))
	assert.Equal(t, 0, median([]int(nil)))
	assert.Equal(t, []int{5, 1, 4, 2, 3}, values, "the values themselves")
}

func TestOnlyAWayThatLocksShowsThatItCan(t *testing.T) {
	_, able := any(watched{}).(allocation.Locker)
	assert.False(t, able, "the store of a way that never locks is a Locker")
}
