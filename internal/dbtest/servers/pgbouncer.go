package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Pooled is a PgBouncer in transaction mode before a server of PostgreSQL, for one test: each transaction of a client
// gets any free connection to the server. The settings are those of PgBouncer's own configuration. Pooled is stopped
// after the test. Without PgBouncer Pooled does as Shared.
func Pooled(t testing.TB, behind *Server, settings map[string]string) *Server {
	t.Helper()
	return Dedicated(t, pgBouncer(t.Context(), behind), &Options{Settings: settings})
}

// StartPooled is Pooled for a command. The caller stops the pooler.
func StartPooled(ctx context.Context, behind *Server, settings map[string]string) (*Server, error) {
	return Start(ctx, pgBouncer(ctx, behind), &Options{Settings: settings})
}

// Through returns the DSN of a database of the server behind a pooler with the pooler in between.
func (s *Server) Through(dsn string) (string, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return "", errors.New("the DSN of the database can't be read")
	}
	return s.engine.in(s.dsn, config.Database)
}

// pgBouncer is the engine of poolers before a server. The pooler knows the user of the server's DSN, and its own DSNs
// are those of the server with another port.
func pgBouncer(ctx context.Context, behind *Server) *Engine {
	server, unreadable := pgx.ParseConfig(behind.dsn)
	if unreadable != nil {
		server = &pgx.ConnConfig{} // find has the error
	}
	return &Engine{
		name:     "PgBouncer",
		driver:   PostgreSQL.driver,
		accounts: PostgreSQL.accounts, // PgBouncer refuses root, too
		signal:   "KILL",              // a pooler has nothing to lose
		drop:     PostgreSQL.drop,
		find: func() (programs, error) {
			if unreadable != nil {
				return programs{}, errors.New("the DSN of the server can't be read") // pgx's error might show it
			}
			return findPgBouncer()
		},
		secret: func(string) string { return fmt.Sprintf("%q %q\n", server.User, server.Password) },
		setup: func(_ programs, folder, secret string) []string {
			return []string{"cp", secret, filepath.Join(folder, "users")}
		},
		serve: func(p programs, folder string, port int) []string {
			argv := []string{
				"sh", "-c", `printf '%s\n' "$@" >pooler.ini && exec ` + p.server + ` pooler.ini`, "sh",
				"[databases]",
				fmt.Sprintf("* = host=%s port=%d", server.Host, server.Port),
				"[pgbouncer]",
				"listen_addr = 127.0.0.1", "listen_port = " + strconv.Itoa(port), "unix_socket_dir =",
				"auth_type = scram-sha-256", "auth_file = " + filepath.Join(folder, "users"),
				"pool_mode = transaction", "max_client_conn = 1000",
				"ignore_startup_parameters = extra_float_digits", // lib/pq sends it
			}
			if carriesStatements(ctx, p.server) {
				argv = append(argv, "max_prepared_statements = 0") // as before 1.24
			}
			return argv
		},
		setting: func(name, value string) []string { return []string{name + " = " + value} },
		dsn: func(port int, _ string) string {
			u := url.URL{
				Scheme: "postgres", User: url.UserPassword(server.User, server.Password),
				Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), Path: "/" + server.Database,
				RawQuery: "sslmode=disable&default_query_exec_mode=simple_protocol",
			}
			return u.String()
		},
		in: func(dsn, database string) (string, error) {
			u, err := url.Parse(dsn)
			if err != nil {
				return "", errors.New("not a URL")
			}
			u.Path, u.RawQuery = "/"+database, "sslmode=disable" // the mode is the test's to choose
			return u.String(), nil
		},
	}
}

// CarriesStatements reports whether the installed PgBouncer has the setting max_prepared_statements, with which
// prepared statements follow a client from session to session. PgBouncer has the setting from 1.21 on.
func CarriesStatements(ctx context.Context) bool {
	found, err := findPgBouncer()
	return err == nil && carriesStatements(ctx, found.server)
}

func carriesStatements(ctx context.Context, program string) bool {
	printed, err := exec.CommandContext(ctx, program, "--version").Output()
	var minor int
	_, unreadable := fmt.Sscanf(string(printed), "PgBouncer 1.%d", &minor)
	return err == nil && unreadable == nil && minor >= 21
}

// findPgBouncer takes PgBouncer from the path, or from where Debian's package has it.
func findPgBouncer() (programs, error) {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if path, err := exec.LookPath(name); err == nil {
			return programs{server: path}, nil
		}
	}
	return programs{}, errors.New("there is no pgbouncer")
}
