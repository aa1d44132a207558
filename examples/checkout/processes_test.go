package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// sellVariable makes the test binary a process that sells: the engine, the DSN and the beginning of its orders' IDs.
const sellVariable = "CHECKOUT_TEST_SELL"

// sellFor lets 32 customers want a chair each once a line arrives, and prints how many got a chair.
func sellFor(args []string, in io.Reader, out io.Writer) (err error) {
	ctx := context.Background()
	shop, err := open(ctx, args[0], args[1], &allocation.UnitOfWorkOptions{Attempts: 100})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shop.Close()) }()
	fmt.Fprintln(out, "ready")
	if _, err := bufio.NewReader(in).ReadString('\n'); err != nil {
		return err
	}
	var customers sync.WaitGroup
	var sold atomic.Int64
	failures := make([]error, 32)
	for i := range failures {
		customers.Go(func() {
			_, err := shop.Place(ctx, chairs(fmt.Sprint(args[2], i), 1))
			switch {
			case err == nil:
				sold.Add(1)
			case !errors.As(err, new(*allocation.OutOfStockError)):
				failures[i] = err
			}
		})
	}
	customers.Wait()
	fmt.Fprintln(out, sold.Load())
	return errors.Join(failures...)
}

// seller is a process that sells.
type seller struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// newSeller starts a process and waits until it is ready.
func newSeller(t *testing.T, name, dsn, orders string) seller {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	s := seller{Cmd: exec.CommandContext(t.Context(), self)}
	s.Env = append(os.Environ(), sellVariable+"="+strings.Join([]string{name, dsn, orders}, "\n"))
	s.Stderr = os.Stderr
	s.in, err = s.StdinPipe()
	require.NoError(t, err)
	out, err := s.StdoutPipe()
	require.NoError(t, err)
	s.out = bufio.NewReader(out)
	require.NoError(t, s.Start())
	require.Equal(t, "ready\n", s.line(t))
	return s
}

func (s seller) line(t *testing.T) string {
	t.Helper()
	line, err := s.out.ReadString('\n')
	require.NoError(t, err)
	return line
}

func TestCustomersOfTwoProcessesGetExactlyTheStock(t *testing.T) {
	for _, name := range everyEngine {
		t.Run(name, func(t *testing.T) {
			dsn := strings.Replace(database(t, name), "busy_timeout%280%29", "busy_timeout%2810000%29", 1)
			shop := openedOn(t, name, dsn, nil)
			sellers := []seller{newSeller(t, name, dsn, "a"), newSeller(t, name, dsn, "b")}
			for _, s := range sellers {
				_, err := fmt.Fprintln(s.in)
				require.NoError(t, err)
			}
			all := 0
			for _, s := range sellers {
				var sold int
				_, err := fmt.Sscan(s.line(t), &sold)
				require.NoError(t, err)
				require.NoError(t, s.Wait())
				all += sold
			}
			assert.Equal(t, 12, all)
			shop.want(t, 12, 12)
		})
	}
}
