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
	dsn, err := dataSource(file)
	if err != nil {
		return nil, nil, err
	}
	db, err := sql.Open("sqlite", dsn)
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
// wait for the writer (WAL), and who finds the file locked waits instead of failing.
func dataSource(file string) (string, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	path = "/" + strings.TrimPrefix(filepath.ToSlash(path), "/")
	settings := url.Values{"_pragma": {"busy_timeout(5000)", "foreign_keys(1)", "journal_mode(WAL)", "synchronous(FULL)"}}
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: settings.Encode()}
	return dsn.String(), nil
}
