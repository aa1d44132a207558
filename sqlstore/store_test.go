package sqlstore

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

func TestNewRefusesBadArguments(t *testing.T) {
	db := new(sql.DB)
	for name, c := range map[string]struct {
		db      *sql.DB
		dialect *Dialect
		opts    *Options
		field   string
	}{
		"no database":       {nil, SQLite, nil, "database"},
		"no dialect":        {db, nil, nil, "dialect"},
		"empty dialect":     {db, new(Dialect), nil, "dialect"},
		"quote in prefix":   {db, SQLite, &Options{TablePrefix: `a"; --`}, "table prefix"},
		"upper-case prefix": {db, SQLite, &Options{TablePrefix: "Shop_"}, "table prefix"},
		"digit first":       {db, SQLite, &Options{TablePrefix: "1_"}, "table prefix"},
		"line break":        {db, SQLite, &Options{TablePrefix: "shop_\n"}, "table prefix"},
		"long prefix":       {db, SQLite, &Options{TablePrefix: strings.Repeat("a", 31)}, "table prefix"},
		"engine's prefix":   {db, SQLite, &Options{TablePrefix: "sqlite_shop_"}, "table prefix"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(c.db, c.dialect, c.opts)
			require.ErrorIs(t, err, allocation.ErrInvalid)
			var typed *allocation.Error
			require.ErrorAs(t, err, &typed)
			assert.Equal(t, "New", typed.Op)
			assert.Equal(t, c.field, typed.Field)
		})
	}
}

func TestNewTakesGoodPrefixes(t *testing.T) {
	for _, prefix := range []string{"", "a", "_", "shop_2_", strings.Repeat("a", 30)} {
		_, err := New(new(sql.DB), SQLite, &Options{TablePrefix: prefix})
		assert.NoError(t, err, "prefix %q", prefix)
	}
}

func TestANilOrEndedContextIsRefusedBeforeTheDatabaseIsAsked(t *testing.T) {
	store, err := New(new(sql.DB), SQLite, nil) // a query would panic
	require.NoError(t, err)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for name, operation := range map[string]func(ctx context.Context) error{
		"Load":        func(ctx context.Context) error { _, err := store.Load(ctx, allocation.Query{}); return err },
		"Commit":      func(ctx context.Context) error { return store.Commit(ctx, nil) },
		"Audit":       func(ctx context.Context) error { _, err := store.Audit(ctx, "chair"); return err },
		"Events":      func(ctx context.Context) error { _, err := store.Events(ctx, "chair", 0, 1); return err },
		"Claim":       func(ctx context.Context) error { _, err := store.Claim(ctx, outbox.Claim{}); return err },
		"Settle":      func(ctx context.Context) error { return store.Settle(ctx, outbox.Settlement{}) },
		"Backlog":     func(ctx context.Context) error { _, err := store.Backlog(ctx); return err },
		"Failures":    func(ctx context.Context) error { _, err := store.Failures(ctx, "", 0); return err },
		"Retry":       func(ctx context.Context) error { return store.Retry(ctx, "") },
		"Skip":        func(ctx context.Context) error { return store.Skip(ctx, "", 0) },
		"Purge":       func(ctx context.Context) error { _, err := store.Purge(ctx, time.Time{}); return err },
		"Migrate":     store.Migrate,
		"CheckSchema": store.CheckSchema,
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, operation(ended), context.Canceled)
			err := operation(nil)
			require.ErrorIs(t, err, allocation.ErrInvalid)
			var typed *allocation.Error
			require.ErrorAs(t, err, &typed)
			assert.Equal(t, name, typed.Op)
			assert.Equal(t, "context", typed.Field)
		})
	}
}

func TestMigrationsAreNumberedAndHaveThePrefix(t *testing.T) {
	migrations, err := Migrations(SQLite, &Options{TablePrefix: "shop_"})
	require.NoError(t, err)
	require.NotEmpty(t, migrations)
	for i, m := range migrations {
		assert.Equal(t, i+1, m.Version)
		assert.Regexp(t, `^000\d_[a-z_]+$`, m.Name)
		assert.NotContains(t, m.SQL, "{")
		assert.NotContains(t, m.SQL, defaultPrefix)
		assert.Contains(t, m.SQL, "INSERT INTO shop_schema_version")
	}
	_, err = Migrations(nil, nil)
	require.ErrorIs(t, err, allocation.ErrInvalid)
	_, err = Migrations(SQLite, &Options{TablePrefix: "-"})
	require.ErrorIs(t, err, allocation.ErrInvalid)
}

func TestCompileWritesTablesAndParameters(t *testing.T) {
	q := (&templates{engine: &sqlite, prefix: "shop_"}).compile(
		`SELECT sku FROM {lines} l INDEXED BY {#lines_leaving} WHERE sku = :sku AND a > :now AND b < :sku`)
	assert.Equal(t,
		`SELECT sku FROM shop_lines l INDEXED BY shop_lines_leaving WHERE sku = ? AND a > ? AND b < ?1`, q.text)
	assert.Equal(t, []string{"sku", "now"}, q.params)
}
