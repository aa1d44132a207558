package servers

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// Database is a database of a server, made for somebody alone.
type Database struct {
	// DSN is the data source name for the engine's driver.
	DSN string

	name string
}

// CreateDatabase makes an empty database under a name that nobody else has.
func (s *Server) CreateDatabase(ctx context.Context) (Database, error) {
	name := "allocation_" + strings.ToLower(rand.Text())
	dsn, err := s.engine.in(s.dsn, name)
	if err != nil {
		return Database{}, fmt.Errorf("%s: read the DSN: %w", s.engine, err)
	}
	if err := s.execute(ctx, "CREATE DATABASE "+name); err != nil {
		return Database{}, fmt.Errorf("%s: create a database: %w", s.engine, err)
	}
	return Database{DSN: dsn, name: name}, nil
}

// DropDatabase removes a database that CreateDatabase has made. On MariaDB a transaction that is still open in it
// makes that fail after some seconds.
func (s *Server) DropDatabase(ctx context.Context, d Database) error {
	if err := s.execute(ctx, fmt.Sprintf(s.engine.drop, d.name)); err != nil {
		return fmt.Errorf("%s: drop database %s: %w", s.engine, d.name, err)
	}
	return nil
}

// DSN is the data source name of the server itself, in no database of CreateDatabase's: for what concerns the
// whole server, such as its counters, or another session's end.
func (s *Server) DSN() string { return s.dsn }

// statementLimit bounds a statement of ours, so that a lock that somebody has left is an error and not a stop.
const statementLimit = 10 * time.Second

// execute runs a statement on a connection of its own. None stays open: it would not survive a crash of the server,
// and its goroutines would look like a leak of the test's.
func (s *Server) execute(ctx context.Context, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, statementLimit)
	defer cancel()
	db, err := sql.Open(s.engine.driver, s.dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, statement)
	return err
}

// ping asks the server whether it answers.
func (s *Server) ping(ctx context.Context) error {
	return s.execute(ctx, cmp.Or(s.engine.ready, "SELECT 1"))
}
