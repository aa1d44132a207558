package allocation_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// spy is a store that counts and collects its calls.
type spy struct {
	*memory.Store
	queries []allocation.Query
	commits [][]allocation.Changes
}

func (s *spy) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	s.queries = append(s.queries, q)
	return s.Store.Load(ctx, q)
}

func (s *spy) Commit(ctx context.Context, changes []allocation.Changes) error {
	s.commits = append(s.commits, changes)
	return s.Store.Commit(ctx, changes)
}

func newSpy(t *testing.T, batches ...allocation.Batch) (*spy, allocation.UnitOfWork) {
	t.Helper()
	s := &spy{Store: memory.New()}
	require.NoError(t, s.Seed(batches...))
	return s, allocation.NewUnitOfWork(s, &allocation.UnitOfWorkOptions{Backoff: 1, MaxBackoff: 1, Attempts: 4})
}

// allocate is a use case of a host, which takes one unit.
func allocate(ctx context.Context, products allocation.Repository, order allocation.OrderID, sku allocation.SKU) error {
	p, err := products.Get(ctx, sku, order)
	if err != nil {
		return err
	}
	_, err = p.Allocate(products.Now(), nil, want(order, sku, 1))
	return err
}

func TestDoCommitsOnceAndLast(t *testing.T) {
	s, units := newSpy(t, stock("b1", "LAMP", 5), stock("b2", "SOFA", 5))
	err := units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		require.NoError(t, allocate(ctx, products, "o1", "SOFA"))
		require.NoError(t, allocate(ctx, products, "o1", "LAMP"))
		assert.Empty(t, s.commits)
		return nil
	})
	require.NoError(t, err)
	require.Len(t, s.commits, 1)
	assert.Equal(t, allocation.SKU("LAMP"), s.commits[0][0].SKU, "changes are sorted by SKU")
	assert.Equal(t, allocation.SKU("SOFA"), s.commits[0][1].SKU)
}

func TestDoForgetsEverythingUnlessItReturnsNil(t *testing.T) {
	failure := errors.New("changed my mind")
	endings := map[string]func(){
		"error":  func() {},
		"panic":  func() { panic(failure) },
		"Goexit": runtime.Goexit,
	}
	for name, end := range endings {
		t.Run(name, func(t *testing.T) {
			s, units := newSpy(t, stock("b1", "LAMP", 5))
			done := make(chan error, 1)
			go func() {
				returned := errors.New("did not return")
				defer func() {
					_ = recover()
					done <- returned
				}()
				returned = units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
					if err := allocate(ctx, products, "o1", "LAMP"); err != nil {
						return err
					}
					end()
					return failure
				})
			}()
			err := <-done
			if name == "error" {
				assert.Same(t, failure, err, "the error of the function comes back as it is")
			}
			assert.Empty(t, s.commits)
			require.NoError(t, units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
				return allocate(ctx, products, "o1", "LAMP")
			}), "the unit of work can be used again")
		})
	}
}

func TestDoBeginsAgainOnFreshProductsAfterAConflict(t *testing.T) {
	s, units := newSpy(t, stock("b1", "LAMP", 5))
	tries := 0
	err := units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		if tries++; tries <= 2 {
			require.NoError(t, allocate(ctx, products, "mine", "LAMP"))
			return outside(s, allocation.OrderID([]string{"", "o1", "o2"}[tries]))
		}
		return allocate(ctx, products, "mine", "LAMP")
	})
	require.NoError(t, err)
	assert.Equal(t, 3, tries)
	state, _ := s.Product("LAMP")
	assert.Len(t, state.Lines, 3)
}

// outside allocates by another unit of work, which wins the race.
func outside(s *spy, order allocation.OrderID) error {
	service, err := allocation.New(allocation.NewUnitOfWork(s.Store, nil), nil)
	if err != nil {
		return err
	}
	_, err = service.Allocate(context.Background(), want(order, "LAMP", 1))
	return err
}

func TestDoGivesUpAfterItsAttempts(t *testing.T) {
	s, units := newSpy(t, stock("b1", "LAMP", 5))
	conflict := allocation.ErrConflict
	s.FailCommit(conflict, conflict, conflict, conflict)
	tries := 0
	err := units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		tries++
		return allocate(ctx, products, "o1", "LAMP")
	})
	assert.ErrorIs(t, err, allocation.ErrConflict)
	assert.Equal(t, 4, tries)
}

func TestDoTriesADuplicateOnceMoreAndNothingElse(t *testing.T) {
	tests := map[string]struct {
		err  error
		want int
	}{
		"duplicate":       {allocation.ErrDuplicate, 2},
		"unknown outcome": {allocation.ErrUnknownOutcome, 1},
		"anything else":   {errors.New("disk full"), 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, units := newSpy(t, stock("b1", "LAMP", 5))
			s.FailCommit(tt.err, tt.err, tt.err)
			tries := 0
			err := units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
				tries++
				return allocate(ctx, products, "o1", "LAMP")
			})
			assert.ErrorIs(t, err, tt.err)
			assert.Equal(t, tt.want, tries)
		})
	}
}

func TestDoChecksEveryProductThatWasRead(t *testing.T) {
	s, units := newSpy(t, stock("b1", "LAMP", 5), stock("b2", "SOFA", 5))
	tries := 0
	err := units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		lamp, err := products.Get(ctx, "LAMP")
		require.NoError(t, err)
		if tries++; tries == 1 {
			require.NoError(t, outside(s, "o1"))
		}
		// Sofas go to whoever reads that lamps are left: a decision on a product that isn't changed.
		if left, _ := lamp.Available(products.Now()); left < 5 {
			return errors.New("too few lamps")
		}
		return allocate(ctx, products, "o2", "SOFA")
	})
	assert.EqualError(t, err, "too few lamps")
	assert.Equal(t, 2, tries)
	require.Len(t, s.commits, 1)
	assert.Equal(t, []int64{1, 1}, []int64{s.commits[0][0].Read, s.commits[0][0].Version},
		"the lamp is checked and not changed")
	assert.Empty(t, s.commits[0][0].Events)
}

func TestDoWithoutChanges(t *testing.T) {
	s, units := newSpy(t, stock("b1", "LAMP", 5), stock("b2", "SOFA", 5))
	read := func(skus ...allocation.SKU) func(context.Context, allocation.Repository) error {
		return func(ctx context.Context, products allocation.Repository) error {
			for _, sku := range skus {
				if _, err := products.Get(ctx, sku); err != nil {
					return err
				}
			}
			return nil
		}
	}
	require.NoError(t, units.Do(t.Context(), read("LAMP")))
	assert.Empty(t, s.commits, "one read is consistent by itself")
	require.NoError(t, units.Do(t.Context(), read("LAMP", "SOFA")))
	require.Len(t, s.commits, 1, "two reads are checked to be of one moment")
	assert.Len(t, s.commits[0], 2)
}

func TestDoRefusesNestingAndNilArguments(t *testing.T) {
	_, units := newSpy(t, stock("b1", "LAMP", 5))
	nothing := func(context.Context, allocation.Repository) error { return nil }
	err := units.Do(t.Context(),
		func(ctx context.Context, _ allocation.Repository) error { return units.Do(ctx, nothing) })
	assert.ErrorIs(t, err, allocation.ErrInvalid)
	assert.ErrorIs(t, units.Do(t.Context(), nil), allocation.ErrInvalid)
	assert.ErrorIs(t, units.Do(nil, nothing), allocation.ErrInvalid) //nolint:staticcheck // the nil context is tested
	assert.ErrorIs(t, allocation.NewUnitOfWork(nil, nil).Do(t.Context(), nothing), allocation.ErrInvalid)
}

func TestDoStopsOnItsContext(t *testing.T) {
	t.Run("before it begins", func(t *testing.T) {
		s, units := newSpy(t, stock("b1", "LAMP", 5))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := units.Do(ctx, func(context.Context, allocation.Repository) error { t.Error("ran"); return nil })
		assert.ErrorIs(t, err, context.Canceled)
		assert.Empty(t, s.queries)
	})
	t.Run("before the commit", func(t *testing.T) {
		s, units := newSpy(t, stock("b1", "LAMP", 5))
		ctx, cancel := context.WithCancel(t.Context())
		err := units.Do(ctx, func(ctx context.Context, products allocation.Repository) error {
			defer cancel()
			return allocate(ctx, products, "o1", "LAMP")
		})
		assert.ErrorIs(t, err, context.Canceled)
		state, _ := s.Product("LAMP")
		assert.Empty(t, state.Lines)
	})
	t.Run("between two attempts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := memory.New()
			require.NoError(t, store.Seed(stock("b1", "LAMP", 5)))
			store.FailCommit(allocation.ErrConflict)
			units := allocation.NewUnitOfWork(store,
				&allocation.UnitOfWorkOptions{Backoff: time.Hour, MaxBackoff: time.Hour})
			ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
			defer cancel()
			err := units.Do(ctx, func(_ context.Context, products allocation.Repository) error {
				return allocate(context.Background(), products, "o1", "LAMP")
			})
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
	})
}

func TestBackoffTakesAnySetting(t *testing.T) {
	for _, longest := range []time.Duration{1, 2, 3, time.Nanosecond * 1000} {
		store := memory.New()
		require.NoError(t, store.Seed(stock("b1", "LAMP", 5)))
		store.FailCommit(slices.Repeat([]error{allocation.ErrConflict}, 70)...)
		units := allocation.NewUnitOfWork(store,
			&allocation.UnitOfWorkOptions{Attempts: 80, Backoff: 1, MaxBackoff: longest})
		require.NoError(t, units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
			return allocate(ctx, products, "o1", "LAMP")
		}))
	}
}

// Each longest pause is twice the one before, up to the cap.
func TestBackoffDoubles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		require.NoError(t, store.Seed(stock("b1", "LAMP", 1000)))
		units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{
			Attempts: 6, Backoff: time.Second, MaxBackoff: 5 * time.Second,
		})
		var longest [6]time.Duration
		for i := range 200 {
			store.FailCommit(slices.Repeat([]error{allocation.ErrConflict}, 5)...)
			attempt, last := 0, time.Now()
			require.NoError(t, units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
				longest[attempt] = max(longest[attempt], time.Since(last))
				attempt, last = attempt+1, time.Now()
				return allocate(ctx, products, numbered("o", i), "LAMP")
			}))
		}
		for i, seconds := range []float64{1, 2, 4, 5, 5} {
			assert.LessOrEqual(t, longest[i+1].Seconds(), seconds, "pause %d", i+1)
			assert.Greater(t, longest[i+1].Seconds(), 0.9*seconds, "pause %d, the longest of 200", i+1)
		}
	})
}

func TestBackoffGrowsUpToItsCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		require.NoError(t, store.Seed(stock("b1", "LAMP", 5)))
		for range 200 {
			store.FailCommit(allocation.ErrConflict)
		}
		units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{
			Attempts: 200, Backoff: time.Second, MaxBackoff: 4 * time.Second,
		})
		var pauses []time.Duration
		last := time.Now()
		_ = units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
			pauses = append(pauses, time.Since(last))
			last = time.Now()
			return allocate(ctx, products, "o1", "LAMP")
		})
		require.Len(t, pauses, 200)
		assert.LessOrEqual(t, pauses[1], time.Second+1)
		assert.LessOrEqual(t, pauses[2], 2*time.Second+1)
		longest := time.Duration(0)
		for _, pause := range pauses {
			longest = max(longest, pause)
		}
		assert.LessOrEqual(t, longest, 4*time.Second+1)
		assert.Greater(t, longest, 3*time.Second, "200 random pauses up to 4 s")
	})
}
