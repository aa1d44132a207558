package memory_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/storetest"
)

var errTaken = errors.New("the row exists")

// hostRows is a table of the host's in a map.
func hostRows() storetest.HostRows {
	var mu sync.Mutex
	rows := map[string]bool{}
	return storetest.HostRows{
		Row: func(key string) allocation.Guest {
			return memory.Func{
				Do: func() error {
					mu.Lock()
					defer mu.Unlock()
					if rows[key] {
						return errTaken
					}
					rows[key] = true
					return nil
				},
				Undo: func() {
					mu.Lock()
					defer mu.Unlock()
					delete(rows, key)
				},
			}
		},
		Keys: func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Collect(maps.Keys(rows))
		},
	}
}

func TestGuestsKeepTheirPromises(t *testing.T) {
	storetest.Run(t, storetest.Config{
		New:    func(testing.TB) allocation.Store { return memory.New() },
		Topics: []storetest.Topic{storetest.Guests},
		Guests: func(testing.TB, allocation.Store) storetest.HostRows { return hostRows() },
	})
}

func TestWithinKeepsItsPromises(t *testing.T) {
	storetest.Run(t, storetest.Config{
		New:    func(testing.TB) allocation.Store { return memory.New() },
		Topics: []storetest.Topic{storetest.Within},
		Within: func(_ testing.TB, store allocation.Store) storetest.HostTransactions {
			s, rows := store.(*memory.Store), hostRows()
			return storetest.HostTransactions{
				Within: func(
					ctx context.Context, service *allocation.Service, fn storetest.HostFunc, skus ...allocation.SKU,
				) error {
					return s.Within(ctx, service, func(
						ctx context.Context, tx *memory.Tx, inside *allocation.Service,
					) error {
						return fn(ctx, func(key string) error {
							row := rows.Row(key).(memory.Func)
							return tx.Do(row.Do, row.Undo)
						}, inside)
					}, skus...)
				},
				Keys: rows.Keys, LoseAnswer: s.LoseAnswer,
			}
		},
	})
}

func (h hosted) CommitWith(
	ctx context.Context, changes []allocation.Changes, guests []allocation.Guest,
) error {
	return h.inTx(func(store allocation.Store) error {
		return store.(allocation.GuestStore).CommitWith(ctx, changes, guests)
	})
}

func TestGuestsAreUndoneInTheReverseOrder(t *testing.T) {
	store, service := seeded(t)
	var undone []string
	guest := func(name string, err error) allocation.Guest {
		return memory.Func{
			Do:   func() error { return err },
			Undo: func() { undone = append(undone, name) },
		}
	}
	_, err := service.With(guest("a", nil), guest("b", nil), guest("c", errTaken), memory.Func{
		Do: func() error { return nil },
	}).Allocate(t.Context(), want("o1", 1))
	require.ErrorIs(t, err, errTaken)
	assert.Equal(t, []string{"b", "a"}, undone)

	undone = nil
	tx := store.Begin()
	inside, _ := service.Inside(store.Join(tx))
	_, err = inside.With(guest("a", nil), guest("b", nil)).Allocate(t.Context(), want("o1", 1))
	require.NoError(t, err)
	assert.Empty(t, undone)
	tx.Rollback()
	assert.Equal(t, []string{"b", "a"}, undone)
}

func TestFuncNeedsADo(t *testing.T) {
	_, service := seeded(t)
	_, err := service.With(memory.Func{}).Allocate(t.Context(), want("o1", 1))
	require.ErrorIs(t, err, allocation.ErrInvalid)
	err = (&memory.Store{}).CheckGuest(memory.Func{Do: func() error { return nil }})
	require.ErrorIs(t, err, allocation.ErrInvalid)
}

// A commit that fails for another reason than a guest carries out no guest, or takes each back.
func TestGuestsOfACommitThatFails(t *testing.T) {
	store, service := seeded(t)
	runs := 0
	guest := memory.Func{Do: func() error { runs++; return nil }}
	store.FailCommit(errTaken)
	_, err := service.With(guest).Allocate(t.Context(), want("o1", 1))
	require.ErrorIs(t, err, errTaken)
	assert.Zero(t, runs)
}
