package allocation_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// pages counts the pages of audits, and fails at one of them.
type pages struct {
	*memory.Store
	read, failing int
}

var errNoPage = errors.New("no page")

func (p *pages) Audits(ctx context.Context, after allocation.SKU, limit int) ([]allocation.Audit, error) {
	if p.read++; p.read == p.failing {
		return nil, errNoPage
	}
	return p.Store.Audits(ctx, after, limit)
}

// warehouse has so many products with a unit each.
func warehouse(t *testing.T, products int) (*pages, *allocation.Service) {
	t.Helper()
	store := &pages{Store: memory.New()}
	for n := range products {
		sku := fmt.Sprintf("sku-%03d", n)
		require.NoError(t, store.Seed(stock(allocation.BatchRef(sku), allocation.SKU(sku), 1)))
	}
	return store, newService(t, allocation.NewUnitOfWork(store, nil), nil)
}

func TestReconcileAllReadsEveryProductInPages(t *testing.T) {
	for products, want := range map[int]int{0: 1, 1: 1, 99: 1, 100: 2, 250: 3} {
		store, s := warehouse(t, products)
		audits := s.ReconcileAll(t.Context(), "")
		for range 2 { // an iterator begins anew each time
			store.read = 0
			var met []allocation.SKU
			for audit, err := range audits {
				require.NoError(t, err)
				assert.Equal(t, allocation.Audit{SKU: audit.SKU, Version: 1, LastEvent: 1}, audit)
				met = append(met, audit.SKU)
			}
			require.Len(t, met, products)
			for n, sku := range met {
				assert.Equal(t, allocation.SKU(fmt.Sprintf("sku-%03d", n)), sku)
			}
			assert.Equal(t, want, store.read, "pages of %d products", products)
		}
	}
}

func TestReconcileAllGoesOnBehindTheLastProduct(t *testing.T) {
	store, s := warehouse(t, 250)
	store.failing = 2
	var met []allocation.SKU
	for attempt := range 3 {
		var last allocation.SKU
		if attempt > 0 {
			last = met[len(met)-1]
		}
		for audit, err := range s.ReconcileAll(t.Context(), last) {
			if err != nil {
				require.ErrorIs(t, err, errNoPage)
				assert.Zero(t, audit)
				break
			}
			if met = append(met, audit.SKU); attempt == 1 && len(met) == 120 {
				break
			}
		}
	}
	require.Len(t, met, 250)
	assert.Equal(t, allocation.SKU("sku-249"), met[249])
}

func TestReconcileAllShowsDriftThatCanBePlannedAndMended(t *testing.T) {
	store, s := warehouse(t, 120)
	require.NoError(t, store.Commit(t.Context(), []allocation.Changes{{
		SKU: "sku-101", Read: 1, Version: 2, Batches: []allocation.BatchChange{{Ref: "sku-101", Purchased: 3}},
		Events: []allocation.Event{allocation.LineRefused{SKU: "sku-101"}},
	}}))
	for _, want := range []int{1, 0} {
		drifted := 0
		for audit, err := range s.ReconcileAll(t.Context(), "") {
			require.NoError(t, err)
			if !audit.Drifted() {
				continue
			}
			drifted++
			assert.Equal(t, []allocation.Tally{{Batch: "sku-101", Purchased: 4, RecordedPurchased: 1}}, audit.Tallies)
			plan, err := s.PlanMend(t.Context(), audit.SKU)
			require.NoError(t, err)
			assert.Equal(t, "BatchCorrected", plan.Events[0].Kind())
			_, err = s.Mend(t.Context(), audit.SKU)
			require.NoError(t, err)
		}
		assert.Equal(t, want, drifted, "products that have drifted")
	}
}

// accountant is a store with a ledger that has no pages.
type accountant struct {
	allocation.Store
	allocation.Ledger
}

func TestReconcileAllRefusesWhatItCanNotRead(t *testing.T) {
	store, s := warehouse(t, 1)
	first := func(ctx context.Context, s *allocation.Service, after allocation.SKU) error {
		for _, err := range s.ReconcileAll(ctx, after) {
			return err
		}
		return nil
	}
	require.ErrorIs(t, first(nil, s, ""), allocation.ErrInvalid)
	require.ErrorIs(t, first(t.Context(), s, " "), allocation.ErrInvalid)
	require.ErrorIs(t, first(t.Context(), s.With(newTable().row("r")), ""), allocation.ErrInvalid)
	wrapper := &countingWrapper{UnitOfWork: allocation.NewUnitOfWork(store, nil)}
	require.NoError(t, first(t.Context(), newService(t, wrapper, nil), ""))
	ended, end := context.WithCancel(t.Context())
	end()
	require.ErrorIs(t, first(ended, s, ""), context.Canceled)
	for _, bare := range []allocation.Store{struct{ allocation.Store }{store}, accountant{store, store.Store}} {
		other := newService(t, allocation.NewUnitOfWork(bare, nil), nil)
		require.ErrorIs(t, first(t.Context(), other, ""), errors.ErrUnsupported)
	}
}

// A nil context is refused before the store is asked, and the error names the method.
func TestAuditsRefuseANilContext(t *testing.T) {
	store, s := warehouse(t, 1)
	for op, audit := range map[string]func(context.Context) error{
		"Reconcile": func(ctx context.Context) error { _, err := s.Reconcile(ctx, "sku-000"); return err },
		"ReconcileAll": func(ctx context.Context) (failure error) {
			for _, err := range s.ReconcileAll(ctx, "") {
				failure = err
			}
			return failure
		},
	} {
		var detailed *allocation.Error
		require.ErrorAs(t, audit(nil), &detailed)
		assert.Equal(t, []string{op, "context"}, []string{detailed.Op, detailed.Field})
	}
	assert.Zero(t, store.read)
}
