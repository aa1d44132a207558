package dbtest

import (
	"database/sql"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
	"github.com/cosmic-go/allocation/storetest"
)

// opened is a store that knows where its data are.
type opened struct {
	*sqlstore.Store
	db   *sql.DB
	file string
}

func TestSQLiteKeepsThePromisesOfAStore(t *testing.T) {
	empty := emptyFile(t)
	storetest.Run(t, storetest.Config{
		New: func(t testing.TB) allocation.Store {
			file := newFile(t)
			require.NoError(t, os.WriteFile(file, empty, 0o600))
			db := open(t, dsn(file))
			return opened{Store: storeOn(t, db, nil), db: db, file: file}
		},
		Reopen: func(t testing.TB, store allocation.Store) allocation.Store {
			before := store.(opened)
			require.NoError(t, before.db.Close())
			db := open(t, dsn(before.file))
			return opened{Store: storeOn(t, db, nil), db: db, file: before.file}
		},
	})
}

// emptyFile is the content of a migrated database without products. To copy it is quicker than to migrate.
func emptyFile(t *testing.T) []byte {
	t.Helper()
	file := newFile(t)
	db := open(t, dsn(file))
	migrated(t, db)
	exec(t, db, `PRAGMA wal_checkpoint(TRUNCATE)`)
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	return content
}
