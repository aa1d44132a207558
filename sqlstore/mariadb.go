package sqlstore

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
)

// MariaDB is the dialect of MariaDB 10.6 or later, for drivers whose errors have a field Number, such as
// go-sql-driver/mysql.
var MariaDB = &Dialect{&mariaDB}

var mariaDB = engine{
	name:        "mariadb",
	folder:      "mariadb",
	placeholder: func(int, bool) string { return "?" },
	lookup:      fromLeft("STRAIGHT_JOIN", forceIndex),
	list:        func(param string) string { return jsonTable(param, "value VARBINARY(255) PATH '$'") },
	indexHint:   forceIndex,
	longest:     128 << 10, // max_allowed_packet is 1 MiB or more in practice, 16 MiB by default
	snapshot:    sql.LevelRepeatableRead,

	// MariaDB can't limit a table by a row of a join, so the subqueries find the hold beyond the page. BETWEEN stands
	// for an equality: then MariaDB chooses a range of the index for each SKU, and reads no hold beyond the page.
	lapsed: `
			SELECT l.sku, l.order_id FROM (
				SELECT c.sku,
					COALESCE((SELECT l.held_until FROM {lines} l FORCE INDEX ({#lines_held})
						WHERE l.held_sku = c.sku AND l.held_until <= :now
						ORDER BY l.held_until, l.order_id LIMIT 1 OFFSET :limit), :now) AS until,
					(SELECT l.order_id FROM {lines} l FORCE INDEX ({#lines_held})
						WHERE l.held_sku = c.sku AND l.held_until <= :now
						ORDER BY l.held_until, l.order_id LIMIT 1 OFFSET :limit) AS order_id
				FROM chosen c LIMIT 1000000000) last STRAIGHT_JOIN {lines} l FORCE INDEX ({#lines_held})
			WHERE l.held_sku BETWEEN last.sku AND last.sku AND l.held_until <= last.until
				AND (last.order_id IS NULL OR l.held_until < last.until OR l.order_id <= last.order_id)`,
	unionArms: 50,
	lapsedArm: `
			(SELECT l.sku, l.order_id FROM {lines} l FORCE INDEX ({#lines_held})
				WHERE l.held_sku = :sku AND l.held_until <= :now
				ORDER BY l.held_until, l.order_id LIMIT :more)`,
	held: func(sku string) string {
		return "h.held_sku BETWEEN " + sku + " AND " + sku + " AND h.held_until <= :now"
	},
	splits: " LEFT JOIN {lines} l FORCE INDEX (PRIMARY) ON " + partsOfSplit,
	expiringArm: `
			SELECT l.held_until FROM {lines} l FORCE INDEX ({#lines_held})
			WHERE l.held_sku = :sku AND l.held_until > :now ORDER BY l.held_until LIMIT 1`,

	// A column of another row is no bound of an index, so this reads all lapsed holds of the product.
	expiring: `
			SELECT l.held_until FROM {lines} l FORCE INDEX ({#lines_held})
			WHERE l.held_sku = p.sku AND l.held_until > :now ORDER BY l.held_until LIMIT 1`,
	lapsing: `
						SELECT l.lapses AS moment, l.held_sku AS sku FROM {lines} l FORCE INDEX ({#lines_lapsing})
						WHERE l.lapses <= :now AND ` + behind("l.lapses", "l.held_sku", ":from") + `
						ORDER BY l.lapses, l.held_sku LIMIT :limit`,
	comingDue: `
						SELECT b.due AS moment, b.sku FROM {batches} b FORCE INDEX ({#batches_due})
						WHERE b.due <= :now AND ` + behind("b.due", "b.sku", ":from") + `
						ORDER BY b.due, b.sku LIMIT :limit`,
	limit:   ":limit",
	present: ":now", from: ":from", since: ":from - 1",
	dueOf: func(sku string) string {
		return "b.sku BETWEEN " + sku + " AND " + sku + " AND b.due <= :now" // see held
	},
	lapses:    lapsesColumns{"h.lapses", "h.held_sku", "h.lapses, h.held_sku, h.order_id, h.sku, h.line"},
	shipped:   "lines_leaving",
	integer:   "SIGNED",
	unsentSKU: func(alias string) string { return alias + ".unsent_sku" },

	// A column of another row is no bound of an index, so the statement can't skip from product to product.
	claimable: func(t *templates) string {
		return `
		WITH ` + t.busy() + `
		SELECT g.sku, CASE WHEN g.sku NOT IN (SELECT sku FROM busy) THEN ` + t.first("g.sku") + ` END,
			SUM(g.marks) OVER (ORDER BY g.sku)
		FROM (SELECT t.sku, COUNT(*) AS marks FROM (
			SELECT e.unsent_sku AS sku FROM {events} e FORCE INDEX ({#events_unsent})
			WHERE e.unsent_sku > :after ORDER BY e.unsent_sku, e.sequence LIMIT :page) t GROUP BY t.sku) g
		ORDER BY g.sku`
	},

	// Assignments take effect one after the other. The assignment to claim decides, and the later assignments
	// compare the claim.
	take: func(t *templates) string {
		return leaseColumns + `x.sku, :owner, :claim, :until, x.sequence, 0, 0, 0, ''
		FROM ` + t.records("sku text", "sequence bigint") + `
		ON DUPLICATE KEY UPDATE
			claim = IF({deliveries}.not_before <= :now
					AND ({deliveries}.dead = 0 OR {deliveries}.sequence < VALUES(sequence)),
				VALUES(claim), {deliveries}.claim),
			owner = IF({deliveries}.claim = :claim, VALUES(owner), {deliveries}.owner),
			not_before = IF({deliveries}.claim = :claim, VALUES(not_before), {deliveries}.not_before),
			tries = IF({deliveries}.claim = :claim AND {deliveries}.sequence < VALUES(sequence), 0, {deliveries}.tries),
			dead = IF({deliveries}.claim = :claim, 0, {deliveries}.dead),
			sequence = IF({deliveries}.claim = :claim,
				GREATEST({deliveries}.sequence, VALUES(sequence)), {deliveries}.sequence)
		RETURNING sku, sequence, tries, claim`
	},
	records: func(columns ...string) string {
		types := strings.NewReplacer(" text", " VARBINARY(255)", " bigint", " BIGINT")
		typed := make([]string, len(columns))
		for i, column := range columns {
			name, _, _ := strings.Cut(column, " ")
			typed[i] = types.Replace(column) + " PATH '$." + name + "'"
		}
		return jsonTable(":rows", typed...) + " x"
	},
	addToSums: ` WHERE ` + inTransaction + ` = 0
		ON DUPLICATE KEY UPDATE purchased = IF({purged}.batch_ref = '', 0, {purged}.purchased) + VALUES(purchased),
			allocated = {purged}.allocated + VALUES(allocated)`,
	hasTable: `
		SELECT COUNT(*) FROM information_schema.tables
		WHERE table_schema = COALESCE(NULLIF(:schema, ''), DATABASE()) AND table_name = :table`,
	database: `SELECT COALESCE(DATABASE(), '')`,
	settings: []setting{{
		name:  "tx_isolation",
		query: `SELECT IF(@@tx_isolation = 'READ-UNCOMMITTED', @@tx_isolation, 'READ-COMMITTED or above')`,
		want:  "READ-COMMITTED or above",
	}, {
		name: "character_set_client",
		query: `SELECT IF(@@character_set_client = @@character_set_results AND @@character_set_client REGEXP '^utf8',
			'utf8mb4',
			CONCAT(@@character_set_client, ', ', COALESCE(@@character_set_results, 'NULL')))`,
		want: "utf8mb4",
	}},
	lock:    []string{`SELECT GET_LOCK('allocation_migrate', 86400)`},
	unlock:  `DO RELEASE_LOCK('allocation_migrate')`,
	undo:    `DO RELEASE_LOCK('allocation_migrate')`,
	schemas: true,
	isolations: []sql.IsolationLevel{
		sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable,
	},
	lockRows: `
		SELECT p.sku, p.version FROM ` + jsonTable(":skus", "value VARBINARY(255) PATH '$'") + ` k
		STRAIGHT_JOIN {products} p FORCE INDEX (PRIMARY) ON p.sku = k.value WHERE ` + inTransaction + ` = 0
		FOR UPDATE`,
	locking: sql.LevelReadCommitted,

	savepoint: true,
	prepares:  true,
	literals:  true,
	keeps:     true,
	guard:     inTransaction + " = 0",
	writer:    newMariaDBCommit,
	classify:  classifyMariaDB,

	unprepared: func(err error) bool { // 1461: max_prepared_stmt_count of the server is reached
		number, ok := mariaDBNumber(err)
		return ok && number == 1461
	},
}

func forceIndex(index string) string { return "FORCE INDEX ({#" + index + "})" }

// mariaDBNumber returns the number of an error of the server.
func mariaDBNumber(err error) (int64, bool) {
	return find(err, func(err error) (int64, bool) {
		if !field(err, "Message").IsValid() {
			return 0, false
		}
		return number(err, "Number")
	})
}

// classifyMariaDB uses the number of the error, see https://mariadb.com/docs/server/reference/error-codes.
func classifyMariaDB(err error) class {
	number, ok := mariaDBNumber(err)
	if !ok {
		if strings.Contains(err.Error(), "packet for query is too large") { // go-sql-driver has not sent the statement
			return tooLarge
		}
		if errors.Is(err, driver.ErrBadConn) || strings.Contains(err.Error(), "invalid connection") { // go-sql-driver
			return lost
		}
		return unanswered
	}
	switch number {
	case 1153:
		return tooLarge
	case 1105: // an unknown error, or a long parameter of a prepared statement
		if strings.Contains(err.Error(), "max_allowed_packet") {
			return tooLarge
		}
	case 1690: // out of range, by the guard: the server has ended the transaction
		if strings.Contains(err.Error(), "@@in_transaction") {
			return conflict
		}
	case 1290: // an option of the server forbids the statement
		if strings.Contains(err.Error(), "read-only") {
			return elsewhere
		}
	case 1836, 1792, 1047: // read-only mode, read-only transaction by default, a server that has left its cluster
		return elsewhere
	case 1213, 1205, 1020: // deadlock, lock wait timeout, record has changed since last read
		return conflict
	case 1062, 1586: // duplicate entry
		return duplicate
	case 1048, 1216, 1217, 1264, 1406, 1451, 1452, 3819, 4025: // NULL, foreign key, range, length, check
		return refused
	case 1049, 1054, 1146, 1176: // database, column, table, key
		return undefined
	case 1180: // error during COMMIT; of a cluster's server that lost the others, which may have received the commit
		return unanswered
	case 1053, 1927: // shutdown, connection killed
		return lost
	case 2006, 2013, 4031: // connection lost, as a proxy says; connection ended as idle, as MySQL says
		return lost
	}
	return answered
}
