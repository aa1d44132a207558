package harness_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/sqlstore"
)

func TestTheHistoryAddsUpAndTheModelCanReadIt(t *testing.T) {
	for _, e := range harness.Engines {
		t.Run(e.Name, func(t *testing.T) {
			ctx := t.Context()
			const withHistory = allocation.SKU("with-history")
			p := &harness.Place{Engine: e, Folder: t.TempDir()}
			var dsn string
			var err error
			if e.Server != nil {
				dsn = servers.Shared(t, e.Server).Database(t)
			} else {
				dsn, err = p.Empty(ctx)
				require.NoError(t, err)
			}
			db, err := p.Pool(dsn, 1)
			require.NoError(t, err)
			defer db.Close()
			store, err := sqlstore.New(db, e.Dialect, nil)
			require.NoError(t, err)
			require.NoError(t, store.Migrate(ctx))
			require.NoError(t, p.LoadHistory(ctx, db, withHistory, 800, 40))

			audit, err := store.Audit(ctx, withHistory)
			require.NoError(t, err)
			assert.Equal(t, int64(40+800+760), audit.Version, "version")
			assert.Len(t, audit.Tallies, 40, "batches")
			promised := allocation.Quantity(0)
			for _, tally := range audit.Tallies {
				assert.False(t, tally.Drifted(), "%+v", tally)
				assert.Equal(t, tally.Purchased, tally.Allocated, "units left of %s", tally.Batch)
				promised += tally.Promised
			}
			assert.Equal(t, allocation.Quantity(40), promised, "open lines")
			events, err := store.Events(ctx, withHistory, 0, 10_000)
			require.NoError(t, err)
			assert.Len(t, events, int(audit.Version))

			service, err := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
			require.NoError(t, err)
			shipped, err := service.Ship(ctx, "earlier-1")
			require.NoError(t, err)
			assert.Equal(t, allocation.Quantity(1), shipped[0].Shipped())
			confirmed, err := service.Confirm(ctx, "earlier-761") // a hold
			require.NoError(t, err)
			assert.Equal(t, allocation.BatchRef("used-39"), confirmed[0].Parts[0].Batch)
		})
	}
}

func TestAQuantileIsOneOfTheValues(t *testing.T) {
	values := []int{5, 1, 4, 2, 3}
	assert.Equal(t, 3, harness.Median(values))
	assert.Equal(t, 5, harness.Quantile(values, 0.99))
	assert.Equal(t, 1, harness.Quantile(values, 0))
	assert.Equal(t, 0, harness.Median([]int(nil)))
	assert.Equal(t, []int{5, 1, 4, 2, 3}, values, "the values themselves")
}
