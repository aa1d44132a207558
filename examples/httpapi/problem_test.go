package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

func TestEveryErrorHasAProblemTypeAStatusAndAField(t *testing.T) {
	shop := migrated(t)
	shop.stocked("b1", "LAMP", 3)
	shop.stocked("b2", "LAMP", 1)
	require.Equal(t, http.StatusOK, shop.order("o1", 1).status)
	held := heldLamps(1, "2027-05-01T13:00:00Z")
	require.Equal(t, http.StatusOK, shop.send("POST", "/orders/held/allocation", held).status)
	shop.clock = shop.clock.Add(time.Hour)
	const order, batches, counts = "/orders/o2/allocation", "/batches", "/batches/b1/quantity"
	const earlier = "2027-05-01T10:00:00Z"
	const split, blocked, handover = "/batches/b1/split", "/batches/b1/blocked", "/orders/held/allocation/handover"
	const twice = `{"lines":[{"sku":"LAMP","quantity":1,"sku":"SOFA"}]}`
	const lampSKU, halfALamp = `{"skus":["LAMP"]}`, `{"lines":[{"sku":"LAMP","quantity":0.5}]}`
	tooMuch := `{"ref":"` + strings.Repeat("b", 64<<10) + `"}`
	term := func(field string) string { return `{"lines":[{"sku":"LAMP","quantity":1,` + field + `}]}` }
	b3 := func(field string) string { return `{"ref":"b3","sku":"LAMP","quantity":1,` + field + `}` }
	const past, onItsWay = `"2027-05-01T12:59:59Z"`, `"eta":"2027-06-01T00:00:00Z","best_before":`
	const toO3 = `{"to":"o3","skus":["LAMP"]}`
	longest := strings.Repeat("x", 256)
	counted := func(at string) string { return fmt.Sprintf(`{"quantity":1,"counted_at":%q}`, at) }

	for name, row := range map[string]struct {
		method, path, body string
		status             int
		kind, field        string
	}{
		"unknown path":           {"GET", "/shop", "", 404, "no-such-path", ""},
		"unknown method":         {"PATCH", batches, "", 405, "method", ""},
		"unknown SKU":            {"GET", "/products/SOFA/availability", "", 404, "not-found", "sku"},
		"unknown SKU of many":    {"GET", "/availability?sku=LAMP&sku=SOFA", "", 404, "not-found", "sku"},
		"unknown SKU ordered":    {"POST", order, `{"lines":[{"sku":"SOFA","quantity":1}]}`, 404, "not-found", "sku"},
		"unknown order":          {"GET", order, "", 404, "not-found", "order_id"},
		"cancel unknown order":   {"DELETE", order, "", 404, "not-found", "order_id"},
		"confirm unknown order":  {"POST", order + "/confirm", lampSKU, 404, "not-found", "order_id"},
		"unknown batch":          {"PUT", "/batches/b9/quantity", counted(earlier), 404, "not-found", "ref"},
		"other quantity":         {"POST", "/orders/o1/allocation", lamps(2), 409, "mismatch", "quantity"},
		"batch announced before": {"POST", batches, `{"ref":"b1","sku":"LAMP","quantity":4}`, 409, "mismatch", "ref"},
		"lapsed hold":            {"POST", "/orders/held/allocation/confirm", lampSKU, 409, "lapsed", "order_id"},
		"no JSON":                {"POST", order, `lamp`, 400, "malformed", ""},
		"half an object":         {"POST", order, `{"lines":[`, 400, "malformed", ""},
		"two objects":            {"POST", order, lamps(1) + `{}`, 400, "malformed", ""},
		"no body":                {"POST", order, ``, 400, "malformed", ""},
		"not UTF-8":              {"POST", batches, "{\"ref\":\"\xff\"}", 400, "malformed", ""},
		"unknown field":          {"POST", batches, `{"ref":"b3","colour":"red"}`, 422, "invalid", "colour"},
		"a key twice":            {"POST", batches, `{"ref":"b3","ref":"b4"}`, 422, "invalid", "ref"},
		"a key twice within":     {"POST", order, twice, 422, "invalid", "sku"},
		"a key with capitals":    {"POST", batches, `{"Ref":"b3"}`, 422, "invalid", "Ref"},
		"text for a number":      {"POST", batches, `{"ref":"b3","quantity":"1"}`, 422, "invalid", "quantity"},
		"part of a unit":         {"POST", order, halfALamp, 422, "invalid", "lines.quantity"},
		"list for an object":     {"POST", batches, `[1]`, 422, "invalid", "body"},
		"no ref":                 {"POST", batches, `{"sku":"LAMP","quantity":1}`, 422, "invalid", "ref"},
		"no quantity":            {"POST", batches, `{"ref":"b3","sku":"LAMP"}`, 422, "invalid", "quantity"},
		"no time":                {"POST", batches, `{"ref":"b3","eta":"soon"}`, 422, "invalid", "eta"},
		"no time either":         {"POST", batches, `{"ref":"b3","best_before":"2027"}`, 422, "invalid", "best_before"},
		"no lines":               {"POST", order, `{}`, 422, "invalid", "lines"},
		"negative quantity":      {"POST", order, lamps(-1), 422, "invalid", "quantity"},
		"bad SKU":                {"POST", order, `{"lines":[{"sku":" LAMP","quantity":1}]}`, 422, "invalid", "sku"},
		"hold in the past":       {"POST", order, heldLamps(1, "2027-05-01T12:00:00Z"), 422, "invalid", "hold_until"},
		"hold until whenever":    {"POST", order, heldLamps(1, "later"), 422, "invalid", "hold_until"},
		"needed in the past":     {"POST", order, term(`"needed_by":` + past), 422, "invalid", "needed_by"},
		"needed whenever":        {"POST", order, term(`"needed_by":"soon"`), 422, "invalid", "needed_by"},
		"fresh until the past":   {"POST", order, term(`"fresh_until":` + past), 422, "invalid", "fresh_until"},
		"fresh for ever":         {"POST", order, term(`"fresh_until":"ever"`), 422, "invalid", "fresh_until"},
		"bad location":           {"POST", order, term(`"location":" north"`), 422, "invalid", "location"},
		"long line":              {"POST", order, term(`"line":"` + longest + `"`), 422, "invalid", "line"},
		"high priority":          {"POST", order, term(`"priority":32768`), 422, "invalid", "priority"},
		"priority as a word":     {"POST", order, term(`"priority":"high"`), 422, "invalid", "lines.priority"},
		"needed by twice":        {"POST", order, term(`"needed_by":"","needed_by":""`), 422, "invalid", "needed_by"},
		"unknown term":           {"POST", order, term(`"colour":"red"`), 422, "invalid", "colour"},
		"bad lot":                {"POST", batches, b3(`"lot":" "`), 422, "invalid", "lot"},
		"blocked at length":      {"POST", batches, b3(`"blocked":"` + longest + `"`), 422, "invalid", "blocked"},
		"expires on the way":     {"POST", batches, b3(onItsWay + past), 422, "invalid", "best_before"},
		"split of nothing":       {"POST", split, `{"ref":"b3","quantity":0}`, 422, "invalid", "quantity"},
		"split of too much":      {"POST", split, `{"ref":"b3","quantity":9}`, 409, "not-allowed", "quantity"},
		"split into a batch":     {"POST", split, `{"ref":"b2","quantity":1}`, 409, "mismatch", "ref"},
		"split at no time":       {"POST", split, `{"ref":"b3","quantity":1,"eta":"soon"}`, 422, "invalid", "eta"},
		"split unknown batch":    {"POST", "/batches/b9/split", `{"ref":"b3","quantity":1}`, 404, "not-found", "ref"},
		"split with other lot":   {"POST", split, `{"ref":"b3","quantity":1,"lot":"l"}`, 422, "invalid", "lot"},
		"block without reason":   {"PUT", blocked, `{}`, 422, "invalid", "reason"},
		"block unknown batch":    {"PUT", "/batches/b9/blocked", `{"reason":"wet"}`, 404, "not-found", "ref"},
		"unblock unknown batch":  {"DELETE", "/batches/b9/blocked", "", 404, "not-found", "ref"},
		"hand over nothing":      {"POST", handover, `{"to":"o3"}`, 422, "invalid", "skus"},
		"hand over to nobody":    {"POST", handover, lampSKU, 422, "invalid", "to"},
		"hand over to itself":    {"POST", handover, `{"to":"held","skus":["LAMP"]}`, 422, "invalid", "to"},
		"hand over lapsed hold":  {"POST", handover, toO3, 409, "lapsed", "order_id"},
		"hand over unknown cart": {"POST", order + "/handover", toO3, 404, "not-found", "order_id"},
		"bad order":              {"GET", "/orders/%20/allocation", "", 422, "invalid", "order_id"},
		"count without quantity": {"PUT", counts, `{"counted_at":"2027-05-01T10:00:00Z"}`, 422, "invalid", "quantity"},
		"count without time":     {"PUT", counts, `{"quantity":1}`, 422, "invalid", "counted_at"},
		"count at no time":       {"PUT", counts, counted("now"), 422, "invalid", "counted_at"},
		"count in the future":    {"PUT", counts, counted("2027-05-01T13:01:01Z"), 422, "invalid", "counted_at"},
		"confirm nothing":        {"POST", order + "/confirm", `{"skus":[]}`, 422, "invalid", "skus"},
		"no SKU asked for":       {"GET", "/availability", "", 422, "invalid", "sku"},
		"bad SKU asked for":      {"GET", "/availability?sku=", "", 422, "invalid", "sku"},
		"available by no time":   {"GET", "/availability?sku=LAMP&by=soon", "", 422, "invalid", "by"},
		"too much":               {"POST", batches, tooMuch, 413, "too-large", ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := shop.send(row.method, row.path, row.body)
			p := g.problem(t, row.status, row.kind)
			field := ""
			if len(p.Errors) > 0 {
				field = p.Errors[0].Field
				assert.NotEmpty(t, p.Errors[0].Detail)
				assert.NotEmpty(t, p.Detail)
			}
			assert.Equal(t, row.field, field)
			assert.False(t, g.tryAgain)
		})
	}
	assert.Equal(t, 3, shop.left("LAMP"), "nothing has changed")
	assert.Contains(t, shop.send("PATCH", batches, "").header.Get("Allow"), "POST")
}

func TestAnotherMediaTypeIsRefused(t *testing.T) {
	shop := migrated(t)
	const body = `{"ref":"b1","sku":"LAMP","quantity":3}`
	for _, other := range []string{
		"", "text/plain", "application/x-www-form-urlencoded", "application/json;=", "application/problem+json",
	} {
		g := shop.send("POST", "/batches", body, withType(other))
		g.problem(t, 415, "media-type")
	}
	g := shop.send("POST", "/batches", body, withType("Application/JSON; charset=utf-8"))
	assert.Equal(t, http.StatusCreated, g.status, g.text())
}

func TestAShortageNamesEachLineWithTrueNumbers(t *testing.T) {
	shop := migrated(t)
	shop.stocked("b1", "LAMP", 3)
	shop.stocked("b2", "LAMP", 2)
	shop.stocked("c1", "CHAIR", 1)
	shop.stocked("d1", "SOFA", 9)
	g := shop.send("POST", "/orders/o1/allocation",
		`{"lines":[{"sku":"LAMP","quantity":4},{"sku":"SOFA","quantity":1},{"sku":"CHAIR","quantity":7}]}`)
	p := g.problem(t, 409, "out-of-stock")
	assert.ElementsMatch(t, []shortage{{"LAMP", 4, 3}, {"CHAIR", 7, 1}}, p.Shortages)
	assert.Equal(t, 9, shop.left("SOFA"), "all or nothing")
}

func TestAllUnknownSKUsAreNamed(t *testing.T) {
	shop := migrated(t)
	for _, g := range []got{
		shop.get("/availability?sku=A&sku=B"),
		shop.send("POST", "/orders/o1/allocation", `{"lines":[{"sku":"A","quantity":1},{"sku":"B","quantity":1}]}`),
	} {
		p := g.problem(t, 404, "not-found")
		require.Len(t, p.Errors, 2)
		assert.Equal(t, []any{"A", "B"}, []any{p.Errors[0].Value, p.Errors[1].Value})
	}
}

func TestTheCauseOfAFailureIsInTheLogOnly(t *testing.T) {
	shop := migrated(t)
	shop.stocked("b1", "LAMP", 3)
	shop.exec(`CREATE TRIGGER broken BEFORE INSERT ON allocation_lines
		BEGIN SELECT RAISE(ABORT, 'the disk is on fire'); END`)
	g := shop.order("o1", 1)
	p := g.problem(t, 500, "internal")
	assert.NotContains(t, g.text(), "fire")
	lines := shop.log.requests(t)
	last := lines[len(lines)-1]
	assert.Equal(t, "ERROR", last["level"])
	assert.Contains(t, last["error"], "the disk is on fire")
	assert.Equal(t, p.Instance, last["id"])
	assert.Equal(t, last["id"], g.header.Get("X-Request-Id"))
}

func TestEveryRequestHasADeadline(t *testing.T) {
	shop := migrated(t)
	shop.serve(shop.handle(func(ctx context.Context, _ *http.Request) (reply, error) {
		_, limited := ctx.Deadline()
		return asJSON(http.StatusOK, limited, nil)
	}))
	assert.Equal(t, "true\n", shop.get("/").text())
}

func TestAPanicIsAnsweredAsAFailure(t *testing.T) {
	shop := migrated(t)
	shop.serve(shop.handle(func(context.Context, *http.Request) (reply, error) { panic("a bug") }))
	g := shop.get("/")
	assert.Equal(t, http.StatusInternalServerError, g.status)
	assert.NotContains(t, g.text(), "bug")
	line := shop.log.requests(t)[0]
	assert.Contains(t, line["error"], "panic: a bug")
	assert.Contains(t, line["error"], "problem_test.go", "where it was")
}

func TestTheGraverOfTwoJoinedErrorsCounts(t *testing.T) {
	short := &allocation.OutOfStockError{Shortages: []allocation.Shortage{{}}}
	about := func(err error) error { return &allocation.Error{Op: "Load", Field: "sku", Value: "LAMP", Err: err} }
	for _, row := range []struct {
		err  error
		want kind
	}{
		{short, outOfStock},
		{fmt.Errorf("%w", errors.Join(short, about(allocation.ErrConflict))), busy},
		{errors.Join(short, about(allocation.ErrUnknownOutcome)), unsure},
		{errors.Join(short, about(errors.New("disk full"))), internal},
		{about(allocation.ErrDuplicate), busy},
		{about(allocation.ErrNotAllowed), notAllowed},
		{fmt.Errorf("sqlstore: Load: %w", context.DeadlineExceeded), busy},
		{fmt.Errorf("sqlstore: Load: %w", context.Canceled), busy},
		{fmt.Errorf("%w: commit: %w", allocation.ErrUnknownOutcome, context.Canceled), unsure},
		{sql.ErrTxDone, busy},
		{errors.New("disk full"), internal},
	} {
		assert.Equal(t, row.want, kindOf(row.err), "kindOf(%v)", row.err)
	}
}
