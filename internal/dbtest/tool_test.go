package dbtest

import (
	"bytes"
	"database/sql"
	"errors"
	"net/url"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/sqlstore"
)

// The tool of cmd/allocation has tests of its own over SQLite. Here the tool runs, as a process, over the servers: its
// module must not require the packages that start servers.

// buildTool builds the tool once, into a folder of the first test's.
var buildTool = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "allocation-tool")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	program := filepath.Join(folder, "allocation")
	build := osexec.Command("go", "build", "-o", program, ".")
	build.Dir = filepath.Join("..", "..", "cmd", "allocation")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, errors.Join(errors.New(string(out)), err)
	}
	return os.ReadFile(program)
})

// tool is the built program with a database.
type tool struct {
	t       *testing.T
	program string
	dsn     string // in the tool's form
}

func newTool(t *testing.T, dsn string) *tool {
	t.Helper()
	built, err := buildTool()
	require.NoError(t, err)
	program := filepath.Join(t.TempDir(), "allocation")
	require.NoError(t, os.WriteFile(program, built, 0o700))
	return &tool{t: t, program: program, dsn: dsn}
}

// run runs a command line, demands an exit code, and returns what the tool has printed.
func (c *tool) run(code int, args ...string) string {
	c.t.Helper()
	cmd := osexec.CommandContext(c.t.Context(), c.program, args...)
	cmd.Env = append(os.Environ(), "ALLOCATION_DSN="+c.dsn)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		require.ErrorAs(c.t, err, new(*osexec.ExitError))
	}
	require.Equal(c.t, code, cmd.ProcessState.ExitCode(), "allocation %v: %s", args, out.String())
	return out.String()
}

// toolDSN turns the DSN of a driver into the tool's form, with another password if one is given.
func toolDSN(t *testing.T, driver, dsn, password string) string {
	t.Helper()
	var u *url.URL
	if driver == servers.MariaDB.Driver() {
		config, err := mysql.ParseDSN(dsn)
		require.NoError(t, err)
		u = &url.URL{Scheme: "mariadb", Host: config.Addr, Path: "/" + config.DBName}
		u.User = url.UserPassword(config.User, config.Passwd)
		if config.Net == "unix" {
			u.Host, u.RawQuery = "localhost", url.Values{"socket": {config.Addr}}.Encode()
		}
	} else {
		var err error
		u, err = url.Parse(dsn)
		require.NoError(t, err)
	}
	if password != "" {
		u.User = url.UserPassword(u.User.Username(), password)
	}
	return u.String()
}

func TestTheToolOnServers(t *testing.T) {
	for _, c := range []struct {
		server  *servers.Engine
		dialect *sqlstore.Dialect
	}{{servers.PostgreSQL, sqlstore.PostgreSQL}, {servers.MariaDB, sqlstore.MariaDB}} {
		t.Run(c.server.String(), func(t *testing.T) {
			dsn := servers.Shared(t, c.server).Database(t)
			tool := newTool(t, toolDSN(t, c.server.Driver(), dsn, ""))
			assert.Contains(t, tool.run(3, "check"), "not migrated")
			tool.run(0, "migrate", "--write")
			tool.run(0, "status")

			db, err := sql.Open(c.server.Driver(), dsn)
			require.NoError(t, err)
			defer db.Close()
			store, err := sqlstore.New(db, c.dialect, nil)
			require.NoError(t, err)
			service, err := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
			require.NoError(t, err)
			require.NoError(t, service.AddBatch(t.Context(), allocation.Batch{Ref: "b1", SKU: "LAMP", Purchased: 5}))
			line := allocation.OrderLine{OrderID: "o1", SKU: "LAMP", Quantity: 4}
			_, err = service.Allocate(t.Context(), allocation.Request{OrderLine: line})
			require.NoError(t, err)
			for _, args := range []string{
				"stock", "stock LAMP", "order o1", "batch b1", "lot b1", "order --begin o", "ledger LAMP",
			} {
				assert.Contains(t, tool.run(0, strings.Fields(args)...), "1", "%s", args)
			}
			for _, args := range []string{"due", "holds", "failures", "status --drift", "mend LAMP"} {
				tool.run(0, strings.Fields(args)...)
			}

			_, err = db.ExecContext(t.Context(), `UPDATE allocation_batches SET allocated = allocated - 1`)
			require.NoError(t, err)
			tool.run(3, "reconcile")
			assert.Contains(t, tool.run(3, "mend", "LAMP"), "BatchCorrected")
			tool.run(3, "reconcile", "LAMP")
			tool.run(0, "mend", "LAMP", "--write")
			tool.run(0, "reconcile")
			tool.run(0, "sweep", "--write")
			tool.run(0, "purge", "--before", "now", "--write")
			tool.run(4, "retry", "LAMP", "--write")
			tool.run(2, "retry", "LAMP")
		})
	}
}

// A server that refuses the password says so, and the tool doesn't say which password was refused.
func TestTheToolKeepsARefusedPassword(t *testing.T) {
	for _, server := range []*servers.Engine{servers.PostgreSQL, servers.MariaDB} {
		t.Run(server.String(), func(t *testing.T) {
			const password = "wrong/pass word"
			c := newTool(t, toolDSN(t, server.Driver(), servers.Shared(t, server).Database(t), password))
			for _, args := range []string{"check", "status --json", "sweep --write"} {
				out := c.run(1, strings.Fields(args)...)
				for _, form := range []string{password, url.QueryEscape(password), url.PathEscape(password)} {
					assert.NotContains(t, out, form)
				}
			}
		})
	}
}
