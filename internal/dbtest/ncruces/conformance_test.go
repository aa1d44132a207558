// Package ncruces tests the store with the SQLite driver of ncruces/go-sqlite3, apart from the others because
// two drivers register themselves under one name.
package ncruces

import (
	"context"
	"database/sql"
	"net/url"
	"path/filepath"
	"testing"

	_ "github.com/ncruces/go-sqlite3/driver"
	_ "github.com/ncruces/go-sqlite3/embed"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
	"github.com/cosmic-go/allocation/storetest"
)

func TestTheStoreKeepsItsPromises(t *testing.T) {
	storetest.Run(t, storetest.Config{
		New: func(t testing.TB) allocation.Store {
			// The timeout comes first, so that the pragmas behind wait for a lock, too.
			pragmas := []string{"busy_timeout(10000)", "foreign_keys(1)", "journal_mode(WAL)", "synchronous(OFF)"}
			file := filepath.Join(t.TempDir(), "stock.db")
			db, err := sql.Open("sqlite3", "file:"+file+"?"+url.Values{"_pragma": pragmas}.Encode())
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			store, err := sqlstore.New(db, sqlstore.SQLite, nil)
			require.NoError(t, err)
			require.NoError(t, store.Migrate(context.Background()))
			require.NoError(t, store.CheckSchema(context.Background()))
			return store
		},
	})
}
