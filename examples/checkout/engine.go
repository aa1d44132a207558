package main

import (
	_ "github.com/go-sql-driver/mysql" // the driver "mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

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
}

var engines = map[string]engine{
	"sqlite": {
		driver: "sqlite", dialect: sqlstore.SQLite,
		dsn: "file:checkout.db?_pragma=foreign_keys(1)&_pragma=journal_mode(WAL)" +
			"&_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)",
		insert: `INSERT INTO shop_orders (id, customer) VALUES (?, ?) ON CONFLICT (id) DO NOTHING`,
	},
	"postgresql": {
		driver: "pgx", dialect: sqlstore.PostgreSQL,
		insert: `INSERT INTO shop_orders (id, customer) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`,
	},
	"mariadb": {
		driver: "mysql", dialect: sqlstore.MariaDB,
		insert: `INSERT INTO shop_orders (id, customer) VALUES (?, ?) ON DUPLICATE KEY UPDATE id = id`,
	},
}
