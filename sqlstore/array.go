package sqlstore

import (
	"strconv"
	"strings"
	"time"
)

// columns are the arrays of a relation over rows.
type columns[R any] []column[R]

// column has a name, a type of PostgreSQL, and what it is for one row.
type column[R any] struct {
	name, kind string
	write      func(a *array, row R)
}

// unnest is the relation, called x, over parameters that begin with the prefix. Behind a SELECT the planner doesn't see how
// long the arrays are: if it did, PostgreSQL would plan the statement anew at every call.
func (c columns[R]) unnest(prefix string) string {
	arrays, names := make([]string, len(c)), make([]string, len(c))
	for i, column := range c {
		arrays[i] = "(SELECT CAST(:" + prefix + "_" + column.name + " AS " + column.kind + "[]))"
		names[i] = column.name
	}
	return "unnest(" + strings.Join(arrays, ", ") + ") x (" + strings.Join(names, ", ") + ")"
}

// literal is the value of a column's parameter.
func (c columns[R]) literal(name string, rows []R) string {
	a := array{text: make([]byte, 0, 2+16*len(rows))}
	for _, column := range c {
		if column.name != name {
			continue
		}
		for _, row := range rows {
			a.separate()
			column.write(&a, row)
		}
	}
	return a.end()
}

// array writes the literal of an array of PostgreSQL, which every driver takes as text.
type array struct{ text []byte }

func (a *array) separate() {
	if len(a.text) == 0 {
		a.text = append(a.text, '{')
		return
	}
	a.text = append(a.text, ',')
}

func (a *array) end() string {
	if len(a.text) == 0 {
		return "{}"
	}
	return string(append(a.text, '}'))
}

func (a *array) string(s string) {
	a.text = append(a.text, '"')
	for {
		at := strings.IndexAny(s, `"\`)
		if at < 0 {
			break
		}
		a.text = append(a.text, s[:at]...)
		a.text = append(a.text, '\\', s[at])
		s = s[at+1:]
	}
	a.text = append(append(a.text, s...), '"')
}

// stringIfAny writes NULL for the empty string.
func (a *array) stringIfAny(s string) {
	if s == "" {
		a.null()
		return
	}
	a.string(s)
}

func (a *array) number(n int64) { a.text = strconv.AppendInt(a.text, n, 10) }

// time writes NULL for the zero time.
func (a *array) time(t time.Time) {
	if t.IsZero() {
		a.null()
		return
	}
	a.number(t.UnixMicro())
}

func (a *array) null() { a.text = append(a.text, "NULL"...) }
