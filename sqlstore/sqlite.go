package sqlstore

import "errors"

// SQLite is the dialect of SQLite 3.37 or later. Any driver will do whose errors have a method Code() int
// that answers SQLite's extended result code, as those of modernc.org/sqlite do.
var SQLite = &Dialect{
	name:        "sqlite",
	folder:      "sqlite",
	placeholder: numbered("?"),
	list:        func(param string) string { return "(SELECT value FROM json_each(" + param + "))" },
	by:          func(index string) string { return "INDEXED BY {" + index + "}" },
	lapsed: `
			SELECT c.sku, first.value FROM chosen c CROSS JOIN json_each((
				SELECT json_group_array(order_id) FROM (
					SELECT l.order_id FROM {lines} l INDEXED BY {lines_held}
					WHERE l.sku = c.sku AND l.part = 0 AND l.held_until <= :now
					ORDER BY l.held_until, l.order_id LIMIT :more))) first`,
	hasTable: `SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = :table`,
	database: `SELECT file FROM pragma_database_list WHERE name = 'main'`,
	settings: []setting{{name: "foreign_keys", query: `PRAGMA foreign_keys`, want: "1"}},
	lock:     `BEGIN IMMEDIATE`,
	reserved: "sqlite_",
	classify: classifySQLite,
}

// classifySQLite goes by the result code, see https://sqlite.org/rescode.html.
func classifySQLite(err error) class {
	var coded interface{ Code() int }
	if !errors.As(err, &coded) {
		return unanswered
	}
	code := coded.Code()
	switch code & 0xff {
	case 1: // ERROR
		return undefined
	case 5, 6: // BUSY, LOCKED
		return conflict
	case 10: // IOERR: what was written may or may not be there after a restart
		return unanswered
	case 19: // CONSTRAINT
		switch code {
		case 1555, 2067, 2579: // PRIMARYKEY, UNIQUE, ROWID
			return duplicate
		}
		return refused
	}
	return answered
}
