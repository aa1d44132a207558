package sqlstore

import (
	"database/sql"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore/seam"
)

// columns describe the rows of a table, or the rows that a statement takes as parameters. Each column is named
// once, here: the texts and arguments of all writers, and the loads, come from these lists.
type columns[R any] []column[R]

// column is one column of a row of type R.
type column[R any] struct {
	name string
	kind string // the type, as PostgreSQL calls it
	slot slot   // where a load has the column
	role role   // how an UPDATE uses the column

	usual       string // the value in a plain row, as SQL; "" for a column without a usual value
	usualNumber int64  // usual as a number, -1 for a text or NULL
	byDefault   bool   // the usual value is also the table's default

	write func(v values, row *R)
	read  func(f *fields, row *R) // nil for a column that no load reads
}

// role is how an UPDATE uses a column.
type role int

const (
	roleSet       role = iota // the column gets the value
	roleSum                   // the column grows by the value
	roleKey                   // the column finds the row
	roleCondition             // the value is compared with another column of the row
)

// as returns the column with another type.
func (c column[R]) as(kind string) column[R] {
	c.kind = kind
	return c
}

// in returns the column with another role.
func (c column[R]) in(role role) column[R] {
	c.role = role
	return c
}

// usually returns the column with a usual value: the empty text, NULL or a number, as SQL. A plain row has the usual
// value in all such columns, and most rows are plain.
func (c column[R]) usually(value string) column[R] {
	c.usual, c.usualNumber = value, -1
	if n, err := strconv.ParseInt(value, 10, 64); err == nil {
		c.usualNumber = n
	}
	return c
}

// usuallyByDefault is usually for a column that has the usual value as its default in the tables of all engines.
func (c column[R]) usuallyByDefault(value string) column[R] {
	c.byDefault = true
	return c.usually(value)
}

// values receives the values of a row, column by column.
type values interface {
	text(s string)
	number(n int64)
	null()
}

// textColumn is a column of a text that is never NULL.
func textColumn[R any, S ~string](name string, field func(row *R) *S) column[R] {
	return column[R]{
		name: name, kind: "text", slot: textSlot,
		write: func(v values, row *R) { v.text(string(*field(row))) },
		read:  func(f *fields, row *R) { *field(row) = S(f.text()) },
	}
}

// textOrNullColumn is a column that has NULL for the empty text.
func textOrNullColumn[R any, S ~string](name string, field func(row *R) *S) column[R] {
	return column[R]{name: name, kind: "text", write: func(v values, row *R) {
		if s := *field(row); s != "" {
			v.text(string(s))
			return
		}
		v.null()
	}}
}

// numberColumn is a column of a whole number.
func numberColumn[R any, N ~int | ~int64](name string, field func(row *R) *N) column[R] {
	return column[R]{
		name: name, kind: "bigint", slot: numberSlot,
		write: func(v values, row *R) { v.number(int64(*field(row))) },
		read:  func(f *fields, row *R) { *field(row) = N(f.number()) },
	}
}

// numberOrNullColumn is a column that has NULL for 0.
func numberOrNullColumn[R any](name string, field func(row *R) *int64) column[R] {
	return column[R]{name: name, kind: "bigint", write: func(v values, row *R) {
		if n := *field(row); n != 0 {
			v.number(n)
			return
		}
		v.null()
	}}
}

// truthColumn is a column that has 1 for true.
func truthColumn[R any](name string, field func(row *R) *bool) column[R] {
	return column[R]{
		name: name, kind: "smallint", slot: numberSlot,
		write: func(v values, row *R) { v.number(int64(zeroOrOne(*field(row)))) },
		read:  func(f *fields, row *R) { *field(row) = f.number() != 0 },
	}
}

// derivedColumn is a column that follows from other columns of the row: 1 if the condition is true. No load reads the
// column.
func derivedColumn[R any](name string, condition func(row *R) bool) column[R] {
	return column[R]{name: name, kind: "smallint", write: func(v values, row *R) {
		v.number(int64(zeroOrOne(condition(row))))
	}}
}

// constantColumn is a column that has the same number in all rows that this package writes.
func constantColumn[R any](name string, n int64) column[R] {
	c := column[R]{name: name, kind: "smallint", write: func(v values, _ *R) { v.number(n) }}
	return c.usually(strconv.FormatInt(n, 10))
}

// countColumn is a column of the result of a count, with NULL for an unknown result, which is -1 in the model. Without
// a count the result is 0, so the column stands behind the moment of the count.
func countColumn[R any](name string, at func(row *R) time.Time, field func(row *R) *allocation.Quantity) column[R] {
	return column[R]{
		name: name, kind: "bigint", slot: nullableSlot,
		write: func(v values, row *R) {
			if n := *field(row); n >= 0 {
				v.number(int64(n))
				return
			}
			v.null()
		},
		read: func(f *fields, row *R) {
			switch n := f.nullable(); {
			case n.Valid:
				*field(row) = allocation.Quantity(n.Int64)
			case !at(row).IsZero():
				*field(row) = -1
			}
		},
	}
}

// instantColumn is a column of microseconds since 1970, with NULL for the zero time.
func instantColumn[R any](name string, field func(row *R) *time.Time) column[R] {
	return column[R]{
		name: name, kind: "bigint", slot: nullableSlot,
		write: func(v values, row *R) {
			if t := *field(row); !t.IsZero() {
				v.number(t.UnixMicro())
				return
			}
			v.null()
		},
		read: func(f *fields, row *R) { *field(row) = moment(f.nullable()) },
	}
}

// stored returns the columns that the table has.
func (c columns[R]) stored() columns[R] {
	return c.where(func(c column[R]) bool { return c.role != roleCondition })
}

// without returns all columns except the named columns.
func (c columns[R]) without(names ...string) columns[R] {
	return c.where(func(c column[R]) bool { return !slices.Contains(names, c.name) })
}

func (c columns[R]) where(wanted func(c column[R]) bool) (some columns[R]) {
	for _, column := range c {
		if wanted(column) {
			some = append(some, column)
		}
	}
	return some
}

// keys returns the columns that find a row.
func (c columns[R]) keys() columns[R] {
	return c.where(func(c column[R]) bool { return c.role == roleKey })
}

// list is the names, each behind a prefix: "" for names, ":" for parameters, "x." for columns of x.
func (c columns[R]) list(prefix string) string {
	names := make([]string, len(c))
	for i, column := range c {
		names[i] = prefix + column.name
	}
	return strings.Join(names, ", ")
}

// assignments returns the text behind SET. A set column gets the new value, a sum the old value plus the new value;
// keys and conditions are left out. Targets, old values and new values each have a prefix.
func (c columns[R]) assignments(target, old, new string) string {
	var all []string
	for _, column := range c {
		switch column.role {
		case roleSet:
			all = append(all, target+column.name+" = "+new+column.name)
		case roleSum:
			all = append(all, target+column.name+" = "+old+column.name+" + "+new+column.name)
		case roleKey, roleCondition:
		}
	}
	return strings.Join(all, ", ")
}

// within returns the columns of an inner row as columns of the outer row, with a prefix before the names.
func within[O, R any](prefix string, c columns[R], inner func(row *O) *R) columns[O] {
	all := make(columns[O], len(c))
	for i, one := range c {
		all[i] = column[O]{name: prefix + one.name, kind: one.kind, write: func(v values, row *O) {
			one.write(v, inner(row))
		}}
	}
	return all
}

// named returns a column by name. An unknown name is a mistake in a statement of this package, and New panics.
func (c columns[R]) named(name string) column[R] {
	for _, column := range c {
		if column.name == name {
			return column
		}
	}
	panic("sqlstore: there is no column " + name)
}

// slot is a place in the rows of a load. A load joins SELECTs over several tables by UNION ALL, so all rows have
// the same columns: first texts, then numbers, then numbers that may be NULL, such as instants, as many as the widest
// table needs. Each table fills the slots with its columns in order; the rest is an empty text, 0 or NULL.
type slot int

const (
	textSlot slot = iota
	numberSlot
	nullableSlot
	slots
)

// selection is the list of expressions that one table selects, by slot.
type selection [slots][]string

// selected returns the columns of a table with an alias.
func (c columns[R]) selected(alias string) (s selection) {
	for _, column := range c {
		s[column.slot] = append(s[column.slot], alias+"."+column.name)
	}
	return s
}

// width is the number of slots of each kind.
type width [slots]int

func widest(all ...selection) (w width) {
	for _, s := range all {
		for i := range s {
			w[i] = max(w[i], len(s[i]))
		}
	}
	return w
}

// text returns the list behind SELECT.
func (s selection) text(w width) string {
	empty := [slots]string{textSlot: `''`, numberSlot: `0`, nullableSlot: `NULL`}
	var all []string
	for i := range s {
		all = append(all, s[i]...)
		all = append(all, slices.Repeat(empty[i:i+1], w[i]-len(s[i]))...)
	}
	return strings.Join(all, ", ")
}

// fields hold the values of the current row. Columns are read in order. One value serves all rows of a load.
type fields struct {
	texts     []string
	numbers   []int64
	nullables []sql.NullInt64
	targets   []any
	next      width // the next unread slot of each kind
}

// newFields returns room for rows with the slots of w, behind some first columns without a slot.
func newFields(w width, first ...any) *fields {
	f := &fields{
		texts: make([]string, w[textSlot]), numbers: make([]int64, w[numberSlot]),
		nullables: make([]sql.NullInt64, w[nullableSlot]), targets: first,
	}
	for i := range f.texts {
		f.targets = append(f.targets, &f.texts[i])
	}
	for i := range f.numbers {
		f.targets = append(f.targets, &f.numbers[i])
	}
	for i := range f.nullables {
		f.targets = append(f.targets, &f.nullables[i])
	}
	return f
}

// scan reads the next row.
func (f *fields) scan(row scanner) error {
	f.next = width{}
	return row.Scan(f.targets...)
}

func (f *fields) text() string {
	f.next[textSlot]++
	return f.texts[f.next[textSlot]-1]
}

func (f *fields) number() int64 {
	f.next[numberSlot]++
	return f.numbers[f.next[numberSlot]-1]
}

func (f *fields) nullable() sql.NullInt64 {
	f.next[nullableSlot]++
	return f.nullables[f.next[nullableSlot]-1]
}

// read fills a row with the next fields.
func (c columns[R]) read(f *fields, row *R) {
	for _, column := range c {
		column.read(f, row)
	}
}

// positiveOrNullColumn is a column of a number that is never negative, with NULL for 0.
func positiveOrNullColumn[R any, N ~int64](name string, field func(row *R) *N, unit N) column[R] {
	return column[R]{
		name: name, kind: "bigint", slot: nullableSlot,
		write: func(v values, row *R) {
			if n := *field(row); n > 0 {
				v.number(int64(n / unit))
				return
			}
			v.null()
		},
		read: func(f *fields, row *R) { *field(row) = N(f.nullable().Int64) * unit },
	}
}

// scanner is one row of an answer.
type scanner = seam.Row
