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

func TestR10_RefusalIsRecordedOnceUntilSomethingElseHappens(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 1))
	refuse := func(order allocation.OrderID) {
		_, err := s.Allocate(t.Context(), want(order, "LAMP", 2))
		var short *allocation.OutOfStockError
		require.ErrorAs(t, err, &short)
	}
	refuse("o1")
	assert.Equal(t, []string{"BatchAdded", "LineRefused"}, s.kinds("LAMP", 0))
	commits := s.product("LAMP").Version
	for range 100 {
		refuse("o2")
	}
	assert.Equal(t, commits, s.product("LAMP").Version, "refusals after a refusal are not written")
	require.NoError(t, s.AddBatch(t.Context(), stock("b2", "LAMP", 1)))
	refuse("o3")
	assert.Equal(t, []string{"BatchAdded", "LineRefused", "BatchAdded", "LineRefused"}, s.kinds("LAMP", 0))
}

func TestR10_OnlyTheProductThatWasShortIsRefused(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5), stock("b2", "SOFA", 1))
	_, err := s.Allocate(t.Context(), want("o1", "LAMP", 2), want("o1", "SOFA", 2))
	require.Error(t, err)
	assert.Equal(t, []int64{0, 2}, []int64{s.product("LAMP").Refused, s.product("SOFA").Refused})
	_, err = s.Allocate(t.Context(), want("o2", "LAMP", 6))
	require.Error(t, err)
	assert.Equal(t, []string{"BatchAdded", "LineRefused"}, s.kinds("LAMP", 0))
}

func TestR10_RefusalThatLostItsRaceIsJudgedAgain(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 1))
	units := unitsThat{s.units, func() { require.NoError(t, s.AddBatch(t.Context(), stock("b2", "LAMP", 5))) }}
	given, err := newService(t, &units, nil).Allocate(t.Context(), want("o1", "LAMP", 2))
	require.NoError(t, err, "stock came between the decision and the commit")
	assert.Equal(t, []allocation.Part{part("b2", 2, 0)}, given[0].Parts)
}

func TestR10_RefusalOfALostAttemptIsNoAnswer(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 1))
	broken := errors.New("no route to host")
	s.store.FailCommit(allocation.ErrConflict)
	s.store.FailLoad(nil, broken)
	_, err := s.Allocate(t.Context(), want("o1", "LAMP", 2))
	require.ErrorIs(t, err, broken)
	var short *allocation.OutOfStockError
	assert.NotErrorAs(t, err, &short, "what was short then may be there now")
}

// unitsThat lets something happen once between a decision and its commit.
type unitsThat struct {
	allocation.UnitOfWork
	happen func()
}

func (u *unitsThat) Do(ctx context.Context, fn func(context.Context, allocation.Repository) error) error {
	return u.UnitOfWork.Do(ctx, func(ctx context.Context, products allocation.Repository) error {
		err := fn(ctx, products)
		if u.happen != nil {
			u.happen()
			u.happen = nil
		}
		return err
	})
}

func TestR10_RefusalsCostReadsAndNotCommits(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 1))
	_, err := s.Allocate(t.Context(), want("o1", "LAMP", 2))
	require.Error(t, err)
	broken := errors.New("no commit expected")
	s.store.FailCommit(broken)
	_, err = s.Allocate(t.Context(), want("o2", "LAMP", 2))
	assert.NotErrorIs(t, err, broken)
}

func TestR10_RefusalThatCannotBeRecordedIsStillARefusal(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 1))
	broken := errors.New("disk full")
	s.store.FailCommit(broken)
	_, err := s.Allocate(t.Context(), want("o1", "LAMP", 2))
	var short *allocation.OutOfStockError
	require.ErrorAs(t, err, &short)
	assert.ErrorIs(t, err, broken)
}

func TestR10_ALineThatCannotGrowIsARefusalToo(t *testing.T) {
	s := newShop(t, stock("b1", "LAMP", 5))
	given, err := s.Allocate(t.Context(), want("o1", "LAMP", 3))
	require.NoError(t, err)
	_, err = s.ChangeLine(t.Context(), want("o1", "LAMP", 9).OrderLine)
	var short *allocation.OutOfStockError
	require.ErrorAs(t, err, &short)
	assert.Equal(t, allocation.Quantity(5), short.Shortages[0].Available)
	assert.Equal(t, given, s.product("LAMP").Lines)
	assert.Equal(t, []string{"LineRefused"}, s.kinds("LAMP", 2))
}

// unmarked is a host's own unit of work, whose context knows nothing of the library.
type unmarked struct{ units allocation.UnitOfWork }

func (u unmarked) Do(
	ctx context.Context, fn func(ctx context.Context, products allocation.Repository) error,
) error {
	return u.units.Do(ctx, func(_ context.Context, products allocation.Repository) error { return fn(ctx, products) })
}

func TestServiceR10ARefusalOverAHostsUnitOfWorkIsRecorded(t *testing.T) {
	s := newShop(t, stock("B-1", "LAMP", 1))
	before := s.product("LAMP").Version
	_, err := newService(t, unmarked{s.units}, nil).Allocate(t.Context(), want("o", "LAMP", 2))
	var short *allocation.OutOfStockError
	require.ErrorAs(t, err, &short)
	assert.Equal(t, []string{"LineRefused"}, s.kinds("LAMP", before))
}

// withoutProducts is a host's own unit of work whose products can be had together only.
type withoutProducts struct{ allocation.UnitOfWork }

type onlyMany struct{ allocation.Repository }

func (onlyMany) Get(context.Context, allocation.SKU, ...allocation.OrderID) (*allocation.Product, error) {
	return nil, errBroken
}

func (w withoutProducts) Do(ctx context.Context, fn func(context.Context, allocation.Repository) error) error {
	return w.UnitOfWork.Do(ctx, func(ctx context.Context, products allocation.Repository) error {
		return fn(ctx, onlyMany{products})
	})
}

// If the product of a refusal can't be had, the caller hears of both.
func TestR10_ARefusalThatCanNotBeRecordedIsNoSecret(t *testing.T) {
	store := memory.New()
	require.NoError(t, store.Seed(stock("b1", "LAMP", 1)))
	_, err := newService(t, withoutProducts{allocation.NewUnitOfWork(store, nil)}, nil).
		Allocate(t.Context(), want("o1", "LAMP", 2))
	require.ErrorIs(t, err, errBroken)
	require.ErrorAs(t, err, new(*allocation.OutOfStockError))
}

// The answer to a refusal is the refusal itself, whether or not the event was new.
func TestR10_TheAnswerIsTheRefusalItself(t *testing.T) {
	for mode, opts := range modes {
		store := memory.New()
		require.NoError(t, store.Seed(stock("b1", "LAMP", 1)))
		service := serve(t, store, opts)
		for range 2 {
			_, err := service.Allocate(t.Context(), want("o1", "LAMP", 2))
			var short *allocation.OutOfStockError
			require.ErrorAs(t, err, &short, mode)
			assert.Equal(t, error(short), err, mode)
		}
	}
}
