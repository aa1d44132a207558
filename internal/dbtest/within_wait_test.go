package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

// waysInside are the ways to run commands in a transaction of the host.
var waysInside = map[string]func(
	t *testing.T, s shop, service *allocation.Service, fn func(tx *sql.Tx, inside *allocation.Service) error,
) error{
	"Within": func(
		t *testing.T, s shop, service *allocation.Service, fn func(tx *sql.Tx, inside *allocation.Service) error,
	) error {
		return s.store.Within(t.Context(), service,
			func(_ context.Context, tx *sql.Tx, inside *allocation.Service) error { return fn(tx, inside) }, "chair")
	},
	"Join": func(
		t *testing.T, s shop, service *allocation.Service, fn func(tx *sql.Tx, inside *allocation.Service) error,
	) error {
		tx, joined := s.begin(t)
		inside, committed := service.Inside(joined)
		if err := fn(tx, inside); err != nil {
			require.NoError(t, tx.Rollback())
			return err
		}
		require.NoError(t, tx.Commit())
		committed(t.Context())
		return nil
	},
}

// A line waits, and is served by a command that frees units, with the host's rows or not at all.
func TestALineWaitsAndIsServedInATransactionOfTheHost(t *testing.T) {
	each(t, engines, func(t *testing.T, e *engine) {
		for name, inTx := range waysInside {
			t.Run(name, func(t *testing.T) {
				s := e.shop(t)
				var heard []string // the events of each commit
				service := newService(t, allocation.NewUnitOfWork(s.store, &allocation.UnitOfWorkOptions{
					Now: memory.NewClock(start).Now,
					Committed: func(_ context.Context, events []allocation.Event) {
						kinds := make([]string, len(events))
						for i, event := range events {
							kinds[i] = event.Kind()
						}
						heard = append(heard, strings.Join(kinds, " "))
					},
				}), nil)
				_, err := service.Allocate(t.Context(), firm("owner", "chair", 10))
				require.NoError(t, err)
				heard = nil
				waiter := patient("waiter", "chair", 2)
				// place writes the row of an order, and places a line, after fn.
				place := func(r allocation.Request, end error, fn func(inside *allocation.Service)) {
					err := inTx(t, s, service, func(tx *sql.Tx, inside *allocation.Service) error {
						s.order(t, tx, string(r.OrderID))
						fn(inside)
						_, err := inside.Allocate(t.Context(), r)
						return errors.Join(err, end)
					})
					require.ErrorIs(t, err, end)
				}
				queued := func() [2]allocation.Quantity {
					state := load(t, s.store, "chair", "waiter", "gone")
					got := [2]allocation.Quantity{}
					for _, line := range state.Lines {
						got[0] += line.Quantity
					}
					for _, line := range state.Waiting {
						got[1] += line.Waiting
					}
					return got
				}

				place(patient("gone", "chair", 3), errLeft, func(*allocation.Service) {})
				assert.Equal(t, [2]allocation.Quantity{}, queued(), "after a rollback")
				place(waiter, nil, func(*allocation.Service) {})
				assert.Equal(t, [2]allocation.Quantity{0, 2}, queued(), "units, and units that are waited for")
				assert.Equal(t, []string{"LineWaiting"}, heard)

				free := func(inside *allocation.Service) {
					_, err := inside.Cancel(t.Context(), "owner")
					require.NoError(t, err)
					again, err := inside.Allocate(t.Context(), waiter)
					require.NoError(t, err)
					assert.EqualValues(t, 2, again[0].Quantity, "the line inside the transaction")
				}
				place(firm("walk-in", "chair", 8), errLeft, free)
				assert.Equal(t, [2]allocation.Quantity{0, 2}, queued(), "after a rollback")
				assert.Len(t, heard, 1)
				place(firm("walk-in", "chair", 8), nil, free)
				assert.Equal(t, [2]allocation.Quantity{2, 0}, queued(), "after the owner's units were freed")
				assert.Equal(t, []string{"LineWaiting", "LineDeallocated LineAllocated LineAllocated"}, heard)
				s.want(t, 2, map[allocation.SKU]int64{"chair": 6, "table": 1})
			})
		}
	})
}
