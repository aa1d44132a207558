package sqlstore

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
)

// Dialect stands for a database engine: [PostgreSQL], [MariaDB] or [SQLite].
type Dialect struct{ engine *engine }

// engine has the differences between database engines: SQL that each engine spells in another way, and abilities.
type engine struct {
	name   string
	folder string // folder of the migrations, below schema

	// placeholder writes the n-th parameter of a statement, counted from 1; repeated is true unless this is the first
	// use. If numbered is true, all uses share one parameter; otherwise each use is a separate parameter.
	placeholder func(n int, repeated bool) string
	numbered    bool

	// keeps says that a server may refuse COMMIT and ROLLBACK and keep the transaction, as a server does that has left
	// its cluster.
	keeps bool

	// signature is a further column of the products, which gets the new version with each new version. Otherwise the
	// tables refuse the change, so that no program writes that was made for an older schema; empty where the tables
	// tell by the events.
	signature string

	// list returns a relation with one column, value, over a parameter with a JSON array of strings. A statement
	// over a list takes any number of values with the same text.
	list func(param string) string

	// lookup joins a table, with an alias, to each row on the left by an index. Without the hint a planner with
	// poor statistics, or with few rows to read, would read the whole table. The index is named unless the primary
	// key is meant.
	lookup func(table, alias, index, condition string) string

	// indexHint stands behind the alias of a table and names the index to use. Without the hint a planner with poor
	// statistics may read the whole table.
	indexHint func(index string) string

	// lapsed selects (sku, order_id) of the first :more lapsed holds of each row of chosen. Each engine needs
	// another kind of join.
	lapsed string

	// longest is the approximate size in bytes of the largest list of values or rows in one statement; 0 for no limit.
	// A list may take twice as many bytes in the text of a statement.
	longest int

	// snapshot is the isolation level at which all reads of a transaction see one moment. Only an engine with a limit
	// for lists needs a snapshot.
	snapshot sql.IsolationLevel

	// unionArms is the largest number of SKUs for which a load repeats lapsedArm, one SELECT per SKU, in place of
	// lapsed.
	unionArms   int
	lapsedArm   string
	expiringArm string // expiring for one SKU

	// held is the condition for the lapsed holds h of a SKU, by the index lines_held. splits joins to a hold h all
	// parts l of the line, if the line may be split; any other hold has one part, and none is looked up.
	held   func(sku string) string
	splits string

	// unbound selects the units of lapsed holds on an engine for which held and splits would be slow: the units of
	// holds that may not be split, by batch, and the parts of the other holds, if there are any.
	unbound string

	// expiring selects held_until of the first live hold of product p.
	expiring string

	// lapsing selects HeldUntil, as moment, and the SKU of the first :limit lapsed holds behind the turn (:from,
	// :behind), and comingDue Due and the SKU of the first :limit due batches. limit is :limit as the engine needs it.
	lapsing, comingDue, limit string

	// present, from and since are :now, :from and the microsecond before :from as the engine needs them.
	present, from, since string

	// expectFew is a condition that is true for any value of a column, and makes the planner use an index; see the
	// function of this name. nil on an engine whose statements name the index.
	expectFew func(column string) string

	// lapses has the columns of the index lines_lapsing of a hold h, HeldUntil and SKU, and the order of the index.
	lapses lapsesColumns

	// shipped is the index of the shipped lines of a batch, in the order of leaving.
	shipped string

	// dueOf is the condition for the due batches b of a SKU, by the index batches_due_by_sku.
	dueOf func(sku string) string

	integer string // type of sums, of 64 bits

	// unsentSKU is the SKU of a marked event, as the first column of the index events_unsent. If partial is true,
	// the index has marked events only, and statements must repeat the index's condition.
	unsentSKU func(alias string) string
	partial   bool

	// claimable selects up to :products claimable products after the SKU :after, sorted, with the number of the
	// first unsent event. An engine that can't skip from product to product reads :page marks instead, and selects
	// all products of these marks: NULL in place of the number for a busy product, and the count of marks so far.
	// claimable is nil if take finds the products itself.
	claimable func(c *templates) string

	// take leases claimable products, from :rows if the engine has claimable. take returns each product with the
	// number and the tries of the first unsent event, and the number of the claim that holds the lease, which may
	// be a rival's.
	take func(c *templates) string

	// records returns a relation called x over :rows, a JSON array of objects. Columns are names with a type, text
	// or bigint.
	records func(columns ...string) string

	// addToSums makes an insert into purged add to existing sums.
	addToSums string

	// embedded says that the database runs in the host's process: a transaction costs no round trips, and several
	// statements in one transaction wait for the disk once.
	embedded bool

	// hasTable selects the number of tables called :table, 0 or 1; database selects the name of the database.
	hasTable string
	database string

	// settings lists the settings of a connection that CheckSchema demands.
	settings []setting

	// A migration runs between lock and unlock, in one process at a time. After an error undo replaces unlock.
	lock         []string
	unlock, undo string

	// reserved is a table prefix that the engine reserves.
	reserved string

	// schemas says that the engine has schemas, see Options.Schema.
	schemas bool

	// functions says that the package has functions for the engine, see Options.Functions.
	functions bool

	// isolations lists the levels of isolation that Options may ask for.
	isolations []sql.IsolationLevel

	// lockAll is the first statement of Locked on an engine that locks the whole database. Other engines lock
	// products by lockRows, at the level locking unless the host sets another level.
	lockAll  string
	lockRows string
	locking  sql.IsolationLevel

	// savepoint says that a savepoint begins a commit inside a host's transaction. A commit of a single statement needs
	// none.
	savepoint bool

	// prepares says that database/sql should prepare statements; otherwise the driver caches statements by text.
	prepares bool

	// literals says that statements in a transaction are sent as text with the values in the text, and that nothing
	// is prepared in a transaction.
	literals bool

	// guard is a condition for each statement that writes as a part of a transaction: true in a transaction, and an
	// error of class conflict outside. guard is empty if the server can't end a transaction unnoticed.
	guard string

	// writer returns the statements of a commit. If oneStatement is true, a commit is a single statement and needs
	// no transaction.
	writer       func(c *templates) writer
	oneStatement bool

	classify func(error) class

	// pooled says that a pooler may stand between the driver and the server, and that CheckSchema looks for one.
	pooled bool

	// advise puts what a host should change before an error that a wrong setting causes. advise may be nil.
	advise func(error) error

	// unprepared reports whether the server prepared no statement because of a limit, so that the statement can be
	// sent with the values in the text. unprepared may be nil.
	unprepared func(error) bool

	// again reports whether a statement failed before the first row because the tables have changed since the
	// statement was prepared on the connection, and will succeed if sent again. again may be nil.
	again func(error) bool
}

// lapsesColumns are those of the index lines_lapsing.
type lapsesColumns struct{ at, sku, order string }

// writer writes the changes of one unit of work.
type writer interface {
	// write checks the versions first. An error is a *subjectError that names the rows concerned.
	write(ctx context.Context, r runner, rows *relations) error

	// queries returns the statements of the writer, to be prepared ahead of a transaction.
	queries() []*query
}

// setting is a query for one value, and the wanted value.
type setting struct {
	name, query, want string
}

// templates turns the markers of a statement into text for the engine: {name} becomes a table with schema and
// prefix, {#name} an index with the prefix only, and :name a parameter.
type templates struct {
	*engine
	schema, prefix string
	functions      bool // see Options.Functions
}

func (t *templates) compile(text string) *query {
	q := &query{repeats: !t.numbered}
	var out strings.Builder
	start := 0 // of the text behind the last placeholder
	for {
		at := strings.IndexAny(text, "{:")
		if at < 0 {
			out.WriteString(text)
			q.text = out.String()
			q.parts = append(q.parts, q.text[start:])
			return q
		}
		out.WriteString(text[:at])
		marker := text[at]
		text = text[at+1:]
		qualifier := t.qualifier()
		if rest, index := strings.CutPrefix(text, "#"); index {
			text, qualifier = rest, ""
		}
		name := text[:strings.IndexFunc(text+" ", func(r rune) bool {
			return r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
		})]
		text = text[len(name):]
		if marker == '{' {
			out.WriteString(qualifier + t.prefix + name)
			text = text[len("}"):]
			continue
		}
		q.parts = append(q.parts, out.String()[start:])
		known := len(q.params)
		n := q.param(name)
		out.WriteString(t.placeholder(n, n <= known))
		start = out.Len()
	}
}

// guarded returns the guard of the engine behind a keyword, WHERE or AND.
func (t *templates) guarded(keyword string) string {
	if t.guard == "" {
		return ""
	}
	return " " + keyword + " " + t.guard
}

// qualifier stands before the name of a table.
func (t *templates) qualifier() string {
	if t.schema == "" {
		return ""
	}
	return t.schema + "."
}

func numbered(sign string) func(int, bool) string {
	return func(n int, _ bool) string { return sign + strconv.Itoa(n) }
}

// fromLeft returns a lookup for an engine with a keyword that fixes the order of a join from left to right.
func fromLeft(join string, indexHint func(index string) string) func(table, alias, index, condition string) string {
	return func(table, alias, index, condition string) string {
		if index != "" {
			index = " " + indexHint(index)
		}
		return " " + join + " {" + table + "} " + alias + index + " WHERE " + condition
	}
}
