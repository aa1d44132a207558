package dbtest

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/sqlstore"
	"github.com/cosmic-go/allocation/storetest"
)

var withFunctions = &sqlstore.Options{Functions: true}

func TestTheStoreKeepsItsPromisesWithFunctions(t *testing.T) {
	directly, behindPooler := behind(unpoolable, on(servers.PostgreSQL))[0], behind(poolable, pooled(inTurns))
	sideBySide(t, append(behindPooler, directly), func(t *testing.T, e *engine) {
		next := e.emptyPlaces(t)
		storetest.Run(t, storetest.Config{
			New: func(t testing.TB) allocation.Store {
				p := next(t)
				store := p.store(t, p.open(t), withFunctions)
				require.NoError(t, store.Migrate(t.Context()))
				return store
			},
			Topics: []storetest.Topic{storetest.Commit},
		})
	})
}

func TestACommitOfOnePlainLineCallsTheFunction(t *testing.T) {
	spied, db := onPostgreSQL.new(t).spied(t)
	store := onPostgreSQL.store(t, db, withFunctions)
	require.NoError(t, store.Migrate(t.Context()))
	var calls, others atomic.Int64
	service, _ := stocked(t, store)
	spied.set(func(statement string) error {
		switch {
		case strings.HasPrefix(statement, "SELECT allocation_commit_line_"):
			calls.Add(1)
		case strings.Contains(statement, "INSERT INTO"):
			others.Add(1)
		}
		return nil
	}, nil)
	_, err := service.Allocate(t.Context(), firm("o", "chair", 1))
	require.NoError(t, err)
	require.EqualValues(t, 1, calls.Load())
	require.Zero(t, others.Load())
	require.Len(t, load(t, store, "chair", "o").Lines, 1)
}

func TestAMissingFunctionIsErrNotMigrated(t *testing.T) {
	db, plain := onPostgreSQL.fresh(t)
	_, _ = stocked(t, plain)
	store := onPostgreSQL.store(t, db, withFunctions)
	require.ErrorIs(t, store.CheckSchema(t.Context()), sqlstore.ErrNotMigrated)
	service, _ := serviceOn(t, store)
	_, err := service.Allocate(t.Context(), firm("o", "chair", 1))
	require.ErrorIs(t, err, sqlstore.ErrNotMigrated)
	require.NotErrorIs(t, err, allocation.ErrUnknownOutcome)

	text, err := sqlstore.Functions(sqlstore.PostgreSQL, withFunctions)
	require.NoError(t, err)
	exec(t, db, text)
	require.NoError(t, store.CheckSchema(t.Context()))
	_, err = service.Allocate(t.Context(), firm("o", "chair", 1))
	require.NoError(t, err)
}
