package upgrade

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/sqlstore"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(servers.M{M: m})
}

func TestAnUpgradePrintsHowLongOthersWait(t *testing.T) {
	for _, e := range harness.Engines {
		t.Run(e.Name, func(t *testing.T) {
			if e.Server != nil {
				servers.Shared(t, e.Server) // or a skip that says what is missing
			}
			var out strings.Builder
			require.NoError(t, play(t.Context(), e.Name, 2, 2000, &out))
			parts := strings.Split(out.String(), "## ")[1:]
			migrations, err := sqlstore.Migrations(e.Dialect, nil)
			require.NoError(t, err)
			require.Len(t, parts, len(migrations)-2, "migrations after version 2:\n%s", out.String())
			for i, part := range parts {
				assert.Regexp(t, `^`+e.Name+`, 2000 lines, `+migrations[2+i].Name+`\n`, part)
				assert.Regexp(t, `(?m)^\| all \d+ statements \| \d+\.\d\d s \|$`, part)
				for _, p := range probes {
					assert.Regexp(t, `(?m)^\| `+p.table+` \| \d+\.\d\d s \| \d+\.\d\d s \|$`, part)
				}
			}
		})
	}
}

// The history of version 3 has columns that version 2 lacks.
func TestAnUpgradeMayBeginWithALaterVersion(t *testing.T) {
	var out strings.Builder
	migrations, err := sqlstore.Migrations(sqlstore.SQLite, nil)
	require.NoError(t, err)
	last := len(migrations) - 1
	require.NoError(t, play(t.Context(), "sqlite", last, 2000, &out))
	assert.Equal(t, 1, strings.Count(out.String(), "## "), "migrations after version %d:\n%s", last, out.String())
}

func TestUnknownEnginesAndVersionsAreRefused(t *testing.T) {
	assert.ErrorContains(t, play(t.Context(), "oracle", 2, 2000, &strings.Builder{}), `"oracle"`)
	for _, version := range []int{-1, 1, 99} {
		assert.ErrorContains(t, play(t.Context(), "sqlite", version, 2000, &strings.Builder{}), "-from")
	}
}
