package sqlstore

import (
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// guestStatement is a statement that carries out guests. The text has the values on an engine with literals.
type guestStatement struct {
	text string
	args []any
	err  error // a value has no text
}

// rowKind is what rows have in common that are inserted by one statement.
type rowKind struct {
	insert  string
	columns int
}

// rowsAtOnce are the numbers of rows of an INSERT with placeholders. There are few different numbers, so that a driver
// has few texts to prepare, and any other number of rows needs few statements.
var rowsAtOnce = []int{64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1}

// inserts returns the statements that insert rows of one kind.
func (e *engine) inserts(kind rowKind, rows [][]any) (statements []guestStatement) {
	if e.literals {
		return e.literalInserts(kind, rows)
	}
	for _, n := range rowsAtOnce {
		for ; len(rows) >= n; rows = rows[n:] {
			statements = append(statements, e.insert(kind, rows[:n]))
		}
	}
	return statements
}

// insert returns an INSERT with placeholders.
func (e *engine) insert(kind rowKind, rows [][]any) guestStatement {
	var text strings.Builder
	args := make([]any, 0, len(rows)*kind.columns)
	text.WriteString(kind.insert)
	separator := " VALUES ("
	for _, row := range rows {
		for _, value := range row {
			text.WriteString(separator)
			args = append(args, value)
			text.WriteString(e.placeholder(len(args), false))
			separator = ", "
		}
		separator = "), ("
	}
	text.WriteString(")")
	return guestStatement{text: text.String(), args: args}
}

// literalInserts returns INSERTs with values in the text, each of about the size that the engine allows.
func (e *engine) literalInserts(kind rowKind, rows [][]any) (statements []guestStatement) {
	for len(rows) > 0 {
		l := &literalText{}
		l.raw(kind.insert)
		separator := " VALUES ("
		for len(rows) > 0 && len(l.list.out) < e.longest {
			for _, value := range rows[0] {
				l.raw(separator)
				l.value(value)
				separator = ", "
			}
			separator, rows = "), (", rows[1:]
		}
		l.raw(")")
		statements = append(statements, l.statement())
	}
	return statements
}

// literalText is the text of a statement with the host's values.
type literalText struct {
	list tupleList
	err  error // of the first value without a text
}

func (l *literalText) raw(text string) { l.list.out = append(l.list.out, text...) }

// value writes a value. A panic of the method Value becomes an error.
func (l *literalText) value(value any) {
	defer func() {
		if cause := recover(); cause != nil {
			l.err = fmt.Errorf("sqlstore: a guest panicked: %v", cause)
		}
	}()
	if err := l.list.value(value); err != nil && l.err == nil {
		l.err = err
	}
}

func (l *literalText) statement() guestStatement {
	return guestStatement{text: string(l.list.out), err: l.err}
}

// value writes a value of the host's, as text that means the same in every mode of MariaDB.
func (l *tupleList) value(value any) error {
	plain, err := driver.DefaultParameterConverter.ConvertValue(value)
	if err != nil {
		return err
	}
	switch v := plain.(type) {
	case nil:
		l.null()
	case int64:
		l.number(v)
	case bool:
		l.number(int64(zeroOrOne(v)))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%v is no number", v)
		}
		l.out = strconv.AppendFloat(l.out, v, 'g', -1, 64)
	case string:
		if !utf8.ValidString(v) { // such as the bytes of a UUID, for a column of bytes
			l.bytes([]byte(v))
			return nil
		}
		l.text(v)
	case []byte:
		if v == nil {
			l.null()
			return nil
		}
		l.bytes(v)
	case time.Time:
		l.text(timeText(v))
	default:
		return fmt.Errorf("a value of type %T", value)
	}
	return nil
}

func (l *tupleList) bytes(b []byte) {
	l.out = append(hex.AppendEncode(append(l.out, "x'"...), b), '\'')
}

// timeText is a time in UTC as MariaDB writes times.
func timeText(t time.Time) string {
	if t.IsZero() {
		return "0000-00-00"
	}
	return t.UTC().Format("2006-01-02 15:04:05.999999")
}
