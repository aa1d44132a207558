package allocation_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// TestEveryNumberInAnEventIsExactInJSON holds that no number in an event or a refusal is larger than every JSON reader
// keeps exact, although two batches together have more units.
func TestEveryNumberInAnEventIsExactInJSON(t *testing.T) {
	const most = 1<<53 - 1
	ctx := t.Context()
	store, clock := memory.New(), memory.NewClock(morning)
	service, err := allocation.New(allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: clock.Now}), nil)
	require.NoError(t, err)
	done := func(_ any, err error) {
		t.Helper()
		require.NoError(t, err)
	}
	refused := func(_ any, err error) {
		t.Helper()
		var out *allocation.OutOfStockError
		require.ErrorAs(t, err, &out)
		assertExact(t, out)
	}
	count := func(ref allocation.BatchRef, units allocation.Quantity) allocation.Count {
		clock.Advance(time.Hour)
		return allocation.Count{Batch: ref, Quantity: units, At: clock.Now()}
	}
	spread := func(order allocation.OrderID, units allocation.Quantity) allocation.Request {
		r := want(order, "LAMP", units)
		r.Split = true
		return r
	}
	require.NoError(t, service.AddBatch(ctx, stock("b1", "LAMP", most)))
	arriving := stock("b2", "LAMP", most)
	arriving.ETA = morning.Add(time.Hour)
	require.NoError(t, service.AddBatch(ctx, arriving))
	require.NoError(t, service.SetLowStock(ctx, "LAMP", most))
	done(service.Allocate(ctx, want("o1", "LAMP", most)))
	done(service.Allocate(ctx, spread("o2", 2)))
	refused(service.Allocate(ctx, spread("o3", most)))
	done(service.ReceiveBatch(ctx, count("b2", most)))
	done(service.Cancel(ctx, "o1"))
	done(service.SplitBatch(ctx, "b1", stock("b3", "", most-1)))
	done(service.ChangeBatchQuantity(ctx, count("b1", most)))
	waits := spread("o4", most)
	waits.Wait = true
	done(service.Allocate(ctx, spread("o5", most), spread("o6", most), waits))
	refused(service.Allocate(ctx, spread("o7", most)))
	done(service.Ship(ctx, "o5"))
	done(service.ChangeBatchQuantity(ctx, count("b3", 0)))
	done(service.Cancel(ctx, "o4"))
	done(service.Cancel(ctx, "o6"))

	events, err := store.Events(ctx, "LAMP", 0, 1000)
	require.NoError(t, err)
	var kinds []string
	for _, e := range events {
		assertExact(t, e)
		kinds = append(kinds, e.Kind())
	}
	for _, kind := range []string{"LowStockCrossed", "LineRefused", "BatchSplit", "BatchReceived",
		"BatchQuantityChanged", "LineWaiting", "LineReleased", "LineShipped"} {
		assert.Contains(t, kinds, kind)
	}
	assert.True(t, slices.ContainsFunc(events, func(e allocation.Event) bool {
		crossed, is := e.(allocation.LowStockCrossed)
		return is && crossed.Available == most
	}), "a sum beyond the bound is stated as the bound: %v", kinds)
}

// assertExact asserts that no integer in the JSON of a value is beyond 2^53−1.
func assertExact(t *testing.T, value any) {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
		if number, is := token.(json.Number); is {
			n, err := number.Int64()
			require.NoError(t, err, "%s", text)
			assert.LessOrEqual(t, max(n, -n), int64(1<<53-1), "%T %s", value, text)
		}
	}
}
