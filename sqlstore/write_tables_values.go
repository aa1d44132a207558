package sqlstore

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
)

// jsonTable is a relation over a parameter that has a JSON array.
func jsonTable(param string, columns ...string) string {
	return "JSON_TABLE(" + param + ", '$[*]' COLUMNS (" + strings.Join(columns, ", ") + "))"
}

// rowsOf is a jsonTable over an array of objects: columns are names, each with its type.
func rowsOf(columns ...string) string {
	for i, column := range columns {
		name, _, _ := strings.Cut(column, " ")
		columns[i] = column + " PATH '$." + name + "'"
	}
	return jsonTable(":rows", columns...) + " x"
}

// types are those of MariaDB.
var types = map[string]string{"text": "VARBINARY(255)", "bigint": "BIGINT", "int": "INT"}

// table is a relation, called x, over the parameter :rows, for which json is the value.
func (c columns[R]) table() string {
	of := make([]string, len(c))
	for i, column := range c {
		of[i] = column.name + " " + types[column.kind] + " PATH '$[" + strconv.Itoa(i) + "]'"
	}
	return jsonTable(":rows", of...) + " x"
}

// json is an array of arrays.
func (c columns[R]) json(rows []R) string {
	l := &jsonList{}
	l.raw('[')
	c.list(l, rows, '[', ']')
	l.raw(']')
	return string(l.out)
}

// tuples are rows as they stand behind VALUES.
func (c columns[R]) tuples(rows []R) string {
	l := &tupleList{}
	c.list(l, rows, '(', ')')
	return string(l.out)
}

// names are those of the columns.
func (c columns[R]) names() string {
	names := make([]string, len(c))
	for i, column := range c {
		names[i] = column.name
	}
	return strings.Join(names, ", ")
}

type list interface {
	values
	raw(b byte)
}

func (c columns[R]) list(l list, rows []R, first, last byte) {
	for i, row := range rows {
		if i > 0 {
			l.raw(',')
		}
		before := first
		for _, column := range c {
			l.raw(before)
			column.write(l, row)
			before = ','
		}
		l.raw(last)
	}
}

type written struct{ out []byte }

func (w *written) raw(b byte)     { w.out = append(w.out, b) }
func (w *written) number(n int64) { w.out = strconv.AppendInt(w.out, n, 10) }
func (w *written) null()          { w.out = append(w.out, "NULL"...) }

type jsonList struct{ written }

func (l *jsonList) text(s string) {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string can always be written
	}
	l.out = append(l.out, text...)
}

func (l *jsonList) null() { l.out = append(l.out, "null"...) }

type tupleList struct{ written }

// text quotes what means itself in any character set and mode of the server. All else is a number of bytes.
func (l *tupleList) text(s string) {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == '\'' || r == '\\' }) {
		l.out = append(hex.AppendEncode(append(l.out, "x'"...), []byte(s)), '\'')
		return
	}
	l.out = append(append(append(l.out, '\''), s...), '\'')
}
