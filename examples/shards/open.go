package main

import (
	"context"
	"database/sql"
	"errors"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

// place says where a shard is.
type place struct {
	name, driver, dsn string
	dialect           *sqlstore.Dialect
}

// open opens the shard's database and makes the tables. A pool for each shard keeps the shards apart: callers who wait
// for a dead server use no connection of another.
func (p place) open(ctx context.Context) (Shard, *sql.DB, error) {
	db, err := sql.Open(p.driver, p.dsn)
	if err != nil {
		return Shard{}, nil, err
	}
	shard, err := p.over(ctx, db)
	if err != nil {
		return Shard{}, nil, errors.Join(err, db.Close())
	}
	return shard, db, nil
}

func (p place) over(ctx context.Context, db *sql.DB) (Shard, error) {
	store, err := sqlstore.New(db, p.dialect, nil)
	if err != nil {
		return Shard{}, err
	}
	if err := store.Migrate(ctx); err != nil {
		return Shard{}, err
	}
	service, err := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
	return Shard{Name: p.name, Service: service}, err
}
