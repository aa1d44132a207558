package storetest

import (
	"context"
	"sync/atomic"

	"github.com/cosmic-go/allocation"
)

var brokenContexts = []broken{
	{fault: "Load goes on when its context has ended", row: "a Load with an ended context returns the context's error",
		new: with(func(s *faulty) {
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				if ctx == nil {
					return s.Store.Load(ctx, q)
				}
				return s.Store.Load(context.WithoutCancel(ctx), q)
			}
		})},
	{fault: "Commit goes on when its context has ended", row: "a Commit with an ended context writes nothing and returns the context's error",
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				if ctx == nil {
					return s.Store.Commit(ctx, changes)
				}
				return s.Store.Commit(context.WithoutCancel(ctx), changes)
			}
		})},
	{fault: "Commit writes, and then looks at its context", row: "a Commit with an ended context writes nothing and returns the context's error",
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				if ctx == nil {
					return s.Store.Commit(ctx, changes)
				}
				if err := s.Store.Commit(context.WithoutCancel(ctx), changes); err != nil {
					return err
				}
				return ctx.Err()
			}
		})},
	{fault: "a context that has ended is a conflict", row: "a Commit with an ended context writes nothing and returns the context's error",
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				if ctx != nil && ctx.Err() != nil {
					return allocation.ErrConflict
				}
				return s.Store.Commit(ctx, changes)
			}
		})},
	{fault: "a nil context is taken for none", row: "a nil context is refused as invalid",
		new: with(func(s *faulty) {
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				if ctx == nil {
					ctx = context.Background()
				}
				return s.Store.Load(ctx, q)
			}
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				if ctx == nil {
					ctx = context.Background()
				}
				return s.Store.Commit(ctx, changes)
			}
		})},
	{fault: "ten calls that were given up use up the connections", row: "the store works after a call with an ended context",
		new: with(func(s *faulty) {
			var lost atomic.Int64
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				if ctx != nil && ctx.Err() != nil {
					lost.Add(1)
				}
				if lost.Load() > 10 {
					return nil, errBroken
				}
				return s.Store.Load(ctx, q)
			}
		})},
}
