package servers

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/go-sql-driver/mysql"
)

// MariaDB is MariaDB 10.5 or later. Its DSNs have no parameters: a test that wants parseTime or the like adds them.
var MariaDB = &Engine{
	name:     "MariaDB",
	driver:   "mysql",
	variable: "ALLOCATION_MARIADB_DSN",
	accounts: []string{"mysql", "nobody"},
	signal:   "KILL", // everything else would wait for pages to be written
	// The log is still handed to the system at every commit: a killed server loses nothing.
	fast: []string{
		"--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync",
		"--innodb-log-file-size=32M", "--innodb-buffer-pool-size=64M",
	},
	drop: "DROP DATABASE IF EXISTS %s",

	find: findMariaDB,
	secret: func(password string) string {
		// Setting up knows no accounts before the first statement.
		return fmt.Sprintf("FLUSH PRIVILEGES;\n"+
			"CREATE USER %[1]s@'127.0.0.1' IDENTIFIED BY '%[2]s';\n"+
			"GRANT ALL PRIVILEGES ON *.* TO %[1]s@'127.0.0.1' WITH GRANT OPTION;\n", mariaUser, password)
	},
	setup: func(p programs, folder, secret string) []string {
		return []string{
			p.setup, "--no-defaults", "--datadir=" + filepath.Join(folder, "data"), "--skip-name-resolve",
			"--tmpdir=" + folder, // a server that starts clears the folder, temporary tables of other servers included
			"--skip-test-db", "--extra-file=" + secret, "--innodb-flush-method=nosync",
		}
	},
	serve: func(p programs, folder string, port int) []string {
		return []string{
			p.server, "--no-defaults",
			"--datadir=" + filepath.Join(folder, "data"),
			"--tmpdir=" + folder,
			"--bind-address=127.0.0.1",
			"--port=" + strconv.Itoa(port),
			"--socket=server.sock", // in the data folder; the whole path could be too long for a socket
			"--pid-file=server.pid",
			"--skip-name-resolve",
			"--max-connections=300",
			"--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci", // as Debian configures it
		}
	},
	setting: func(name, value string) []string { return []string{"--" + name + "=" + value} },
	dsn: func(port int, password string) string {
		config := mysql.NewConfig()
		config.User, config.Passwd = mariaUser, password
		config.Net, config.Addr = "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		return config.FormatDSN()
	},
	in: func(dsn, database string) (string, error) {
		config, err := mysql.ParseDSN(dsn)
		if err != nil {
			return "", err
		}
		config.DBName = database
		return config.FormatDSN(), nil
	},
}

const mariaUser = "allocation"

func findMariaDB() (programs, error) {
	server := program("mariadbd")
	if server == "" {
		return programs{}, errors.New("there is no program mariadbd")
	}
	setup := program("mariadb-install-db")
	if setup == "" {
		return programs{}, errors.New("there is no program mariadb-install-db")
	}
	return programs{setup: setup, server: server}, nil
}

// program is the path of an installed program, empty if there is none. Servers are often in a folder that is not
// on a user's path.
func program(name string) string {
	for _, candidate := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	return ""
}
