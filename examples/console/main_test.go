package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestTheProgramShowsTheQuickstart runs the program as a reader does, from the folder examples.
func TestTheProgramShowsTheQuickstart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "console.db")
	t.Chdir("..")
	ctx, interrupt := context.WithCancel(t.Context())
	out, stdout := io.Pipe()
	var stderr strings.Builder
	ended := make(chan int, 1)
	go func() {
		ended <- command(ctx, []string{"-db", file, "-port", "0"}, stdout, &stderr)
		_ = stdout.Close()
	}()
	address, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		address = strings.TrimSpace(address)
		assert.Regexp(t, `^http://127\.0\.0\.1:\d+/console/$`, address)
		assert.Contains(t, page(t, address), "Dead letters")
		assert.Contains(t, page(t, address+"product?sku=COFFEE-ESPRESSO-1KG"), "PO-4101")
	}
	interrupt()
	assert.Equal(t, 0, <-ended, "exit code; the program wrote %s", stderr.String())
	require.NoError(t, err)
}

// page reads a page.
func page(t *testing.T, address string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	return string(body)
}

func TestBadArgumentsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"-port", "x"}, {"more"}} {
		assert.Equal(t, 2, command(t.Context(), args, io.Discard, io.Discard))
	}
	assert.Equal(t, 0, command(t.Context(), []string{"-h"}, io.Discard, io.Discard))
	missing := filepath.Join(t.TempDir(), "no folder", "console.db")
	assert.Equal(t, 1, command(t.Context(), []string{"-db", missing}, io.Discard, io.Discard))
}
