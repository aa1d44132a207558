package harness

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

// Options say how an engine is started.
type Options struct {
	Fast     bool              // no commit waits for the disk
	Settings map[string]string // of a server's configuration
	Folder   string            // keeps SQLite's files; temporary by default
}

// Place is where the databases of an engine are: a private server, or a folder.
type Place struct {
	*Engine
	Running *servers.Server // nil for files
	Folder  string          // of the files
	Fast    bool            // see Options

	temporary bool // so is the folder
	files     int

	given string // the DSN of the only database, which belongs to somebody else
	taken bool
}

// At is the place of a single database that exists and belongs to somebody else.
func (e *Engine) At(dsn string) *Place { return &Place{Engine: e, given: dsn} }

// Start starts a private server, or makes a folder for files.
func (e *Engine) Start(ctx context.Context, opts *Options) (p *Place, err error) {
	p = &Place{Engine: e, Folder: opts.Folder, Fast: opts.Fast}
	switch {
	case e.Server != nil:
		p.Running, err = servers.Start(ctx, e.Server, &servers.Options{Fast: opts.Fast, Settings: opts.Settings})
	case p.Folder == "":
		p.temporary = true
		p.Folder, err = os.MkdirTemp("", "allocation-stock-")
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Stop stops the server and removes all databases, except for files in a folder from Options.
func (p *Place) Stop() error {
	switch {
	case p.given != "":
		return nil
	case p.Running != nil:
		return p.Running.Stop()
	case p.temporary:
		return os.RemoveAll(p.Folder)
	}
	return nil
}

// Empty makes a database without tables and returns the DSN. A database that belongs to somebody else must have no
// tables of the library.
func (p *Place) Empty(ctx context.Context) (dsn string, err error) {
	if p.given != "" {
		return p.given, p.take(ctx)
	}
	if p.Running != nil {
		database, err := p.Running.CreateDatabase(ctx)
		return database.DSN, err
	}
	synchronous := "FULL"
	if p.Fast {
		synchronous = "NORMAL"
	}
	pragmas := []string{
		"foreign_keys(1)", "journal_mode(WAL)", "busy_timeout(10000)", fmt.Sprintf("synchronous(%s)", synchronous),
	}
	p.files++
	file := filepath.Join(p.Folder, fmt.Sprintf("stock-%d.db", p.files))
	return "file:" + file + "?" + url.Values{"_pragma": pragmas}.Encode(), nil
}

// take checks that the given database has no products, and gives the database away once.
func (p *Place) take(ctx context.Context) error {
	if p.taken {
		return errors.New("the given database is used already")
	}
	p.taken = true
	db, err := p.Pool(p.given, 1)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.PingContext(ctx); err != nil {
		return err
	}
	if err := Rows(ctx, db, `SELECT 1 FROM allocation_products WHERE 1 = 0`, nil); err == nil {
		return errors.New("the database has a table allocation_products; give an empty database")
	}
	return nil
}
