package sqlstore

import (
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite testdata/*.sql")

// goldenStatement is a statement, or a part of one, as a golden file shows it.
type goldenStatement struct {
	name   string // the names of parts begin with "part: "
	when   string // a sentence that says when the statement runs
	text   string
	params []string
}

func TestGoldenFilesHaveEveryStatement(t *testing.T) {
	for _, dialect := range []*Dialect{SQLite, MariaDB, PostgreSQL} {
		t.Run(dialect.engine.name, func(t *testing.T) {
			store, err := New(new(sql.DB), dialect, nil)
			require.NoError(t, err)
			got := goldenFile(store.engine.name, goldenStatements(t, store))
			path := filepath.Join("testdata", store.engine.name+".sql")
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, string(want), got, "run go test ./sqlstore -update, and read what it changed")
		})
	}
}

// goldenStatements are all statements of a store. It fails if one has no name.
func goldenStatements(t *testing.T, s *Store) []goldenStatement {
	t.Helper()
	found := map[string]*query{}
	findQueries(reflect.ValueOf(s.statements).Elem(), "", found)
	var all []goldenStatement
	for _, fixed := range fixedStatements {
		q := found[fixed.path]
		if q == nil {
			continue
		}
		delete(found, fixed.path)
		if fixed.when != "" && q.text != "" {
			all = append(all, goldenStatement{fixed.name, fixed.when, q.text, q.params})
		}
	}
	for path, q := range found {
		assert.Failf(t, "a statement has no name", "add %s to fixedStatements:\n%s", path, q.text)
	}
	switch w := s.statements.writer.(type) {
	case *postgreSQLCommit:
		all = append(all, goldenShapes(w)...)
	case *mariaDBCommit:
		all = append(all, goldenInserts(w)...)
		all = append(all, goldenArms(s.statements)...)
	}
	return append(all, goldenTexts(s)...)
}

// findQueries finds the statements in a struct, by the names of the fields that lead to them.
func findQueries(v reflect.Value, path string, found map[string]*query) {
	if v.Type() == reflect.TypeFor[*templates]() || v.Type() == reflect.TypeFor[*engine]() {
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		switch {
		case v.IsNil():
		case v.Type() == reflect.TypeFor[*query]():
			found[strings.TrimPrefix(path, ".")] = (*query)(v.UnsafePointer())
		default:
			findQueries(v.Elem(), path, found)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			name := "." + v.Type().Field(i).Name
			if v.Type().Field(i).Anonymous {
				name = ""
			}
			findQueries(v.Field(i), path+name, found)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			findQueries(v.Index(i), path+"."+strconv.Itoa(i), found)
		}
	default:
	}
}

// goldenFile is what a golden file consists of.
func goldenFile(engine string, all []goldenStatement) string {
	var out strings.Builder
	fmt.Fprintf(&out, "-- The statements of package sqlstore on %s, with the default table prefix.\n", engine)
	out.WriteString("-- This file is written by go test ./sqlstore -update.")
	out.WriteString(" The parts of composed statements stand at the end.\n")
	for _, s := range all {
		fmt.Fprintf(&out, "\n-- name: %s\n", s.name)
		for _, line := range wrapped(s.when, "-- ") {
			out.WriteString(line + "\n")
		}
		if len(s.params) > 0 {
			for _, line := range wrapped("Parameters: "+strings.Join(s.params, ", ")+".", "-- ") {
				out.WriteString(line + "\n")
			}
		}
		for line := range strings.Lines(dedented(s.text)) {
			line = strings.TrimRight(line, " \n")
			indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
			for i, part := range wrapped(strings.TrimLeft(line, " "), indent) {
				if i > 0 {
					part = "  " + part
				}
				out.WriteString(part + "\n")
			}
		}
		out.WriteString(";\n")
	}
	return out.String()
}

// wrapped breaks a text into lines of about 110 columns, if possible behind a comma or before a keyword.
func wrapped(text, indent string) (lines []string) {
	const columns = 110
	for len(indent)+len(text) > columns {
		at := 0
		for _, before := range []string{" WHERE ", " FROM ", " AND ", " CROSS ", " STRAIGHT_JOIN ", " ORDER "} {
			at = max(at, strings.LastIndex(text[:columns-len(indent)], before))
		}
		if comma := strings.LastIndex(text[:columns-len(indent)], ", "); at < columns/2 {
			at = max(at, comma+1)
		}
		if at == 0 {
			at = strings.LastIndex(text[:columns-len(indent)], " ")
		}
		if at <= 0 {
			break
		}
		lines = append(lines, indent+text[:at])
		text = text[at+1:]
	}
	return append(lines, indent+text)
}

// dedented removes the tabs that all lines but the first have in common, and writes the others as spaces.
func dedented(text string) string {
	text = strings.Trim(text, "\n")
	lines := strings.Split(text, "\n")
	common := 99
	for _, line := range lines[min(1, len(lines)-1):] {
		if strings.TrimSpace(line) != "" {
			common = min(common, len(line)-len(strings.TrimLeft(line, "\t")))
		}
	}
	for i, line := range lines {
		own := len(line) - len(strings.TrimLeft(line, "\t"))
		lines[i] = strings.Repeat("  ", max(0, own-common)) + strings.TrimLeft(line, "\t")
	}
	return strings.Join(lines, "\n")
}
