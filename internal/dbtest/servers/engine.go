package servers

import (
	"context"
	"errors"
	"fmt"
)

// ErrNoServer is wrapped by what Open and Start answer on a machine that has no such server. Its text says what is
// missing. A server that is there and does not start is another error.
var ErrNoServer = errors.New("no server")

// Engine is a kind of database server that this package knows.
type Engine struct {
	name     string
	driver   string   // of database/sql
	variable string   // of the environment, for the DSN of a server that runs already; "" for none
	accounts []string // of the system, the first that exists runs the server if we are root
	signal   string   // ends a server whose data nobody needs any more, and leaves nothing of it in the system
	fast     []string // arguments: no waiting for the disk, little memory
	drop     string   // statement, %s is the database

	// find looks for the installed programs. Its error says what is missing.
	find func() (programs, error)
	// secret is the content of the file that setup hands to the engine so that it knows the password.
	secret func(password string) string
	// setup is the command that makes the data folder in a server's folder.
	setup func(p programs, folder, secret string) []string
	// serve is the command of the server, without its settings. It stays in the foreground.
	serve func(p programs, folder string, port int) []string
	// setting is the argument that sets a value of the server's configuration, and wins over earlier ones.
	setting func(name, value string) []string
	// dsn is the data source name of a private server, without one of the tests' databases.
	dsn func(port int, password string) string
	// in is a data source name with another database in the place of the one it has.
	in func(dsn, database string) (string, error)

	// ready is a statement that succeeds as soon as the server works for clients; SELECT 1 if empty.
	ready string
	// once returns more arguments, for the next start of the server alone. May be nil.
	once func(ctx context.Context, s *Server) ([]string, error)
	// taken are ports that the server's port must differ from.
	taken []int
}

// programs are the installed programs of an engine.
type programs struct {
	setup    string
	server   string
	provider string // of a cluster
}

// Engines are all that there are, for a test that runs on each.
func Engines() []*Engine { return []*Engine{PostgreSQL, MariaDB} }

// String is the engine's name.
func (e *Engine) String() string { return e.name }

// Driver is the name under which database/sql opens the DSNs of this engine. This package imports the driver.
func (e *Engine) Driver() string { return e.driver }

// installed are the programs of the engine, or an error that wraps ErrNoServer.
func (e *Engine) installed() (programs, error) {
	found, err := e.find()
	switch {
	case err != nil && e.variable == "":
		return programs{}, fmt.Errorf("%w: %w", ErrNoServer, err)
	case err != nil:
		return programs{}, fmt.Errorf("%w: %s is not set and %w", ErrNoServer, e.variable, err)
	}
	return found, nil
}
