package sqlstore

import (
	"database/sql"
	"strings"
)

// PostgreSQL is the dialect of PostgreSQL 12 or later, for drivers whose errors have a method SQLState() string,
// such as jackc/pgx and lib/pq.
var PostgreSQL = &Dialect{&postgreSQL}

var postgreSQL = engine{
	name:        "postgresql",
	folder:      "postgresql",
	placeholder: numbered("$"),
	numbered:    true,
	lookup: func(table, alias, _, condition string) string { // OFFSET 0 keeps the planner from another join
		return " CROSS JOIN LATERAL (SELECT * FROM {" + table + "} " + alias +
			" WHERE " + condition + " OFFSET 0) " + alias
	},
	list: func(param string) string {
		return "(SELECT value FROM json_array_elements_text(CAST(" + param + " AS json)) WHERE value = value || '')"
	},
	indexHint: func(string) string { return "" },
	lapsed: `
			SELECT c.sku, h.order_id FROM chosen c CROSS JOIN LATERAL (
				SELECT l.order_id FROM {lines} l
				WHERE l.sku = c.sku AND l.part = 0 AND l.held_until <= ` + opaque(":now") + `
					AND ` + expectFew("l.held_until") + `
				ORDER BY l.held_until, l.order_id LIMIT ` + opaque(":more") + `) h`,
	unbound: `
		found (ref, split, units) AS (
			SELECT h.batch_ref, h.split, h.units FROM chosen c CROSS JOIN LATERAL (
				SELECT h.batch_ref, h.split, SUM(h.quantity - h.shipped) AS units FROM {lines} h
				WHERE ` + lapsedOf + ` GROUP BY h.batch_ref, h.split) h),
		unbound (ref, units) AS (
			SELECT u.ref, CAST(SUM(u.units) AS BIGINT) FROM (
				SELECT f.ref, f.units FROM found f WHERE f.split = 0
				UNION ALL
				SELECT l.batch_ref, l.quantity - l.shipped
				FROM (SELECT 1 FROM found f WHERE f.split = 1 LIMIT 1) any_split CROSS JOIN chosen c
				CROSS JOIN LATERAL (SELECT * FROM {lines} h WHERE ` + lapsedOf + ` AND h.split = 1 OFFSET 0) h
				CROSS JOIN LATERAL (
					SELECT * FROM {lines} l
					WHERE l.order_id = h.order_id AND l.sku = h.sku AND l.line = h.line OFFSET 0) l) u
			GROUP BY u.ref)`,
	expiring: `
			SELECT l.held_until FROM {lines} l
			WHERE l.sku = p.sku AND l.part = 0 AND l.held_until > ` + opaque(":now") + ` ORDER BY l.held_until LIMIT 1`,
	lapsing: `
						SELECT l.held_until AS moment, l.sku FROM {lines} l
						WHERE l.part = 0 AND l.held_until <= ` + opaque(":now") + `
							AND ` + behind("l.held_until", "l.sku", opaque(":from")) + `
							AND ` + expectFew("l.held_until") + `
						ORDER BY l.held_until, l.sku LIMIT ` + opaque(":limit"),
	comingDue: `
						SELECT b.due AS moment, b.sku FROM {batches} b
						WHERE b.due <= ` + opaque(":now") + `
							AND ` + behind("b.due", "b.sku", opaque(":from")) + `
							AND ` + expectFew("b.due") + `
						ORDER BY b.due, b.sku LIMIT ` + opaque(":limit"),
	limit:   opaque(":limit"),
	present: opaque(":now"), from: opaque(":from"), since: opaque(":from") + " - 1",
	dueOf:     func(sku string) string { return "b.sku = " + sku + " AND b.due <= " + opaque(":now") },
	expectFew: expectFew,
	lapses:    lapsesColumns{"h.held_until", "h.sku", "h.held_until, h.sku, h.order_id, h.line"},
	shipped:   "lines_shipped",
	integer:   "BIGINT",
	unsentSKU: func(alias string) string {
		return `(CASE WHEN ` + alias + `.unsent_from IS NOT NULL THEN ` + alias + `.sku END)`
	},
	partial: true,
	take: func(t *templates) string {
		return t.walk(leaseColumns+`w.sku, CAST(:owner AS text), CAST(:claim AS bigint), CAST(:until AS bigint), `+
			t.first("w.sku")+`, 0, 0, 0, ''`) + takeOver
	},
	records: func(columns ...string) string {
		return `json_to_recordset(CAST(:rows AS json)) x (` + strings.Join(columns, ", ") + `)`
	},
	addToSums: addOnConflict,
	hasTable:  `SELECT COUNT(*) FROM pg_class WHERE oid = to_regclass(CAST(:qualified AS text))`,
	database:  `SELECT current_database()`,
	lock:      []string{`BEGIN`, `SELECT pg_advisory_xact_lock(4702394921427284854)`},
	unlock:    `COMMIT`,
	undo:      `ROLLBACK`,
	reserved:  "pg_",
	schemas:   true,
	functions: true,
	isolations: []sql.IsolationLevel{
		sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable,
	},
	lockRows: `
		SELECT p.sku FROM {products} p WHERE p.sku = ANY (ARRAY(SELECT json_array_elements_text(CAST(:skus AS json))))
		ORDER BY p.sku FOR NO KEY UPDATE`,
	locking:      sql.LevelReadCommitted,
	writer:       newPostgreSQLCommit,
	oneStatement: true,
	classify:     classifyPostgreSQL,
	pooled:       true,
	advise:       withPooler,
	again:        hasOldPlan,
}

// lapsedOf is the condition for the lapsed holds of a row of chosen. The holds are summed up before they are joined to
// anything. There may be very many, so the planner must not expect few: the planner would sort the holds to group them.
var lapsedOf = `h.sku = c.sku AND h.part = 0 AND h.held_until <= ` + opaque(":now")

// hasOldPlan reports whether somebody changed the type of a column since the driver prepared the statement on this
// connection ("cached plan must not change result type"). The driver then forgets the prepared statement. The server
// has no other reason to answer 0A000, not supported, to the statements of this package. A statement of the host may
// have many reasons, so the place in the server's source tells them apart, if the driver says the place.
func hasOldPlan(err error) bool {
	state, ok := sqlState(err)
	return ok && state == "0A000" && !fromElsewhere(err, "RevalidateCachedQuery")
}

// fromElsewhere reports whether the driver names another function of the server as the place of an error.
func fromElsewhere(err error, function string) bool {
	place := placeOf(err)
	return place != "" && place != function
}

// rolledBack is what drivers say if the server answers COMMIT with ROLLBACK, because an earlier statement has failed:
// pgx and lib/pq.
var rolledBack = []string{
	"commit unexpectedly resulted in rollback", "Could not complete operation in a failed transaction",
}

// classifyPostgreSQL uses the SQLSTATE, see https://www.postgresql.org/docs/current/errcodes-appendix.html.
func classifyPostgreSQL(err error) class {
	state, ok := sqlState(err)
	if !ok {
		for _, text := range rolledBack {
			if strings.Contains(err.Error(), text) {
				return answered
			}
		}
		return unanswered
	}
	switch state {
	case "40001", "40P01", "55P03": // not serialisable, deadlock, lock not available
		return conflict
	case "25006": // the server is a standby or refuses writes, so the statement has done nothing
		return elsewhere
	case "57P01", "57P05": // ended by an administrator or as idle: the statement is undone
		return conflict
	case "0A000":
		if hasOldPlan(err) {
			return conflict
		}
		return answered
	case "57P02", "40003": // ended by the crash of another process: the statement may have committed
		return unanswered
	case "23505":
		return duplicate
	case "42P01", "3F000", "42703", "42883": // table, schema, column, function
		return undefined
	}
	switch {
	case state == "XX000" && strings.Contains(err.Error(), "duplicate key value violates unique constraint"):
		return duplicate // of a server of Citus, in the words of PostgreSQL
	case strings.HasPrefix(state, "23"):
		return refused
	case isOfPooler(err), state == "08P01" && isUnsentByPooler(err):
		return answered
	case strings.HasPrefix(state, "08"), strings.HasPrefix(state, "58"), strings.HasPrefix(state, "XX"):
		return unanswered // connection, system, internal error: possible during a commit
	}
	return answered
}
