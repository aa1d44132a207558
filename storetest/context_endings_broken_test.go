package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/cosmic-go/allocation"
)

const rowEnding = "a context that ends during a Commit leaves all changes or none, and the result says which"

var brokenGoroutines = []broken{
	{fault: "every call leaves a goroutine behind", row: "calls leave no goroutine behind",
		new: with(func(s *faulty) {
			s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
				go func() { <-time.After(time.Minute) }()
				return s.Store.Load(ctx, q)
			}
		})},
}

var brokenEndings = []broken{
	{fault: "half of a commit is left when the context ends", row: rowEnding,
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				if len(changes) < 2 || ctx == nil || ctx.Err() != nil {
					return s.Store.Commit(ctx, changes)
				}
				within := context.WithoutCancel(ctx)
				for i := range changes {
					if err := ctx.Err(); err != nil {
						return errors.Join(err, s.Store.Commit(within, changes[:i]))
					}
				}
				return s.Store.Commit(within, changes)
			}
		})},
	{fault: "a written commit returns the error of a context that ended meanwhile", row: rowEnding,
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				if err := s.Store.Commit(ctx, changes); err != nil {
					return err
				}
				return ctx.Err()
			}
		})},
	{fault: "a commit whose context ends meanwhile is dropped without an error", row: rowEnding,
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				if ctx == nil || ctx.Err() != nil {
					return s.Store.Commit(ctx, changes)
				}
				if ctx.Err() != nil {
					return nil
				}
				return s.Store.Commit(context.WithoutCancel(ctx), changes)
			}
		})},
	{fault: "a context that ends meanwhile is a conflict", row: rowEnding,
		new: with(func(s *faulty) {
			s.commit = func(ctx context.Context, changes []allocation.Changes) error {
				if ctx == nil || ctx.Err() != nil {
					return s.Store.Commit(ctx, changes)
				}
				if ctx.Err() != nil {
					return allocation.ErrConflict
				}
				return s.Store.Commit(context.WithoutCancel(ctx), changes)
			}
		})},
}
