package dbtest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

func TestCommandsGoOnWhereMariaDBPreparesNothingMore(t *testing.T) {
	server := servers.Dedicated(t, servers.MariaDB, &servers.Options{Fast: true})
	e := *onMariaDB
	e.empty = server.Database
	p := e.new(t)
	db, other := p.open(t), p.open(t)
	store := e.migrated(t, db)
	exec(t, other, `SET GLOBAL max_prepared_stmt_count = 0`)
	useEveryVerb(t, db, other, store, func(string) {})
	require.NoError(t, store.CheckSchema(t.Context()))
}
