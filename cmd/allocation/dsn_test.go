package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestADSNNamesTheEngine(t *testing.T) {
	for dsn, want := range map[string][3]string{
		"postgres://u:p@host/shop": {
			"PostgreSQL", "postgres://u:p@host/shop", "postgres://u:p@host/shop?default_transaction_read_only=on",
		},
		"postgresql://host/shop?sslmode=disable": {
			"PostgreSQL", "postgresql://host/shop?sslmode=disable",
			"postgresql://host/shop?default_transaction_read_only=on&sslmode=disable",
		},
		"mariadb://u:p%40ss@host/shop": {
			"MariaDB", "u:p@ss@tcp(host:3306)/shop", "u:p@ss@tcp(host:3306)/shop?tx_read_only=1",
		},
		"mysql://u:p@host:3307/shop?timeout=5s": {
			"MariaDB", "u:p@tcp(host:3307)/shop?timeout=5s", "u:p@tcp(host:3307)/shop?timeout=5s&tx_read_only=1",
		},
		"mariadb://u@localhost/shop?socket=/run/db.sock": {
			"MariaDB", "u@unix(/run/db.sock)/shop", "u@unix(/run/db.sock)/shop?tx_read_only=1",
		},
	} {
		t.Run(dsn, func(t *testing.T) {
			for i, write := range []bool{true, false} {
				found, err := (&app{write: write}).parse(dsn)
				require.NoError(t, err)
				assert.Equal(t, want[0], found.engine)
				assert.Equal(t, want[i+1], found.source)
			}
		})
	}
}

func TestASQLiteFileIsOpenedForReadingUnlessToldToWrite(t *testing.T) {
	reading, err := (&app{}).parse("sqlite:dir/a shop.db")
	require.NoError(t, err)
	assert.Contains(t, reading.source, "file:dir/a%20shop.db?")
	assert.Contains(t, reading.source, "mode=rw")
	assert.Contains(t, reading.source, "query_only")
	writing, err := (&app{write: true}).parse("sqlite:dir/a shop.db")
	require.NoError(t, err)
	assert.NotContains(t, writing.source, "query_only")
	assert.NotContains(t, writing.source, "mode=rwc", "only migrate makes a file")
}

// Nothing listens on port 1, so each driver fails, and says so in words of its own.
func TestNoPasswordIsPrinted(t *testing.T) {
	d := &desk{t: t, clock: morning}
	for name, dsn := range map[string]string{
		"PostgreSQL":               "postgres://user:s3cret-word@127.0.0.1:1/shop",
		"PostgreSQL, as parameter": "postgres://127.0.0.1:1/shop?user=u&password=s3cret-word",
		"PostgreSQL, bad option":   "postgres://user:s3cret-word@127.0.0.1:1/shop?sslmode=bogus",
		"PostgreSQL, not escaped":  "postgres://user:s3cret-word%zz@127.0.0.1:1/shop",
		"PostgreSQL, bad port":     "postgres://user:s3cret-word@127.0.0.1:port/shop",
		"MariaDB":                  "mariadb://user:s3cret-word@127.0.0.1:1/shop",
		"MariaDB, bad option":      "mariadb://user:s3cret-word@127.0.0.1:1/shop?timeout=soon",
		"MariaDB, not escaped":     "mariadb://user:s3cret-word%zz@127.0.0.1:1/shop",
		"MariaDB, with a colon":    "mariadb://user:s3cret-word:more@127.0.0.1:1/shop",
		"no engine":                "oracle://user:s3cret-word@127.0.0.1:1/shop",
		"SQLite":                   "sqlite:/nowhere/s3cret-word.db?_auth_pass=s3cret-word",
	} {
		t.Run(name, func(t *testing.T) {
			for _, args := range [][]string{{"check"}, {"status", "--json"}, {"retry", "LAMP", "--write"}} {
				code := d.callOn(dsn, args...)
				assert.Contains(t, []int{exitError, exitUsage}, code)
				assert.NotEmpty(t, d.err)
				assert.NotContains(t, d.out+d.err, "s3cret-word", "%v", args)
				code = d.callOn("", append(args, "--dsn", dsn)...)
				assert.Contains(t, []int{exitError, exitUsage}, code)
				assert.NotContains(t, d.out+d.err, "s3cret-word", "%v", args)
			}
		})
	}
}

func TestSecretsAreTakenOutInEveryForm(t *testing.T) {
	a := &app{}
	a.hide("postgres://user:p%2Fw%20d@host/shop")
	for _, text := range []string{
		"dial postgres://user:p%2Fw%20d@host/shop: refused", `password "p/w d"`, "p%2Fw+d", "p%2Fw%20d",
	} {
		got := a.redact(text)
		assert.Contains(t, got, "xxxxx", "%s", text)
		for _, secret := range []string{"p/w d", "p%2Fw"} {
			assert.NotContains(t, got, secret)
		}
	}
}
