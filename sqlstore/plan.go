package sqlstore

// PostgreSQL keeps the plan of a statement only if one that is made for the values at hand would be no cheaper. To make one
// takes longer than to carry it out; so the statements hide values from the planner, and tell it what to expect.

// hidden is a parameter whose value the planner doesn't see.
func hidden(param string) string { return "(SELECT CAST(" + param + " AS bigint))" }

// few is a condition that holds for anything but NULL. It makes the planner expect one row where it doesn't know how many there are,
// so that it looks up what is joined by its key. Else it would read a table that is small at the time, and go
// on to do so when it is not; and what it takes for dear it compiles at every call (jit).
func few(column string) string { return column + " = " + column + " + 0" }
