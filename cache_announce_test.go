package allocation_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// announce announces a batch in the first process, and returns the number of reads and of commits tried.
func (p *processes) announce(t *testing.T, b allocation.Batch) (loads, commits int, err error) {
	t.Helper()
	p.store.loads, p.store.commits = 0, 0
	err = p.one.AddBatch(t.Context(), b)
	return p.store.loads, p.store.commits, err
}

// A delivery may have a thousand batches of a SKU, so a batch must not cost a read of all batches before.
func TestAnnouncingBatchesOfACachedProductReadsNothing(t *testing.T) {
	p := newProcesses(t, settings{})
	_, _, err := p.announce(t, stock("first", "LAMP", 1))
	require.NoError(t, err)
	for i := range 100 {
		loads, commits, err := p.announce(t, stock(allocation.BatchRef(fmt.Sprint("b", i)), "LAMP", 1))
		require.NoError(t, err)
		require.Zero(t, loads, "reads for batch %d", i)
		require.Equal(t, 1, commits, "commits for batch %d", i)
	}
	state, _ := p.store.Product("LAMP")
	assert.Len(t, state.Batches, 101)
	_, loads, _, err := p.allocate(t, want("o1", "LAMP", 1))
	require.NoError(t, err)
	assert.Zero(t, loads, "reads of a sale afterwards")
}

func TestAnnouncementsOverACachedProduct(t *testing.T) {
	late := stock("late", "LAMP", 5)
	late.ETA = morning.AddDate(0, 0, 3)
	rows := []struct {
		name    string
		other   func(ctx context.Context, p *processes) error // what another process does after the product was cached
		batch   allocation.Batch
		wants   error
		changes bool
	}{
		{"a repeat of a batch for sale", nil, stock("b1", "LAMP", 10), nil, false},
		{"another quantity of a batch for sale", nil, stock("b1", "LAMP", 11), allocation.ErrMismatch, false},
		{"a repeat of a used-up batch", nil, stock("used-up", "LAMP", 3), nil, false},
		{"another quantity of a used-up batch", nil, stock("used-up", "LAMP", 4), allocation.ErrMismatch, false},
		{"a batch of another product", nil, stock("s1", "LAMP", 10), allocation.ErrMismatch, false},
		{"a new batch", nil, late, nil, true},
		{"a batch that another process has announced", func(ctx context.Context, p *processes) error {
			return p.two.AddBatch(ctx, late)
		}, late, nil, false},
		{"a batch that another process has announced in another way", func(ctx context.Context, p *processes) error {
			return p.two.AddBatch(ctx, stock("late", "LAMP", 5))
		}, late, allocation.ErrMismatch, false},
		{"a new batch after another process has changed the product", func(ctx context.Context, p *processes) error {
			_, err := p.two.Allocate(ctx, want("o2", "LAMP", 2))
			return err
		}, late, nil, true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			p := newProcesses(t, settings{},
				stock("used-up", "LAMP", 3), stock("b1", "LAMP", 10), stock("s1", "SOFA", 10))
			_, err := p.two.Allocate(t.Context(), want("o0", "LAMP", 3))
			require.NoError(t, err)
			p.warm(t, want("o1", "LAMP", 1))
			if row.other != nil {
				require.NoError(t, row.other(t.Context(), p))
			}
			before, _ := p.store.Product("LAMP")
			_, _, err = p.announce(t, row.batch)
			if row.wants == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, row.wants)
			}
			after, _ := p.store.Product("LAMP")
			assert.Equal(t, row.changes, after.Version > before.Version, "a new version")
		})
	}
}

// R15: units of a new batch go to those who wait, also if another process let them wait since the product was cached.
func TestAnAnnouncementServesWhoWaitsInAnotherProcess(t *testing.T) {
	p := newProcesses(t, settings{}, stock("b1", "LAMP", 3))
	p.warm(t, want("o1", "LAMP", 1))
	waits := want("o2", "LAMP", 5)
	waits.Wait = true
	given, err := p.two.Allocate(t.Context(), waits)
	require.NoError(t, err)
	require.Equal(t, allocation.Quantity(5), given[0].Waiting)
	_, _, err = p.announce(t, stock("b2", "LAMP", 5))
	require.NoError(t, err)
	state, _ := p.store.Product("LAMP")
	assert.False(t, state.AnyWaiting)
	assert.Equal(t, []allocation.Part{part("b2", 5, 0)}, state.Lines[1].Parts)
}

// What time does to a cached product with many batches is told by the next announcement: a batch that has expired, and
// the low stock that follows.
func TestAnAnnouncementTellsWhatHasExpiredMeanwhile(t *testing.T) {
	p := newProcesses(t, settings{})
	require.NoError(t, p.one.AddBatch(t.Context(), stock("first", "LAMP", 1)))
	require.NoError(t, p.one.SetLowStock(t.Context(), "LAMP", 40))
	for i := range 20 {
		b := stock(allocation.BatchRef(fmt.Sprintf("b%02d", i)), "LAMP", 10)
		b.BestBefore = morning.Add(time.Duration(20-i) * time.Hour)
		_, _, err := p.announce(t, b)
		require.NoError(t, err)
	}
	before, _ := p.store.Product("LAMP")
	p.clock.Advance(18 * time.Hour)
	loads, _, err := p.announce(t, stock("last", "LAMP", 1))
	require.NoError(t, err)
	assert.Zero(t, loads, "reads")
	events, err := p.store.Events(t.Context(), "LAMP", before.Version, 100)
	require.NoError(t, err)
	var expired []allocation.BatchRef
	for _, e := range events {
		if told, is := e.(allocation.BatchExpired); is {
			expired = append(expired, told.Batch)
		}
	}
	assert.Len(t, expired, 18)
	assert.Equal(t, allocation.BatchRef("b19"), expired[0], "the first to expire")
	assert.Equal(t, allocation.LowStockCrossed{
		SKU: "LAMP", At: p.clock.Now(), Available: 22, Threshold: 40, Low: true,
	}, events[len(events)-1])
}

// Announcements, and commands of all kinds in between, have the same answers, events and products with and without the
// cache, whatever expires, blocks, waits or runs low.
func TestAnnouncementsAnswerAsIfNothingWereCached(t *testing.T) {
	for seed := range rounds(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			d := dice{rand.New(rand.NewPCG(seed, 10)), morning}
			cached, alone := newTwin(t, 100, settings{}), newTwin(t, 100, oneByOne)
			for n := range 60 {
				d.now = d.tick()
				cached.clock.Set(d.now)
				alone.clock.Set(d.now)
				s := d.delivery()
				at := fmt.Sprintf("step %d, %s", n, s.name)
				require.Equal(t, alone.run(t.Context(), s), cached.run(t.Context(), s), at)
				wanted, known := alone.store.Product("LAMP")
				got, _ := cached.store.Product("LAMP")
				require.Equal(t, wanted, got, at)
				require.Equal(t, alone.history(t, "LAMP"), cached.history(t, "LAMP"), at)
				if known {
					audit, err := cached.store.Audit(t.Context(), "LAMP")
					require.NoError(t, err)
					require.False(t, audit.Drifted(), at)
				}
			}
		})
	}
}

// delivery is an announcement for LAMP, mostly, or another command.
func (d dice) delivery() step {
	s := step{elsewhere: d.IntN(8) == 0}
	batch := stock(allocation.BatchRef(fmt.Sprint("b", d.IntN(60))), "LAMP", allocation.Quantity(1+d.IntN(4)))
	if d.IntN(3) == 0 {
		batch.ETA = morning.Add(time.Duration(d.IntN(3)) * time.Minute)
	}
	if d.IntN(3) == 0 {
		batch.BestBefore = morning.Add(time.Duration(1+d.IntN(20)) * time.Minute)
	}
	if d.IntN(8) == 0 {
		batch.Blocked = "damaged"
	}
	count := allocation.Count{Batch: batch.Ref, Quantity: allocation.Quantity(d.IntN(4)), At: d.now}
	order := allocation.OrderID(fmt.Sprint("o", d.IntN(20)))
	switch d.IntN(20) {
	case 0, 1:
		r := want(order, "LAMP", allocation.Quantity(1+d.IntN(12)))
		r.Split, r.Wait = d.IntN(2) == 0, d.IntN(6) == 0
		if d.IntN(3) == 0 {
			r.NeededBy = d.now.Add(time.Duration(1+d.IntN(4)) * time.Minute)
		}
		if d.IntN(3) == 0 && !r.Wait {
			r.HoldUntil = d.now.Add(time.Duration(1+d.IntN(4)) * time.Minute)
		}
		s.name, s.run = "Allocate", func(ctx context.Context, s *allocation.Service) (any, error) {
			return s.Allocate(ctx, r)
		}
	case 2:
		s.name, s.run = "Cancel", func(ctx context.Context, s *allocation.Service) (any, error) {
			return s.Cancel(ctx, order)
		}
	case 3:
		s.name, s.run = "ChangeBatchQuantity", func(ctx context.Context, s *allocation.Service) (any, error) {
			return s.ChangeBatchQuantity(ctx, count)
		}
	case 4:
		s.name, s.run = "BlockBatch", func(ctx context.Context, s *allocation.Service) (any, error) {
			return s.BlockBatch(ctx, batch.Ref, "damaged")
		}
	case 5:
		s.name, s.run = "UnblockBatch", func(ctx context.Context, s *allocation.Service) (any, error) {
			return nil, s.UnblockBatch(ctx, batch.Ref)
		}
	case 6:
		s.name, s.run = "SetLowStock", func(ctx context.Context, s *allocation.Service) (any, error) {
			return nil, s.SetLowStock(ctx, "LAMP", count.Quantity*10)
		}
	case 7:
		s.name, s.run = "Sweep", releaseLapsed
	default:
		s.name, s.run = "AddBatch", func(ctx context.Context, s *allocation.Service) (any, error) {
			return nil, s.AddBatch(ctx, batch)
		}
	}
	return s
}
