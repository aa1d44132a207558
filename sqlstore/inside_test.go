package sqlstore

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// A transaction is of another store if the store has other tables, or another pool of connections.
func TestAStoreInsideKnowsTheStoresOfItsTables(t *testing.T) {
	db, over := new(sql.DB), &pretended{}
	made := func(db *sql.DB, dialect *Dialect, opts *Options) *Store {
		store, err := New(db, dialect, opts)
		require.NoError(t, err)
		return store
	}
	madeOver := func(over *pretended) *Store {
		store, err := OverPostgreSQL(over, nil)
		require.NoError(t, err)
		return store
	}
	type embedding struct{ *Store } // as in module pgxstore
	type wrapper struct{ allocation.Store }
	base := made(db, PostgreSQL, nil)
	for name, tt := range map[string]struct {
		inside  *Store
		outside allocation.Store
		want    bool
	}{
		"the same":                {base, base, true},
		"another of its tables":   {base, made(db, PostgreSQL, nil), true},
		"a type that embeds it":   {base, embedding{base}, true},
		"one that embeds another": {base, embedding{made(new(sql.DB), PostgreSQL, nil)}, false},
		"a wrapper":               {base, wrapper{base}, true},
		"another pool":            {base, made(new(sql.DB), PostgreSQL, nil), false},
		"another prefix":          {base, made(db, PostgreSQL, &Options{TablePrefix: "other_"}), false},
		"another schema":          {base, made(db, PostgreSQL, &Options{Schema: "other"}), false},
		"another engine":          {base, made(db, MariaDB, nil), false},
		"over another interface":  {base, madeOver(over), false},
		"the same interface":      {madeOver(over), madeOver(over), true},
		"another of an interface": {madeOver(over), madeOver(&pretended{}), false},
		"no store":                {base, (*Store)(nil), true},
	} {
		inside := tt.inside.join(nil).(interface {
			IsWithin(outside allocation.Store) bool
		})
		assert.Equal(t, tt.want, inside.IsWithin(tt.outside), name)
	}
}
