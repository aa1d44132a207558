package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// keys counts the stored answers.
func (d *shopDoor) keys() (n int) {
	d.t.Helper()
	require.NoError(d.t, d.db.QueryRowContext(d.t.Context(), `SELECT COUNT(*) FROM web_replies`).Scan(&n))
	return n
}

// kinds lists the events of a product.
func (d *shopDoor) kinds(sku string) (kinds []string) {
	d.t.Helper()
	rows, err := d.db.QueryContext(d.t.Context(),
		`SELECT kind FROM allocation_events WHERE sku = ? ORDER BY sequence`, sku)
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
		{"POST", "/orders/o1/allocation", heldLamps(3, "2027-06-01T00:00:00Z")},
		{"POST", "/orders/o1/allocation/confirm", `{"skus":["LAMP"]}`},
		{"POST", "/orders/o2/allocation", lamps(3)},
		{"PUT", "/batches/b2/quantity", `{"quantity":1,"counted_at":"2027-05-01T11:00:00Z"}`}, // releases o2
		{"DELETE", "/orders/o1/allocation", ""},                                               // finds no order twice
		{"DELETE", "/orders/o9/allocation", ""},                                               // not found
	} {
		first := shop.send(row.method, row.path, row.body, withKey(row.method+row.path))
		events := shop.kinds("LAMP")
		again := shop.send(row.method, row.path, row.body, withKey(row.method+row.path))
		assert.False(t, first.replayed)
		assert.True(t, again.replayed, row.path)
		again.replayed = false
		assert.Equal(t, first.reply, again.reply)
		assert.Equal(t, events, shop.kinds("LAMP"), "a repeat records no event")
	}
	assert.Equal(t, 4, shop.left("LAMP"))
	assert.Equal(t, 7, shop.keys())
}

func TestAKeyBelongsToOneRequest(t *testing.T) {
	shop := migrated(t)
	shop.stocked("b1", "LAMP", 3)
	require.Equal(t, http.StatusOK, shop.order("o1", 1, withKey("k")).status)
	for _, other := range []got{ // body, path, query, method
		shop.send("POST", "/orders/o1/allocation", lamps(1)+" ", withKey("k")),
		shop.order("o2", 1, withKey("k")),
		shop.send("POST", "/orders/o1/allocation?x", lamps(1), withKey("k")),
		shop.send("DELETE", "/orders/o1/allocation", lamps(1), withKey("k")),
	} {
		other.problem(t, 422, "key-reused")
	}
	assert.Equal(t, 2, shop.left("LAMP"))
}

func TestARefusalIsStoredWithItsEvent(t *testing.T) {
	shop := migrated(t)
	shop.stocked("b1", "LAMP", 1)
	first := shop.order("o1", 2, withKey("k1"))
	first.problem(t, 409, "out-of-stock")
	assert.Equal(t, []string{"BatchAdded", "LineRefused"}, shop.kinds("LAMP"))

	shop.stocked("b2", "LAMP", 2)
	again := shop.order("o1", 2, withKey("k1"))
	assert.True(t, again.replayed)
	assert.Equal(t, first.text(), again.text())
	assert.Equal(t, problemType, again.mediaType)
	assert.Equal(t, http.StatusOK, shop.order("o1", 2, withKey("k2")).status, "another key, another decision")
}

func TestARequestThatWasNotDecidedLeavesItsKeyUnused(t *testing.T) {
	shop := migrated(t)
	shop.stocked("b1", "LAMP", 1)
	for _, body := range []string{`{`, `{"lines":[]}`, heldLamps(1, "2020-01-01T00:00:00Z")} {
		assert.GreaterOrEqual(t, shop.send("POST", "/orders/o1/allocation", body, withKey("k")).status, 400)
		assert.Zero(t, shop.keys())
	}
	assert.Equal(t, http.StatusOK, shop.order("o1", 1, withKey("k")).status)
}

func TestTheAnswerAndTheAllocationCommitTogether(t *testing.T) {
	for _, table := range []string{"web_replies", "allocation_lines"} {
		t.Run(table, func(t *testing.T) {
			shop := migrated(t)
			shop.stocked("b1", "LAMP", 3)
			shop.exec(`CREATE TRIGGER broken BEFORE INSERT ON ` + table + ` BEGIN SELECT RAISE(ABORT, 'crash'); END`)
			first := shop.order("o1", 2, withKey("k"))
			assert.Equal(t, http.StatusInternalServerError, first.status)
			assert.Equal(t, 3, shop.left("LAMP"))
			assert.Zero(t, shop.keys())

			shop.exec(`DROP TRIGGER broken`)
			again := shop.order("o1", 2, withKey("k"))
			assert.Equal(t, http.StatusOK, again.status)
			assert.False(t, again.replayed)
			assert.Equal(t, 1, shop.left("LAMP"))
		})
	}
}

func TestAKeyExpires(t *testing.T) {
	shop := migrated(t)
	shop.stocked("b1", "LAMP", 3)
	require.Equal(t, http.StatusOK, shop.order("o1", 1, withKey("k")).status)
	shop.clock = shop.clock.Add(24*time.Hour - time.Second)
	assert.True(t, shop.order("o1", 1, withKey("k")).replayed)
	shop.clock = shop.clock.Add(time.Second)
	assert.Equal(t, http.StatusOK, shop.order("o2", 1, withKey("k")).status)
	assert.Equal(t, 1, shop.keys(), "expired ones are deleted")
	assert.Equal(t, 1, shop.left("LAMP"))
}

func TestAMalformedKeyIsRefused(t *testing.T) {
	shop := migrated(t)
	const body = `{"ref":"b1","sku":"LAMP","quantity":3}`
	for _, values := range [][]string{
		{""}, {`""`}, {`a"b`}, {`"`}, {`"a\"b"`}, {"schlüssel"}, {strings.Repeat("k", 101)}, {"two", "keys"},
	} {
		t.Run(fmt.Sprint(values), func(t *testing.T) {
			g := shop.send("POST", "/batches", body, func(h http.Header) { h["Idempotency-Key"] = values })
			g.problem(t, 400, "idempotency-key")
		})
	}
	assert.Equal(t, http.StatusNotFound, shop.get("/products/LAMP/availability").status)

	long := strings.Repeat("k", 100)
	for i, value := range []string{long, `"` + long + `"`} {
		g := shop.send("POST", "/batches", body, func(h http.Header) { h.Set("Idempotency-Key", value) })
		assert.Equal(t, http.StatusCreated, g.status)
		assert.Equal(t, i == 1, g.replayed, "quoted or not, it is the same key")
	}
}
