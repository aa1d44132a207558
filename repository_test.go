package allocation_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

func TestRepositoryHasOneCopyOfEachProduct(t *testing.T) {
	s, units := newSpy(t, stock("b1", "LAMP", 5))
	require.NoError(t, outside(s, "o1"))
	s.queries = nil
	err := units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		first, err := products.Get(ctx, "LAMP")
		require.NoError(t, err)
		_, err = first.Lines("o1", products.Now())
		assert.ErrorIs(t, err, allocation.ErrNotLoaded)

		byOrder, err := products.GetByOrder(ctx, "o1")
		require.NoError(t, err)
		assert.Same(t, first, byOrder[0])
		_, err = first.Lines("o1", products.Now())
		require.NoError(t, err, "a later read adds what the product didn't know")

		again, err := products.Get(ctx, "LAMP", "o1")
		require.NoError(t, err)
		assert.Same(t, first, again)
		assert.Len(t, s.queries, 2, "what is known is not read again")

		byBatch, err := products.GetByBatch(ctx, "b1")
		require.NoError(t, err)
		assert.Same(t, first, byBatch)
		assert.Len(t, s.queries, 3, "the batch was known, its lines were not")
		_, err = products.GetByBatch(ctx, "b1")
		require.NoError(t, err)
		assert.Len(t, s.queries, 3)
		return nil
	})
	require.NoError(t, err)
}

func TestRepositoryKeepsChangesWhenItLoadsMore(t *testing.T) {
	s, units := newSpy(t, stock("b1", "LAMP", 5))
	require.NoError(t, outside(s, "o1"))
	require.NoError(t, outside(s, "o2"))
	err := units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		p, err := products.Get(ctx, "LAMP", "o1")
		require.NoError(t, err)
		_, err = p.Cancel("o1", products.Now())
		require.NoError(t, err)
		_, err = products.GetByBatch(ctx, "b1") // loads o1 from the store
		require.NoError(t, err)
		_, err = p.Lines("o1", products.Now())
		assert.ErrorIs(t, err, allocation.ErrNotFound)
		left, err := p.Available(products.Now())
		require.NoError(t, err)
		assert.Equal(t, allocation.Quantity(4), left)
		_, err = products.GetByOrder(ctx, "o1")
		assert.ErrorIs(t, err, allocation.ErrNotFound)
		return nil
	})
	require.NoError(t, err)
}

func TestRepositorySeesAConflictBetweenTwoReads(t *testing.T) {
	s, units := newSpy(t, stock("b1", "LAMP", 5))
	tries := 0
	err := units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		_, err := products.Get(ctx, "LAMP")
		require.NoError(t, err)
		if tries++; tries == 1 {
			require.NoError(t, outside(s, "o1"))
		}
		_, err = products.Get(ctx, "LAMP", "o1")
		if tries == 1 {
			assert.ErrorIs(t, err, allocation.ErrConflict)
		}
		return nil // the error counts although ignored
	})
	require.NoError(t, err)
	assert.Equal(t, 2, tries)
}

func TestRepositoryReturnsAddedProducts(t *testing.T) {
	_, units := newSpy(t)
	err := units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		p, err := allocation.NewProduct("LAMP")
		require.NoError(t, err)
		require.NoError(t, products.Add(p))
		assert.ErrorIs(t, products.Add(p), allocation.ErrDuplicate)
		require.NoError(t, p.AddBatch(stock("b1", "LAMP", 5), products.Now()))
		byBatch, err := products.GetByBatch(ctx, "b1")
		require.NoError(t, err)
		assert.Same(t, p, byBatch)
		require.NoError(t, allocate(ctx, products, "o1", "LAMP"))
		byOrder, err := products.GetByOrder(ctx, "o1")
		require.NoError(t, err)
		assert.Same(t, p, byOrder[0])
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		p, err := products.Get(ctx, "LAMP", "o1")
		if err != nil {
			return err
		}
		assert.Equal(t, int64(2), p.Version())
		assert.ErrorIs(t, products.Add(p), allocation.ErrInvalid, "a product that was loaded is not new")
		assert.ErrorIs(t, products.Add(nil), allocation.ErrInvalid)
		return nil
	}))
}

func TestRepositoryCommitsNoProductWithoutEvents(t *testing.T) {
	s, units := newSpy(t, stock("b1", "SOFA", 1))
	require.NoError(t, units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		p, err := allocation.NewProduct("LAMP")
		require.NoError(t, err)
		_, err = products.Get(ctx, "SOFA")
		require.NoError(t, err)
		_, err = products.Get(ctx, "SOFA", "o1")
		require.NoError(t, err)
		return products.Add(p)
	}))
	require.Len(t, s.commits, 1)
	assert.Len(t, s.commits[0], 1, "only the sofa is checked")
}

func TestRepositoryNamesEveryMissingProduct(t *testing.T) {
	_, units := newSpy(t, stock("b1", "LAMP", 5))
	err := units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		_, err := products.GetMany(ctx, []allocation.SKU{"NOPE", "LAMP", "NEITHER"})
		return err
	})
	assert.ErrorIs(t, err, allocation.ErrNotFound)
	assert.ErrorContains(t, err, `"NOPE"`)
	assert.ErrorContains(t, err, `"NEITHER"`)
}

func TestRepositoryRefusesBadInputAndUseAfterTheEnd(t *testing.T) {
	s, units := newSpy(t, stock("b1", "LAMP", 5))
	var leaked allocation.Repository
	require.NoError(t, units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		leaked = products
		only := func(_ any, err error) error { return err }
		for name, err := range map[string]error{
			"SKU":          only(products.Get(ctx, "")),
			"order":        only(products.Get(ctx, "LAMP", "")),
			"repeated SKU": only(products.GetMany(ctx, []allocation.SKU{"LAMP", "LAMP"})),
			"batch":        only(products.GetByBatch(ctx, " ")),
			"by order":     only(products.GetByOrder(ctx, "")),
		} {
			assert.ErrorIs(t, err, allocation.ErrInvalid, name)
		}
		assert.Empty(t, s.queries)
		return nil
	}))
	_, err := leaked.Get(t.Context(), "LAMP")
	assert.ErrorIs(t, err, allocation.ErrInvalid)
	p, err := allocation.NewProduct("SOFA")
	require.NoError(t, err)
	assert.ErrorIs(t, leaked.Add(p), allocation.ErrInvalid)
}

func TestRepositoryReturnsTheErrorsOfTheStore(t *testing.T) {
	s, units := newSpy(t, stock("b1", "LAMP", 5))
	broken := errors.New("no route to host")
	gets := map[string]func(ctx context.Context, products allocation.Repository) error{
		"Get": func(ctx context.Context, products allocation.Repository) error {
			_, err := products.Get(ctx, "LAMP")
			return err
		},
		"GetByBatch": func(ctx context.Context, products allocation.Repository) error {
			_, err := products.GetByBatch(ctx, "b1")
			return err
		},
		"GetByOrder": func(ctx context.Context, products allocation.Repository) error {
			_, err := products.GetByOrder(ctx, "o1")
			return err
		},
		"GetDue": func(ctx context.Context, products allocation.Repository) error {
			_, err := products.GetDue(ctx, allocation.Turn{})
			return err
		},
	}
	for name, get := range gets {
		s.FailLoad(broken)
		assert.ErrorIs(t, units.Do(t.Context(), get), broken, name)
	}
}

// liar answers with a state that contradicts itself.
type liar struct {
	*memory.Store
	lie func(*allocation.State)
}

func (l liar) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	states, err := l.Store.Load(ctx, q)
	for i := range states {
		l.lie(&states[i])
	}
	return states, err
}

// doubled answers with every state twice.
type doubled struct{ *memory.Store }

func (d doubled) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	states, err := d.Store.Load(ctx, q)
	return append(states, states...), err
}

func TestTwoStatesOfOneProductAreRefused(t *testing.T) {
	s, _ := newSpy(t, stock("b1", "LAMP", 5))
	units := allocation.NewUnitOfWork(doubled{s.Store}, nil)
	_, err := newService(t, units, nil).Cancel(t.Context(), "o1", "LAMP")
	require.ErrorContains(t, err, "two states of one product")
}

func TestAStateThatContradictsItselfIsRefused(t *testing.T) {
	lies := map[string]func(*allocation.State){
		"part of a batch that isn't there": func(s *allocation.State) { s.Batches = nil },
		"parts that don't add up":          func(s *allocation.State) { s.Lines[0].Quantity++ },
		"more shipped than there is":       func(s *allocation.State) { s.Lines[0].Parts[0].Shipped = 9 },
	}
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			s, _ := newSpy(t, stock("b1", "LAMP", 5))
			require.NoError(t, outside(s, "o1"))
			units := allocation.NewUnitOfWork(liar{s.Store, lie}, nil)
			_, err := newService(t, units, nil).Cancel(t.Context(), "o1")
			var detail *allocation.Error
			require.ErrorAs(t, err, &detail)
			assert.Equal(t, allocation.SKU("LAMP"), detail.Value)
			assert.ErrorContains(t, err, "contradicts itself")
		})
	}
}

// GetDue checks its SKUs like the other methods.
func TestGetDueRefusesBadSKUs(t *testing.T) {
	s, units := newSpy(t, stock("b1", "LAMP", 5))
	require.NoError(t, units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		for _, skus := range [][]allocation.SKU{{""}, {"LAMP", "LAMP"}} {
			_, err := products.GetDue(ctx, allocation.Turn{}, skus...)
			require.ErrorIs(t, err, allocation.ErrInvalid)
		}
		return nil
	}))
	assert.Empty(t, s.queries)
}

// A unit of work reads the queue of a product once.
func TestTheQueueOfAProductIsReadOnce(t *testing.T) {
	s, units := newSpy(t, stock("b1", "LAMP", 1), stock("b2", "LAMP", 1))
	service := newService(t, units, nil)
	for _, r := range []allocation.Request{want("o1", "LAMP", 1), want("o2", "LAMP", 1), mayWait("o3", "LAMP", 1)} {
		_, err := service.Allocate(t.Context(), r)
		require.NoError(t, err)
	}
	s.queries = nil
	require.NoError(t, units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		for _, ref := range []allocation.BatchRef{"b1", "b2"} {
			if _, err := products.GetByBatch(ctx, ref); err != nil {
				return err
			}
		}
		return nil
	}))
	require.Len(t, s.queries, 3, "each batch, and the queue")
	assert.True(t, s.queries[1].Waiting)
}
