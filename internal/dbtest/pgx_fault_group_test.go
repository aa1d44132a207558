package dbtest

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

// ordersOfAGroup are as many orders as are placed at a time. The guest of one of them fails.
const ordersOfAGroup, misguided = 7, 4

// placing places the orders of a group.
type placing func(ctx context.Context, s *allocation.Service) (errs []error)

// groups are the ways in which orders share a commit: of several callers at a time, the first of whom has the context
// that a fault ends, and of one caller.
var groups = map[string]placing{
	"callers": func(ctx context.Context, s *allocation.Service) []error {
		errs := make([]error, ordersOfAGroup)
		var callers sync.WaitGroup
		for i := range errs {
			own := ctx
			callers.Go(func() { errs[i] = placeInGroup(own, s, i) })
			ctx = context.WithoutCancel(ctx)
		}
		callers.Wait()
		return errs
	},
	"AllocateEach": func(ctx context.Context, s *allocation.Service) []error {
		orders, rows := make([][]allocation.Request, ordersOfAGroup), make([]allocation.Guest, ordersOfAGroup)
		for i := range orders {
			orders[i], rows[i] = []allocation.Request{chairOf(i)}, rowOf(i)
		}
		_, errs := s.With(rows...).AllocateEach(ctx, orders)
		return errs
	},
}

// TestFaultsAtEveryExchangeOfAGroupOverPgx lets orders with guests share commits while an exchange goes wrong. How many
// exchanges there are is a matter of chance.
func TestFaultsAtEveryExchangeOfAGroupOverPgx(t *testing.T) {
	t.Parallel()
	rounds, step := 1, 3
	if os.Getenv(allFaults) == "1" {
		rounds, step = 9, 1
	}
	r := wired(t, wireMode{})
	for name, place := range groups {
		for _, f := range wireFaults {
			t.Run(name+"/"+f.name, func(t *testing.T) {
				tried := 0
				for round := range rounds {
					for n := 1 + round%step; r.tryGroup(t, place, f, n, name == "AllocateEach"); n += step {
						tried++
					}
				}
				assert.Positive(t, tried)
			})
		}
	}
}

// tryGroup lets the n-th exchange go wrong, and reports false if there were fewer. With same all orders have the same
// context.
func (r *wireRig) tryGroup(t testing.TB, place placing, f wireFault, n int, same bool) bool {
	t.Helper()
	r.restore(t)
	service := r.service(t, running)
	var errs []error
	struck, _, _, where := r.strike(t, f, n, func(ctx context.Context) { errs = place(ctx, service) })
	rows, lines := r.placed(t)
	for i, err := range errs {
		row, line := slices.Contains(rows, nameOf(i)), slices.Contains(lines, nameOf(i))
		require.Equal(t, row, line, "row and line of order %d after %s", i, where)
		switch {
		case err == nil:
			require.True(t, line, "order %d has the outcome success after %s", i, where)
		case i == misguided && isGuests(err):
			require.False(t, line, "order %d has the outcome a guest that failed, after %s", i, where)
		case isUnknown(err):
			require.NotNil(t, struck, "order %d: %v", i, err)
		default:
			require.False(t, line, "order %d has the error %v after %s", i, err, where)
			require.NotNil(t, struck, "order %d: %v", i, err)
			require.False(t, f.isCurable(), "order %d has the error %v after %s", i, err, where)
			require.False(t, f.leaves() && i > 0 && !same, "order %d has the error %v after %s", i, err, where)
		}
	}
	for i := range errs {
		err := placeInGroup(t.Context(), service, i)
		require.Equal(t, i == misguided, err != nil, "repeat of order %d after %s: %v", i, where, err)
	}
	rows, lines = r.placed(t)
	require.Len(t, rows, ordersOfAGroup-1, where)
	require.Len(t, lines, ordersOfAGroup-1, where)
	r.reconcile(t)
	r.returned(t, where)
	return struck != nil
}

// placeInGroup places the i-th order of a group.
func placeInGroup(ctx context.Context, s *allocation.Service, i int) error {
	_, err := s.With(rowOf(i)).Allocate(ctx, chairOf(i))
	return err
}

func nameOf(i int) string { return "group " + strconv.Itoa(i) }

func chairOf(i int) allocation.Request { return firm(allocation.OrderID(nameOf(i)), "chair", 1) }

// rowOf is the guest of an order.
func rowOf(i int) allocation.Guest {
	if i == misguided {
		return sqlstore.Statement{SQL: "SELECT 1 / 0"}
	}
	return onPostgreSQL.hostRow(nameOf(i))
}

// isGuests reports whether an error is a guest's own.
func isGuests(err error) bool {
	var own *allocation.Error
	return errors.As(err, &own) && own.Field == "guest"
}

// placed returns the orders with a row, and the orders with a line.
func (r *wireRig) placed(t testing.TB) (rows, lines []string) {
	t.Helper()
	return hostKeys(t, r.by.db),
		texts(t, r.by.db, `SELECT order_id FROM allocation_lines WHERE order_id LIKE 'group %'`)
}
