package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

// argsVariable makes the test binary run the program, so that a test can let the process die.
const argsVariable = "CHECKOUT_TEST_ARGS"

func TestMain(m *testing.M) {
	if args, set := os.LookupEnv(argsVariable); set {
		os.Exit(command(context.Background(), strings.Split(args, "\n"), os.Stdout, os.Stderr))
	}
	if args, set := os.LookupEnv(sellVariable); set {
		if err := sellFor(strings.Split(args, "\n"), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(servers.M{M: m}) // stops the servers after the tests
}

// process runs the program in a process of its own and returns the output.
func process(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), argsVariable+"="+strings.Join(args, "\n"))
	cmd.Dir = t.TempDir()
	text, err := cmd.CombinedOutput()
	return string(text), err
}

func TestAProgramThatDiesAtAnyStepLeavesRowAndGoodsOrNeither(t *testing.T) {
	for _, name := range everyEngine {
		t.Run(name, func(t *testing.T) {
			args := []string{"-engine", name, "-dsn", database(t, name)}
			for _, step := range []string{begun, written, allocated, committed} {
				out, err := process(t, append(args, "-crash", "order-2", "-at", step)...)
				var died *exec.ExitError
				require.ErrorAs(t, err, &died)
				require.False(t, died.Exited(), "the program ended by itself:\n%s", out)
				require.Contains(t, out, "order-1: placed, 2 RED-CHAIR from chairs-1, 1 LAMP from lamps-1\n")
				require.Contains(t, out, "rows without goods: 0, goods without a row: 0\n")
				require.True(t, strings.HasSuffix(out, "order-2: "+step+", and the program dies\n"), out)
			}
			out, err := process(t, args...)
			require.NoError(t, err, out)
			require.Equal(t, `At the start: rows of orders: 2, rows without goods: 0, goods without a row: 0
order-1: placed, 2 RED-CHAIR from chairs-1, 1 LAMP from lamps-1
order-2: placed, 2 RED-CHAIR from chairs-1
order-3: out of stock, 2 RED-CHAIR wanted and 1 left
At the end: rows of orders: 2, rows without goods: 0, goods without a row: 0
`, out)
		})
	}
}

func TestBadFlagsAreRefused(t *testing.T) {
	for name, args := range map[string][]string{
		"unknown engine":        {"-engine", "abacus"},
		"server without a name": {"-engine", "mariadb"},
		"pgx without a name":    {"-engine", "pgx"},
		"unknown flag":          {"-fly"},
		"argument":              {"order-1"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, complaint bytes.Buffer
			require.NotZero(t, command(t.Context(), args, &out, &complaint))
			require.Empty(t, out.String())
			require.NotEmpty(t, complaint.String())
		})
	}
}
