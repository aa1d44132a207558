package sqlstore

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cosmic-go/allocation"
)

// unnest returns a relation called x over arrays. The parameters are the names of the columns behind a prefix. Each
// parameter stands in a SELECT, which hides the length of the array from the planner.
func (c columns[R]) unnest(prefix string) string {
	arrays, names := make([]string, len(c)), make([]string, len(c))
	for i, column := range c {
		arrays[i] = "(SELECT CAST(:" + prefix + "_" + column.name + " AS " + column.kind + "[]))"
		names[i] = column.name
	}
	return "unnest(" + strings.Join(arrays, ", ") + ") x (" + strings.Join(names, ", ") + ")"
}

// arrayRows has the parameters of statements over arrays.
var arrayRows = slices.Concat(
	arrays("p", productColumns, func(r *relations) []productRow { return r.products }),
	arrays("n", batchColumns, func(r *relations) []allocation.Batch { return r.newBatches }),
	arrays("b", changedColumns, func(r *relations) []changedBatch { return r.batches }),
	arrays("r", removedColumns, func(r *relations) []removedLine { return r.removed }),
	arrays("l", lineColumns, func(r *relations) []lineRow { return r.newParts }),
	arrays("u", lineColumns, func(r *relations) []lineRow { return r.parts }),
	arrays("e", eventColumns, func(r *relations) []eventRow { return r.events }),
	arrays("w", waitingColumns, func(r *relations) []allocation.Allocation { return r.newWaiting }),
	arrays("v", waitingColumns, func(r *relations) []allocation.Allocation { return r.waiting }),
	arrays("d", removedColumns, func(r *relations) []removedLine { return r.ended }),
	arrays("s", servingColumns, func(r *relations) []servingRow { return r.servings }),
	columns[relations]{{name: "changed", write: func(v values, r *relations) { v.number(int64(len(r.batches))) }}},
)

// arrays returns the parameters of unnest: for each column the array of values.
func arrays[R any](prefix string, c columns[R], rows func(r *relations) []R) columns[relations] {
	all := make(columns[relations], len(c))
	for i, column := range c {
		all[i].name = prefix + "_" + column.name
		all[i].write = func(v values, r *relations) {
			rows := rows(r)
			var a array
			for i := range rows {
				a.separate()
				column.write(&a, &rows[i])
				if i == 0 && len(rows) > 1 { // the values of a column are about equally long
					a.out.Grow(min(a.out.Len()*len(rows), 64<<10))
				}
			}
			v.text(a.end())
		}
	}
	return all
}

// array writes an array as a literal of PostgreSQL, which every driver accepts as text.
type array struct{ out strings.Builder }

func (a *array) separate() {
	if a.out.Len() == 0 {
		a.out.WriteByte('{')
		return
	}
	a.out.WriteByte(',')
}

func (a *array) end() string {
	if a.out.Len() == 0 {
		return "{}"
	}
	a.out.WriteByte('}')
	return a.out.String()
}

func (a *array) text(s string) {
	a.out.WriteByte('"')
	written := 0
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			a.out.WriteString(s[written:i])
			a.out.WriteByte('\\')
			written = i
		}
	}
	a.out.WriteString(s[written:])
	a.out.WriteByte('"')
}

func (a *array) number(n int64) {
	var digits [20]byte
	a.out.Write(strconv.AppendInt(digits[:0], n, 10))
}

func (a *array) null() { a.out.WriteString("NULL") }

// PostgreSQL keeps a generic plan only if a plan for the current values would not be cheaper, and planning takes
// longer than running one of these statements. So the statements hide values from the planner, and tell the planner
// what to expect.

// opaque hides the value of a parameter from the planner.
func opaque(param string) string { return "(SELECT CAST(" + param + " AS bigint))" }

// expectFew is a condition that is true for any value except NULL. The condition makes the planner estimate one
// row, and use the index of the joined table. Without the condition the planner scans a table that is small at
// first, and keeps scanning when the table grows; and PostgreSQL compiles (JIT) statements with a large estimate,
// at every call.
func expectFew(column string) string { return column + " = " + column + " + 0" }

// casts returns the values of one row as parameters with types, except for the given columns.
func (c columns[R]) casts(prefix string, given map[string]string) string {
	all := make([]string, len(c))
	for i, column := range c {
		all[i] = given[column.name]
		if all[i] == "" {
			all[i] = "CAST(:" + prefix + column.name + " AS " + column.kind + ")"
		}
	}
	return strings.Join(all, ", ")
}

// writtenFor is the version of the schema as text.
var writtenFor = strconv.Itoa(schemaVersion)

// oneLineText gives the values of plain lines in the text. The answer has no row after a lost race. A missing batch is
// a division by zero, which undoes the statement.
func oneLineText(plain, strict bool) string {
	lines, given := lineColumns, map[string]string{"sku": "p.sku", "part": "0"}
	if plain {
		lines, given = plainColumns, plainValues("p.sku", "0")
	}
	end := "SELECT 1, 1 / CASE WHEN b.ref IS NULL THEN 0 ELSE 1 END FROM p LEFT JOIN b ON true"
	if strict { // counts have a row in any case, and so strictly can fail
		end = "SELECT COUNT(p.sku), 1 / CASE WHEN COUNT(p.sku) = COUNT(b.ref) THEN 1 ELSE 0 END" +
			strictly(true, "p") + " FROM p LEFT JOIN b ON true"
	}
	return `
	WITH p AS (
		UPDATE {products} SET ` + productColumns.assignments("", "", ":product_") + `
		WHERE sku = :product_sku AND version = :product_seen RETURNING sku),
	b AS (
		UPDATE {batches} b SET ` + changedCounters.assignments("", "b.", ":batch_") + `
		FROM p WHERE b.ref = :batch_ref AND b.sku = p.sku RETURNING b.ref),
	l AS (
		INSERT INTO {lines} (` + lines.list("") + `)
		SELECT ` + lines.casts("line_", given) + ` FROM p),
	e AS (
		INSERT INTO {events} (` + eventColumns.list("") + `)
		SELECT ` + eventColumns.casts("event_", eventValues("p.sku")) + ` FROM p)
	` + end
}

// plainValues are the values of a plain line that stand in the text.
func plainValues(sku, part string) map[string]string {
	given := map[string]string{"sku": sku, "part": part}
	for _, column := range plainColumns {
		if column.usual != "" {
			given[column.name] = column.usual
		}
	}
	return given
}

// eventValues are the values of the only event of a commit that stand in the text.
func eventValues(sku string) map[string]string {
	return map[string]string{
		"sku": sku, "sequence": ":product_version", "unsent_from": ":product_version", "written_for": writtenFor,
	}
}

// strictly returns a column that is an error, the logarithm of 0, unless the relation has rows.
func strictly(strict bool, relation string) string {
	if !strict {
		return ""
	}
	return `,
		ln(CAST((SELECT COUNT(*) FROM ` + relation + `) AS double precision))`
}

// shape says which tables a commit writes, besides events.
type shape struct {
	one                            bool // a single product, existing and changed
	newProducts, newBatches        bool
	batches                        bool // changed batches
	counters                       bool // of changed batches only the counters change
	removed, newLines, upsertLines bool
	plain                          bool // all new lines are plain
	strict                         bool // a lost race is an error, so that no statement behind has an effect

	newWaiting, waiting, ended, servings bool // lines that wait, and where serving goes on
}

// text puts a statement together from the parts that have rows: starting an empty part costs PostgreSQL more than
// running the others. Each part runs only if versions_match has a row, that is, if all products have their
// versions. No part may have rows of a product that is only checked. The parts don't join with the products: the
// planner expects few products, and would compare each row with all of them. testdata/postgresql.sql shows the result
// for the usual shapes.
func (s shape) text() string {
	var parts []string
	for _, part := range commitParts {
		if part.in(s) {
			parts = append(parts, part.text)
		}
	}
	end := endUnchecked
	if s.batches {
		end = endChecked
	}
	return "WITH " + strings.Join(parts, ",\n\t") + "\n\t" + end + strictly(s.strict, "versions_match")
}

// commitParts are the parts of a composed commit, in order.
var commitParts = []struct {
	name string
	in   func(s shape) bool
	text string
}{
	{"one product", func(s shape) bool { return s.one && !s.servings }, oneProduct},
	{"one product and its serving", func(s shape) bool { return s.one && s.servings }, oneServing},
	{"lock products", func(s shape) bool { return !s.one }, lockedProducts},
	{"all locked", func(s shape) bool { return !s.one && !s.newProducts }, allLocked},
	{"add products", func(s shape) bool { return s.newProducts && !s.servings }, addProducts("", "", "")},
	{"add products and their serving", func(s shape) bool { return s.newProducts && s.servings }, addServings},
	{"change products", func(s shape) bool { return !s.one && !s.servings }, moveProducts},
	{"change products and their serving", func(s shape) bool { return !s.one && s.servings }, moveServings},
	{"add batches", func(s shape) bool { return s.newBatches }, addBatches},
	{"change batches", func(s shape) bool { return s.batches && !s.counters }, changeBatches(changedColumns)},
	{"change counters", func(s shape) bool { return s.counters }, changeBatches(changedCounters)},
	{"remove lines", func(s shape) bool { return s.removed }, removeLines},
	{"add lines", func(s shape) bool { return s.newLines && !s.plain }, addLines},
	{"add plain lines", func(s shape) bool { return s.plain }, addPlainLines},
	{"write lines anew", func(s shape) bool { return s.upsertLines }, upsertLines},
	{"begin to wait", func(s shape) bool { return s.newWaiting }, addWaiting},
	{"wait for others", func(s shape) bool { return s.waiting }, changeWaiting},
	{"wait no longer", func(s shape) bool { return s.ended }, endWaiting},
	{"add events", func(shape) bool { return true }, insertEvents},
}

const (
	endUnchecked = `SELECT (SELECT COUNT(*) FROM versions_match), 1`

	// A missing batch is a division by zero, which undoes the statement.
	endChecked = `SELECT (SELECT COUNT(*) FROM versions_match),
		1 / CASE WHEN NOT ` + ifVersionsMatch + ` OR (SELECT COUNT(*) FROM changed) = CAST(:changed AS bigint)
			THEN 1 ELSE 0 END`
)

const ifVersionsMatch = "EXISTS (SELECT 1 FROM versions_match)"

var oneProduct = `p AS (
		UPDATE {products} SET ` + productColumns.assignments("", "", ":product_") + `
		WHERE sku = :product_sku AND version = :product_seen RETURNING 1),
	versions_match AS (SELECT 1 FROM p)`

// oneServing is oneProduct with the place where serving goes on.
var oneServing = `p AS (
		UPDATE {products} o SET ` + productColumns.assignments("", "", ":product_") + `,
			` + servingColumns.assignments("", "", "x.") + `
		FROM ` + servingColumns.unnest("s") + `
		WHERE o.sku = :product_sku AND o.version = :product_seen AND x.sku = o.sku RETURNING 1),
	versions_match AS (SELECT 1 FROM p)`

// lockedProducts locks the products in the order of the SKUs before any write, so that two commits of the same
// products wait for each other and can't deadlock. The locking part joins no other part: in Citus such a join fails.
//
//nolint:misspell // so SQL spells it
var lockedProducts = `p AS MATERIALIZED (
		SELECT * FROM ` + productColumns.unnest("p") + ` WHERE ` + expectFew("x.seen") + `),
	named AS MATERIALIZED (
		SELECT o.sku, o.version FROM {products} o
		WHERE o.sku = ANY (ARRAY(SELECT x.sku FROM unnest((SELECT CAST(:p_sku AS text[]))) x (sku)))
		ORDER BY o.sku FOR NO KEY UPDATE),
	locked AS MATERIALIZED (
		SELECT o.sku FROM p JOIN named o ON o.sku = p.sku AND o.version = p.seen)`

const allLocked = `versions_match AS (
		SELECT 1 WHERE (SELECT COUNT(*) FROM locked) = (SELECT COUNT(*) FROM p))`

// Products with seen = 0 must not exist. New products are inserted before any part depends on the insert, so that
// the second of two rivals gets the conflict.
func addProducts(columns, values, serving string) string {
	return `new_ok AS (
		SELECT 1 WHERE (SELECT COUNT(*) FROM locked) = (SELECT COUNT(*) FROM p WHERE p.seen > 0)
			AND NOT EXISTS (SELECT 1 FROM p JOIN {products} o ON o.sku = p.sku WHERE p.seen = 0)),
	added AS (
		INSERT INTO {products} (` + productColumns.stored().list("") + columns + `)
		SELECT ` + productColumns.stored().list("p.") + values + ` FROM p` + serving + `
		WHERE p.seen = 0 AND p.version > 0 AND EXISTS (SELECT 1 FROM new_ok) ORDER BY p.sku RETURNING 1),
	versions_match AS (SELECT 1 FROM new_ok WHERE (SELECT COUNT(*) FROM added) >= 0)`
}

// servingOf joins to each product the place where serving goes on, if the place changes.
var servingOf = ` LEFT JOIN ` + servingColumns.unnest("s") + ` ON x.sku = p.sku`

var addServings = addProducts(`, serving_priority, serving_sequence`,
	`, COALESCE(x.serving_priority, 0), COALESCE(x.serving_sequence, 0)`, servingOf)

var moveServings = `moved AS (
		UPDATE {products} o SET ` + productColumns.assignments("", "o.", "p.") + `,
			serving_priority = COALESCE(x.serving_priority, o.serving_priority),
			serving_sequence = COALESCE(x.serving_sequence, o.serving_sequence)
		FROM p` + servingOf + `
		WHERE o.sku = p.sku AND o.version = p.seen AND p.version > p.seen AND ` + ifVersionsMatch + `)`

var moveProducts = `moved AS (
		UPDATE {products} o SET ` + productColumns.assignments("", "o.", "p.") + `
		FROM p WHERE o.sku = p.sku AND o.version = p.seen AND p.version > p.seen AND ` + ifVersionsMatch + `)`

var addBatches = `new_batches AS (
		INSERT INTO {batches} (` + batchColumns.list("") + `)
		SELECT * FROM ` + batchColumns.unnest("n") + ` WHERE ` + ifVersionsMatch + `)`

func changeBatches(c columns[changedBatch]) string {
	return `changed AS (
		UPDATE {batches} b SET ` + c.assignments("", "b.", "x.") + `
		FROM ` + c.unnest("b") + `
		WHERE b.ref = x.ref AND b.sku = x.sku AND ` + expectFew("x.allocated") + `
			AND ` + ifVersionsMatch + ` RETURNING 1)`
}

var removeLines = `removed AS (
		DELETE FROM {lines} l USING ` + removedColumns.unnest("r") + `
		WHERE l.order_id = x.order_id AND l.sku = x.sku AND l.line = x.line AND l.part >= x.part
			AND ` + expectFew("x.part") + `
			AND ` + ifVersionsMatch + `)`

var addLines = `new_lines AS (` + insertLines("l") + `)`

var addPlainLines = `new_lines AS (
		INSERT INTO {lines} (` + plainColumns.list("") + `)
		SELECT ` + plainColumns.plainList("x.") + ` FROM ` + lineColumns.unusual().unnest("l") + `
		WHERE ` + ifVersionsMatch + `)`

var upsertLines = `upsert_lines AS (` + insertLines("u") + `
		ON CONFLICT (order_id, sku, line, part) DO UPDATE SET ` + lineColumns.assignments("", "", "excluded.") + `)`

func insertLines(prefix string) string {
	return `
		INSERT INTO {lines} (` + lineColumns.list("") + `)
		SELECT * FROM ` + lineColumns.unnest(prefix) + ` WHERE ` + ifVersionsMatch
}

var addWaiting = `new_waiting AS (` + insertWaiting("w") + `)`

var changeWaiting = `upsert_waiting AS (` + insertWaiting("v") + `
		ON CONFLICT (order_id, sku, line) DO UPDATE SET ` + waitingColumns.assignments("", "", "excluded.") + `)`

func insertWaiting(prefix string) string {
	return `
		INSERT INTO {waiting} (` + waitingColumns.list("") + `)
		SELECT * FROM ` + waitingColumns.unnest(prefix) + ` WHERE ` + ifVersionsMatch
}

var endWaiting = `ended AS (
		DELETE FROM {waiting} l USING ` + removedColumns.unnest("d") + `
		WHERE l.order_id = x.order_id AND l.sku = x.sku AND l.line = x.line
			AND ` + expectFew("x.part") + `
			AND ` + ifVersionsMatch + `)`

var insertEvents = `events AS (
		INSERT INTO {events} (` + eventColumns.list("") + `)
		SELECT ` + eventColumns.plainList("x.") + ` FROM ` + eventColumns.unusual().unnest("e") + `
		WHERE ` + ifVersionsMatch + `)`
