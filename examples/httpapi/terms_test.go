package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTermsBindALineAndAreShown(t *testing.T) {
	shop := migrated(t)
	for _, b := range []string{
		`{"ref":"b1","sku":"MILK","quantity":9,"location":"south"}`,
		`{"ref":"b2","sku":"MILK","quantity":9,"location":"north","best_before":"2027-05-09T00:00:00Z"}`,
		`{"ref":"b3","sku":"MILK","quantity":9,"location":"north","best_before":"2027-06-30T00:00:00Z"}`,
		`{"ref":"b4","sku":"MILK","quantity":9,"location":"north","eta":"2027-05-20T00:00:00Z"}`,
	} {
		require.Equal(t, http.StatusCreated, shop.send("POST", "/batches", b).status)
	}
	const path = "/orders/o1/allocation"
	body := `{"lines":[
		{"sku":"MILK","line":"gift","quantity":5,"needed_by":"2027-05-10T00:00:00Z",
		"fresh_until":"2027-05-15T00:00:00+02:00","location":"north","priority":-3},
		{"sku":"MILK","quantity":1}]}`
	for range 2 { // a repeat is fine
		g := shop.send("POST", path, body)
		assert.JSONEq(t, `{"order_id":"o1","lines":[
			{"sku":"MILK","line":"gift","quantity":5,"needed_by":"2027-05-10T00:00:00Z",
			"fresh_until":"2027-05-14T22:00:00Z","location":"north","priority":-3,
			"parts":[{"batch":"b3","quantity":5,"shipped":0}]},
			{"sku":"MILK","quantity":1,"parts":[{"batch":"b1","quantity":1,"shipped":0}]}]}`, g.text())
	}
	assert.JSONEq(t, `{"order_id":"o1","lines":[
		{"sku":"MILK","quantity":1,"parts":[{"batch":"b1","quantity":1,"shipped":0,"location":"south"}]},
		{"sku":"MILK","line":"gift","quantity":5,"needed_by":"2027-05-10T00:00:00Z",
		"fresh_until":"2027-05-14T22:00:00Z","location":"north","priority":-3,
		"parts":[{"batch":"b3","quantity":5,"shipped":0,"location":"north","best_before":"2027-06-30T00:00:00Z"}]}]}`,
		shop.get(path).text())

	more := `{"lines":[{"sku":"MILK","quantity":5,"needed_by":"2027-05-10T00:00:00Z",
		"fresh_until":"2027-05-15T00:00:00Z","location":"north"}]}`
	p := shop.send("POST", "/orders/o2/allocation", more).problem(t, 409, "out-of-stock")
	assert.Equal(t, []shortage{{"MILK", 5, 4}}, p.Shortages, "only b3 fits")
}

func TestALateLineIsShown(t *testing.T) {
	shop := migrated(t)
	shipment := `{"ref":"b1","sku":"LAMP","quantity":9,"eta":"2027-05-09T00:00:00Z"}`
	require.Equal(t, http.StatusCreated, shop.send("POST", "/batches", shipment).status)
	const path = "/orders/o1/allocation"
	body := `{"lines":[{"sku":"LAMP","quantity":5,"needed_by":"2027-05-10T00:00:00Z"}]}`
	require.Equal(t, http.StatusOK, shop.send("POST", path, body).status)
	assert.NotContains(t, shop.get(path).text(), "late")
	_, err := shop.service.ChangeBatchETA(t.Context(), "b1", time.Date(2027, 5, 11, 0, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	assert.Contains(t, shop.get(path).text(), `"late":true`)
}

func TestARepeatWithOtherTermsIsRefused(t *testing.T) {
	shop := migrated(t)
	shop.stocked("b1", "LAMP", 3)
	require.Equal(t, http.StatusOK, shop.order("o1", 2).status)
	for field, value := range map[string]string{
		"needed_by": "2027-05-10T00:00:00Z", "fresh_until": "2027-05-10T00:00:00Z", "location": "north",
	} {
		body := `{"lines":[{"sku":"LAMP","quantity":2,"` + field + `":"` + value + `"}]}`
		p := shop.send("POST", "/orders/o1/allocation", body).problem(t, 409, "mismatch")
		require.Len(t, p.Errors, 1)
		assert.Equal(t, field, p.Errors[0].Field)
	}
}

func TestASplitABlockAndAReturn(t *testing.T) {
	shop := migrated(t)
	shop.stocked("b1", "LAMP", 5)
	require.Equal(t, http.StatusOK, shop.order("o1", 3).status)

	part := `{"ref":"b2","quantity":1,"location":"north","blocked":"scratched"}`
	for range 2 { // a repeat is fine
		g := shop.send("POST", "/batches/b1/split", part)
		assert.Equal(t, http.StatusCreated, g.status, g.text())
		assert.JSONEq(t, `{"ref":"b2","released":[]}`, g.text())
		assert.Equal(t, 1, shop.left("LAMP"), "b1 had 2 free units, and b2 is blocked")
	}
	g := shop.send("DELETE", "/batches/b2/blocked", "")
	assert.JSONEq(t, `{"ref":"b2"}`, g.text())
	assert.Equal(t, 2, shop.left("LAMP"))

	g = shop.send("PUT", "/batches/b1/blocked", `{"reason":"wet"}`)
	assert.Equal(t, http.StatusOK, g.status)
	assert.JSONEq(t, `{"ref":"b1","released":[{"order_id":"o1","sku":"LAMP","quantity":3}]}`, g.text(),
		"the line doesn't fit in b2")
	assert.Equal(t, 1, shop.left("LAMP"))

	returned := `{"ref":"r1","sku":"LAMP","quantity":2,"lot":"b1","blocked":"returned"}`
	g = shop.send("POST", "/batches", returned)
	assert.JSONEq(t, returned, g.text())
	assert.Equal(t, 1, shop.left("LAMP"), "r1 is blocked")
	other := `{"ref":"r1","sku":"LAMP","quantity":2,"lot":"b2","blocked":"returned"}`
	shop.send("POST", "/batches", other).problem(t, 409, "mismatch")
}

func TestACartBecomesAnOrder(t *testing.T) {
	shop := migrated(t)
	shop.stocked("b1", "LAMP", 5)
	held := heldLamps(2, "2027-05-01T13:00:00Z")
	require.Equal(t, http.StatusOK, shop.send("POST", "/orders/cart/allocation", held).status)
	for range 2 { // a repeat is fine
		g := shop.send("POST", "/orders/cart/allocation/handover", `{"to":"o1","skus":["LAMP"]}`)
		assert.JSONEq(t, `{"order_id":"o1","lines":[{"sku":"LAMP","quantity":2,"held_until":"2027-05-01T13:00:00Z",
			"parts":[{"batch":"b1","quantity":2,"shipped":0}]}]}`, g.text())
	}
	assert.Equal(t, http.StatusNotFound, shop.get("/orders/cart/allocation").status)
	assert.Equal(t, http.StatusOK, shop.get("/orders/o1/allocation").status)
	assert.Equal(t, 3, shop.left("LAMP"))
}

func TestALineWaitsForUnits(t *testing.T) {
	shop := migrated(t)
	shop.stocked("b1", "LAMP", 3)
	body := `{"lines":[{"sku":"LAMP","quantity":5,"split":true,"partial":true,"wait":true},
		{"sku":"LAMP","line":"gift","quantity":1,"wait":true,"hold_for":"15m"}]}`
	const path = "/orders/o1/allocation"
	for range 2 { // a repeat is fine
		g := shop.send("POST", path, body)
		assert.JSONEq(t, `{"order_id":"o1","lines":[
			{"sku":"LAMP","quantity":3,"waiting":2,"parts":[{"batch":"b1","quantity":3,"shipped":0}]},
			{"sku":"LAMP","line":"gift","quantity":0,"waiting":1,"parts":[]}]}`, g.text())
	}
	shop.stocked("b2", "LAMP", 3)
	assert.JSONEq(t, `{"order_id":"o1","lines":[
		{"sku":"LAMP","quantity":5,
		"parts":[{"batch":"b1","quantity":3,"shipped":0},{"batch":"b2","quantity":2,"shipped":0}]},
		{"sku":"LAMP","line":"gift","quantity":1,"held_until":"2027-05-01T12:15:00Z",
		"parts":[{"batch":"b2","quantity":1,"shipped":0}]}]}`, shop.get(path).text())
}
