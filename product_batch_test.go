package allocation_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func TestR8_BatchIsAnnouncedOnce(t *testing.T) {
	announced := allocation.Batch{
		Ref: "a", SKU: lamp, Purchased: 10, ETA: mondayPlus(2), Location: "hull", BestBefore: mondayPlus(90),
	}
	setUp := func(t *testing.T) *tested {
		t.Helper()
		return newTested(t, announced)
	}
	t.Run("what it starts with", func(t *testing.T) {
		p := setUp(t)
		want := announced
		want.AnnouncedQuantity, want.AnnouncedETA, want.Due = 10, mondayPlus(2), mondayPlus(90)
		assert.Equal(t, []allocation.Batch{want}, slices.Collect(p.Batches()), "batches")
		assert.Equal(t, []allocation.Event{allocation.BatchAdded{
			SKU: lamp, At: monday, Batch: "a", Quantity: 10,
			ETA: mondayPlus(2), Location: "hull", BestBefore: mondayPlus(90),
		}}, p.Changes().Events, "events")
	})
	t.Run("the fields of the product can't be announced", func(t *testing.T) {
		p := setUp(t)
		b := inWarehouse("b", 1)
		b.AnnouncedQuantity, b.AnnouncedETA, b.CountedAt = 7, mondayPlus(7), mondayPlus(7)
		require.NoError(t, p.AddBatch(b, monday))
		p.stays(func() error { return p.AddBatch(inWarehouse("b", 1), monday) })
	})
	t.Run("again", func(t *testing.T) {
		p := setUp(t)
		p.stays(func() error { return p.AddBatch(announced, mondayPlus(1)) })
	})
	t.Run("again after everything that can happen to a batch", func(t *testing.T) {
		p := setUp(t)
		require.NoError(t, slips(p, "a", mondayPlus(5), monday))
		p.allocates(whole("o", 4))
		_, err := p.ReceiveBatch(counted("a", 9, monday), monday, nil)
		require.NoError(t, err)
		_, err = p.Ship("o", monday)
		require.NoError(t, err)
		_, err = p.ChangeBatchQuantity(counted("a", 0, monday.Add(time.Second)), monday.Add(time.Second), nil)
		require.NoError(t, err)
		p.stays(func() error { return p.AddBatch(announced, mondayPlus(9)) })
		p.refuses(allocation.ErrMismatch, func() error { return p.AddBatch(inWarehouse("a", 9), monday) })
	})
	others := map[string]func(*allocation.Batch){
		"quantity":    func(b *allocation.Batch) { b.Purchased++ },
		"ETA":         func(b *allocation.Batch) { b.ETA = mondayPlus(3) },
		"no ETA":      func(b *allocation.Batch) { b.ETA = time.Time{} },
		"location":    func(b *allocation.Batch) { b.Location = "york" },
		"best before": func(b *allocation.Batch) { b.BestBefore = mondayPlus(91) },
	}
	for name, change := range others {
		t.Run("another one with another "+name, func(t *testing.T) {
			p := setUp(t)
			other := announced
			change(&other)
			p.refuses(allocation.ErrMismatch, func() error { return p.AddBatch(other, monday) })
		})
	}
	t.Run("for another product", func(t *testing.T) {
		p := setUp(t)
		p.refuses(allocation.ErrInvalid, func() error {
			return p.AddBatch(allocation.Batch{Ref: "b", SKU: "BLUE-LAMP", Purchased: 1}, monday)
		})
	})
}

func TestR8_CountsAreTakenOnce(t *testing.T) {
	noon, evening := monday.Add(3*time.Hour), monday.Add(9*time.Hour)
	count := func(p *tested, units allocation.Quantity, at time.Time) func() error {
		return func() error { _, err := p.ChangeBatchQuantity(counted("a", units, at), evening, nil); return err }
	}
	receive := func(p *tested, units allocation.Quantity, at time.Time) func() error {
		return func() error { _, err := p.ReceiveBatch(counted("a", units, at), evening, nil); return err }
	}
	t.Run("a repeated count changes nothing, whatever was shipped since", func(t *testing.T) {
		p := newTested(t, inWarehouse("a", 10))
		require.NoError(t, count(p, 8, noon)())
		p.allocates(whole("o", 5))
		_, err := p.Ship("o", evening)
		require.NoError(t, err)
		p.stays(count(p, 8, noon))
		assert.Equal(t, "0/3", p.batch("a"), "allocated/purchased of batch a")
	})
	t.Run("a belated count changes nothing", func(t *testing.T) {
		p := newTested(t, inWarehouse("a", 10))
		require.NoError(t, count(p, 8, noon)())
		p.stays(count(p, 4, noon.Add(-time.Minute-time.Microsecond)))
		p.refuses(allocation.ErrNotAllowed, count(p, 4, noon.Add(-time.Minute))) // maybe noon's clock was ahead
		require.NoError(t, count(p, 7, noon.Add(time.Microsecond))())
		assert.Equal(t, "0/7", p.batch("a"), "allocated/purchased of batch a")
	})
	t.Run("a count that confirms the quantity is recorded", func(t *testing.T) {
		p := newTested(t, inWarehouse("a", 10))
		before := len(p.Changes().Events)
		require.NoError(t, count(p, 10, noon)())
		assert.Equal(t, []allocation.Event{
			allocation.BatchQuantityChanged{SKU: lamp, At: evening, Batch: "a", From: 10, To: 10},
		},
			p.Changes().Events[before:], "events")
		p.refuses(allocation.ErrMismatch, count(p, 9, noon))
		p.refuses(allocation.ErrMismatch, receive(p, 9, noon))
		p.stays(receive(p, 10, noon))
	})
	t.Run("a batch is received once", func(t *testing.T) {
		p := newTested(t, arriving("a", 10, 1))
		before := len(p.Changes().Events)
		require.NoError(t, receive(p, 12, noon)())
		assert.Equal(t, []allocation.Event{
			allocation.BatchReceived{SKU: lamp, At: evening, Batch: "a", From: 10, To: 12},
		},
			p.Changes().Events[before:], "events")
		p.stays(receive(p, 12, noon))
		p.refuses(allocation.ErrNotAllowed, receive(p, 12, evening))
		require.NoError(t, count(p, 11, noon.Add(time.Hour))())
		p.stays(receive(p, 12, noon))
		p.stays(count(p, 3, noon))
	})
	t.Run("a batch that was announced in the warehouse can't arrive", func(t *testing.T) {
		p := newTested(t, inWarehouse("a", 10))
		p.refuses(allocation.ErrNotAllowed, receive(p, 10, noon))
	})
	t.Run("what is in the warehouse doesn't arrive any more", func(t *testing.T) {
		p := newTested(t, arriving("a", 10, 1), inWarehouse("b", 1))
		require.NoError(t, receive(p, 10, noon)())
		p.refuses(allocation.ErrNotAllowed, func() error { return slips(p, "a", mondayPlus(3), evening) })
		p.refuses(allocation.ErrNotAllowed, func() error { return slips(p, "b", mondayPlus(3), evening) })
	})
	t.Run("an ETA that is known already", func(t *testing.T) {
		p := newTested(t, arriving("a", 10, 1))
		before := len(p.Changes().Events)
		require.NoError(t, slips(p, "a", mondayPlus(2), monday))
		assert.Equal(t, []allocation.Event{
			allocation.BatchETAChanged{SKU: lamp, At: monday, Batch: "a", From: mondayPlus(1), To: mondayPlus(2)},
		}, p.Changes().Events[before:], "events")
		p.stays(func() error { return slips(p, "a", mondayPlus(2), evening) })
	})
}

func TestBatchAvailableIsPurchasedWithoutAllocated(t *testing.T) {
	assert.Equal(t, allocation.Quantity(3), allocation.Batch{Purchased: 5, Allocated: 2}.Available(), "Available()")
}

func TestR8_UnknownBatchIsAnError(t *testing.T) {
	p := newTested(t, inWarehouse("a", 1))
	q := allocation.Query{SKUs: []allocation.SKU{lamp}, Now: monday, Limit: 9}
	loaded := loadTested(t, page(p.state(), q), q)
	for name, verb := range map[string]func(p *tested) error{
		"ETA":     func(p *tested) error { return slips(p, "x", mondayPlus(1), monday) },
		"receive": func(p *tested) error { _, err := p.ReceiveBatch(counted("x", 1, monday), monday, nil); return err },
		"quantity": func(p *tested) error {
			_, err := p.ChangeBatchQuantity(counted("x", 1, monday), monday, nil)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			p.refuses(allocation.ErrNotFound, func() error { return verb(p) })
			loaded.refuses(allocation.ErrNotLoaded, func() error { return verb(loaded) })
		})
	}
}
