package harness

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheFirstArgumentNamesTheCommand(t *testing.T) {
	commands := make([]Command, 2)
	for i, name := range []string{"first", "second"} {
		commands[i] = Command{Name: name, Define: func(flags *flag.FlagSet) Run {
			flags.SetOutput(io.Discard)
			size := flags.Int("size", 1, "")
			return func(_ context.Context, out io.Writer) error {
				fmt.Fprint(out, name, " ", *size)
				return nil
			}
		}}
	}
	for name, row := range map[string]struct {
		args      []string
		want, err string
	}{
		"no argument":         {nil, "first 1", ""},
		"flags alone":         {[]string{"-size", "2"}, "first 2", ""},
		"a name":              {[]string{"second"}, "second 1", ""},
		"a name and flags":    {[]string{"second", "-size", "3"}, "second 3", ""},
		"an unknown name":     {[]string{"third"}, "", `no command "third"; the commands are first and second`},
		"an unknown flag":     {[]string{"second", "-colour"}, "", "-colour"},
		"a second argument":   {[]string{"first", "-size", "2", "more"}, "", `first takes no argument "more"`},
		"a question for help": {[]string{"second", "-help"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := run(t.Context(), "program", commands, row.args, &out)
			if row.err != "" {
				require.ErrorContains(t, err, row.err)
			} else {
				require.NoError(t, err)
			}
			assert.Equal(t, row.want, out.String(), "printed")
		})
	}
}

func TestFaultsAreCountedByKindAndSomeAreShown(t *testing.T) {
	var found Faults
	for i := range faultsShown + 1 {
		found.Add("lost", "line %d", i)
	}
	var out bytes.Buffer
	found.Write(&out, []FaultKind{"torn", "lost"})
	assert.Contains(t, out.String(), "  found: 0 torn, 6 lost\n  lost: line 0\n")
	assert.NotContains(t, out.String(), "line 5")
}
