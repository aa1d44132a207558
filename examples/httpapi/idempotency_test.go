package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// keys counts the answers that are kept.
func (d *shopDoor) keys() (n int) {
	d.t.Helper()
	require.NoError(d.t, d.db.QueryRowContext(d.t.Context(), `SELECT COUNT(*) FROM web_replies`).Scan(&n))
	return n
}

// kinds lists the events of a product.
func (d *shopDoor) kinds(sku string) (kinds []string) {
	d.t.Helper()
	rows, err := d.db.QueryContext(d.t.Context(), `SELECT kind FROM allocation_events WHERE sku = ? ORDER BY sequence`, sku)
	require.NoError(d.t, err)
	defer rows.Close()
	for rows.Next() {
		kinds = append(kinds, "")
		require.NoError(d.t, rows.Scan(&kinds[len(kinds)-1]))
	}
	require.NoError(d.t, rows.Err())
	return kinds
}

func (d *shopDoor) exec(statement string) {
	d.t.Helper()
	_, err := d.db.ExecContext(d.t.Context(), statement)
	require.NoError(d.t, err)
}

func TestARepeatWithTheSameKeyGetsTheFirstAnswer(t *testing.T) {
	shop := migrated(t)
	shop.stocked("b1", "LAMP", 3)
	for _, row := range []struct{ method, path, body string }{
		{"POST", "/batches", `{"ref":"b2","sku":"LAMP","quantity":3}`},
		{"POST", "/orders/o1/allocation", `{"lines":[{"sku":"LAMP","quantity":3,"hold_until":"2027-06-01T00:00:00Z"}]}`},
		{"POST", "/orders/o1/allocation/confirm", `{"skus":["LAMP"]}`},
		{"POST", "/orders/o2/allocation", lamps(3)},
		{"PUT", "/batches/b2/quantity", `{"quantity":1,"counted_at":"2027-05-01T11:00:00Z"}`}, // releases o2
		{"DELETE", "/orders/o1/allocation", ""},                                               // not found the second time
		{"DELETE", "/orders/o9/allocation", ""},                                               // not found the first time
	} {
		first := shop.send(row.method, row.path, row.body, withKey(row.method+row.path))
		told := shop.kinds("LAMP")
		again := shop.send(row.method, row.path, row.body, withKey(row.method+row.path))
		assert.False(t, first.replayed)
		assert.True(t, again.replayed, row.path)
		again.replayed = false
		assert.Equal(t, first.reply, again.reply)
		assert.Equal(t, told, shop.kinds("LAMP"), "nothing has happened")
	}
	assert.Equal(t, 4, shop.left("LAMP"))
	assert.Equal(t, 7, shop.keys())
}

func TestAKeyBelongsToOneRequest(t *testing.T) {
	shop := migrated(t)
	shop.stocked("b1", "LAMP", 3)
	require.Equal(t, http.StatusOK, shop.send("POST", "/orders/o1/allocation", lamps(1), withKey("k")).status)
	for name, other := range map[string]got{
		"body":   shop.send("POST", "/orders/o1/allocation", lamps(1)+" ", withKey("k")),
		"path":   shop.send("POST", "/orders/o2/allocation", lamps(1), withKey("k")),
		"query":  shop.send("POST", "/orders/o1/allocation?x", lamps(1), withKey("k")),
		"method": shop.send("DELETE", "/orders/o1/allocation", lamps(1), withKey("k")),
	} {
		assert.Equal(t, http.StatusUnprocessableEntity, other.status, name)
		assert.Equal(t, "key-reused", other.problem(t).Type, name)
	}
	assert.Equal(t, 2, shop.left("LAMP"))
}

func TestARefusalIsKeptWithItsEvent(t *testing.T) {
	shop := migrated(t)
	shop.stocked("b1", "LAMP", 1)
	first := shop.send("POST", "/orders/o1/allocation", lamps(2), withKey("k1"))
	assert.Equal(t, "out-of-stock", first.problem(t).Type)
	assert.Equal(t, []string{"BatchAdded", "LineRefused"}, shop.kinds("LAMP"))

	shop.stocked("b2", "LAMP", 2)
	again := shop.send("POST", "/orders/o1/allocation", lamps(2), withKey("k1"))
	assert.True(t, again.replayed)
	assert.Equal(t, first.text(), again.text())
	assert.Equal(t, problemType, again.mediaType)
	assert.Equal(t, http.StatusOK, shop.send("POST", "/orders/o1/allocation", lamps(2), withKey("k2")).status, "another key, another decision")
}

func TestARequestThatWasNotDecidedLeavesItsKeyUnused(t *testing.T) {
	shop := migrated(t)
	shop.stocked("b1", "LAMP", 1)
	for _, body := range []string{`{`, `{"lines":[]}`, `{"lines":[{"sku":"LAMP","quantity":1,"hold_until":"2020-01-01T00:00:00Z"}]}`} {
		assert.GreaterOrEqual(t, shop.send("POST", "/orders/o1/allocation", body, withKey("k")).status, 400)
		assert.Zero(t, shop.keys())
	}
	assert.Equal(t, http.StatusOK, shop.send("POST", "/orders/o1/allocation", lamps(1), withKey("k")).status)
}

func TestTheAnswerAndWhatItTellsAreKeptTogether(t *testing.T) {
	for _, table := range []string{"web_replies", "allocation_lines"} {
		t.Run(table, func(t *testing.T) {
			shop := migrated(t)
			shop.stocked("b1", "LAMP", 3)
			shop.exec(`CREATE TRIGGER broken BEFORE INSERT ON ` + table + ` BEGIN SELECT RAISE(ABORT, 'crash'); END`)
			first := shop.send("POST", "/orders/o1/allocation", lamps(2), withKey("k"))
			assert.Equal(t, http.StatusInternalServerError, first.status)
			assert.Equal(t, 3, shop.left("LAMP"))
			assert.Zero(t, shop.keys())

			shop.exec(`DROP TRIGGER broken`)
			again := shop.send("POST", "/orders/o1/allocation", lamps(2), withKey("k"))
			assert.Equal(t, http.StatusOK, again.status)
			assert.False(t, again.replayed)
			assert.Equal(t, 1, shop.left("LAMP"))
		})
	}
}

func TestAKeyExpires(t *testing.T) {
	shop := migrated(t)
	shop.stocked("b1", "LAMP", 3)
	require.Equal(t, http.StatusOK, shop.send("POST", "/orders/o1/allocation", lamps(1), withKey("k")).status)
	shop.clock = shop.clock.Add(24*time.Hour - time.Second)
	assert.True(t, shop.send("POST", "/orders/o1/allocation", lamps(1), withKey("k")).replayed)
	shop.clock = shop.clock.Add(time.Second)
	assert.Equal(t, http.StatusOK, shop.send("POST", "/orders/o2/allocation", lamps(1), withKey("k")).status)
	assert.Equal(t, 1, shop.keys(), "expired ones are deleted")
	assert.Equal(t, 1, shop.left("LAMP"))
}

func TestAKeyHasAForm(t *testing.T) {
	shop := migrated(t)
	for name, values := range map[string][]string{
		"empty":     {""},
		"quotes":    {`""`},
		"a quote":   {`a"b`},
		"one quote": {`"`},
		"backslash": {`"a\"b"`},
		"not ASCII": {"schlüssel"},
		"too long":  {strings.Repeat("k", 101)},
		"two":       {"a", "b"},
	} {
		g := shop.send("POST", "/batches", `{"ref":"b1","sku":"LAMP","quantity":3}`,
			func(h http.Header) { h["Idempotency-Key"] = values })
		assert.Equal(t, http.StatusBadRequest, g.status, name)
		assert.Equal(t, "idempotency-key", g.problem(t).Type, name)
	}
	assert.Equal(t, http.StatusNotFound, shop.get("/products/LAMP/availability").status)

	long := strings.Repeat("k", 100)
	for i, value := range []string{long, `"` + long + `"`} {
		g := shop.send("POST", "/batches", `{"ref":"b1","sku":"LAMP","quantity":3}`,
			func(h http.Header) { h.Set("Idempotency-Key", value) })
		assert.Equal(t, http.StatusCreated, g.status)
		assert.Equal(t, i == 1, g.replayed, "quoted or not, it is the same key")
	}
}
