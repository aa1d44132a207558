package sqlstore

import (
	"strconv"
	"strings"
)

// SQLite is the dialect of SQLite 3.37 or later, for drivers whose errors have the extended result code, such as
// those of modernc.org, mattn and ncruces.
var SQLite = &Dialect{&sqlite}

var sqlite = engine{
	name:        "sqlite",
	folder:      "sqlite",
	placeholder: onceUnnamed,
	numbered:    true,
	signature:   "written",
	lookup:      fromLeft("CROSS JOIN", indexedBy),
	list:        func(param string) string { return "(SELECT value FROM json_each(" + param + "))" },
	indexHint:   indexedBy,

	// With samples of the data (STAT4) SQLite prepares a statement again whenever a parameter changes that could be
	// looked up in the samples. A sum can't be looked up.
	lapsed: `
			SELECT c.sku, first.value FROM chosen c CROSS JOIN json_each((
				SELECT json_group_array(order_id) FROM (
					SELECT l.order_id FROM {lines} l INDEXED BY {#lines_held}
					WHERE l.sku = c.sku AND l.part = 0 AND l.held_until <= :now + 0
					ORDER BY l.held_until, l.order_id LIMIT :more))) first`,

	// SQLite sorts the holds to group them, so the rows to sort are narrow, and a join comes after the sum.
	unbound: `
		found (ref, split, units) AS (
			SELECT h.batch_ref, MAX(h.split), SUM(CASE h.split WHEN 0 THEN h.quantity - h.shipped ELSE 0 END)
			FROM chosen c CROSS JOIN {lines} h INDEXED BY {#lines_held}
			WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= :now + 0 GROUP BY h.batch_ref),
		unbound (ref, units) AS (
			SELECT u.ref, SUM(u.units) FROM (
				SELECT f.ref, f.units FROM found f
				UNION ALL
				SELECT l.batch_ref, l.quantity - l.shipped
				FROM (SELECT 1 FROM found f WHERE f.split = 1 LIMIT 1) any_split CROSS JOIN chosen c
				CROSS JOIN {lines} h INDEXED BY {#lines_held} CROSS JOIN {lines} l
				WHERE h.sku = c.sku AND h.part = 0 AND h.held_until <= :now + 0 AND h.split = 1
					AND l.order_id = h.order_id AND l.sku = h.sku AND l.line = h.line) u
			GROUP BY u.ref)`,
	expiring: `
			SELECT l.held_until FROM {lines} l INDEXED BY {#lines_held}
			WHERE l.sku = p.sku AND l.part = 0 AND l.held_until > :now + 0 ORDER BY l.held_until LIMIT 1`,
	lapsing: `
						SELECT l.held_until AS moment, l.sku FROM {lines} l INDEXED BY {#lines_lapsing}
						WHERE l.part = 0 AND l.held_until <= :now + 0
							AND ` + behind("l.held_until", "l.sku", ":from + 0") + `
						ORDER BY l.held_until, l.sku LIMIT :limit`,
	comingDue: `
						SELECT b.due AS moment, b.sku FROM {batches} b INDEXED BY {#batches_due}
						WHERE b.due <= :now + 0
							AND ` + behind("b.due", "b.sku", ":from + 0") + `
						ORDER BY b.due, b.sku LIMIT :limit`,
	limit:   ":limit",
	present: ":now + 0", from: ":from + 0", since: ":from - 1",
	dueOf:     func(sku string) string { return "b.sku = " + sku + " AND b.due <= :now + 0" },
	lapses:    lapsesColumns{"h.held_until", "h.sku", "h.held_until, h.sku, h.order_id, h.line"},
	shipped:   "lines_shipped",
	integer:   "BIGINT",
	unsentSKU: func(alias string) string { return alias + ".sku" },
	partial:   true,
	claimable: func(t *templates) string { return t.walk(`SELECT w.sku, ` + t.first("w.sku") + `, 0`) },
	take: func(t *templates) string {
		return leaseColumns + `x.sku, :owner, :claim, :until, x.sequence, 0, 0, 0, ''
		FROM ` + t.records("sku text", "sequence bigint") + ` WHERE true` + takeOver
	},
	records:   extracted,
	addToSums: ` WHERE true` + addOnConflict,
	embedded:  true,
	hasTable:  `SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = :table`,
	database:  `SELECT file FROM pragma_database_list WHERE name = 'main'`,
	settings:  []setting{{name: "foreign_keys", query: `PRAGMA foreign_keys`, want: "1"}},
	lock:      []string{`BEGIN IMMEDIATE`},
	unlock:    `COMMIT`,
	undo:      `ROLLBACK`,
	reserved:  "sqlite_",

	// A transaction that begins with a write waits for other writers; a transaction that begins with a read fails
	// instead.
	lockAll:   `UPDATE {products} SET version = version WHERE sku = ''`,
	savepoint: true,
	prepares:  true,
	writer:    func(t *templates) writer { return newRowCommit(t) },
	classify:  classifySQLite,
}

// extracted returns a relation over a JSON array of objects.
func extracted(columns ...string) string {
	values := make([]string, len(columns))
	for i, column := range columns {
		name, _, _ := strings.Cut(column, " ")
		values[i] = `json_extract(value, '$.` + name + `') AS ` + name
	}
	return `(SELECT ` + strings.Join(values, ", ") + ` FROM json_each(:rows)) x`
}

// onceUnnamed has a number only where a parameter is repeated: some drivers ask for the name of each numbered parameter
// whenever a statement runs.
func onceUnnamed(n int, repeated bool) string {
	if repeated {
		return "?" + strconv.Itoa(n)
	}
	return "?"
}

func indexedBy(index string) string { return "INDEXED BY {#" + index + "}" }

// classifySQLite uses the result code, see https://sqlite.org/rescode.html.
func classifySQLite(err error) class {
	code, ok := find(err, sqliteCode)
	if !ok {
		return unanswered
	}
	switch code & 0xff {
	case 1: // ERROR
		return undefined
	case 5, 6: // BUSY, LOCKED
		return conflict
	case 10: // IOERR: after a restart the writes may exist or not
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

// sqliteCode returns the extended result code: modernc.org/sqlite has a method Code, the other drivers a separate
// field.
func sqliteCode(err error) (int64, bool) {
	if code, ok := number(err, "ExtendedCode"); ok && code != 0 {
		return code, true
	}
	return number(err, "Code")
}
