package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func storeOf(t *testing.T, dialect *Dialect) *Store {
	t.Helper()
	store, err := New(new(sql.DB), dialect, nil)
	require.NoError(t, err)
	return store
}

func order(id any) Row { return Row{Insert: "INSERT INTO orders (id, n)", Values: []any{id, 1}} }

func item(id any) Row { return Row{Insert: "INSERT INTO items (id)", Values: []any{id}} }

// Rows of a kind are inserted together, at the place of the first, and not across a Statement.
func TestRowsOfOneKindAreInsertedTogether(t *testing.T) {
	guests := []allocation.Guest{
		order("a"), item("b"), order("c"), item("d"), Statement{SQL: "UPDATE x", Args: nil}, order("e"), item("f"),
		Row{Insert: "INSERT INTO items (id)", Values: []any{1, 2}},
	}
	want := map[*Dialect][]string{
		PostgreSQL: {
			"INSERT INTO orders (id, n) VALUES ($1, $2), ($3, $4) [a 1 c 1]",
			"INSERT INTO items (id) VALUES ($1), ($2) [b d]",
			"UPDATE x []",
			"INSERT INTO orders (id, n) VALUES ($1, $2) [e 1]",
			"INSERT INTO items (id) VALUES ($1) [f]",
			"INSERT INTO items (id) VALUES ($1, $2) [1 2]",
		},
		SQLite: {
			"INSERT INTO orders (id, n) VALUES (?, ?), (?, ?) [a 1 c 1]",
			"INSERT INTO items (id) VALUES (?), (?) [b d]",
			"UPDATE x []",
			"INSERT INTO orders (id, n) VALUES (?, ?) [e 1]",
			"INSERT INTO items (id) VALUES (?) [f]",
			"INSERT INTO items (id) VALUES (?, ?) [1 2]",
		},
		MariaDB: {
			"INSERT INTO orders (id, n) VALUES ('a', 1), ('c', 1) []",
			"INSERT INTO items (id) VALUES ('b'), ('d') []",
			"UPDATE x []",
			"INSERT INTO orders (id, n) VALUES ('e', 1) []",
			"INSERT INTO items (id) VALUES ('f') []",
			"INSERT INTO items (id) VALUES (1, 2) []",
		},
	}
	for dialect, want := range want {
		var got []string
		for _, statement := range storeOf(t, dialect).guestStatements(guests) {
			require.NoError(t, statement.err)
			got = append(got, fmt.Sprint(statement.text, " ", statement.args))
		}
		assert.Equal(t, want, got)
	}
}

// Any number of rows needs few statements and few texts, and no row is lost.
func TestManyRowsNeedFewTexts(t *testing.T) {
	store := storeOf(t, PostgreSQL)
	texts := map[string]bool{}
	for n := 1; n <= 512; n++ {
		guests := make([]allocation.Guest, n)
		for i := range guests {
			guests[i] = order(i)
		}
		statements := store.guestStatements(guests)
		var args []any
		for _, statement := range statements {
			texts[statement.text] = true
			assert.Equal(t, len(statement.args), strings.Count(statement.text, "$"))
			args = append(args, statement.args...)
		}
		require.Len(t, args, 2*n)
		for i := range guests {
			require.Equal(t, i, args[2*i])
		}
		assert.LessOrEqual(t, len(statements), n/64+3, "statements for %d rows", n)
	}
	assert.LessOrEqual(t, len(texts), len(rowsAtOnce))
}

func TestLiteralRowsAreCutBySize(t *testing.T) {
	guests := make([]allocation.Guest, 10)
	for i := range guests {
		guests[i] = item(strings.Repeat("x", MariaDB.engine.longest/2))
	}
	assert.Len(t, storeOf(t, MariaDB).guestStatements(guests), 5)
}

// named has a method Value.
type named int

func (n named) Value() (driver.Value, error) {
	switch {
	case n < 0:
		panic("no negative number")
	case n == 0:
		return nil, errors.New("no zero")
	}
	return fmt.Sprint("number ", int(n)), nil
}

func TestValuesBecomeText(t *testing.T) {
	type colour string
	at := time.Date(2030, 5, 6, 9, 0, 0, 120_000_000, time.FixedZone("", 3600))
	g := Statement{SQL: "CALL f(?, ?)?", Args: []any{"a?b", 7, "c"}}
	assert.Equal(t, "CALL f('a?b', 7)'c'", MariaDB.engine.statementOf(g).text)
	for want, value := range map[string]any{
		"NULL": nil, "'it'": "it", "_utf8mb4 x'69742773'": "it's", "_utf8mb4 x'c3a9'": "é", "_utf8mb4 x'5c'": `\`,
		"7": int8(7), "1": true, "0": false, "1.5": float32(1.5), "x'00ff'": []byte{0, 255},
		"x'ff27'": "\xff'", "'red'": colour("red"),
		"'number 3'": named(3), "'2030-05-06 08:00:00.12'": at, "'0000-00-00'": time.Time{}, "x''": []byte{},
	} {
		l := &tupleList{}
		require.NoError(t, l.value(value))
		assert.Equal(t, want, string(l.out))
	}
	l := &tupleList{}
	require.NoError(t, l.value([]byte(nil)))
	assert.Equal(t, "NULL", string(l.out))
	assert.Error(t, MariaDB.engine.statementOf(Statement{SQL: "f(?)", Args: []any{named(-1)}}).err, "a panic")
}

// CheckGuest also runs on the goroutine of another caller, who must not hear of the panic.
func TestCheckGuestTurnsAPanicIntoAnError(t *testing.T) {
	store := storeOf(t, MariaDB)
	for _, guest := range []allocation.Guest{item(named(-1)), Statement{SQL: "f(?)", Args: []any{named(-1)}}} {
		require.ErrorIs(t, store.CheckGuest(guest), allocation.ErrInvalid)
	}
}

// answers is a runner that answers every query with the versions of products.
type answers map[allocation.SKU]int64

func (answers) exec(context.Context, *query, ...any) (int64, error) { return 1, nil }

func (a answers) each(_ context.Context, _ *query, _ []any, row func(scanner) error) error {
	for sku, version := range a {
		if err := row(versionRow{sku, version}); err != nil {
			return err
		}
	}
	return nil
}

type versionRow struct {
	sku     allocation.SKU
	version int64
}

func (v versionRow) Scan(targets ...any) error {
	*targets[0].(*allocation.SKU), *targets[1].(*int64) = v.sku, v.version
	return nil
}

// If a guest fails, a second transaction writes the same rows, and checks the same versions.
func TestWritingKeepsTheVersionsToCheck(t *testing.T) {
	for _, dialect := range []*Dialect{PostgreSQL, MariaDB, SQLite} {
		store := storeOf(t, dialect)
		rows, err := relationsOf([]allocation.Changes{
			{SKU: "LAMP", Read: 1, Version: 2}, {SKU: "SOFA", Read: 7, Version: 7},
		})
		require.NoError(t, err)
		before := slices.Clone(rows.products)
		if dialect != PostgreSQL { // which answers with other columns
			require.NoError(t, store.statements.writer.write(t.Context(), answers{"LAMP": 1, "SOFA": 7}, rows))
		}
		assert.Equal(t, before, rows.products, dialect.engine.name)
	}
}

func TestCheckGuestFindsMistakes(t *testing.T) {
	row := func(values ...any) Row { return Row{Insert: "INSERT INTO orders (id)", Values: values} }
	for name, guest := range map[string]allocation.Guest{
		"no SQL": Statement{SQL: " \n"}, "an end": Statement{SQL: " commit;"},
		"a savepoint": Statement{SQL: "ROLLBACK\nTO a"},
		"no Insert":   Row{Values: []any{1}}, "no Values": row(), "too many values": row(make([]any, 501)...),
		"a pointer": &Statement{SQL: "DELETE"}, "nothing": nil,
	} {
		for _, dialect := range []*Dialect{PostgreSQL, SQLite, MariaDB} {
			assert.ErrorIs(t, storeOf(t, dialect).CheckGuest(guest), allocation.ErrInvalid, name)
		}
	}
	for name, guest := range map[string]allocation.Guest{
		"a channel": row(make(chan int)), "no number": row(math.NaN()), "a failing Value": row(named(0)),
		"too few arguments":  Statement{SQL: "DELETE FROM orders WHERE id = ?"},
		"too many arguments": Statement{SQL: "DELETE FROM orders WHERE id = 1", Args: []any{1}},
		"a question mark":    Statement{SQL: "DELETE FROM orders WHERE id = '?'"},
		"a hidden COMMIT":    Statement{SQL: "TRUNCATE orders"}, "another": Statement{SQL: "create table x (id INT)"},
	} {
		assert.ErrorIs(t, storeOf(t, MariaDB).CheckGuest(guest), allocation.ErrInvalid, name)
	}
	for _, guest := range []allocation.Guest{
		row(1), Statement{SQL: "DELETE FROM orders WHERE id = ?", Args: []any{"a"}}, Statement{SQL: "ENDING"},
	} {
		for _, dialect := range []*Dialect{PostgreSQL, SQLite, MariaDB} {
			require.NoError(t, storeOf(t, dialect).CheckGuest(guest))
		}
	}
	assert.ErrorIs(t, (*Store)(nil).CheckGuest(row(1)), allocation.ErrInvalid)
}
