package main

import (
	"context"
	"database/sql"
	"net/url"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// openDatabase opens an SQLite file, new or from an earlier run.
func openDatabase(file string) (*sql.DB, error) {
	dsn, err := dataSource(file)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(16) // each has files open; only one can write anyway
	return db, nil
}

// dataSource names the file and the settings of every connection, which package sqlstore explains.
func dataSource(file string) (string, error) {
	path, err := filepath.Abs(file)
	dsn := url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(path), "/")}
	return dsn.String() + "?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)" +
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)", err
}

// repliesTable has the answers to requests with an Idempotency-Key. The table is the host's own.
const repliesTable = `
CREATE TABLE IF NOT EXISTS web_replies (
	idempotency_key TEXT    NOT NULL PRIMARY KEY,
	request         BLOB    NOT NULL, -- digest of the method, path and body
	status          INTEGER NOT NULL,
	media_type      TEXT    NOT NULL,
	body            BLOB    NOT NULL,
	expires_at      INTEGER NOT NULL  -- microseconds since 1970
) STRICT;
CREATE INDEX IF NOT EXISTS web_replies_by_expiry ON web_replies (expires_at);`

// migrate creates what is missing.
func (s *server) migrate(ctx context.Context) error {
	if err := s.store.Migrate(ctx); err != nil {
		return err
	}
	_, err := s.db.ExecContext(ctx, repliesTable)
	return err
}
