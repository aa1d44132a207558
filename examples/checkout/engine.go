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

// engine has the differences between the databases.
type engine struct {
	driver  string // of database/sql
	dialect *sqlstore.Dialect
	dsn     string // used if the user gives no -dsn

	// insert writes an order's row, and does nothing if there is one: on PostgreSQL an error would end the
	// transaction.
	insert string

	// lostRace recognises the driver's errors after which a new transaction may succeed.
	lostRace func(error) bool
}

var engines = map[string]engine{
	"sqlite": {
		driver: "sqlite", dialect: sqlstore.SQLite,
		dsn: "file:checkout.db?_pragma=foreign_keys(1)&_pragma=journal_mode(WAL)" +
			"&_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)",
		insert: `INSERT INTO shop_orders (id, customer) VALUES (?, ?) ON CONFLICT (id) DO NOTHING`,
		lostRace: func(err error) bool {
			var refused *sqlite.Error
			return errors.As(err, &refused) && refused.Code()&0xff == 5 // BUSY
		},
	},
	"postgresql": {
		driver: "pgx", dialect: sqlstore.PostgreSQL,
		insert: `INSERT INTO shop_orders (id, customer) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`,
		lostRace: func(err error) bool {
			var refused *pgconn.PgError // a lost race, a deadlock
			return errors.As(err, &refused) && slices.Contains([]string{"40001", "40P01"}, refused.Code)
		},
	},
	"mariadb": {
		driver: "mysql", dialect: sqlstore.MariaDB,
		insert: `INSERT INTO shop_orders (id, customer) VALUES (?, ?) ON DUPLICATE KEY UPDATE id = id`,
		lostRace: func(err error) bool {
			var refused *mysql.MySQLError // deadlock, lock wait, snapshot
			return errors.As(err, &refused) && slices.Contains([]uint16{1213, 1205, 1020}, refused.Number)
		},
	},
}
