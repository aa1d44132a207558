package servers

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// verdict is a test that notes how it was ended.
type verdict struct {
	testing.TB

	skipped, failed string
}

func (v *verdict) Helper()           {}
func (v *verdict) Skip(args ...any)  { v.skipped = fmt.Sprint(args...); panic(v) }
func (v *verdict) Fatal(args ...any) { v.failed = fmt.Sprint(args...); panic(v) }

// judge runs giveUp as far as it lets a test get.
func judge(t *testing.T, err error) *verdict {
	t.Helper()
	v := &verdict{TB: t}
	require.PanicsWithValue(t, v, func() { giveUp(v, err) }, "the test goes on")
	return v
}

func TestAMissingServerSkipsUnlessItIsRequired(t *testing.T) {
	missing := fmt.Errorf("MariaDB: %w: there is no program mariadbd", ErrNoServer)
	broken := errors.New("MariaDB: the server ended at once")
	tests := []struct {
		name, required  string
		err             error
		skipped, failed string
	}{
		{"missing", "", missing, missing.Error(), ""},
		{"missing, not required", "0", missing, missing.Error(), ""},
		{"missing, required", "1", missing, "", missing.Error()},
		{"broken", "", broken, "", broken.Error()},
		{"broken, required", "1", broken, "", broken.Error()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(requireVariable, test.required)
			v := judge(t, test.err)
			assert.Equal(t, test.skipped, v.skipped, "skipped for")
			assert.Equal(t, test.failed, v.failed, "failed for")
		})
	}
}

func TestAMissingProgramIsNamed(t *testing.T) {
	engine := &Engine{
		name: "MariaDB", variable: "ALLOCATION_NO_SUCH_DSN",
		find: func() (programs, error) { return programs{}, errors.New("there is no program mariadbd") },
	}
	_, err := Open(t.Context(), engine, nil)

	require.ErrorIs(t, err, ErrNoServer)
	assert.EqualError(t, err, "MariaDB: no server: ALLOCATION_NO_SUCH_DSN is not set and there is no program mariadbd")
}

func TestASharedServerThatFailedIsNotTriedAgain(t *testing.T) {
	tries := 0
	engine := &Engine{
		name: "MariaDB", variable: "ALLOCATION_NO_SUCH_DSN",
		find: func() (programs, error) { tries++; return programs{}, errors.New("there is no program mariadbd") },
	}
	var p pool
	_, first := p.open(t.Context(), engine)
	_, second := p.open(t.Context(), engine)

	require.ErrorIs(t, first, ErrNoServer)
	assert.Equal(t, first, second)
	assert.Equal(t, 1, tries)
	assert.NoError(t, p.stop())
}

func TestADSNLeadsToAnotherDatabase(t *testing.T) {
	tests := []struct {
		engine    *Engine
		dsn, want string
	}{
		{PostgreSQL, "postgres://a:b@db:1/x?sslmode=disable", "postgres://a:b@db:1/new?sslmode=disable"},
		{PostgreSQL, "postgresql://a@db", "postgresql://a@db/new"},
		{PostgreSQL, "postgres:///?host=/run&dbname=x", "postgres:///new?host=%2Frun"},
		{PostgreSQL, "host=db dbname=x", "host=db dbname=x dbname=new"},
		{MariaDB, "a:b@tcp(db:1)/x?parseTime=true", "a:b@tcp(db:1)/new?parseTime=true"},
		{MariaDB, "a:b@tcp(db:1)/", "a:b@tcp(db:1)/new"},
	}
	for _, test := range tests {
		t.Run(test.dsn, func(t *testing.T) {
			got, err := test.engine.in(test.dsn, "new")
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}

func TestABrokenDSNKeepsItsPassword(t *testing.T) {
	_, err := PostgreSQL.in("postgres://a:hunter2@db:x/", "new")
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "hunter2")
}
