package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestABatchIsAnnouncedWithAllItsFields(t *testing.T) {
	shop := migrated(t)
	body := `{"ref":"b/1","sku":"MILK","quantity":9,"eta":"2027-06-01T00:00:00Z","location":"harbour",
		"best_before":"2027-07-01T00:00:00+02:00"}`
	for range 2 { // a repeat is fine
		g := shop.send("POST", "/batches", body)
		assert.Equal(t, http.StatusCreated, g.status)
		assert.JSONEq(t, body, g.text())
	}
	const path = "/orders/o%201/allocation"
	require.Equal(t, http.StatusOK, shop.send("POST", path, `{"lines":[{"sku":"MILK","quantity":2}]}`).status)
	assert.JSONEq(t, `{"order_id":"o 1","lines":[{"sku":"MILK","quantity":2,"parts":[
		{"batch":"b/1","quantity":2,"shipped":0,"eta":"2027-06-01T00:00:00Z","location":"harbour",
		"best_before":"2027-06-30T22:00:00Z"}]}]}`, shop.get(path).text())
}

func TestARecountListsTheReleasedLines(t *testing.T) {
	shop := migrated(t)
	shop.stocked("b/1", "LAMP", 5)
	require.Equal(t, http.StatusOK, shop.order("o1", 2).status)
	require.Equal(t, http.StatusOK, shop.order("o2", 3).status)
	g := shop.send("PUT", "/batches/b%2F1/quantity", `{"quantity":4,"counted_at":"2027-05-01T11:00:00Z"}`)
	assert.Equal(t, http.StatusOK, g.status)
	assert.JSONEq(t, `{"ref":"b/1","released":[{"order_id":"o2","sku":"LAMP","quantity":3}]}`, g.text())
	assert.Equal(t, 2, shop.left("LAMP"))
	again := shop.send("PUT", "/batches/b%2F1/quantity", `{"quantity":4,"counted_at":"2027-05-01T11:00:00Z"}`)
	assert.JSONEq(t, `{"ref":"b/1","released":[]}`, again.text(), "a repeat changes nothing")
	none := shop.send("PUT", "/batches/b%2F1/quantity", `{"quantity":0,"counted_at":"2027-05-01T11:30:00Z"}`)
	assert.Equal(t, http.StatusOK, none.status, "0 is a quantity")
}

func TestAnOrderIsAllocatedWholeAndARepeatGetsTheSameAnswer(t *testing.T) {
	shop := migrated(t)
	shop.stocked("b1", "LAMP", 3)
	shop.stocked("b2", "LAMP", 2)
	shop.stocked("c1", "CHAIR", 2)
	body := `{"lines":[{"sku":"LAMP","quantity":5,"split":true},
		{"sku":"CHAIR","quantity":1,"hold_until":"2027-05-01T13:00:00Z"}]}`
	first := shop.send("POST", "/orders/o1/allocation", body)
	require.Equal(t, http.StatusOK, first.status)
	assert.JSONEq(t, `{"order_id":"o1","lines":[
		{"sku":"LAMP","quantity":5,
		"parts":[{"batch":"b1","quantity":3,"shipped":0},{"batch":"b2","quantity":2,"shipped":0}]},
		{"sku":"CHAIR","quantity":1,"held_until":"2027-05-01T13:00:00Z",
		"parts":[{"batch":"c1","quantity":1,"shipped":0}]}]}`, first.text())
	again := shop.send("POST", "/orders/o1/allocation", body)
	assert.Equal(t, first.status, again.status)
	assert.Equal(t, first.text(), again.text())
	assert.Equal(t, 1, shop.left("CHAIR"))
}

func TestAHoldIsShownUntilItLapses(t *testing.T) {
	shop := migrated(t)
	shop.stocked("b1", "LAMP", 3)
	held := heldLamps(2, "2027-05-01T13:00:00Z")
	require.Equal(t, http.StatusOK, shop.send("POST", "/orders/o1/allocation", held).status)
	assert.Equal(t, http.StatusOK, shop.get("/orders/o1/allocation").status)
	assert.Equal(t, 1, shop.left("LAMP"))
	shop.clock = shop.clock.Add(time.Hour)
	assert.Equal(t, http.StatusNotFound, shop.get("/orders/o1/allocation").status)
	assert.Equal(t, 3, shop.left("LAMP"))
}

func TestAHoldIsConfirmedOrCancelled(t *testing.T) {
	shop := migrated(t)
	shop.stocked("b1", "LAMP", 3)
	for _, id := range []string{"o1", "o2"} {
		held := heldLamps(1, "2027-05-01T13:00:00Z")
		require.Equal(t, http.StatusOK, shop.send("POST", "/orders/"+id+"/allocation", held).status)
	}
	firm := shop.send("POST", "/orders/o1/allocation/confirm", `{"skus":["LAMP"]}`)
	assert.JSONEq(t, `{"order_id":"o1","lines":[
		{"sku":"LAMP","quantity":1,"parts":[{"batch":"b1","quantity":1,"shipped":0}]}]}`, firm.text())
	gone := shop.send("DELETE", "/orders/o2/allocation", "")
	assert.JSONEq(t, `{"order_id":"o2","lines":[]}`, gone.text())
	shop.clock = shop.clock.Add(time.Hour)
	assert.Equal(t, 2, shop.left("LAMP"))
}

func TestAvailabilityCountsWarehouseAndArrivals(t *testing.T) {
	shop := migrated(t)
	shop.stocked("b1", "LAMP", 3)
	shop.stocked("c1", "CHAIR", 2)
	onItsWay := `{"ref":"b2","sku":"LAMP","quantity":4,"eta":"2027-06-01T00:00:00Z"}`
	require.Equal(t, http.StatusCreated, shop.send("POST", "/batches", onItsWay).status)
	lamp := `{"sku":"LAMP","in_warehouse":3,"arriving":[{"eta":"2027-06-01T00:00:00Z","quantity":4}]`
	assert.JSONEq(t, lamp+`}`, shop.get("/products/LAMP/availability").text())
	assert.JSONEq(t, lamp+`,"available_by":7}`, shop.get("/products/LAMP/availability?by=2027-06-01T00:00:00Z").text())
	chair := `{"sku":"CHAIR","in_warehouse":2,"arriving":[],"available_by":2}`
	assert.JSONEq(t, `{"products":[`+chair+`,`+lamp+`,"available_by":3}]}`,
		shop.get("/availability?sku=CHAIR&sku=LAMP&by=2027-05-31T23:59:59Z").text())
}

func TestTheConsoleShowsTheStockAndChangesNothing(t *testing.T) {
	shop := migrated(t)
	shop.stocked("batch-1", "RED-CHAIR", 5)
	page := shop.get("/console/product?sku=RED-CHAIR")
	assert.Equal(t, http.StatusOK, page.status)
	assert.Contains(t, page.text(), "batch-1")
	assert.Equal(t, http.StatusOK, shop.get("/console/").status)
	assert.Equal(t, http.StatusNotFound, shop.send(http.MethodPost, "/console/sweep", "").status)
}

func TestHealthDependsOnTheDatabase(t *testing.T) {
	db := database(t)
	shop := door(t, db)
	shop.get("/healthz").problem(t, 503, "not-ready") // not migrated
	assert.Equal(t, http.StatusOK, shop.get("/livez").status)
	require.NoError(t, shop.migrate(t.Context()))
	assert.Equal(t, http.StatusOK, shop.get("/healthz").status)
	require.NoError(t, db.Close())
	assert.Equal(t, http.StatusServiceUnavailable, shop.get("/healthz").status, "closed")
	assert.Equal(t, http.StatusOK, shop.get("/livez").status)
}
