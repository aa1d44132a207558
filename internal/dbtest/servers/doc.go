// Package servers gives tests, benchmarks and other commands a real PostgreSQL or MariaDB server.
//
// If ALLOCATION_POSTGRES_DSN or ALLOCATION_MARIADB_DSN is set, the package uses the server with that DSN, whose
// account has to be allowed to create databases. Otherwise the package starts a private server from the installed
// programs, on a free port of the loopback interface, with a temporary data folder and a random password. The server
// runs as the current user; for root, whom PostgreSQL refuses, as the engine's own user or as nobody.
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
// A test that changes the server's settings, or crashes the server, takes a server for itself from [Dedicated]. On a
// machine without a server the test is skipped with a message that names the missing program; with
// ALLOCATION_REQUIRE_SERVERS=1 the test fails instead.
//
// # In commands
//
// [Open] and [Start] return errors, [Server.CreateDatabase] makes a database, and [Server.Stop] ends the server.
//
// # After the end
//
// A private server leaves nothing behind. Every private server has a guard, a small shell process that stops the
// server and removes its folder. The guard acts when Stop is called, or when the process that started the server has
// ended in any way: the guard reads from a pipe that is closed with that process.
package servers
