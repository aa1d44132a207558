package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// fileVariable makes the test binary run the program, so that a test can kill the process.
const fileVariable = "HTTPAPI_TEST_FILE"

func TestMain(m *testing.M) {
	if file, set := os.LookupEnv(fileVariable); set {
		os.Exit(program(context.Background(), []string{"-addr", "127.0.0.1:0", "-db", file}, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}

// journal is the log of a program.
type journal struct {
	mu     sync.Mutex
	text   bytes.Buffer
	opened chan string // gets the address when the program listens
}

func newJournal() *journal { return &journal{opened: make(chan string, 1)} }

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var said struct{ Msg, Addr string }
	if json.Unmarshal(line, &said) == nil && said.Msg == "listening" {
		j.opened <- said.Addr
	}
	return j.text.Write(line)
}

// requests returns the lines about requests.
func (j *journal) requests(t *testing.T) (lines []map[string]any) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.Lines(j.text.String()) {
		entry := map[string]any{}
		require.NoError(t, json.Unmarshal([]byte(line), &entry), line)
		if entry["msg"] == "request" {
			lines = append(lines, entry)
		}
	}
	return lines
}

// running is a server in this process.
type running struct {
	*client
	log  *journal
	stop func() int // as a signal does, and returns the exit code
}

// start runs the whole program on a port of its own.
func start(t *testing.T, file string) *running {
	t.Helper()
	log := newJournal()
	ctx, cancel := context.WithCancel(context.Background())
	code, ended := 0, make(chan struct{})
	go func() {
		defer close(ended)
		code = program(ctx, []string{"-addr", "127.0.0.1:0", "-db", file}, log)
	}()
	stop := func() int {
		cancel()
		<-ended
		return code
	}
	t.Cleanup(func() { stop() })
	return &running{log.client(t, ended), log, stop}
}

// client waits until the program listens.
func (j *journal) client(t *testing.T, ended <-chan struct{}) *client {
	t.Helper()
	select {
	case addr := <-j.opened:
		return newClient(t, addr)
	case <-ended:
		require.FailNow(t, "the program ended", j.text.String())
		return nil
	}
}

func newFile(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "shop.db")
}

func TestTheDocumentedCommandsGiveTheDocumentedAnswers(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	joined := regexp.MustCompile(`\\?\n//\t +`).ReplaceAllString(string(doc), "") // continued lines are indented
	shop, ran, last := migrated(t), 0, reply{}
	for line := range strings.Lines(joined) {
		text, shown := strings.CutPrefix(strings.TrimSpace(line), "//\t")
		switch {
		case shown && strings.HasPrefix(text, "curl "):
			last = shop.curl(text)
			ran++
		case shown && strings.HasPrefix(text, "{"):
			rest := strings.TrimSpace(string(last.body))
			for piece := range strings.SplitSeq(text, "…") {
				_, after, found := strings.Cut(rest, piece)
				require.True(t, found, "answer %s, want %s", last.body, text)
				rest = after
			}
			require.Empty(t, rest, "answer %s, want %s", last.body, text)
			last = reply{}
		}
	}
	assert.Equal(t, 18, ran)
}

func TestARestartOnTheSameFileKeepsEverything(t *testing.T) {
	file := newFile(t)
	shop := start(t, file)
	shop.stocked("b1", "LAMP", 3)
	first := shop.order("o1", 2, withKey("k1"))
	require.Equal(t, http.StatusOK, first.status)
	require.Zero(t, shop.stop())

	shop = start(t, file)
	assert.JSONEq(t, `{"sku":"LAMP","in_warehouse":1,"arriving":[]}`, shop.get("/products/LAMP/availability").text())
	assert.Equal(t, http.StatusOK, shop.get("/orders/o1/allocation").status)
	again := shop.order("o1", 2, withKey("k1"))
	assert.True(t, again.replayed)
	assert.Equal(t, first.text(), again.text())
}

func TestAStopLetsARunningRequestFinish(t *testing.T) {
	file := newFile(t)
	shop := start(t, file)
	first, _, release := shop.block(context.Background(), file)
	code := make(chan int)
	go func() { code <- shop.stop() }()
	require.Eventually(t, func() bool { return shop.refuses() }, 10*time.Second, time.Millisecond)
	release()
	assert.Equal(t, http.StatusOK, (<-first).status)
	assert.Zero(t, <-code)

	shop = start(t, file)
	assert.JSONEq(t, `{"sku":"LAMP","in_warehouse":1,"arriving":[]}`, shop.get("/products/LAMP/availability").text())
}

func TestAStopCutsOffRequestsThatTakeTooLong(t *testing.T) {
	file, log := newFile(t), newJournal()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error)
	go func() { ended <- run(ctx, "127.0.0.1:0", file, time.Nanosecond, jsonLog(log)) }()
	shop := newClient(t, <-log.opened)
	first, _, release := shop.block(context.Background(), file)
	cancel()
	require.ErrorIs(t, <-ended, context.DeadlineExceeded)
	assert.Zero(t, (<-first).status, "no answer")
	require.Eventually(t, func() bool { return len(log.requests(t)) == 3 }, 10*time.Second, time.Millisecond)
	release()
	again := start(t, file)
	assert.Equal(t, http.StatusNotFound, again.get("/orders/o1/allocation").status, "it was taken back")
}

func TestBadFlagsAreRefused(t *testing.T) {
	taken := start(t, newFile(t))
	for name, row := range map[string]struct {
		args []string
		code int
	}{
		"help":            {[]string{"-h"}, 0},
		"unknown flag":    {[]string{"-fly"}, 2},
		"argument":        {[]string{"now"}, 2},
		"no address":      {[]string{"-addr", "nowhere", "-db", newFile(t)}, 1},
		"address in use":  {[]string{"-addr", taken.addr, "-db", newFile(t)}, 1},
		"file is no file": {[]string{"-addr", "127.0.0.1:0", "-db", t.TempDir()}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var complaint bytes.Buffer
			assert.Equal(t, row.code, program(t.Context(), row.args, &complaint))
			assert.NotEmpty(t, complaint.String())
		})
	}
}

func TestEachRequestIsOneLineOfTheLog(t *testing.T) {
	shop := start(t, newFile(t))
	shop.stocked("b1", "LAMP", 3)
	shop.get("/nowhere")
	shop.send("DELETE", "/orders/o1/allocation", "")
	require.Zero(t, shop.stop())
	lines := shop.log.requests(t)
	require.Len(t, lines, 3)
	var seen []any
	for _, line := range lines {
		seen = append(seen, []any{line["method"], line["path"], line["status"]})
		assert.Regexp(t, `^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, line["id"])
		assert.Contains(t, line, "seconds")
	}
	assert.Equal(t, []any{
		[]any{"POST", "/batches", 201.0}, []any{"GET", "/nowhere", 404.0},
		[]any{"DELETE", "/orders/o1/allocation", 404.0},
	}, seen)
	assert.Contains(t, lines[2]["error"], "not found")
}
