package main

import (
	"net"
	"net/url"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"github.com/cosmic-go/allocation/sqlstore"
)

// database is a parsed DSN.
type database struct {
	dialect *sqlstore.Dialect
	driver  string
	source  string // of the driver, with the password
	engine  string
	plain   string // source for a pooler that refuses the parameter for read-only connections; "" for none
}

// parse finds the engine of a DSN. Without write the connections are read-only. Secrets are noted first, because errors
// of drivers may quote the DSN.
func (a *app) parse(dsn string) (database, error) {
	a.hide(dsn)
	scheme, rest, found := strings.Cut(dsn, ":")
	switch {
	case dsn == "":
		return database{}, usage("no database: set ALLOCATION_DSN, or give --dsn")
	case found && (scheme == "postgres" || scheme == "postgresql"):
		return a.postgreSQL(dsn)
	case found && (scheme == "mariadb" || scheme == "mysql"):
		return a.mariaDB(dsn)
	case found && (scheme == "sqlite" || scheme == "file"):
		return a.sqlite(rest)
	}
	return database{}, usage("the DSN must begin with postgres://, mariadb:// or sqlite:")
}

func (a *app) postgreSQL(dsn string) (database, error) {
	if _, err := pgx.ParseConfig(dsn); err != nil {
		return database{}, usage("the DSN: %v", err)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return database{}, usage("the DSN is no URL")
	}
	found := database{dialect: sqlstore.PostgreSQL, driver: "pgx", source: dsn, engine: "PostgreSQL"}
	if !a.write {
		query := u.Query()
		query.Set("default_transaction_read_only", "on")
		u.RawQuery = query.Encode()
		found.source, found.plain = u.String(), dsn
	}
	return found, nil
}

func (a *app) mariaDB(dsn string) (database, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return database{}, usage("the DSN is no URL") // the error would quote the DSN
	}
	source := mysql.NewConfig()
	source.Net, source.Addr, source.DBName = "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	if u.Port() == "" {
		source.Addr = net.JoinHostPort(u.Hostname(), "3306")
	}
	if socket := u.Query().Get("socket"); socket != "" {
		source.Net, source.Addr = "unix", socket
	}
	source.User = u.User.Username()
	source.Passwd, _ = u.User.Password()
	text := source.FormatDSN()
	query := u.Query()
	query.Del("socket")
	if !a.write {
		query.Set("tx_read_only", "1")
	}
	if len(query) > 0 {
		separator := "?"
		if strings.Contains(text, "?") {
			separator = "&"
		}
		text += separator + query.Encode()
	}
	if _, err := mysql.ParseDSN(text); err != nil {
		return database{}, usage("the DSN: %v", err)
	}
	return database{dialect: sqlstore.MariaDB, driver: "mysql", source: text, engine: "MariaDB"}, nil
}

// sqlite names an existing file; only migrate makes a new file.
func (a *app) sqlite(path string) (database, error) {
	path, query, _ := strings.Cut(path, "?")
	path = strings.TrimPrefix(path, "//")
	if path == "" {
		return database{}, usage("the DSN names no file")
	}
	settings, err := url.ParseQuery(query)
	if err != nil {
		return database{}, usage("the DSN: %v", err)
	}
	pragmas := []string{"foreign_keys(1)", "busy_timeout(10000)", "synchronous(FULL)"}
	mode := "rw"
	switch {
	case a.create:
		mode, pragmas = "rwc", append(pragmas, "journal_mode(WAL)")
	case !a.write:
		pragmas = append(pragmas, "query_only(1)")
	}
	settings["_pragma"] = append(pragmas, settings["_pragma"]...)
	settings.Set("mode", mode)
	source := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: settings.Encode()}
	return database{dialect: sqlstore.SQLite, driver: "sqlite", source: source.String(), engine: "SQLite"}, nil
}

// hide notes the DSN and its password, in each form in which an error may have it.
func (a *app) hide(dsn string) {
	note := func(secret string) {
		if secret != "" {
			a.secrets = append(a.secrets, secret)
		}
	}
	note(dsn)
	passwords := []string{}
	if u, err := url.Parse(dsn); err == nil {
		if password, set := u.User.Password(); set {
			passwords = append(passwords, password)
		}
		passwords = append(passwords, u.Query()["password"]...)
		passwords = append(passwords, u.Query()["sslpassword"]...)
	}
	// A URL with a character that should have been escaped can't be parsed, and may have a password.
	if _, rest, found := strings.Cut(dsn, "://"); found {
		if at := strings.LastIndex(rest, "@"); at >= 0 {
			if _, password, set := strings.Cut(rest[:at], ":"); set {
				passwords = append(passwords, password)
			}
		}
	}
	for _, password := range passwords {
		for _, form := range []string{password, url.QueryEscape(password), url.PathEscape(password)} {
			note(form)
		}
	}
}

// redact takes the secrets out of a text.
func (a *app) redact(text string) string {
	for _, secret := range a.secrets {
		text = strings.ReplaceAll(text, secret, "xxxxx")
	}
	return text
}
