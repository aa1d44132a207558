package sqlstore

import (
	"context"
	"errors"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore/seam"
)

// OverPostgreSQL is like [New] with the dialect [PostgreSQL], over a driver's own interface in place of database/sql.
// Module pgxstore does so for jackc/pgx, see package seam.
func OverPostgreSQL(db seam.Database, opts *Options) (*Store, error) {
	const op = "OverPostgreSQL"
	if db == nil {
		return nil, invalid(op, "database", nil, "must not be nil")
	}
	return newStore(op, overDatabase{over{db}, db}, PostgreSQL.engine, opts)
}

// JoinOver is like [Store.Join] for a transaction of the interface under a store of [OverPostgreSQL].
func JoinOver(s *Store, tx seam.Transaction) allocation.Store {
	if tx == nil {
		return s.join(nil)
	}
	return s.join(overTransaction{over{tx}, tx})
}

// WithinOver is like [Store.Within] for a store of [OverPostgreSQL]. The transaction is the transaction of the seam.
func WithinOver(
	ctx context.Context, s *Store, service *allocation.Service,
	fn func(ctx context.Context, tx seam.Transaction, inside *allocation.Service) error, skus ...allocation.SKU,
) error {
	if fn == nil {
		return s.within(ctx, service, nil, skus)
	}
	if s != nil && s.db != nil {
		if _, able := s.db.(overDatabase); !able {
			return &allocation.Error{Op: "Within", Field: "database", Value: s.engine.name, Err: errors.ErrUnsupported}
		}
	}
	return s.within(ctx, service, func(ctx context.Context, tx driverTransaction, inside *allocation.Service) error {
		return fn(ctx, tx.(overTransaction).tx, inside)
	}, skus)
}

var _ database = overDatabase{}
