package servers

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of PostgreSQL's DSNs
)

// PostgreSQL is PostgreSQL 15 or later. A private one orders text by the rules of English unless a column says
// otherwise, as most servers order it by some language's, so that a comparison as bytes has to be asked for.
var PostgreSQL = &Engine{
	name:     "PostgreSQL",
	driver:   "pgx",
	variable: "ALLOCATION_POSTGRES_DSN",
	accounts: []string{"postgres", "nobody"},
	signal:   "QUIT", // an immediate shutdown; after SIGKILL the shared memory would stay
	// Commits are still handed to the system before they are answered, and pages are still logged whole: a killed
	// server loses nothing.
	fast: []string{"-c", "fsync=off", "-c", "shared_buffers=32MB", "-c", "max_wal_size=256MB"},
	drop: "DROP DATABASE IF EXISTS %s WITH (FORCE)", // a connection that a test has leaked doesn't keep it

	find:   findPostgreSQL,
	secret: func(password string) string { return password },
	setup: func(p programs, folder, secret string) []string {
		return []string{
			p.setup, "--pgdata=" + filepath.Join(folder, "data"), "--no-sync", "--username=" + postgresUser,
			"--auth=scram-sha-256", "--pwfile=" + secret,
			"--encoding=UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US",
		}
	},
	serve: func(p programs, folder string, port int) []string {
		return []string{
			p.server, "-D", filepath.Join(folder, "data"),
			"-c", "listen_addresses=127.0.0.1",
			"-c", "port=" + strconv.Itoa(port),
			"-c", "unix_socket_directories=",
			"-c", "max_connections=300",
			"-c", "dynamic_shared_memory_type=mmap", // in the folder: nothing of a killed server stays in /dev/shm
		}
	},
	setting: func(name, value string) []string { return []string{"-c", name + "=" + value} },
	dsn: func(port int, password string) string {
		return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/postgres?sslmode=disable", postgresUser, password, port)
	},
	in: postgresDatabase,
}

const (
	postgresUser   = "postgres"
	postgresFolder = "/usr/lib/postgresql"
	postgresLeast  = 15

	// postgresVariable names the folder with the programs of another version.
	postgresVariable = "ALLOCATION_POSTGRES_BIN"
)

// findPostgreSQL takes the programs that the environment names, or else the highest version that Debian's packages have
// installed side by side.
func findPostgreSQL() (programs, error) {
	if bin := os.Getenv(postgresVariable); bin != "" {
		_, err := os.Stat(filepath.Join(bin, "initdb"))
		return postgresPrograms(bin), err
	}
	highest := 0
	versions, _ := os.ReadDir(postgresFolder) // none, if there is no such folder
	for _, entry := range versions {
		version, err := strconv.Atoi(entry.Name())
		if err != nil || version < postgresLeast || version < highest {
			continue
		}
		if _, err := os.Stat(filepath.Join(postgresFolder, entry.Name(), "bin", "initdb")); err == nil {
			highest = version
		}
	}
	if highest == 0 {
		return programs{}, fmt.Errorf("there is no PostgreSQL %d or later in %s", postgresLeast, postgresFolder)
	}
	return postgresPrograms(filepath.Join(postgresFolder, strconv.Itoa(highest), "bin")), nil
}

func postgresPrograms(bin string) programs {
	return programs{setup: filepath.Join(bin, "initdb"), server: filepath.Join(bin, "postgres")}
}

// postgresDatabase puts a database into either form of DSN, a URL or words like host=127.0.0.1.
func postgresDatabase(dsn, database string) (string, error) {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return dsn + " dbname=" + database, nil // the last one counts
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", errors.New("not a URL") // url's error would show the password
	}
	u.Path = "/" + database
	query := u.Query()
	query.Del("dbname")
	query.Del("database")
	u.RawQuery = query.Encode()
	return u.String(), nil
}
