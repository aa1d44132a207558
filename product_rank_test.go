package allocation_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

func TestR6_RankOrdersHoldsThenPrioritiesThenTheNewest(t *testing.T) {
	leaving := []allocation.Rank{
		{Held: true, Priority: -1, Sequence: 2}, {Held: true, Sequence: 9}, {Held: true, Sequence: 3},
		{Held: true, Priority: 7, Sequence: 1},
		{Priority: -5, Sequence: 4}, {Sequence: 8}, {Sequence: 5}, {Priority: 1, Sequence: 9},
	}
	for i, a := range leaving {
		for j, b := range leaving {
			switch got := a.Compare(b); {
			case i < j:
				assert.Negative(t, got, "%+v and %+v", a, b)
			case i > j:
				assert.Positive(t, got, "%+v and %+v", a, b)
			default:
				assert.Zero(t, got, "%+v", a)
			}
		}
	}
}

func TestR6_LowerPrioritiesLoseUnitsFirst(t *testing.T) {
	p := newTested(t, inWarehouse("a", 3))
	vip, guest, newest := whole("vip", 1), whole("guest", 1), whole("newest", 1)
	vip.Priority, guest.Priority = 10, -10
	p.allocates(vip, guest, newest)
	guest.Priority = 32_767
	p.stays(func() error { _, err := p.Allocate(monday, nil, guest); return err }) // a repeat changes no priority
	for i, order := range []allocation.OrderID{"guest", "newest", "vip"} {
		at := monday.Add(time.Duration(i+1) * time.Minute)
		released, err := p.ChangeBatchQuantity(counted("a", allocation.Quantity(2-i), at), at, nil)
		require.NoError(t, err)
		assert.Equal(t, []allocation.OrderLine{lineOf(order, 1)}, released, "cut %d", i+1)
	}
}

// counter is a store that counts loads and loaded lines.
type counter struct {
	allocation.Store
	loads, lines int
}

func (c *counter) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	states, err := c.Store.Load(ctx, q)
	c.loads++
	for _, s := range states {
		c.lines += len(s.Lines)
	}
	return states, err
}

// An unpaid cart is older than 10,000 paid orders. Until lines left by their rank, the newest customer lost a unit,
// though the newest had paid.
func TestA9_AnUnpaidHoldLosesItsUnitsBeforeAPaidOrder(t *testing.T) {
	const paid = 10_000
	store, clock := memory.New(), memory.NewClock(morning)
	count := &counter{Store: store}
	units := allocation.NewUnitOfWork(count, &allocation.UnitOfWorkOptions{Now: clock.Now, PageSize: 10})
	service := newService(t, units, nil)
	require.NoError(t, service.AddBatch(t.Context(), stock("b", "LAMP", paid+1)))
	cart := want("cart", "LAMP", 1)
	cart.HoldUntil = morning.Add(time.Hour)
	requests := []allocation.Request{cart}
	for i := range paid {
		requests = append(requests, want(numbered("paid", i), "LAMP", 1))
	}
	_, err := service.Allocate(t.Context(), requests...)
	require.NoError(t, err)

	count.loads, count.lines = 0, 0
	clock.Advance(time.Minute)
	released, err := service.ChangeBatchQuantity(t.Context(),
		allocation.Count{Batch: "b", Quantity: paid, At: clock.Now()})
	require.NoError(t, err)
	assert.Equal(t, []allocation.OrderLine{cart.OrderLine}, released)
	assert.LessOrEqual(t, count.lines, 2*10, "lines in %d loads", count.loads)

	count.loads, count.lines = 0, 0
	clock.Advance(time.Minute)
	released, err = service.ChangeBatchQuantity(t.Context(),
		allocation.Count{Batch: "b", Quantity: paid - 1, At: clock.Now()})
	require.NoError(t, err)
	assert.Equal(t, []allocation.OrderLine{want(numbered("paid", paid-1), "LAMP", 1).OrderLine}, released, "the newest")
	assert.LessOrEqual(t, count.lines, 2*10, "lines in %d loads", count.loads)
}

// A hold that becomes firm in the unit of work leaves later than its page says: lines beyond the page leave before.
func TestR6_AConfirmedHoldLeavesNoEarlierThanLinesBeyondThePage(t *testing.T) {
	for page := 1; page <= 5; page++ {
		store, clock := memory.New(), memory.NewClock(morning)
		units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: clock.Now, PageSize: page})
		service := newService(t, units, nil)
		require.NoError(t, service.AddBatch(t.Context(), stock("b", "LAMP", 4)))
		requests := []allocation.Request{want("cart", "LAMP", 1)}
		requests[0].HoldUntil = morning.Add(time.Hour)
		for i := range 3 {
			requests = append(requests, want(numbered("paid", i), "LAMP", 1))
		}
		_, err := service.Allocate(t.Context(), requests...)
		require.NoError(t, err)
		var released []allocation.OrderLine
		require.NoError(t, units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
			p, err := products.GetByBatch(ctx, "b")
			if err != nil {
				return err
			}
			if _, err = products.Get(ctx, "LAMP", "cart"); err != nil {
				return err
			}
			if _, err = p.Confirm("cart", products.Now()); err != nil {
				return err
			}
			released, err = p.ChangeBatchQuantity(
				allocation.Count{Batch: "b", Quantity: 2, At: products.Now()}, products.Now(), nil)
			return err
		}))
		assert.ElementsMatch(t, []allocation.OrderLine{
			want(numbered("paid", 1), "LAMP", 1).OrderLine, want(numbered("paid", 2), "LAMP", 1).OrderLine,
		}, released, "with pages of %d", page)
	}
}
