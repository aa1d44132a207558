package sqlstore

import (
	"strconv"
	"strings"
)

// unnest is the relation, called x, over arrays, which are parameters whose names begin with the prefix. Behind a SELECT
// the planner doesn't see how long they are.
func (c columns[R]) unnest(prefix string) string {
	arrays, names := make([]string, len(c)), make([]string, len(c))
	for i, column := range c {
		arrays[i] = "(SELECT CAST(:" + prefix + "_" + column.name + " AS " + column.kind + "[]))"
		names[i] = column.name
	}
	return "unnest(" + strings.Join(arrays, ", ") + ") x (" + strings.Join(names, ", ") + ")"
}

// array is the value of a column's parameter.
func (c columns[R]) array(name string, rows []R) string {
	a := array{out: make([]byte, 0, 2+16*len(rows))}
	for _, column := range c {
		if column.name != name {
			continue
		}
		for _, row := range rows {
			a.separate()
			column.write(&a, row)
		}
		return a.end()
	}
	panic("sqlstore: there is no column " + name) // a statement has only parameters of its columns
}

// array writes the literal of an array of PostgreSQL, which every driver takes as text.
type array struct{ out []byte }

func (a *array) separate() {
	if len(a.out) == 0 {
		a.out = append(a.out, '{')
		return
	}
	a.out = append(a.out, ',')
}

func (a *array) end() string {
	if len(a.out) == 0 {
		return "{}"
	}
	return string(append(a.out, '}'))
}

func (a *array) text(s string) {
	a.out = append(a.out, '"')
	for {
		at := strings.IndexAny(s, `"\`)
		if at < 0 {
			break
		}
		a.out = append(a.out, s[:at]...)
		a.out = append(a.out, '\\', s[at])
		s = s[at+1:]
	}
	a.out = append(append(a.out, s...), '"')
}

func (a *array) number(n int64) { a.out = strconv.AppendInt(a.out, n, 10) }

func (a *array) null() { a.out = append(a.out, "NULL"...) }
