package sqlstore

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
)

// Dialect stands for a database engine: one of the variables of this package.
type Dialect struct{ engine *engine }

// engine is what differs between database engines.
type engine struct {
	name   string
	folder string // of the migrations, below schema

	// placeholder writes the n-th parameter of a statement, counted from 1. Numbered says that every use
	// of a parameter may be written the same; otherwise each use is a parameter of its own.
	placeholder func(n int) string
	numbered    bool

	// list is a relation with one column, value, over the elements of the JSON array of strings that
	// the given parameter has. It lets a statement take any number of values and keep its text.
	list func(param string) string

	// lookup joins a table, called alias, for each row of what stands before: by an index, even where a
	// planner that knows too little about the data, or sees few rows, would read the whole table. The index is named
	// where it isn't the primary key.
	lookup func(table, alias, index, condition string) string

	// by stands behind a table's alias and names the index to use, where a planner that knows too
	// little about the data may choose to read the whole table.
	indexHint func(index string) string

	// lapsed selects (sku, order_id) of the first :more lapsed holds of each row of chosen, which takes
	// a join that every engine spells in its own way.
	lapsed string

	// arms is the most SKUs for which lapsedArm, the same for :sku alone, is repeated instead.
	unionArms int
	lapsedArm string

	// expiring selects the held_until of the first hold of p that has not lapsed.
	expiring string

	// lapsing selects the SKUs of the :limit products whose holds lapsed first.
	lapsing string

	// promised selects what the lines of a product have of each batch, as rows of an audit; integer is the
	// type of 64 bits that a sum is cast to.
	promised string
	integer  string

	// unsentSKU is the SKU of an event that has a mark, as the index events_unsent begins with it. Partial says that the
	// index has no other events, and that statements have to say so, too.
	unsentSKU func(alias string) string
	partial   bool

	// free selects up to :products free products with unsent events after :after, in order, and the number of the
	// first of these events. Where an engine can't do it at once, it goes through :page marks and selects
	// all of their products: with NULL for one that isn't free, and how many marks it has passed then. Nil if
	// take finds the products itself.
	claimable func(c *templates) string

	// take leases free products, of :rows unless there is no free. It returns each with the number and the
	// tries of its first unsent event, and the number of the claim that has it: another one if it isn't :claim.
	take func(c *templates) string

	// records is a relation called x over the JSON array of objects that :rows has. Columns are names, each
	// with its type, text or bigint.
	records func(columns ...string) string

	// addToSums lets an insert into purged add to what is there.
	addToSums string

	// embedded says that the database is in the host's process: a transaction costs no round trips, and saves
	// waits for the disk.
	embedded bool

	// hasTable selects how many tables (0 or 1) are called :table, and database the name of the database.
	hasTable string
	database string

	// settings are what CheckSchema demands of a connection.
	settings []setting

	// A migration, which no two processes have at once, is between lock and unlock; after an error,
	// undo comes in the place of unlock.
	lock         []string
	unlock, undo string

	// reserved is a table prefix that the engine keeps to itself.
	reserved string

	// schemas says that tables may be qualified with Options.Schema.
	schemas bool

	// isolations are the levels that transactions can be asked for, besides the connection's own.
	isolations []sql.IsolationLevel

	// first is the first statement of a transaction with locks, if it has to lock everything. Else lock
	// rows is how products are locked one by one, at level locking unless the host wants another.
	lockAll  string
	lockRows string
	locking  sql.IsolationLevel

	// savepoint begins a commit inside a host's transaction, and proves that there is one still.
	// Empty where a commit is a single statement.
	savepoint []string

	// prepares says that statements are worth being prepared by database/sql; otherwise the
	// driver keeps those that it has seen.
	prepares bool

	// writer is how changes are written. Atomic says that one statement can write several tables, so that it takes a
	// single one, which needs no transaction.
	writer       func(c *templates) writer
	oneStatement bool

	classify func(error) class
}

// writer writes the changes of one unit of work.
type writer interface {
	// write demands the versions first. It answers a *failed that says what it was about.
	write(ctx context.Context, r runner, rows *relations) error

	// queries are its statements, for those to prepare who need to.
	queries() []*query
}

// setting is a query for one value that has to be as wanted.
type setting struct {
	name, query, want string
}

// compiler turns a statement's markers into what the engine wants: {name} into a table with its schema and
// prefix, {#name} into an index, which has the prefix only, and :name into a parameter.
type templates struct {
	*engine
	schema, prefix string
}

func (t *templates) compile(text string) *query {
	q := &query{repeats: !t.numbered}
	var out strings.Builder
	for {
		at := strings.IndexAny(text, "{:")
		if at < 0 {
			out.WriteString(text)
			q.text = out.String()
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
		out.WriteString(t.placeholder(q.param(name)))
	}
}

// qualifier stands before the name of a table.
func (t *templates) qualifier() string {
	if t.schema == "" {
		return ""
	}
	return t.schema + "."
}

func numbered(sign string) func(int) string {
	return func(n int) string { return sign + strconv.Itoa(n) }
}

// fromLeft is a lookup where a join may demand to go from left to right.
func fromLeft(join string, indexHint func(index string) string) func(table, alias, index, condition string) string {
	return func(table, alias, index, condition string) string {
		if index != "" {
			index = " " + indexHint(index)
		}
		return " " + join + " {" + table + "} " + alias + index + " WHERE " + condition
	}
}
