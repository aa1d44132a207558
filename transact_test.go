package allocation_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

func TestTransactCommitsRowAndLinesAndTellsTheEventsOnce(t *testing.T) {
	for name, opts := range map[string]allocation.ServiceOptions{"groups": {}, "no groups": {NoGroupCommit: true}} {
		t.Run(name, func(t *testing.T) {
			c := newTill(t, settings{service: opts}, stock("b1", "LAMP", 10), stock("b2", "SOFA", 10))
			require.NoError(t, c.place(t.Context(), func(ctx context.Context, inside *allocation.Service) error {
				assert.Empty(t, c.told, "before the commit")
				assert.Empty(t, c.lines("LAMP"), "lines that others see before the commit")
				_, err := inside.Allocate(ctx, want("o1", "SOFA", 1))
				return err
			}, want("o1", "LAMP", 2)))
			assert.Equal(t, map[allocation.OrderID]bool{"o1": true}, c.rows)
			assert.Equal(t, []allocation.OrderID{"o1"}, c.lines("LAMP"))
			require.Len(t, c.told, 1)
			require.Len(t, c.told[0], 2)
			assert.Equal(t, allocation.SKU("LAMP"), c.told[0][0].(allocation.LineAllocated).SKU)
			assert.Equal(t, allocation.SKU("SOFA"), c.told[0][1].(allocation.LineAllocated).SKU)
		})
	}
}

func TestTransactUsesAndFillsTheCache(t *testing.T) {
	c := newTill(t, settings{}, stock("b1", "LAMP", 10))
	_, err := c.Allocate(t.Context(), want("o0", "LAMP", 1))
	require.NoError(t, err)
	for _, order := range []allocation.OrderID{"o1", "o2"} {
		c.store.FailLoad(errBroken) // stays, since nothing is read
		require.NoError(t, c.place(t.Context(), func(ctx context.Context, inside *allocation.Service) error {
			_, err := inside.Allocate(ctx, want(order+"again", "LAMP", 1))
			return err
		}, want(order, "LAMP", 1)))
	}
	_, err = c.Allocate(t.Context(), want("o3", "LAMP", 1))
	require.NoError(t, err, "a command outside uses the product of the transaction")
	assert.Len(t, c.lines("LAMP"), 6)
	assert.Equal(t, 2, c.runs)
}

// Products of a transaction that was rolled back must not be cached: somebody else's version has the same number.
func TestTransactThatEndsWithoutACommitLeavesNothing(t *testing.T) {
	failure := errors.New("the customer left")
	ends := map[string]func() error{
		"error": func() error { return failure },
		"panic": func() error { panic(failure) },
		"goroutine": func() error {
			runtime.Goexit()
			return nil
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			c := newTill(t, settings{}, stock("b1", "LAMP", 10))
			_, err := c.Allocate(t.Context(), want("o0", "LAMP", 1))
			require.NoError(t, err)
			c.told = nil
			ended := make(chan any, 1)
			go func() {
				defer func() { ended <- recover() }()
				err := c.place(t.Context(), func(context.Context, *allocation.Service) error { return end() },
					want("o1", "LAMP", 9))
				assert.Same(t, failure, err)
			}()
			if cause := <-ended; name == "panic" {
				assert.Equal(t, failure, cause)
			}
			assert.Empty(t, c.rows)
			assert.Empty(t, c.told)
			assert.Equal(t, []allocation.OrderID{"o0"}, c.lines("LAMP"))
			_, err = c.Allocate(t.Context(), want("o2", "LAMP", 9))
			require.NoError(t, err, "the units are free")
			require.NoError(t, c.place(t.Context(), commits, want("o0", "LAMP", 1)), "the gate is free")
		})
	}
}

func TestTransactRepeatsALostCommandInsideAndALostCommitAsAWhole(t *testing.T) {
	conflict := allocation.ErrConflict
	for name, tt := range map[string]struct {
		faults []error
		runs   int
		want   error
	}{
		"a command loses":            {[]error{conflict}, 1, nil},
		"a command loses twice":      {[]error{conflict, conflict}, 2, nil},
		"the transaction loses":      {[]error{nil, conflict}, 2, nil},
		"every attempt loses":        {[]error{nil, conflict, nil, conflict, nil, conflict}, 3, conflict},
		"the outcome is unknown":     {[]error{nil, allocation.ErrUnknownOutcome}, 1, allocation.ErrUnknownOutcome},
		"the store fails":            {[]error{errBroken}, 1, errBroken},
		"the store fails at the end": {[]error{nil, errBroken}, 1, errBroken},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTill(t, settings{units: allocation.UnitOfWorkOptions{Attempts: 3}}, stock("b1", "LAMP", 10))
			c.store.FailCommit(tt.faults...)
			err := c.place(t.Context(), commits, want("o1", "LAMP", 1))
			require.ErrorIs(t, err, tt.want)
			assert.Equal(t, tt.runs, c.runs)
			if tt.want == nil {
				assert.Equal(t, []allocation.OrderID{"o1"}, c.lines("LAMP"))
				assert.True(t, c.rows["o1"])
				assert.Len(t, c.told, 1)
				return
			}
			assert.Empty(t, c.lines("LAMP"))
			assert.Empty(t, c.rows)
			assert.Empty(t, c.told)
		})
	}
}

func TestTransactWhoseAnswerIsLostTellsNothingAndCanBeRepeated(t *testing.T) {
	c := newTill(t, settings{}, stock("b1", "LAMP", 10))
	c.store.LoseAnswer()
	require.ErrorIs(t, c.place(t.Context(), commits, want("o1", "LAMP", 1)), allocation.ErrUnknownOutcome)
	assert.Empty(t, c.told)
	assert.True(t, c.rows["o1"])
	require.NoError(t, c.place(t.Context(), commits, want("o1", "LAMP", 1)))
	assert.Equal(t, []allocation.OrderID{"o1"}, c.lines("LAMP"))
}

// The cached product doesn't show the line, and the store's unique key does.
func TestTransactFindsALineThatACachedProductHides(t *testing.T) {
	c := newTill(t, settings{}, stock("b1", "LAMP", 10))
	for range 2 {
		require.NoError(t, c.place(t.Context(), commits, want("o1", "LAMP", 1)))
	}
	assert.Equal(t, 3, c.runs, "the second transaction begins again")
	assert.Equal(t, []allocation.OrderID{"o1"}, c.lines("LAMP"))
	assert.Len(t, c.told, 1)
}

func TestTransactFindsALineOfTheSameTransaction(t *testing.T) {
	c := newTill(t, settings{}, stock("b1", "LAMP", 10))
	require.NoError(t, c.place(t.Context(), func(ctx context.Context, inside *allocation.Service) error {
		_, err := inside.Allocate(ctx, want("o1", "LAMP", 1))
		return err
	}, want("o1", "LAMP", 1)))
	assert.Equal(t, []allocation.OrderID{"o1"}, c.lines("LAMP"))
	assert.Len(t, c.told, 1)
}

func TestTransactsThatNameAProductTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTill(t, settings{}, stock("b1", "LAMP", 10), stock("b2", "SOFA", 10), stock("b3", "DESK", 10))
		var mu sync.Mutex
		var began []string
		let := make(chan struct{})
		place := func(name string, skus ...allocation.SKU) <-chan outcome {
			return call(func() ([]allocation.Allocation, error) {
				return nil, c.store.Within(t.Context(), c.Service,
					func(ctx context.Context, _ *memory.Tx, inside *allocation.Service) error {
						mu.Lock()
						began = append(began, name)
						mu.Unlock()
						<-let
						_, err := inside.Allocate(ctx, want(allocation.OrderID(name), skus[0], 1))
						return err
					}, skus...)
			})
		}
		all := []<-chan outcome{
			place("first", "LAMP", "SOFA"), place("second", "SOFA", "DESK"), place("third", "LAMP"),
		}
		other := place("other", "DESK")
		assert.Equal(t, []string{"first"}, began)
		let <- struct{}{}
		synctest.Wait()
		assert.ElementsMatch(t, []string{"first", "second", "third"}, began)
		close(let)
		for _, one := range append(all, other) {
			require.NoError(t, (<-one).err)
		}
		assert.Equal(t, []string{"first", "other"}, []string{began[0], began[3]})
	})
}

func TestTransactWhoseCallerLeavesTheGateNeverBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTill(t, settings{}, stock("b1", "LAMP", 10))
		let := make(chan struct{})
		hold := func(context.Context, *allocation.Service) error { <-let; return nil }
		first := call(func() ([]allocation.Allocation, error) {
			return nil, c.place(t.Context(), hold, want("o1", "LAMP", 1))
		})
		ctx, leave := context.WithCancel(t.Context())
		second := call(func() ([]allocation.Allocation, error) {
			return nil, c.place(ctx, commits, want("o2", "LAMP", 1))
		})
		leave()
		err := (<-second).err
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, allocation.ErrUnknownOutcome)
		close(let)
		require.NoError(t, (<-first).err)
		assert.Equal(t, 1, c.runs)
	})
}

func TestTheContextOfATransactionIsForTheServiceInside(t *testing.T) {
	c := newTill(t, settings{}, stock("b1", "LAMP", 10))
	units := allocation.NewUnitOfWork(c.store, nil)
	other := newService(t, units, nil)
	require.NoError(t, c.store.Within(t.Context(), c.Service,
		func(ctx context.Context, tx *memory.Tx, inside *allocation.Service) error {
			none := func(context.Context, *memory.Tx, *allocation.Service) error { return nil }
			_, outside := c.Allocate(ctx, want("o1", "LAMP", 1))
			_, sweep := c.Sweep(ctx)
			for name, err := range map[string]error{
				"a command outside": outside, "a sweep outside": sweep,
				"a transaction outside":    c.store.Within(ctx, c.Service, none),
				"a transaction inside":     c.store.Within(ctx, inside, none),
				"a store inside an inside": commandOf(inside.Inside(c.store.Join(tx))),
			} {
				assert.ErrorIs(t, err, allocation.ErrInvalid, name)
			}
			_, err := other.Allocate(ctx, want("o2", "LAMP", 1))
			assert.NoError(t, err, "a Service over another unit of work")
			_, err = inside.WithPolicy(nil).Allocate(ctx, want("o3", "LAMP", 1))
			return err
		}))
	assert.ElementsMatch(t, []allocation.OrderID{"o2", "o3"}, c.lines("LAMP"))
}

// commandOf returns the error of a command of a Service inside.
func commandOf(inside *allocation.Service, _ func(context.Context)) error {
	_, err := inside.Allocate(context.Background(), want("o9", "LAMP", 1))
	return err
}

// A transaction of another Service inside doesn't make the outer Service usable again.
func TestNestedTransactionsOfTwoServicesRefuseBoth(t *testing.T) {
	c, other := newTill(t, settings{}, stock("b1", "LAMP", 10)), newTill(t, settings{}, stock("b2", "SOFA", 10))
	err := c.store.Within(t.Context(), c.Service, func(ctx context.Context, _ *memory.Tx, _ *allocation.Service) error {
		return other.place(ctx, func(ctx context.Context, _ *allocation.Service) error {
			_, err := c.Allocate(ctx, want("o1", "LAMP", 1))
			return err
		}, want("o1", "SOFA", 1))
	}, "LAMP")
	require.ErrorIs(t, err, allocation.ErrInvalid)
	assert.Empty(t, c.lines("LAMP"))
	assert.Empty(t, other.rows)
}

// hosts is a host's own UnitOfWork.
type hosts struct{ allocation.UnitOfWork }

func TestTransactRefusesBadArgumentsBeforeAnythingBegins(t *testing.T) {
	c := newTill(t, settings{}, stock("b1", "LAMP", 10))
	begin := func(context.Context, func(allocation.Store) error) error { panic("a transaction has begun") }
	fn := func(context.Context, *allocation.Service) error { return nil }
	own := newService(t, hosts{allocation.NewUnitOfWork(c.store, nil)}, nil)
	joined := newService(t, allocation.NewUnitOfWork(c.store.Join(c.store.Begin()), nil), nil)
	for name, tt := range map[string]struct{ got, want error }{
		"nil context":      {c.Transact(nil, begin, fn), allocation.ErrInvalid}, //nolint:staticcheck // on purpose
		"nil transaction":  {c.Transact(t.Context(), nil, fn), allocation.ErrInvalid},
		"nil function":     {c.Transact(t.Context(), begin, nil), allocation.ErrInvalid},
		"bad SKU":          {c.Transact(t.Context(), begin, fn, ""), allocation.ErrInvalid},
		"repeated SKU":     {c.Transact(t.Context(), begin, fn, "LAMP", "SOFA", "LAMP"), allocation.ErrInvalid},
		"a joined Service": {joined.Transact(t.Context(), begin, fn), allocation.ErrInvalid},
		"a host's own":     {own.Transact(t.Context(), begin, fn), errors.ErrUnsupported},
		"inside a host's own": {
			commandOf(own.Inside(c.store.Join(c.store.Begin()))), errors.ErrUnsupported,
		},
		"a nil store inside": {commandOf(c.Inside(nil)), allocation.ErrInvalid},
		"a zero Service":     {(&allocation.Service{}).Transact(t.Context(), begin, fn), allocation.ErrInvalid},
	} {
		assert.ErrorIs(t, tt.got, tt.want, name)
	}
	lazy := func(context.Context, func(allocation.Store) error) error { return nil }
	require.ErrorIs(t, c.Transact(t.Context(), lazy, fn), allocation.ErrInvalid, "a transaction that never ran")
}

func TestTransactCallsTheHooks(t *testing.T) {
	w := &watch{}
	c := newTill(t, settings{units: allocation.UnitOfWorkOptions{Attempt: w.hook}}, stock("b1", "LAMP", 10))
	c.store.FailCommit(allocation.ErrConflict, nil, allocation.ErrConflict)
	require.NoError(t, c.place(t.Context(), commits, want("o1", "LAMP", 1)))
	var ops []string
	for _, a := range w.attempts {
		ops = append(ops, a.op)
	}
	assert.Equal(t, []string{"Transact", "Allocate", "Allocate", "Transact", "Allocate"}, ops)
	require.ErrorIs(t, w.attempts[0].ends[0], allocation.ErrConflict)
	require.NoError(t, w.attempts[3].ends[0])
}

func TestABulkInsideUsesTheTransactionFromOneGoroutineAtATime(t *testing.T) {
	c := newTill(t, settings{}, stock("b1", "LAMP", 600), stock("b2", "SOFA", 600))
	require.NoError(t, c.store.Within(t.Context(), c.Service,
		func(ctx context.Context, _ *memory.Tx, inside *allocation.Service) error {
			var orders [][]allocation.Request
			orders = append(append(orders, single("LAMP", 0, 600)...), single("SOFA", 600, 600)...)
			_, errs := inside.AllocateEach(ctx, orders)
			return errors.Join(errs...)
		}))
	assert.Len(t, c.lines("LAMP"), 600)
	require.Len(t, c.told, 1)
	assert.Len(t, c.told[0], 1200)
}

func TestEveryCommandRunsInside(t *testing.T) {
	c := newTill(t, settings{}, stock("b1", "LAMP", 10))
	require.NoError(t, c.store.Within(t.Context(), c.Service,
		func(ctx context.Context, _ *memory.Tx, inside *allocation.Service) error {
			require.NoError(t, inside.AddBatch(ctx, stock("b2", "SOFA", 5)))
			_, err := inside.Allocate(ctx, want("o1", "SOFA", 2), want("o1", "LAMP", 1))
			require.NoError(t, err)
			_, err = inside.HandOver(ctx, "o1", "o2")
			require.NoError(t, err)
			_, err = inside.ChangeBatchQuantity(ctx, allocation.Count{Batch: "b2", Quantity: 4, At: morning})
			require.NoError(t, err)
			_, err = inside.Sweep(ctx)
			require.NoError(t, err)
			_, err = inside.Mend(ctx, "SOFA")
			require.NoError(t, err)
			_, err = inside.Ship(ctx, "o2", "LAMP")
			require.NoError(t, err)
			var short *allocation.OutOfStockError
			_, err = inside.Allocate(ctx, want("o3", "SOFA", 99))
			require.ErrorAs(t, err, &short)
			audit, err := inside.Reconcile(ctx, "SOFA")
			assert.False(t, audit.Drifted())
			return err
		}))
	for _, sku := range []allocation.SKU{"LAMP", "SOFA"} {
		assert.Equal(t, []allocation.OrderID{"o2"}, c.lines(sku))
		audit, err := c.Reconcile(t.Context(), sku)
		require.NoError(t, err)
		assert.False(t, audit.Drifted(), "%+v", audit)
	}
	require.Len(t, c.told, 1)
}
