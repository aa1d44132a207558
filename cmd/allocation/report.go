package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// report is the answer of a command: tables, and in JSON a list of objects for each table.
type report struct {
	tables []*table
	more   bool // the limit has cut a list
}

// table is a list of rows. A column's name is the key in JSON, and in capitals the heading.
type table struct {
	name    string
	columns []string
	rows    [][]any
}

// table adds a table.
func (r *report) table(name string, columns ...string) *table {
	t := &table{name: name, columns: columns}
	r.tables = append(r.tables, t)
	return t
}

func (t *table) add(values ...any) { t.rows = append(t.rows, values) }

// print prints a report.
func (a *app) print(r *report) error {
	if a.json {
		return a.printJSON(r)
	}
	for i, t := range r.tables {
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		if len(r.tables) > 1 {
			fmt.Fprintf(a.stdout, "%s\n", strings.ReplaceAll(t.name, "_", " "))
		}
		if len(t.rows) == 0 {
			fmt.Fprintln(a.stdout, "none")
			continue
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		heading := strings.ToUpper(strings.ReplaceAll(strings.Join(t.columns, "\t"), "_", " "))
		fmt.Fprintln(w, heading)
		for _, row := range t.rows {
			cells := make([]string, len(row))
			for i, value := range row {
				cells[i] = cell(value)
			}
			fmt.Fprintln(w, strings.Join(cells, "\t"))
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if r.more {
		fmt.Fprintln(a.stdout, "There are more; raise --limit, or give 0 for all.")
	}
	return nil
}

// hint prints a sentence for people behind the tables.
func (a *app) hint(text string) {
	if !a.json {
		fmt.Fprintf(a.stdout, "\n%s\n", text)
	}
}

func (a *app) printJSON(r *report) error {
	document := map[string]any{"more": r.more}
	for _, t := range r.tables {
		list := make([]map[string]any, len(t.rows))
		for i, row := range t.rows {
			list[i] = map[string]any{}
			for j, value := range row {
				list[i][t.columns[j]] = plain(value)
			}
		}
		document[t.name] = list
	}
	encoder := json.NewEncoder(a.stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}

// plain returns a value for JSON: null for the zero time, seconds for a duration.
func plain(value any) any {
	switch v := value.(type) {
	case time.Time:
		if v.IsZero() {
			return nil
		}
		return v.UTC()
	case time.Duration:
		return v.Seconds()
	}
	return value
}

// cell returns a value for a table. Whoever chose an identifier must not be able to write to the terminal, so a text
// with control characters is quoted.
func cell(value any) string {
	switch v := value.(type) {
	case nil:
		return "-"
	case time.Time:
		if v.IsZero() {
			return "-"
		}
		return v.UTC().Format("2006-01-02 15:04:05Z")
	case time.Duration:
		return v.Round(time.Second).String()
	case bool:
		if v {
			return "yes"
		}
		return "no"
	}
	text := fmt.Sprint(value)
	if text == "" {
		return "-"
	}
	if strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return strconv.QuoteToGraphic(text)
	}
	return text
}

// page returns the number of rows to ask for. A row beyond the limit shows that there are more.
func page(limit, have int) int {
	if limit <= 0 {
		return pageRows
	}
	return min(pageRows, limit+1-have)
}

// paged reads pages until the limit is exceeded or a page is not full, and cuts the rows at the limit.
func paged[R any](limit int, read func(last *R, n int) ([]R, error)) (rows []R, more bool, err error) {
	var last *R
	for limit <= 0 || len(rows) <= limit {
		n := page(limit, len(rows))
		next, err := read(last, n)
		if err != nil {
			return nil, false, err
		}
		rows = append(rows, next...)
		if len(next) < n {
			break
		}
		last = &rows[len(rows)-1]
	}
	if limit > 0 && len(rows) > limit {
		return rows[:limit], true, nil
	}
	return rows, false, nil
}
