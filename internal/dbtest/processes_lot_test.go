package dbtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// mover is a process at work on a lot.
type mover struct {
	*worker
	random *rand.Rand
	known  []allocation.BatchRef // its own parts
	given  allocation.Quantity   // to lines, less the units released by its splits
}

// moveLot splits, allocates and recounts a lot. The answer is the units given to lines, less the units released.
func moveLot(ctx context.Context, w *worker) (any, error) {
	m := &mover{worker: w, random: rand.New(rand.NewPCG(6, uint64(w.Number)))}
	if err := w.meet(ctx, "lot"); err != nil {
		return nil, err
	}
	const rounds = 6
	for round := range rounds {
		w.clock.advance(time.Duration(m.random.IntN(200)) * time.Millisecond)
		from := allocation.BatchRef("lot")
		if len(m.known) > 0 && m.random.IntN(2) == 0 {
			from = m.known[m.random.IntN(len(m.known))]
		}
		var err error
		switch round % 3 {
		case 0:
			err = m.split(ctx, round, from)
		case 1:
			err = m.allocate(ctx, round)
		default:
			err = m.recount(ctx, from)
		}
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", round, err)
		}
	}
	return m.given, nil
}

func (m *mover) some() allocation.Quantity { return allocation.Quantity(1 + m.random.IntN(9)) }

// split splits units off, and repeats the split.
func (m *mover) split(ctx context.Context, round int, from allocation.BatchRef) error {
	part := allocation.Batch{Ref: allocation.BatchRef(fmt.Sprintf("p-%d-%d", m.Number, round)), Purchased: m.some()}
	if m.random.IntN(3) == 0 {
		part.ETA = start.AddDate(0, 0, 1)
	}
	for range 2 {
		released, err := m.service.SplitBatch(ctx, from, part)
		for _, l := range released {
			m.given -= l.Quantity
		}
		switch {
		case errors.Is(err, allocation.ErrNotAllowed):
			return nil // there was less
		case err != nil:
			return err
		}
	}
	m.known = append(m.known, part.Ref)
	return nil
}

func (m *mover) allocate(ctx context.Context, round int) error {
	line := firm(allocation.OrderID(fmt.Sprintf("o-%d-%d", m.Number, round)), "lamp", m.some())
	line.Split = m.random.IntN(2) == 0
	_, err := m.service.Allocate(ctx, line)
	switch {
	case errors.As(err, new(*allocation.OutOfStockError)):
		return nil
	case err == nil:
		m.given += line.Quantity
	}
	return err
}

// recount counts the units that the batch has, at the first moment after units last left the batch: by the clock of
// the batch. A process whose clock is behind that moment can't count yet.
func (m *mover) recount(ctx context.Context, ref allocation.BatchRef) error {
	return m.units.Do(ctx, func(ctx context.Context, products allocation.Repository) error {
		p, err := products.GetByBatch(ctx, ref)
		if err != nil {
			return err
		}
		for b := range p.Batches() {
			last := b.ShippedAt
			if b.CountedAt.After(last) {
				last = b.CountedAt
			}
			at := last.Add(time.Microsecond)
			if b.Ref == ref && !last.IsZero() && !at.After(products.Now()) {
				count := allocation.Count{Batch: ref, Quantity: b.Purchased, At: at}
				_, err = p.ChangeBatchQuantity(count, products.Now(), nil)
			}
		}
		return err
	})
}

// The clocks of the processes disagree by up to two seconds.
func TestA16_C6_TheSumOfALotIsConstantInSixteenProcesses(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		const processes, units = 16, 400
		p := e.new(t)
		store := e.migrated(t, p.open(t))
		service, _ := serviceOn(t, store)
		lot := allocation.Batch{Ref: "lot", SKU: "lamp", Purchased: units}
		require.NoError(t, service.AddBatch(t.Context(), lot))
		var given allocation.Quantity
		for _, units := range together[allocation.Quantity](t, p, "move a lot", processes, func(j *task) {
			j.Ahead = time.Minute + time.Duration(j.Number-processes/2)*250*time.Millisecond
		}) {
			given += units
		}
		batches, err := store.Batches(t.Context(), start.Add(time.Hour), "lamp", "", 1000)
		require.NoError(t, err)
		var purchased, promised allocation.Quantity
		for _, b := range batches {
			purchased += b.Purchased
			promised += b.Allocated
			assert.True(t, b.Ref == "lot" || b.Lot == "lot", "lot of batch %q", b.Ref)
		}
		assert.Greater(t, len(batches), 1, "batches of the lot")
		assert.Equal(t, allocation.Quantity(units), purchased, "units of the lot")
		assert.Equal(t, given, promised, "units promised, and units given less units released")
		requireClean(t, service, "lamp")
	})
}
