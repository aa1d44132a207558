package main

import (
	"errors"
	"slices"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"modernc.org/sqlite"

	"github.com/cosmic-go/allocation/sqlstore"
)

// engine is what the shop has to know about its database.
type engine struct {
	driver  string // of database/sql
	dialect *sqlstore.Dialect
	dsn     string // if the user names none

	// insert writes an order's row unless it is there, and doesn't fail then: on PostgreSQL an error would spoil
	// the transaction.
	insert string

	// lostRace recognises the driver's errors that a fresh transaction may cure.
	lostRace func(error) bool
}

var engines = map[string]engine{
	"sqlite": {
		driver: "sqlite", dialect: sqlstore.SQLite,
		dsn: "file:checkout.db?_pragma=foreign_keys(1)&_pragma=journal_mode(WAL)" +
			"&_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)",
		insert: `INSERT INTO shop_orders (id, customer) VALUES (?, ?) ON CONFLICT (id) DO NOTHING`,
		lostRace: func(err error) bool {
			var told *sqlite.Error
			return errors.As(err, &told) && told.Code()&0xff == 5 // BUSY
		},
	},
	"postgresql": {
		driver: "pgx", dialect: sqlstore.PostgreSQL,
		insert: `INSERT INTO shop_orders (id, customer) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`,
		lostRace: func(err error) bool {
			var told *pgconn.PgError
			return errors.As(err, &told) && slices.Contains([]string{"40001", "40P01"}, told.Code) // a race or deadlock lost
		},
	},
	"mariadb": {
		driver: "mysql", dialect: sqlstore.MariaDB,
		insert: `INSERT INTO shop_orders (id, customer) VALUES (?, ?) ON DUPLICATE KEY UPDATE id = id`,
		lostRace: func(err error) bool {
			var told *mysql.MySQLError
			return errors.As(err, &told) && slices.Contains([]uint16{1213, 1205, 1020}, told.Number) // deadlock, lock wait, snapshot
		},
	},
}
