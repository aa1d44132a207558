package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/sqlstore"
	"github.com/cosmic-go/allocation/views"
)

// store has all abilities for the commands.
type store interface {
	allocation.Store
	allocation.Ledger
	outbox.Maintainer
	views.Reader
	CheckSchema(ctx context.Context) error
	Migrate(ctx context.Context) error
}

// shop is an opened database.
type shop struct {
	*app
	database
	db      *sql.DB
	store   store
	service *allocation.Service
}

// open opens the database that the flags or the environment name.
func (a *app) open(ctx context.Context) (*shop, error) {
	dsn := a.dsn
	if dsn == "" {
		dsn = a.getenv("ALLOCATION_DSN")
	}
	found, err := a.parse(dsn)
	if err != nil {
		return nil, err
	}
	db, err := found.connect(ctx)
	if err != nil {
		return nil, err
	}
	s := &shop{app: a, database: found, db: db}
	store, err := sqlstore.New(db, found.dialect, &sqlstore.Options{Schema: a.schema, TablePrefix: a.prefix})
	if err != nil {
		return nil, errors.Join(usage("%v", err), db.Close())
	}
	s.store = store
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: a.now})
	if s.service, err = allocation.New(units, nil); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// connect opens the pool of connections. PgBouncer refuses unknown parameters; then the connections are not
// read-only, and only the commands keep from writing.
func (d database) connect(ctx context.Context) (*sql.DB, error) {
	db, err := sql.Open(d.driver, d.source)
	if err != nil || d.plain == "" {
		return db, err
	}
	err = db.PingContext(ctx)
	if err == nil {
		return db, nil
	}
	if err := errors.Join(err, db.Close()); !strings.Contains(err.Error(), "unsupported startup parameter") {
		return nil, err
	}
	return sql.Open(d.driver, d.plain)
}

func (s *shop) close() error { return s.db.Close() }

// pageRows is the size of a page of a list.
const pageRows = 1000

// progress shows how far a long command has come, on a terminal, at most a few times a second.
type progress struct {
	*app
	what  string
	shown time.Time
	wide  int
}

func (a *app) progress(what string) *progress { return &progress{app: a, what: what} }

func (p *progress) show(done int, rest string) {
	now := time.Now()
	if !p.terminal || now.Sub(p.shown) < 200*time.Millisecond {
		return
	}
	p.shown = now
	text := fmt.Sprintf("%s: %d%s", p.what, done, rest)
	fmt.Fprintf(p.stderr, "\r%-*s", p.wide, text)
	p.wide = len(text)
}

// end clears the line.
func (p *progress) end() {
	if p.wide > 0 {
		fmt.Fprintf(p.stderr, "\r%-*s\r", p.wide, "")
	}
}

// parseTime reads a time: RFC 3339, a day in UTC, "now", or a distance from now such as +24h or -720h.
func (a *app) parseTime(text string) (time.Time, error) {
	if text == "now" {
		return a.now(), nil
	}
	if text[:min(1, len(text))] == "+" || text[:min(1, len(text))] == "-" {
		if d, err := time.ParseDuration(text); err == nil {
			return a.now().Add(d), nil
		}
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usage("%q is no time: use 2030-01-31, 2030-01-31T15:00:00Z, now, +24h or -720h", text)
}
