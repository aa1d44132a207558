package console_test

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/console"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/outbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var monday = time.Date(2030, 1, 7, 9, 0, 0, 0, time.UTC)

// Identifiers and texts that strangers may choose.
const (
	markup  = `<script>alert('x')</script>"&amp;'>`
	slashes = `a/../b//c%2F%00?x=1&sku=chair#top`
	foreign = "椅子 \u202e кресло 🪑  2"
)

var longest = strings.Repeat("%", 255)

var strange = []string{markup, slashes, foreign, longest, "line\nbreak", "{{.}}", "javascript:alert(1)", "../../etc"}

// shop is a store with a little of everything, and the console over the store.
type shop struct {
	store   *memory.Store
	clock   *memory.Clock
	service *allocation.Service
	pages   http.Handler
}

// newShop sells chairs and tables. The options may be nil.
func newShop(t *testing.T, opts *console.Options) *shop {
	t.Helper()
	s := &shop{store: memory.New(), clock: memory.NewClock(monday)}
	units := allocation.NewUnitOfWork(s.store, &allocation.UnitOfWorkOptions{Now: s.clock.Now})
	var err error
	s.service, err = allocation.New(units, nil)
	require.NoError(t, err)
	s.announce(t)
	s.sell(t)
	s.mount(t, opts)
	return s
}

// mount makes the console anew.
func (s *shop) mount(t *testing.T, opts *console.Options) {
	t.Helper()
	var o console.Options
	if opts != nil {
		o = *opts
	}
	o.Now = s.clock.Now
	var err error
	s.pages, err = console.New(s.store, &o)
	require.NoError(t, err)
}

func days(n int) time.Time { return monday.AddDate(0, 0, n) }

func (s *shop) announce(t *testing.T) {
	t.Helper()
	for _, b := range []allocation.Batch{
		{Ref: "B-1", SKU: "chair", Purchased: 120, Location: "north"},
		{Ref: "B-2", SKU: "chair", Purchased: 40, ETA: days(9), BestBefore: days(300), Lot: "L-7"},
		{Ref: "B-3", SKU: "chair", Purchased: 30, Blocked: "wet <b>boxes</b>", Lot: "L-7"},
		{Ref: "B-4", SKU: "table", Purchased: 3},
		{Ref: "B-5", SKU: "bench", Purchased: 1, BestBefore: days(1)},
	} {
		require.NoError(t, s.service.AddBatch(t.Context(), b))
	}
	for _, id := range strange {
		b := allocation.Batch{
			Ref: allocation.BatchRef(id), SKU: allocation.SKU(id), Purchased: 5,
			Location: allocation.Location(id), Lot: allocation.BatchRef("lot of " + id)[:min(255, 7+len(id))],
		}
		require.NoError(t, s.service.AddBatch(t.Context(), b))
	}
	require.NoError(t, s.service.SetLowStock(t.Context(), "table", 5))
}

func request(order, sku string, units allocation.Quantity) allocation.Request {
	return allocation.Request{OrderLine: allocation.OrderLine{
		OrderID: allocation.OrderID(order), SKU: allocation.SKU(sku), Quantity: units,
	}}
}

func (s *shop) sell(t *testing.T) {
	t.Helper()
	held := request("O-2", "chair", 2)
	held.HoldUntil = monday.Add(time.Hour)
	split := request("O-3", "chair", 130)
	split.Split = true
	waits := request("O-4", "table", 4)
	waits.Wait, waits.NeededBy, waits.Priority = true, days(20), 3
	requests := []allocation.Request{request("O-1", "chair", 12), held, split, request("O-1", "table", 1), waits}
	for _, id := range strange {
		requests = append(requests, request(id, id, 2))
	}
	for _, r := range requests {
		_, err := s.service.Allocate(t.Context(), r)
		require.NoError(t, err)
	}
}

// kill makes a dead letter of the first unsent event of every product.
func (s *shop) kill(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	relay := outbox.NewRelay(s.store, refuser{}, &outbox.Options{
		Now: s.clock.Now, Tries: 1,
		Settled: func(context.Context, outbox.Settlement) {
			failures, err := s.store.Failures(ctx, "", 100)
			if err == nil && len(failures) == 3+len(strange) {
				cancel()
			}
		},
	})
	require.NoError(t, relay.Run(ctx))
}

// refuser accepts no event.
type refuser struct{}

func (refuser) Publish(context.Context, []outbox.Envelope) (int, error) {
	return 0, errors.New("no route: <i>exchange</i> is gone")
}

// path returns the address of a page.
func path(page string, values ...string) string {
	q := url.Values{}
	for i := 0; i < len(values); i += 2 {
		q.Set(values[i], values[i+1])
	}
	return "/" + page + "?" + q.Encode()
}

// get reads a page and checks what holds for every page.
func (s *shop) get(t *testing.T, address string, status int) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.pages.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, nil))
	assert.Equal(t, status, w.Code, "status of %s", address)
	checkHeaders(t, w.Header())
	body := w.Body.String()
	checkMarkup(t, body)
	return body
}

func checkHeaders(t *testing.T, h http.Header) {
	t.Helper()
	assert.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'")
	assert.Contains(t, h.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	assert.NotContains(t, h.Get("Content-Security-Policy"), "unsafe")
	assert.Equal(t, "DENY", h.Get("X-Frame-Options"))
	assert.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
	assert.Equal(t, "no-store", h.Get("Cache-Control"))
	assert.Equal(t, "same-origin", h.Get("Referrer-Policy"))
	assert.Equal(t, "text/html; charset=utf-8", h.Get("Content-Type"))
}

// checkMarkup checks that every tag ends, that ids are unique, that labels and descriptions point to ids, and that
// nothing is there that the content security policy forbids.
func checkMarkup(t *testing.T, body string) {
	t.Helper()
	assert.NotContains(t, body, "ZgotmplZ", "a value in a place where none is safe")
	assert.NotContains(t, body, "0001-01-01", "a time that is not set, or a whole struct")
	decoder := xml.NewDecoder(strings.NewReader(body))
	decoder.Strict, decoder.AutoClose, decoder.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	ids, pointers := map[string]bool{}, map[string]string{}
	var open []string
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err, "markup of %.100s", body)
		switch tag := token.(type) {
		case xml.StartElement:
			open = append(open, tag.Name.Local)
			assert.NotContains(t, []string{"script", "style", "iframe", "object", "base"}, tag.Name.Local)
			for _, a := range tag.Attr {
				assert.NotRegexp(t, `^(on|style$)`, a.Name.Local, "an attribute of <%s>", tag.Name.Local)
				switch a.Name.Local {
				case "id":
					assert.False(t, ids[a.Value], "id %s twice", a.Value)
					ids[a.Value] = true
				case "for", "aria-labelledby":
					for id := range strings.FieldsSeq(a.Value) {
						pointers[id] = tag.Name.Local
					}
				case "href", "src", "action":
					assert.NotRegexp(t, `^([a-z]+:|/)`, a.Value, "an address of <%s>", tag.Name.Local)
				}
			}
		case xml.EndElement:
			require.NotEmpty(t, open)
			assert.Equal(t, open[len(open)-1], tag.Name.Local, "the tag that ends")
			open = open[:len(open)-1]
		}
	}
	assert.Empty(t, open, "tags that don't end")
	for id, tag := range pointers {
		assert.True(t, ids[id], "<%s> points to #%s", tag, id)
	}
}

func countOf(body, part string) int { return strings.Count(body, part) }
