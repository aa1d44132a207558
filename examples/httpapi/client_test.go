package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// client talks to a server over the network.
type client struct {
	t    *testing.T
	addr string
	http *http.Client
}

func newClient(t *testing.T, addr string) *client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{t: t, addr: addr, http: &http.Client{Transport: transport}}
}

// header changes a request's header.
type header func(http.Header)

func withKey(key string) header {
	return func(h http.Header) { h.Set("Idempotency-Key", `"`+key+`"`) }
}

func withType(mediaType string) header {
	return func(h http.Header) { h.Set("Content-Type", mediaType) }
}

// got is an answer, or none.
type got struct {
	reply
	header http.Header
}

func (g got) text() string { return string(g.body) }

// problem reads the answer as a problem of a kind, and checks the fields of every problem.
func (g got) problem(t *testing.T, status int, kind string) (p problem) {
	t.Helper()
	require.Equal(t, problemType, g.mediaType, g.text())
	require.NoError(t, json.Unmarshal(g.body, &p))
	assert.Equal(t, []int{status, status}, []int{g.status, p.Status}, g.text())
	assert.Equal(t, "/problems/"+kind, p.Type)
	assert.NotEmpty(t, p.Title)
	assert.Regexp(t, `^urn:uuid:`, p.Instance)
	assert.NotContains(t, g.text(), "SQL")
	return p
}

// send sends a request and reads the answer. The status is 0 if there is no answer.
func (c *client) send(method, path, body string, headers ...header) got {
	return c.sendWithin(context.Background(), method, path, body, headers...)
}

func (c *client) sendWithin(ctx context.Context, method, path, body string, headers ...header) (g got) {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+c.addr+path, reader)
	if err != nil {
		c.t.Errorf("send %s %s: %v", method, path, err)
		return g
	}
	if body != "" {
		r.Header.Set("Content-Type", jsonType)
	}
	for _, change := range headers {
		change(r.Header)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return g
	}
	defer answer.Body.Close()
	g.header = answer.Header
	g.status, g.mediaType = answer.StatusCode, answer.Header.Get("Content-Type")
	g.replayed = answer.Header.Get("Idempotency-Replayed") == "true"
	g.tryAgain = answer.Header.Get("Retry-After") != ""
	g.body, err = io.ReadAll(answer.Body)
	assert.NoError(c.t, err)
	return g
}

func (c *client) get(path string) got { return c.send(http.MethodGet, path, "") }

func (c *client) stocked(ref, sku string, units int) {
	c.t.Helper()
	g := c.send(http.MethodPost, "/batches", fmt.Sprintf(`{"ref":%q,"sku":%q,"quantity":%d}`, ref, sku, units))
	require.Equal(c.t, http.StatusCreated, g.status, g.text())
}

// left asks how many units can be promised from the warehouse.
func (c *client) left(sku string) (units int) {
	c.t.Helper()
	var s struct {
		InWarehouse int `json:"in_warehouse"`
	}
	g := c.get("/products/" + sku + "/availability")
	require.NoError(c.t, json.Unmarshal(g.body, &s), g.text())
	return s.InWarehouse
}

// lamps is the body of an order.
func lamps(units int) string { return fmt.Sprintf(`{"lines":[{"sku":"LAMP","quantity":%d}]}`, units) }

// heldLamps is the body of an order with a hold.
func heldLamps(units int, until string) string {
	return fmt.Sprintf(`{"lines":[{"sku":"LAMP","quantity":%d,"hold_until":%q}]}`, units, until)
}

// order places an order for lamps.
func (c *client) order(id string, units int, headers ...header) got {
	return c.send(http.MethodPost, "/orders/"+id+"/allocation", lamps(units), headers...)
}

// block stocks three lamps, locks the file, and sends order o1 for two lamps twice at once with the key k. When block
// returns, the second request has been turned away, and the first waits for the file to be released.
func (c *client) block(ctx context.Context, file string) (first <-chan got, second got, release func()) {
	c.t.Helper()
	c.stocked("b1", "LAMP", 3)
	release = lock(c.t, file)
	answers := make(chan got, 2)
	for range 2 {
		go func() { answers <- c.sendWithin(ctx, "POST", "/orders/o1/allocation", lamps(2), withKey("k")) }()
	}
	second = <-answers
	require.Equal(c.t, http.StatusConflict, second.status)
	return answers, second, release
}

// refuses reports whether nobody listens any more.
func (c *client) refuses() bool {
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", c.addr)
	if err == nil {
		_ = conn.Close()
	}
	return err != nil
}

// curl understands the few options that the documentation uses.
func (c *client) curl(line string) reply {
	method, path, body := http.MethodGet, "", ""
	var headers []header
	words := strings.Fields(strings.ReplaceAll(line, "Key: ", "Key:"))
	for i := 1; i < len(words); i++ {
		option := words[i]
		if option == "-X" || option == "-H" || option == "--json" {
			i++
		}
		value := strings.Trim(words[i], "'")
		switch option {
		case "-X":
			method = value
		case "-H":
			name, content, _ := strings.Cut(value, ":")
			headers = append(headers, func(h http.Header) { h.Set(name, content) })
		case "--json":
			body = value
		default:
			path = strings.TrimPrefix(value, "localhost:8080")
		}
	}
	if body != "" && method == http.MethodGet {
		method = http.MethodPost
	}
	return c.send(method, path, body, headers...).reply
}

// lock keeps every writer waiting until it is released.
func lock(t *testing.T, file string) (release func()) {
	t.Helper()
	db, err := openDatabase(file)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	_, err = conn.ExecContext(t.Context(), `BEGIN IMMEDIATE`)
	require.NoError(t, err)
	return func() {
		_, err := conn.ExecContext(context.Background(), `ROLLBACK`)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
}

func jsonLog(w io.Writer) *slog.Logger { return slog.New(slog.NewJSONHandler(w, nil)) }

// shopDoor is a server in the test's hands, with a clock to set.
type shopDoor struct {
	*client
	*server
	clock time.Time
	log   *journal
}

// door serves a database, migrated or not.
func door(t *testing.T, db *sql.DB) *shopDoor {
	t.Helper()
	d := &shopDoor{client: &client{t: t}, clock: time.Date(2027, 5, 1, 12, 0, 0, 0, time.UTC), log: newJournal()}
	var err error
	d.server, err = newServer(db, jsonLog(d.log), func() time.Time { return d.clock })
	require.NoError(t, err)
	d.serve(d.routes())
	return d
}

// database opens a new database.
func database(t *testing.T) *sql.DB {
	t.Helper()
	db, err := openDatabase(filepath.Join(t.TempDir(), "shop.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func migrated(t *testing.T) *shopDoor {
	t.Helper()
	d := door(t, database(t))
	require.NoError(t, d.migrate(t.Context()))
	return d
}

// serve replaces the handler behind the door.
func (d *shopDoor) serve(h http.Handler) {
	d.t.Helper()
	web := httptest.NewServer(h)
	d.t.Cleanup(web.Close)
	d.client = newClient(d.t, web.Listener.Addr().String())
}
