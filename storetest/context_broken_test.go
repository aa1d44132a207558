package storetest

import (
	"context"
	"sync/atomic"

	"github.com/cosmic-go/allocation"
)

var brokenContexts = []broken{
	{fault: "Load ignores an ended context", row: "a Load with an ended context returns the context's error",
		new: with(func(s *faulty) {
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				if ctx == nil {
					return s.Store.Load(ctx, q)
				}
				return s.Store.Load(context.WithoutCancel(ctx), q)
			}
		})},
	{fault: "Commit ignores an ended context",
		row: "a Commit with an ended context writes nothing and returns the context's error",
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				if ctx == nil {
					return s.Store.Commit(ctx, changes)
				}
				return s.Store.Commit(context.WithoutCancel(ctx), changes)
			}
		})},
	{fault: "Commit checks the context after the write",
		row: "a Commit with an ended context writes nothing and returns the context's error",
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
	{fault: "an ended context is reported as a conflict",
		row: "a Commit with an ended context writes nothing and returns the context's error",
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				if ctx != nil && ctx.Err() != nil {
					return allocation.ErrConflict
				}
				return s.Store.Commit(ctx, changes)
			}
		})},
	{fault: "a nil context is accepted", row: "a nil context is refused as invalid",
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
	{fault: "ten calls with ended contexts use up all connections",
		row: "the store works after a call with an ended context",
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
