package allocation_test

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// A hook that panics, or that ends the goroutine, does so to the leader. The followers get their true outcome: of the
// commit if there was one, of the next group if there was none.
func TestHooksThatEndTheLeader(t *testing.T) {
	type hooks func(s *settings, end func())
	for hook, set := range map[string]hooks{
		"Group": func(s *settings, end func()) {
			s.service.Group = func(_ context.Context, commands int) {
				if commands > 1 {
					end()
				}
			}
		},
		"CacheLookup": func(s *settings, end func()) {
			s.service.CacheLookup = func(_ context.Context, _ allocation.SKU, hit bool) {
				if hit {
					end()
				}
			}
		},
		"Attempt": func(s *settings, end func()) {
			s.units.Attempt = func(ctx context.Context, op string, _ int) (context.Context, func(error)) {
				if op == "Group" {
					end()
				}
				return ctx, nil
			}
		},
		"the end of Attempt": func(s *settings, end func()) {
			s.units.Attempt = func(ctx context.Context, op string, _ int) (context.Context, func(error)) {
				return ctx, func(error) {
					if op == "Group" {
						end()
					}
				}
			}
		},
		"Commit": func(s *settings, end func()) {
			commits := 0
			s.units.Commit = func(context.Context) func(error) {
				if commits++; commits > 1 {
					end()
				}
				return nil
			}
		},
		"the end of Commit": func(s *settings, end func()) {
			commits := 0
			s.units.Commit = func(context.Context) func(error) {
				return func(error) {
					if commits++; commits > 1 {
						end()
					}
				}
			}
		},
	} {
		for way, finish := range map[string]func(){"panics": func() { panic("hook") }, "exits": runtime.Goexit} {
			t.Run(hook+" "+way, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var with settings
					once := true
					set(&with, func() {
						if once {
							once = false
							finish()
						}
					})
					store := newGate(t, stock("b1", "LAMP", 10))
					service := serve(t, store, with)
					first := allocateToExit(t.Context(), service, want("first", "LAMP", 1))
					leader := allocateToExit(t.Context(), service, want("leader", "LAMP", 1))
					follower := allocateToExit(t.Context(), service, want("follower", "LAMP", 1))
					after := allocateToExit(t.Context(), service, want("after", "LAMP", 1))
					close(store.let)
					requireAnswered(t, first, "the caller before the group")
					assert.False(t, (<-leader).returned, "the leader's goroutine ends")
					requireAnswered(t, follower, "a follower")
					requireAnswered(t, after, "a further follower")
					requireAnswered(t, allocateToExit(t.Context(), service, want("last", "LAMP", 1)), "a later caller")
					state, _ := store.Product("LAMP")
					for _, order := range []allocation.OrderID{"first", "follower", "after", "last"} {
						placed := slices.ContainsFunc(state.Lines,
							func(a allocation.Allocation) bool { return a.OrderID == order })
						assert.True(t, placed, "order %s", order)
					}
				})
			})
		}
	}
}

// The hooks hear the size of each group, and each product that a group looks for in the cache.
func TestHooksHearOfGroupsAndOfTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t, stock("b1", "LAMP", 10))
		var groups []int
		var hits []bool
		service := serve(t, store, settings{service: allocation.ServiceOptions{
			Group: func(_ context.Context, commands int) { groups = append(groups, commands) },
			CacheLookup: func(_ context.Context, sku allocation.SKU, hit bool) {
				hits = append(hits, hit && sku == "LAMP")
			},
		}})
		first := callAllocate(t.Context(), service, want("o1", "LAMP", 1))
		leader := callAllocate(t.Context(), service, want("o2", "LAMP", 1))
		follower := callAllocate(t.Context(), service, want("o3", "LAMP", 1))
		close(store.let)
		for _, ended := range []<-chan outcome{first, leader, follower} {
			require.NoError(t, (<-ended).err)
		}
		_, err := service.Cancel(t.Context(), "o3", "LAMP")
		require.NoError(t, err)
		assert.Equal(t, []int{1, 2, 1}, groups)
		assert.Equal(t, []bool{false, true, false}, hits, "a Cancel can't use what is cached")
	})
}

// The context of a group ends with the group, so that nothing of the group stays with a leader's long-lived context.
func TestTheContextOfAGroupEndsWithTheGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newGate(t, stock("b1", "LAMP", 10))
		var within []context.Context
		service := serve(t, store, settings{service: allocation.ServiceOptions{
			Group: func(ctx context.Context, commands int) {
				if commands > 1 {
					within = append(within, ctx)
				}
			},
		}})
		var all []<-chan outcome
		for i := range 3 {
			all = append(all, callAllocate(t.Context(), service, want(numbered("o", i), "LAMP", 1)))
		}
		close(store.let)
		for _, one := range all {
			require.NoError(t, (<-one).err)
		}
		synctest.Wait()
		require.Len(t, within, 1)
		assert.Error(t, within[0].Err())
	})
}
