package sqlstore

import (
	"strconv"
	"strings"
)

// Dialect is what differs between database engines. The engines that are supported are variables of this
// package.
type Dialect struct {
	name   string
	folder string // of the migrations, below schema

	// placeholder writes the n-th parameter of a statement, counted from 1; every use of it may be
	// written the same.
	placeholder func(n int) string

	// list is a relation with one column, value, over the elements of the JSON array of strings that
	// the given parameter has. It lets a statement take any number of values and keep its text.
	list func(param string) string

	// by stands behind a table's alias and names the index to use, where a planner that knows too
	// little about the data may choose to read the whole table.
	by func(index string) string

	// lapsed selects (sku, order_id) of the first :more lapsed holds of each row of chosen, which takes
	// a join that every engine spells in its own way.
	lapsed string

	// hasTable selects how many tables (0 or 1) are called :table, and database the name of the database.
	hasTable string
	database string

	// settings are what CheckSchema demands of a connection.
	settings []setting

	// lock begins the transaction of a migration, which no two processes have at once.
	lock string

	// reserved is a table prefix that the engine keeps to itself.
	reserved string

	classify func(error) class
}

// setting is a query for one value that has to be as wanted.
type setting struct {
	name, query, want string
}

// class says what an error of the engine means.
type class int

const (
	unanswered class = iota // no answer of the engine, as far as one can tell
	answered                // a definite failure
	conflict                // a fresh attempt may cure it
	duplicate               // a unique key exists
	refused                 // another constraint was broken
	undefined               // possibly a table or column that doesn't exist
)

// compile turns a statement's markers into what the engine wants: {name} into a prefixed table or index, and
// :name into a parameter.
func (d *Dialect) compile(prefix, text string) *query {
	q := &query{}
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
		name := text[at+1:]
		name = name[:strings.IndexFunc(name+" ", func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') })]
		text = text[at+1+len(name):]
		if marker == '{' {
			out.WriteString(prefix + name)
			text = text[len("}"):]
			continue
		}
		out.WriteString(d.placeholder(q.param(name)))
	}
}

func numbered(sign string) func(int) string {
	return func(n int) string { return sign + strconv.Itoa(n) }
}
