package allocation_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// endsAfter returns a context that ends after some time, with context.Canceled or context.DeadlineExceeded.
func endsAfter(t *testing.T, d time.Duration, with error) context.Context {
	t.Helper()
	if errors.Is(with, context.DeadlineExceeded) {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		t.Cleanup(cancel)
		return ctx
	}
	ctx, cancel := context.WithCancel(t.Context())
	timer := time.AfterFunc(d, cancel)
	t.Cleanup(func() { timer.Stop(); cancel() })
	return ctx
}

// unreachable is a gate with reads that may hang, and with commits that may lose their answer when the context ends.
type unreachable struct {
	*gate
	reading atomic.Bool // reads hang
	unknown bool        // a commit whose context ends is ErrUnknownOutcome
}

func (u *unreachable) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	if u.reading.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return u.gate.Load(ctx, q)
}

func (u *unreachable) Commit(ctx context.Context, changes []allocation.Changes) error {
	err := u.gate.Commit(ctx, changes)
	if u.unknown && err != nil && ctx.Err() != nil {
		return fmt.Errorf("the connection is gone: %w: %w", allocation.ErrUnknownOutcome, err)
	}
	return err
}

// The leader of a group stays until every caller has left. Each caller, the leader included, hears how the caller's own
// context ended, and not how the context of the group or of another caller did.
func TestEachCallerHearsOfItsOwnContext(t *testing.T) {
	expired, cancelled := context.DeadlineExceeded, context.Canceled
	for name, tt := range map[string]struct {
		leader, follower error
		leaderFirst      bool
	}{
		"the leader's deadline, then the follower's":        {expired, expired, true},
		"the leader's deadline, then the follower cancels":  {expired, cancelled, true},
		"the follower cancels, then the leader's deadline":  {expired, cancelled, false},
		"the leader cancels, then the follower's deadline":  {cancelled, expired, true},
		"the follower's deadline, then the leader cancels":  {cancelled, expired, false},
		"the follower's deadline, then the leader's":        {expired, expired, false},
		"the leader cancels, and then the follower cancels": {cancelled, cancelled, true},
	} {
		for _, during := range []string{"a read", "a commit without effect", "a commit of unknown effect", "a pause"} {
			t.Run(name+", during "+during, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store := &unreachable{gate: newGate(t, stock("b1", "LAMP", 10))}
					store.unknown = during == "a commit of unknown effect"
					const long = 1e6 * time.Hour
					service := serve(t, store, settings{
						units:   allocation.UnitOfWorkOptions{Backoff: long, MaxBackoff: long},
						service: allocation.ServiceOptions{CacheSize: -1},
					})
					leads, follows := time.Hour, 2*time.Hour
					if !tt.leaderFirst {
						leads, follows = follows, leads
					}
					first := callAllocate(t.Context(), service, want("o1", "LAMP", 1))
					leader := callAllocate(endsAfter(t, leads, tt.leader), service, want("leader", "LAMP", 1))
					follower := callAllocate(endsAfter(t, follows, tt.follower), service, want("follower", "LAMP", 1))
					store.reading.Store(during == "a read")
					if during == "a pause" {
						store.FailCommit(nil, allocation.ErrConflict)
					}
					store.let <- struct{}{}
					require.NoError(t, (<-first).err)
					if during == "a pause" {
						store.let <- struct{}{}
					}

					<-time.After(follows)
					synctest.Wait()
					require.Len(t, follower, 1, "the follower leaves at once")
					heard := (<-follower).err
					require.ErrorIs(t, heard, allocation.ErrUnknownOutcome, "the follower")
					requireOwn(t, heard, tt.follower, "the follower")

					<-time.After(max(0, leads-follows))
					synctest.Wait()
					require.Len(t, leader, 1, "the leader leaves when everybody has left")
					heard = (<-leader).err
					requireOwn(t, heard, tt.leader, "the leader")
					switch during {
					case "a read", "a pause":
						assert.NotErrorIs(t, heard, allocation.ErrUnknownOutcome, "the leader: nothing was written")
					case "a commit of unknown effect":
						assert.ErrorIs(t, heard, allocation.ErrUnknownOutcome, "the leader")
					}
				})
			})
		}
	}
}

// A store may say that a context has ended although the caller's has not: then nothing was committed, and the caller
// hears so.
func TestAnEndThatOnlyTheStoreSawIsAnError(t *testing.T) {
	for mode, opts := range modes {
		for _, ended := range []error{context.Canceled, context.DeadlineExceeded} {
			for _, failure := range []error{ended, fmt.Errorf("%w: %w", allocation.ErrUnknownOutcome, ended)} {
				store := newGate(t, stock("b1", "LAMP", 10)).Store
				store.FailCommit(failure)
				_, err := serve(t, store, opts).Allocate(t.Context(), want("o1", "LAMP", 1))
				require.ErrorIs(t, err, failure, mode)
				require.NotContains(t, err.Error(), "%!", mode)
				assert.Empty(t, linesOf(store, "LAMP"), mode)
			}
		}
	}
}

// requireOwn demands the error of a context with the given end and with no other.
func requireOwn(t *testing.T, heard, own error, who string) {
	t.Helper()
	for _, way := range []error{context.Canceled, context.DeadlineExceeded} {
		assert.Equal(t, errors.Is(own, way), errors.Is(heard, way), "%s hears %q of %q", who, way, heard)
	}
}

// A caller with a context that ends in the queue returns at once, with the error of the context.
func TestCallersLeaveTheQueueAtOnce(t *testing.T) {
	for name, command := range map[string]func(ctx context.Context, s *allocation.Service) error{
		"Allocate": func(ctx context.Context, s *allocation.Service) error {
			_, err := s.Allocate(ctx, want("o2", "LAMP", 1))
			return err
		},
		"AllocateEach": func(ctx context.Context, s *allocation.Service) error {
			_, errs := s.AllocateEach(ctx, single("LAMP", 2, 600))
			for _, err := range errs {
				assert.Equal(t, errs[0], err)
			}
			return errs[0]
		},
		"Cancel": func(ctx context.Context, s *allocation.Service) error {
			_, err := s.Cancel(ctx, "placed")
			return err
		},
		"ChangeBatchQuantity": func(ctx context.Context, s *allocation.Service) error {
			at := time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC)
			_, err := s.ChangeBatchQuantity(ctx, allocation.Count{Batch: "b1", Quantity: 5, At: at})
			return err
		},
		"Mend": func(ctx context.Context, s *allocation.Service) error {
			_, err := s.Mend(ctx, "LAMP")
			return err
		},
	} {
		for _, own := range []error{context.Canceled, context.DeadlineExceeded} {
			t.Run(fmt.Sprintf("%s, %v", name, own), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store := newDoors(t, []allocation.SKU{"LAMP"}, stock("b1", "LAMP", 1000))
					store.place(t, want("placed", "LAMP", 1))
					service := serve(t, store, settings{})
					busy := callAllocate(t.Context(), service, want("o1", "LAMP", 1))
					defer func() { close(store.of["LAMP"]); <-busy }()
					leaving := call(func() ([]allocation.Allocation, error) {
						return nil, command(endsAfter(t, time.Minute, own), service)
					})
					<-time.After(time.Minute)
					synctest.Wait()
					require.Len(t, leaving, 1, "callers that have left")
					assert.Equal(t, own, (<-leaving).err)
				})
			})
		}
	}
}
