package main

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/cosmic-go/allocation/sqlstore"
)

// openStore opens the database of a drop and creates missing tables.
func openStore(ctx context.Context, d drop) (store *sqlstore.Store, closeStore func() error, err error) {
	driver, dialect, source := "pgx", sqlstore.PostgreSQL, d.DSN
	if d.DSN == "" {
		driver, dialect = "sqlite", sqlstore.SQLite
		if source, err = fileSource(d.File); err != nil {
			return nil, nil, err
		}
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return nil, nil, err
	}
	store, err = sqlstore.New(db, dialect, nil)
	if err == nil {
		err = store.Migrate(ctx)
	}
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return store, db.Close, nil
}

// fileSource names an SQLite file and the settings that every connection needs: foreign keys are enforced, readers
// don't wait for the writer (WAL), and a connection that finds the file locked by the other office waits.
func fileSource(file string) (string, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	source := url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(path), "/")}
	return source.String() + "?_pragma=busy_timeout(20000)&_pragma=foreign_keys(1)" +
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)", nil
}
