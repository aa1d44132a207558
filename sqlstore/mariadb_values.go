package sqlstore

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// jsonTable returns a relation over a parameter with a JSON array.
func jsonTable(param string, columns ...string) string {
	return "JSON_TABLE(" + param + ", '$[*]' COLUMNS (" + strings.Join(columns, ", ") + "))"
}

// kindsOfMariaDB has MariaDB's names of types by PostgreSQL's names.
var kindsOfMariaDB = map[string]string{
	"text": "VARBINARY(255)", "bigint": "BIGINT", "int": "INT", "smallint": "SMALLINT",
}

// table returns a relation called x over the parameter :rows. The argument is the result of json.
func (c columns[R]) table() string {
	of := make([]string, len(c))
	for i, column := range c {
		of[i] = column.name + " " + kindsOfMariaDB[column.kind] + " PATH '$[" + strconv.Itoa(i) + "]'"
	}
	return jsonTable(":rows", of...) + " x"
}

// json returns the first rows as a JSON array of arrays, up to a size in bytes, but at least one row.
func (c columns[R]) json(rows []R, most int) (text string, n int) {
	l := &jsonList{}
	l.raw('[')
	n = c.writeSome(l, &l.written, rows, most, '[', ']')
	l.raw(']')
	return string(l.out), n
}

// tuples returns the first rows as the list behind VALUES, up to a size in bytes, but at least one row. The first
// number has the guard.
func (c columns[R]) tuples(rows []R, most int) (text string, n int) {
	l := &tupleList{guard: " + " + inTransaction}
	n = c.writeSome(l, &l.written, rows, most, '(', ')')
	return string(l.out), n
}

// writeSome writes rows until the text has the size, and returns the number of rows.
func (c columns[R]) writeSome(v values, text *written, rows []R, most int, first, last byte) (n int) {
	for ; n < len(rows) && len(text.out) < most; n++ {
		if n > 0 {
			text.raw(',')
		}
		before := first
		for _, column := range c {
			text.raw(before)
			column.write(v, &rows[n])
			before = ','
		}
		text.raw(last)
		if n == 0 && len(rows) > 1 { // the rows of a statement are about equally long
			text.out = slices.Grow(text.out, min(len(text.out)*len(rows), most))
		}
	}
	return n
}

type written struct{ out []byte }

func (w *written) raw(b byte) { w.out = append(w.out, b) }

func (w *written) number(n int64) { w.out = strconv.AppendInt(w.out, n, 10) }

func (w *written) null() { w.out = append(w.out, "NULL"...) }

type jsonList struct{ written }

func (l *jsonList) text(s string) {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	l.out = append(l.out, text...)
}

func (l *jsonList) null() { l.out = append(l.out, "null"...) }

type tupleList struct {
	written
	guard string // of the next number
}

func (l *tupleList) number(n int64) {
	l.written.number(n)
	l.out, l.guard = append(l.out, l.guard...), ""
}

// text quotes printable ASCII, which is safe in every SQL mode of the server. Other text is written as hexadecimal
// bytes.
func (l *tupleList) text(s string) {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == '\'' || r == '\\' }) {
		l.out = append(hex.AppendEncode(append(l.out, "_utf8mb4 x'"...), []byte(s)), '\'')
		return
	}
	l.out = append(append(append(l.out, '\''), s...), '\'')
}

// inTransaction is 0 in a transaction, and an error outside (1690, out of range). A server of a Galera cluster ends a
// transaction that lost against another server, and a driver may miss the news: to PREPARE the server answers OK.
// Without the guard the following statements would be committed one by one, and would survive the ROLLBACK.
const inTransaction = "0 * (~0 + (1 - @@in_transaction))"
