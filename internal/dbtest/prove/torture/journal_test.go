package torture

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestALineThatAKillHasCutShortIsForgotten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "client.jsonl")
	require.NoError(t, os.WriteFile(path, []byte("{\"number\":1}\n{\"number\":2,\"tra"), 0o600))
	before, err := readJournal(path)
	require.NoError(t, err)
	require.Equal(t, []entry{{Number: 1}}, before)
	j, err := openJournal(path)
	require.NoError(t, err)
	j.write(entry{Number: 3})
	require.NoError(t, j.file.Close())
	after, err := readJournal(path)
	require.NoError(t, err)
	require.Equal(t, []entry{{Number: 1}, {Number: 3}}, after)
}
