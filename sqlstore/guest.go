package sqlstore

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/cosmic-go/allocation"
)

// Statement is a guest of a command, see [allocation.Service.With]: a statement of the host's own, with the engine's
// placeholders. A statement must neither begin nor end a transaction. Rows of an answer are not read.
//
// On MariaDB the values go into the text, see [Row], and the text has no question mark but the placeholders. Statements
// that MariaDB commits by itself, such as TRUNCATE, are refused.
type Statement struct {
	SQL  string
	Args []any
}

// Row is a guest of a command, see [allocation.Service.With]: a row of the host's own. Insert is an INSERT up to the
// list of columns, such as "INSERT INTO orders (id, customer)", and Values has a value for each column.
//
// Rows of one commit with the same Insert are inserted by few statements, at the place of the first such row, but never
// before a [Statement] that precedes the row. If a row needs another row of the same commit, and the other row comes
// too late because of that, the commit takes longer and succeeds.
//
// On MariaDB the values go into the text: only the types of [driver.Value], and types made from these or with a method
// Value, are possible. A time is written in UTC.
type Row struct {
	Insert string
	Values []any
}

// Guest marks Statement as an [allocation.Guest].
func (Statement) Guest() {}

// Guest marks Row as an [allocation.Guest].
func (Row) Guest() {}

var _ allocation.GuestStore = (*Store)(nil)

// CheckGuest accepts a [Statement] and a [Row], see [allocation.GuestStore].
func (s *Store) CheckGuest(guest allocation.Guest) error {
	const op = "CheckGuest"
	if s == nil || s.engine == nil {
		return invalid(op, "store", nil, "must be made by New")
	}
	switch g := guest.(type) {
	case Statement:
		return g.check(op, s.engine)
	case Row:
		return g.check(op, s.engine)
	}
	return invalid(op, "guest", fmt.Sprintf("%T", guest), "must be a sqlstore.Statement or a sqlstore.Row")
}

// endings begin the statements that would end the transaction.
var endings = []string{
	"ABORT", "BEGIN", "COMMIT", "END", "RELEASE", "ROLLBACK", "SAVEPOINT", "START", "XA",
}

// endingsOfMariaDB begin the statements that MariaDB commits before: the transaction would be cut in two.
var endingsOfMariaDB = []string{
	"ALTER", "CREATE", "DROP", "FLUSH", "GRANT", "LOCK", "RENAME", "REVOKE", "TRUNCATE", "UNLOCK",
	"ANALYZE", "OPTIMIZE", //nolint:misspell // so SQL spells them
}

func (g Statement) check(op string, e *engine) error {
	text := strings.TrimSpace(g.SQL)
	letters := strings.IndexFunc(text+" ", func(r rune) bool { return !unicode.IsLetter(r) })
	switch {
	case text == "":
		return invalid(op, "SQL", g.SQL, "must not be empty")
	case slices.Contains(endings, strings.ToUpper(text[:letters])),
		e.literals && slices.Contains(endingsOfMariaDB, strings.ToUpper(text[:letters])):
		return invalid(op, "SQL", g.SQL, "must neither begin nor end a transaction")
	case !e.literals:
		return nil
	case strings.Count(g.SQL, "?") != len(g.Args):
		const rule = "must have a placeholder for each of the %d arguments, and no other question mark"
		return invalid(op, "SQL", g.SQL, fmt.Sprintf(rule, len(g.Args)))
	}
	return checkLiterals(op, g.Args)
}

// mostColumns is the most values of a row. With 64 rows in a statement no engine has too many parameters.
const mostColumns = 500

func (g Row) check(op string, e *engine) error {
	switch {
	case strings.TrimSpace(g.Insert) == "":
		return invalid(op, "Insert", g.Insert, "must not be empty")
	case len(g.Values) == 0 || len(g.Values) > mostColumns:
		return invalid(op, "Values", len(g.Values), fmt.Sprintf("must be 1 to %d", mostColumns))
	case !e.literals:
		return nil
	}
	return checkLiterals(op, g.Values)
}

// checkLiterals refuses values that have no text, or whose method Value panics.
func checkLiterals(op string, values []any) error {
	for _, value := range values {
		l := &literalText{}
		if l.value(value); l.err != nil {
			reason := fmt.Errorf("%w: %w", allocation.ErrInvalid, l.err)
			return &allocation.Error{Op: op, Field: "value", Value: fmt.Sprintf("%T", value), Err: reason}
		}
	}
	return nil
}

const (
	setGuestSavepoint     = "SAVEPOINT allocation_guest"
	backToGuestSavepoint  = "ROLLBACK TO SAVEPOINT allocation_guest"
	setGuestsSavepoint    = "SAVEPOINT allocation_guests"
	backToGuestsSavepoint = "ROLLBACK TO SAVEPOINT allocation_guests"
)

// guestStatements returns the statements for guests. Rows of one kind are inserted together, at the place of the first.
// No row moves across a [Statement].
func (s *Store) guestStatements(guests []allocation.Guest) (statements []guestStatement) {
	var kinds []rowKind // since the last Statement, in the order of the first rows
	rows := map[rowKind][][]any{}
	flush := func() {
		for _, kind := range kinds {
			statements = append(statements, s.engine.inserts(kind, rows[kind])...)
		}
		kinds = nil
		clear(rows)
	}
	for _, guest := range guests {
		switch g := guest.(type) {
		case Statement:
			flush()
			statements = append(statements, s.engine.statementOf(g))
		case Row:
			kind := rowKind{g.Insert, len(g.Values)}
			if rows[kind] == nil {
				kinds = append(kinds, kind)
			}
			rows[kind] = append(rows[kind], g.Values)
		}
	}
	flush()
	return statements
}

// statementOf returns the host's statement.
func (e *engine) statementOf(g Statement) guestStatement {
	if !e.literals {
		return guestStatement{text: g.SQL, args: g.Args}
	}
	l := &literalText{}
	rest := g.SQL
	for _, arg := range g.Args {
		before, after, _ := strings.Cut(rest, "?")
		l.raw(before)
		l.value(arg)
		rest = after
	}
	l.raw(rest)
	return l.statement()
}
