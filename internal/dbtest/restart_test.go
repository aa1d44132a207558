package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

// idlers are the ways to a database whose idle connections a server ends.
var idlers = []struct {
	name   string
	server *servers.Engine
	open   func(t *testing.T, dsn string) shopStore
	end    func(t *testing.T, dsn string) (ended int) // all other sessions of the database
}{
	{"PostgreSQL", servers.PostgreSQL, overSQL, endPostgreSQL},
	{"PostgreSQL over pgx", servers.PostgreSQL, overPgx, endPostgreSQL},
	{"MariaDB", servers.MariaDB, overMariaDB, endMariaDB},
}

func overMariaDB(t *testing.T, dsn string) shopStore {
	connector, err := onMariaDB.connector(dsn)
	require.NoError(t, err)
	db := opened(t, connector)
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	return onMariaDB.store(t, db, nil)
}

func endPostgreSQL(t *testing.T, dsn string) (ended int) {
	require.NoError(t, pgxPool(t, dsn).QueryRow(t.Context(), `SELECT COUNT(pg_terminate_backend(pid))
		FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`).Scan(&ended))
	return ended
}

func endMariaDB(t *testing.T, dsn string) (ended int) {
	connector, err := onMariaDB.connector(dsn)
	require.NoError(t, err)
	db := sql.OpenDB(connector)
	defer db.Close()
	const others = `SELECT GROUP_CONCAT('KILL ', id SEPARATOR '\n') FROM information_schema.processlist
		WHERE db = DATABASE() AND id <> CONNECTION_ID()`
	var kills sql.NullString
	require.NoError(t, db.QueryRowContext(t.Context(), others).Scan(&kills))
	for kill := range strings.Lines(kills.String) {
		_, err := db.ExecContext(t.Context(), kill)
		require.NoError(t, err)
		ended++
	}
	return ended
}

// An administrator, or a firewall, ends idle connections. No caller hears of that.
func TestEndedIdleConnectionsReachNoCaller(t *testing.T) {
	for _, way := range idlers {
		t.Run(way.name, func(t *testing.T) {
			ctx := context.Background()
			dsn := servers.Shared(t, way.server).Database(t)
			store := way.open(t, dsn)
			require.NoError(t, store.Migrate(ctx))
			service, _ := serviceOn(t, store)
			all := func(round int) (errs []error) {
				var callers sync.WaitGroup
				results := make([]error, 8)
				for i := range results {
					sku := allocation.SKU(fmt.Sprint("sku-", i))
					callers.Go(func() {
						ref := allocation.BatchRef(fmt.Sprintf("%s-%d", sku, round))
						results[i] = service.AddBatch(ctx, allocation.Batch{Ref: ref, SKU: sku, Purchased: 1})
					})
				}
				callers.Wait()
				for _, err := range results {
					if err != nil {
						errs = append(errs, err)
					}
				}
				return errs
			}
			require.Empty(t, all(0))
			for round := range 5 {
				assert.Positive(t, way.end(t, dsn), "sessions that were ended")
				assert.Empty(t, all(1+round), "errors that reached a caller")
			}
		})
	}
}
