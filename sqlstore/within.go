package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/cosmic-go/allocation"
)

// Within runs fn in a transaction, with a Service inside: the writes of fn and the allocations are committed together,
// or not at all. The unit of work of the service must be over s. [allocation.Service.Transact] says how fn is repeated
// after a lost race, what the SKUs are good for, and when the events are told.
//
//	err := store.Within(ctx, service, func(ctx context.Context, tx *sql.Tx, inside *allocation.Service) error {
//		if _, err := tx.ExecContext(ctx, `INSERT INTO orders …`); err != nil {
//			return err
//		}
//		_, err := inside.Allocate(ctx, lines...)
//		return err
//	}, "RED-CHAIR")
//
// The level of isolation is [Options].Isolation, by default READ COMMITTED; on SQLite the transaction has the write
// lock from the beginning. Only Within commits and rolls back; a function that has ended the transaction itself, for
// example by a deferred Rollback, is an [allocation.ErrInvalid]. Return every error of a statement: after an error the
// server may have ended the transaction. An error of fn that says deadlock, lost race, lock timeout or read-only server
// gets an [allocation.ErrConflict] in front, so that fn runs again; any other error of fn is returned unchanged. Close
// the rows of a query before a command of inside.
func (s *Store) Within(
	ctx context.Context, service *allocation.Service,
	fn func(ctx context.Context, tx *sql.Tx, inside *allocation.Service) error, skus ...allocation.SKU,
) error {
	const op = "Within"
	if fn == nil {
		return s.within(ctx, service, nil, skus)
	}
	if s != nil && s.db != nil {
		if _, able := s.db.(*sqlDatabase); !able {
			return &allocation.Error{Op: op, Field: "database", Value: s.engine.name, Err: errors.ErrUnsupported}
		}
	}
	return s.within(ctx, service, func(ctx context.Context, tx driverTransaction, inside *allocation.Service) error {
		return fn(ctx, tx.(*sqlTransaction).tx, inside)
	}, skus)
}

// within is Within for the transaction of any driver's interface.
func (s *Store) within(
	ctx context.Context, service *allocation.Service,
	fn func(ctx context.Context, tx driverTransaction, inside *allocation.Service) error, skus []allocation.SKU,
) error {
	const op = "Within"
	if err := s.check(ctx, op); err != nil {
		return err
	}
	switch {
	case service == nil:
		return invalid(op, "service", nil, "must not be nil")
	case fn == nil:
		return invalid(op, "function", nil, "must not be nil")
	}
	var tx driverTransaction
	transaction := func(ctx context.Context, do func(allocation.Store) error) error {
		return s.inLocking(ctx, op, func(t *transaction) error {
			tx = t.driverTransaction
			return s.ofHost(ctx, op, do(s.joinTransaction(t)))
		})
	}
	return service.Transact(ctx, transaction, func(ctx context.Context, inside *allocation.Service) error {
		return fn(ctx, tx, inside)
	}, skus...)
}

// ofHost returns an error of the host's function. The error of a statement is the driver's: a lost race becomes an
// ErrConflict. If the context has ended, the error says so, and not what a driver made of the end.
func (s *Store) ofHost(ctx context.Context, op string, err error) error {
	switch over := past(ctx); {
	case err == nil, errors.Is(err, allocation.ErrConflict):
		return err
	case over != nil && !errors.Is(err, over) && isEnd(err):
		return fmt.Errorf("sqlstore: %s: %w: %v", op, over, err) //nolint:errorlint // the context's error alone
	case over == nil && s.classify(err).isCurable():
		return fmt.Errorf("%w: %w", allocation.ErrConflict, err)
	case over == nil && !errors.Is(err, driver.ErrBadConn): // which may be about open rows, see withOpenRows
		return s.retryable(ctx, err)
	}
	return err
}

// isEnd reports whether an error is about the end of some context.
func isEnd(err error) bool {
	for _, end := range []error{context.Canceled, context.DeadlineExceeded, sql.ErrTxDone} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}
