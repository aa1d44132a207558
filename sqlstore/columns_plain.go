package sqlstore

import "strings"

// arePlain reports whether all rows are plain.
func (c columns[R]) arePlain(rows []R) bool {
	check := &usualValue{}
	for i := range rows {
		for j := range c {
			if c[j].usual == "" {
				continue
			}
			check.sql, check.n = c[j].usual, c[j].usualNumber
			if c[j].write(check, &rows[i]); !check.met {
				return false
			}
		}
	}
	return true
}

// usualValue compares the value of a column with the usual value.
type usualValue struct {
	sql string
	n   int64
	met bool
}

func (u *usualValue) text(s string) { u.met = u.sql == "''" && s == "" }

func (u *usualValue) number(n int64) { u.met = n == u.n && n >= 0 }

func (u *usualValue) null() { u.met = u.sql == "NULL" }

// plainList is list for the values of plain rows: the usual values stand in the text.
func (c columns[R]) plainList(prefix string) string {
	all := make([]string, len(c))
	for i, column := range c {
		all[i] = column.usual
		if all[i] == "" {
			all[i] = prefix + column.name
		}
	}
	return strings.Join(all, ", ")
}

// unusual returns the columns without a usual value.
func (c columns[R]) unusual() columns[R] {
	return c.where(func(c column[R]) bool { return c.usual == "" })
}
