package dbtest

import (
	"context"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
	"github.com/cosmic-go/allocation/storetest"
)

// hostTable is a table of the host's.
const hostTable = "host_rows"

// hostRow returns a guest that inserts a row: a Row or a Statement, by the length of the key.
func (e *engine) hostRow(key string) allocation.Guest {
	const insert = "INSERT INTO " + hostTable + " (id)"
	if len(key)%2 > 0 {
		return sqlstore.Row{Insert: insert, Values: []any{key}}
	}
	placeholder := map[*sqlstore.Dialect]string{
		sqlstore.PostgreSQL: "$1", sqlstore.MariaDB: "?", sqlstore.SQLite: "?1",
	}[e.dialect]
	return sqlstore.Statement{SQL: insert + " VALUES (" + placeholder + ")", Args: []any{key}}
}

// hostKeys lists the committed rows.
func hostKeys(t testing.TB, db *sql.DB) []string {
	t.Helper()
	return texts(t, db, "SELECT id FROM "+hostTable)
}

// texts returns the only column of an answer.
func texts(t testing.TB, db *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), query)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		all = append(all, "")
		require.NoError(t, rows.Scan(&all[len(all)-1]))
	}
	require.NoError(t, rows.Err())
	return all
}

// makeHostTable makes an empty table.
func makeHostTable(t testing.TB, db *sql.DB) {
	t.Helper()
	exec(t, db, "CREATE TABLE IF NOT EXISTS "+hostTable+" (id VARCHAR(255) NOT NULL PRIMARY KEY)")
	exec(t, db, "DELETE FROM "+hostTable)
}

// hostRows is a Config.Guests.
func hostRows(t testing.TB, store at) storetest.HostRows {
	t.Helper()
	makeHostTable(t, store.db)
	return storetest.HostRows{
		Row:  store.place.hostRow,
		Keys: func() []string { return hostKeys(t, store.db) },
	}
}

// hostTransactions is a Config.Within.
func hostTransactions(t testing.TB, store at) storetest.HostTransactions {
	t.Helper()
	makeHostTable(t, store.db)
	return storetest.HostTransactions{
		Within: func(
			ctx context.Context, service *allocation.Service, fn storetest.HostFunc, skus ...allocation.SKU,
		) error {
			return store.Within(ctx, service, func(ctx context.Context, tx *sql.Tx, inside *allocation.Service) error {
				return fn(ctx, func(key string) error {
					_, err := tx.ExecContext(ctx, "INSERT INTO "+hostTable+" (id) VALUES ('"+key+"')")
					return err
				}, inside)
			}, skus...)
		},
		Keys: func() []string { return hostKeys(t, store.db) }, LoseAnswer: store.spied.loseCommit,
	}
}
