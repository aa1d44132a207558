package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the others come with package servers

	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/sqlstore"
)

// engine is a kind of database.
type engine struct {
	dialect *sqlstore.Dialect
	server  *servers.Engine // nil for a file
}

var engines = map[string]*engine{
	"sqlite":     {dialect: sqlstore.SQLite},
	"postgresql": {dialect: sqlstore.PostgreSQL, server: servers.PostgreSQL},
	"mariadb":    {dialect: sqlstore.MariaDB, server: servers.MariaDB},
}

// open opens a pool that keeps its connections, and a store on it.
func (e *engine) open(dsn string, connections int) (*sql.DB, *sqlstore.Store, error) {
	driver := "sqlite"
	if e.server != nil {
		driver = e.server.Driver()
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	store, err := sqlstore.New(db, e.dialect, nil)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, store, nil
}

// place is where the databases are.
type place struct {
	*engine
	running *servers.Server // nil for files
	folder  string          // of the files
	files   int
}

// start starts a private server, or makes a folder for files.
func start(ctx context.Context, s *settings) (*place, error) {
	e := engines[s.Engine]
	if e.server == nil {
		folder, err := os.MkdirTemp("", "allocation-relaying-")
		return &place{engine: e, folder: folder}, err
	}
	running, err := servers.Start(ctx, e.server, &servers.Options{Fast: s.Fast})
	return &place{engine: e, running: running}, err
}

// stop removes all databases.
func (p *place) stop() error {
	if p.running == nil {
		return os.RemoveAll(p.folder)
	}
	return p.running.Stop()
}

// empty names a database that nobody has used.
func (p *place) empty(ctx context.Context) (dsn string, err error) {
	if p.running != nil {
		database, err := p.running.CreateDatabase(ctx)
		return database.DSN, err
	}
	p.files++
	return file(filepath.Join(p.folder, fmt.Sprintf("stock-%d.db", p.files))), nil
}

// file is the DSN of SQLite's database in a file.
func file(path string) string {
	pragmas := []string{"foreign_keys(1)", "journal_mode(WAL)", "busy_timeout(10000)", "synchronous(NORMAL)"}
	return "file:" + path + "?" + url.Values{"_pragma": pragmas}.Encode()
}
