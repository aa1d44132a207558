// Package servers gives tests, benchmarks and other commands a real PostgreSQL or MariaDB server.
//
// It is the one that the environment names in ALLOCATION_POSTGRES_DSN or ALLOCATION_MARIADB_DSN, as an account that
// may create databases. If there is none, it is a private server, started from the programs that are installed, on a
// free port of the loopback interface, with its data in a temporary folder and a password made for it. It runs as
// the user who runs the tests; for root, whom PostgreSQL refuses, as the engine's own user or as nobody.
//
// # In tests
//
//	func TestMain(m *testing.M) {
//		goleak.VerifyTestMain(servers.M{M: m}) // stops the shared servers after the tests
//	}
//
//	func TestSomething(t *testing.T) {
//		dsn := servers.Shared(t, servers.PostgreSQL).Database(t) // empty, for this test alone, dropped after it
//		db, err := sql.Open(servers.PostgreSQL.Driver(), dsn)
//		...
//	}
//
// A test that changes the server's settings, or crashes it, takes one for itself from [Dedicated]. A machine without
// a server skips the test and says what is missing; with ALLOCATION_REQUIRE_SERVERS=1 it fails instead.
//
// # In commands
//
// [Open] and [Start] answer errors, [Server.CreateDatabase] a database, and [Server.Stop] ends the server.
//
// # What is left behind
//
// Nothing. Every private server has a guard, a small shell process, which stops it and removes its folder when Stop
// is called and when the process that started it has ended, in whatever way: the guard reads from a pipe that
// ends with that process.
package servers
