package servers_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

func TestEveryDatabaseIsFreshAndItsOwn(t *testing.T) {
	for _, engine := range servers.Engines() {
		t.Run(engine.String(), func(t *testing.T) {
			server := servers.Shared(t, engine)
			first := open(t, engine, server.Database(t))
			second := open(t, engine, server.Database(t))
			run(t, first, "CREATE TABLE batches (ref INT PRIMARY KEY)")
			run(t, second, "CREATE TABLE batches (ref INT PRIMARY KEY)") // the same name is no conflict
			run(t, first, "INSERT INTO batches VALUES (1)")

			assert.Equal(t, 1, number(t, first, "SELECT COUNT(*) FROM batches"))
			assert.Equal(t, 0, number(t, second, "SELECT COUNT(*) FROM batches"))
		})
	}
}

func TestADatabaseGoesWithItsTest(t *testing.T) {
	for _, engine := range servers.Engines() {
		t.Run(engine.String(), func(t *testing.T) {
			server := servers.Shared(t, engine)
			var dsn string
			t.Run("inner", func(t *testing.T) { dsn = server.Database(t) })

			db := open(t, engine, dsn)
			assert.Error(t, db.PingContext(t.Context()), "the database is still there")
		})
	}
}

func TestTestsOfOneProcessShareAServer(t *testing.T) {
	for _, engine := range servers.Engines() {
		t.Run(engine.String(), func(t *testing.T) {
			first := servers.Shared(t, engine)
			assert.Same(t, first, servers.Shared(t, engine))
		})
	}
}

func TestAServerTakesSettings(t *testing.T) {
	settings := map[*servers.Engine]map[string]string{
		servers.PostgreSQL: {"default_transaction_isolation": "serializable", "max_connections": "17"},
		servers.MariaDB:    {"innodb_snapshot_isolation": "ON", "max_connections": "17"},
	}
	queries := map[*servers.Engine]string{
		servers.PostgreSQL: "SELECT concat_ws(' ', current_setting('transaction_isolation'), " +
			"current_setting('max_connections'))",
		servers.MariaDB: "SELECT concat_ws(' ', @@innodb_snapshot_isolation, @@max_connections)",
	}
	want := map[*servers.Engine]string{servers.PostgreSQL: "serializable 17", servers.MariaDB: "ON 17"}
	for _, engine := range servers.Engines() {
		t.Run(engine.String(), func(t *testing.T) {
			server := servers.Dedicated(t, engine, &servers.Options{Fast: true, Settings: settings[engine]})
			var got string
			row := open(t, engine, server.Database(t)).QueryRowContext(t.Context(), queries[engine])
			require.NoError(t, row.Scan(&got))
			assert.Equal(t, want[engine], got)
		})
	}
}

func TestAServerThatDoesNotStartSaysWhy(t *testing.T) {
	for _, engine := range servers.Engines() {
		t.Run(engine.String(), func(t *testing.T) {
			servers.Shared(t, engine) // or skip
			temp := openTemp(t)
			t.Setenv("TMPDIR", temp)
			opts := &servers.Options{Settings: map[string]string{"no_such_setting": "1"}}
			_, err := servers.Start(t.Context(), engine, opts)

			require.Error(t, err)
			assert.NotErrorIs(t, err, servers.ErrNoServer)
			assert.Regexp(t, "no.such.setting", err.Error(), "the server's log is not in it")
			assert.Empty(t, foldersIn(t, temp))
		})
	}
}

func TestACrashKeepsWhatWasCommitted(t *testing.T) {
	for _, engine := range servers.Engines() {
		t.Run(engine.String(), func(t *testing.T) {
			server := servers.Dedicated(t, engine, &servers.Options{Fast: true})
			db := open(t, engine, server.Database(t))
			run(t, db, "CREATE TABLE batches (ref INT PRIMARY KEY)")
			for range 3 {
				run(t, db, "INSERT INTO batches SELECT COUNT(*) FROM batches")
			}
			tx, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			_, err = tx.ExecContext(t.Context(), "INSERT INTO batches VALUES (99)")
			require.NoError(t, err)

			require.NoError(t, server.Kill())
			require.Error(t, tx.Commit(), "the server still answers")
			require.Error(t, db.PingContext(t.Context()), "the server still answers")
			require.NoError(t, server.Kill(), "to kill it again is nothing")
			require.NoError(t, server.Start(t.Context()))
			require.NoError(t, server.Start(t.Context()), "to start it again is nothing")

			assert.Equal(t, 3, number(t, db, "SELECT COUNT(*) FROM batches"))
			assert.Equal(t, 2, number(t, db, "SELECT MAX(ref) FROM batches"))
		})
	}
}

func TestAServerOfTheEnvironmentIsNotOurs(t *testing.T) {
	variables := map[*servers.Engine]string{
		servers.PostgreSQL: "ALLOCATION_POSTGRES_DSN", servers.MariaDB: "ALLOCATION_MARIADB_DSN",
	}
	for _, engine := range servers.Engines() {
		t.Run(engine.String(), func(t *testing.T) {
			t.Setenv(variables[engine], servers.Shared(t, engine).DSN())
			server, err := servers.Open(t.Context(), engine, nil)
			require.NoError(t, err)

			assert.ErrorIs(t, server.Kill(), servers.ErrNotPrivate)
			assert.ErrorIs(t, server.Start(t.Context()), servers.ErrNotPrivate)
			assert.NoError(t, server.Stop())
			assert.NoError(t, open(t, engine, server.Database(t)).PingContext(t.Context()), "the server has to run on")
		})
	}
}

func TestAServerOfTheEnvironmentMustAnswer(t *testing.T) {
	t.Setenv("ALLOCATION_POSTGRES_DSN", "postgres://a:b@127.0.0.1:1/c")
	t.Setenv("ALLOCATION_MARIADB_DSN", "a:b@tcp(127.0.0.1:1)/c")
	for _, engine := range servers.Engines() {
		t.Run(engine.String(), func(t *testing.T) {
			_, err := servers.Open(t.Context(), engine, nil)
			require.Error(t, err)
			assert.NotErrorIs(t, err, servers.ErrNoServer, "that would be a reason to skip")
		})
	}
}

func TestStopLeavesNothing(t *testing.T) {
	for _, engine := range servers.Engines() {
		t.Run(engine.String(), func(t *testing.T) {
			needProcesses(t, engine)
			temp := openTemp(t)
			t.Setenv("TMPDIR", temp)
			server, err := servers.Start(t.Context(), engine, &servers.Options{Fast: true})
			require.NoError(t, err)
			goleak.VerifyNone(t)
			processes := processesIn(temp)
			segment := segmentOf(t, temp)
			require.GreaterOrEqual(t, len(processes), 2, "a server and its guard")
			require.NoError(t, server.Stop())

			assert.False(t, anyAlive(processes), "of %v some are alive", processes)
			assert.Empty(t, foldersIn(t, temp))
			assert.NotContains(t, segments(t), segment, "shared memory stays behind")
			require.NoError(t, server.Stop(), "to stop it again is nothing")
			assert.Error(t, server.Start(t.Context()), "the server started without a folder")
		})
	}
}

func TestAServerMayEndKilled(t *testing.T) {
	for _, engine := range servers.Engines() {
		t.Run(engine.String(), func(t *testing.T) {
			needProcesses(t, engine)
			temp := openTemp(t)
			t.Setenv("TMPDIR", temp)
			var segment string
			t.Run("inner", func(t *testing.T) {
				server := servers.Dedicated(t, engine, &servers.Options{Fast: true})
				server.Database(t)
				processes := processesIn(temp)
				segment = segmentOf(t, temp)
				require.NoError(t, server.Kill())
				assert.Len(t, processesIn(temp), 1, "the guard, of %v", processes)
			})
			assert.Empty(t, foldersIn(t, temp))
			assert.NotContains(t, segments(t), segment, "shared memory stays behind")
		})
	}
}

func TestAKilledHostLeavesNothing(t *testing.T) {
	for _, engine := range servers.Engines() {
		t.Run(engine.String(), func(t *testing.T) {
			needProcesses(t, engine)
			t.Run("while the server runs", func(t *testing.T) {
				temp := openTemp(t)
				kill, await := startHost(t, engine, temp)
				await()
				processes := processesIn(temp)
				segment := segmentOf(t, temp)
				require.GreaterOrEqual(t, len(processes), 2, "a server and its guard")
				kill()

				soon(t, func() bool { return !anyAlive(processes) }, "of %v some are alive", processes)
				soon(t, func() bool { return len(foldersIn(t, temp)) == 0 }, "%s is not empty", temp)
				assert.NotContains(t, segments(t), segment, "shared memory stays behind")
			})
			t.Run("while the data are set up", func(t *testing.T) {
				temp := openTemp(t)
				kill, _ := startHost(t, engine, temp)
				soon(t, func() bool { return len(processesIn(temp)) >= 2 }, "nothing begins")
				kill()

				soon(t, func() bool { return len(processesIn(temp)) == 0 }, "processes go on in %s", temp)
				soon(t, func() bool { return len(foldersIn(t, temp)) == 0 }, "%s is not empty", temp)
			})
		})
	}
}

func open(t *testing.T, engine *servers.Engine, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(engine.Driver(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	return db
}

func run(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), statement)
	require.NoError(t, err, statement)
}

func number(t *testing.T, db *sql.DB, query string) int {
	t.Helper()
	var n int
	require.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&n), query)
	return n
}
