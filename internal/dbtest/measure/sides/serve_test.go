package sides

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAProcessRefusesImpossibleCommands(t *testing.T) {
	const opened = `{"Do":"open","Engine":"sqlite","Name":{"Kind":"library"}}`
	for name, row := range map[string]struct{ commands, want string }{
		"an unknown engine":   {`{"Do":"open","Engine":"oracle"}`, `oracle`},
		"a side not yet open": {`{"Do":"run"}`, `run comes before open`},
		"an unknown verb":     {opened + `{"Do":"dance"}`, `no verb \"dance\"`},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			require.NoError(t, Serve(t.Context(), strings.NewReader(row.commands), &out))
			assert.Contains(t, out.String(), row.want)
		})
	}
}
