package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation/sqlstore"
)

// tables are those of a store, parents first, with their columns and their keys.
var tables = []struct{ name, columns, key string }{
	{"products", "sku, version, refused, low_stock, low, serving_priority, serving_sequence", "sku"},
	{"batches", "ref, sku, purchased, allocated, eta, location, best_before, announced_quantity, announced_eta, " +
		"lot, blocked, announced_blocked, split_from, arrived_at, expired, counted_at, counted_quantity, " +
		"shipped_at", "ref"},
	{"lines", "order_id, sku, line, part, batch_ref, quantity, shipped, split, held_until, held, sequence, " +
		"needed_by, fresh_until, location, priority, late, handed_from, wanted, partial, may_wait, hold_for",
		"order_id, sku, line, part"},
	{"waiting", "order_id, sku, line, quantity, wanted, split, partial, hold_for, needed_by, fresh_until, location, " +
		"priority, handed_from, sequence", "order_id, sku, line"},
	{"events", "sku, sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from, " +
		"written_for", "sku, sequence"},
	{"deliveries", "sku, owner, not_before, sequence, tries, retry_at, dead, error", "sku"},
	{"purged", "sku, batch_ref, purchased, allocated", "sku, batch_ref"},
}

// bystander looks at a store's tables and puts them back, over connections that never break.
type bystander struct {
	db     *sql.DB
	signed bool // the products have the column written, as on SQLite
}

// kept returns the columns of a table that are saved and restored.
func (b bystander) kept(table, columns string) string {
	if b.signed && table == "products" {
		return columns + ", written"
	}
	return columns
}

// save keeps the present rows for restore.
func (b bystander) save(t testing.TB) {
	t.Helper()
	for _, table := range tables {
		exec(t, b.db, `CREATE TABLE saved_`+table.name+` AS SELECT `+b.kept(table.name, table.columns)+
			` FROM allocation_`+table.name)
	}
}

// restore is one round trip, since it comes before every case.
func (b bystander) restore(t testing.TB) {
	t.Helper()
	statements := []string{"BEGIN"}
	for _, table := range slices.Backward(tables) {
		statements = append(statements, `DELETE FROM allocation_`+table.name)
	}
	for _, table := range tables {
		columns := b.kept(table.name, table.columns)
		statements = append(statements,
			`INSERT INTO allocation_`+table.name+` (`+columns+`) SELECT `+columns+` FROM saved_`+table.name)
	}
	exec(t, b.db, strings.Join(append(statements, "COMMIT"), "; "))
}

// look returns all rows of all tables.
func (b bystander) look(t testing.TB) string {
	t.Helper()
	var all strings.Builder
	for _, table := range tables {
		b.rows(t, &all, table.name, table.columns, table.key)
	}
	return all.String()
}

func (b bystander) rows(t testing.TB, all *strings.Builder, name, columns, key string) {
	t.Helper()
	rows, err := b.db.QueryContext(context.Background(), `SELECT `+columns+` FROM allocation_`+name+` ORDER BY `+key)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		values := make([]sql.NullString, strings.Count(columns, ",")+1)
		into := make([]any, len(values))
		for i := range values {
			into[i] = &values[i]
		}
		require.NoError(t, rows.Scan(into...))
		all.WriteString(name)
		for _, v := range values {
			fmt.Fprintf(all, " %q", v.String) // no value of ours is empty where NULL is another
		}
		all.WriteByte('\n')
	}
	require.NoError(t, rows.Err())
}

// unbroken opens a place for several statements at once.
func (p place) unbroken(t testing.TB) bystander {
	t.Helper()
	if p.dialect == sqlstore.MariaDB {
		p.dsn += "?multiStatements=true"
	}
	return bystander{p.open(t), p.dialect == sqlstore.SQLite}
}
