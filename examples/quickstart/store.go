package main

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/cosmic-go/allocation/sqlstore"
)

// openStore opens an SQLite file, new or from an earlier run, and brings its tables up to date.
func openStore(ctx context.Context, file string) (store *sqlstore.Store, closeStore func() error, err error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, nil, err
	}
	db, err := sql.Open("sqlite", dataSource(path))
	if err != nil {
		return nil, nil, err
	}
	store, err = sqlstore.New(db, sqlstore.SQLite, nil)
	if err == nil {
		err = store.Migrate(ctx)
	}
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return store, db.Close, nil
}

// dataSource names the file and the settings that every connection needs: foreign keys are enforced, readers don't
// wait for the writer (WAL), and a connection that finds the file locked waits instead of failing.
func dataSource(path string) string {
	file := url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(path), "/")}
	return file.String() + "?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)" +
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
}
