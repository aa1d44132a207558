package console_test

import (
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/console"
)

// everyPage are the addresses of all pages with data.
var everyPage = map[string]string{
	"overview":     "/",
	"products":     "/products",
	"low products": "/products?low=yes&prefix=t",
	"product":      path("product", "sku", "chair"),
	"ledger":       path("ledger", "sku", "chair"),
	"older events": path("ledger", "sku", "chair", "before", "3"),
	"queue":        path("queue", "sku", "table"),
	"batch":        path("batch", "ref", "B-1"),
	"lots":         "/lots",
	"lot":          path("lot", "ref", "L-7"),
	"orders":       "/orders",
	"orders of O":  "/orders?prefix=O",
	"order":        path("order", "id", "O-3"),
	"due":          "/due",
	"due later":    "/due?within=all",
	"holds":        "/due?within=week&kind=hold",
	"outbox":       "/outbox",
}

func TestEveryPageIsShown(t *testing.T) {
	s := newShop(t, nil)
	s.kill(t)
	for name, address := range everyPage {
		t.Run(name, func(t *testing.T) {
			body := s.get(t, address, http.StatusOK)
			assert.Contains(t, body, "<h1>")
			assert.NotContains(t, body, "<form class=\"action\"", "a form for an action that nobody may carry out")
			assert.NotContains(t, body, "has no <code>", "an ability that the store lacks")
		})
	}
}

func TestAProductShowsItsStock(t *testing.T) {
	s := newShop(t, nil)
	body := s.get(t, path("product", "sku", "chair"), http.StatusOK)
	for _, text := range []string{
		"<title>chair · Allocation</title>", "B-1", "B-2", "2030-01-16 09:00 UTC",
		"wet &lt;b&gt;boxes&lt;/b&gt;", "O-3", "held until", "Line allocated", "Batch added",
		`<title>120 promised, 0 free of 120</title>`,
	} {
		assert.Contains(t, body, text)
	}
	body = s.get(t, path("product", "sku", "table"), http.StatusOK)
	assert.Contains(t, body, "below 5")
	assert.Contains(t, body, "O-4", "a line that waits")
}

func TestAnOrderShowsItsLines(t *testing.T) {
	s := newShop(t, nil)
	body := s.get(t, path("order", "id", "O-3"), http.StatusOK)
	assert.Contains(t, body, "chair")
	assert.Contains(t, body, "B-2")
	body = s.get(t, path("order", "id", "O-4"), http.StatusOK)
	assert.Contains(t, body, "Waits for")
	assert.Contains(t, body, "first in line")
	later := request("O-5", "table", 9)
	later.Wait = true
	_, err := s.service.Allocate(t.Context(), later)
	require.NoError(t, err)
	assert.Contains(t, s.get(t, path("order", "id", "O-5"), http.StatusOK), "1 line before it")
	assert.Contains(t, body, "2030-01-27 09:00 UTC", "needed by")
	s.clock.Set(monday.Add(2 * time.Hour))
	assert.Contains(t, s.get(t, path("order", "id", "O-2"), http.StatusOK), "lapsed")
	assert.Contains(t, s.get(t, path("order", "id", "nobody"), http.StatusOK), "no line of this order")
}

func TestALotShowsWhoGotUnits(t *testing.T) {
	s := newShop(t, nil)
	body := s.get(t, path("lot", "ref", "L-7"), http.StatusOK)
	assert.Contains(t, body, "B-2")
	assert.Contains(t, body, "B-3")
	assert.Contains(t, body, "O-3")
	assert.Contains(t, s.get(t, path("lot", "ref", "unknown"), http.StatusOK), "no batch of this lot")
}

func TestTheOverviewShowsWhatNeedsSomebody(t *testing.T) {
	s := newShop(t, nil)
	s.kill(t)
	s.clock.Set(days(30))
	body := s.get(t, "/", http.StatusOK)
	for _, text := range []string{
		"Overdue shipments", "Expired batches", "Lapsed holds", `href="product?sku=table"`, "4 weeks ago",
	} {
		assert.Contains(t, body, text)
	}
	assert.Contains(t, body, `<div class="bad"><dt><a href="outbox">Dead letters</a></dt><dd>11</dd></div>`)
}

func TestALedgerMarksEventsAheadOfTheClock(t *testing.T) {
	s := newShop(t, nil)
	assert.NotContains(t, s.get(t, path("ledger", "sku", "chair"), http.StatusOK), "ahead of the clock")
	s.clock.Set(monday.Add(-time.Hour))
	for _, page := range []string{"ledger", "product"} {
		assert.Contains(t, s.get(t, path(page, "sku", "chair"), http.StatusOK), "ahead of the clock", page)
	}
}

func TestListsHavePages(t *testing.T) {
	s := newShop(t, &console.Options{PageSize: 1})
	for _, c := range []struct{ address, first, next string }{
		{path("products", "prefix", "b"), ">bench<", ""},
		{path("products"), "", "More products"},
		{path("orders"), "", "More orders"},
		{path("product", "sku", "chair"), ">B-1<", "More batches"},
		{path("ledger", "sku", "chair"), "", "Older events"},
		{path("batch", "ref", "B-1"), ">O-2<", "More lines"},
		{path("lot", "ref", "L-7"), ">B-2<", "More batches"},
		{path("due", "within", "all"), "", "What is due later"},
	} {
		body := s.get(t, c.address, http.StatusOK)
		assert.Contains(t, body, c.first, "the first page of %s", c.address)
		if c.next == "" {
			continue
		}
		seen := map[string]bool{body: true}
		for link := linkOf(body, c.next); link != ""; link = linkOf(body, c.next) {
			body = s.get(t, "/"+link, http.StatusOK)
			require.False(t, seen[body], "a page of %s twice", c.address)
			seen[body] = true
		}
		assert.Greater(t, len(seen), 1, "pages of %s", c.address)
	}
}

// linkOf returns the address of the link with a text; "" if there is none.
func linkOf(body, text string) string {
	before, _, found := strings.Cut(body, ">"+text+"</a>")
	if !found {
		return ""
	}
	address := before[strings.LastIndex(before, `href="`)+len(`href="`):]
	address, _, _ = strings.Cut(strings.TrimSuffix(address, `"`), "#")
	return html.UnescapeString(address)
}

func TestTheQueueHasPages(t *testing.T) {
	s := newShop(t, &console.Options{PageSize: 2})
	for i, id := range []string{"W-1", "W-2", "W-3", "W-4"} {
		r := request(id, "table", 50)
		r.Wait, r.Priority = true, i
		_, err := s.service.Allocate(t.Context(), r)
		require.NoError(t, err)
	}
	first := s.get(t, path("queue", "sku", "table"), http.StatusOK)
	assert.Contains(t, first, ">W-4<")
	second := s.get(t, "/"+linkOf(first, "Those behind"), http.StatusOK)
	assert.NotContains(t, second, ">W-4<")
	assert.Contains(t, second, ">W-3<")
	third := s.get(t, "/"+linkOf(second, "Those behind"), http.StatusOK)
	assert.Contains(t, third, ">W-1<")
	assert.Empty(t, linkOf(third, "Those behind"))
}

func TestNamesOfStrangersAreText(t *testing.T) {
	s := newShop(t, nil)
	s.kill(t)
	for _, id := range strange {
		for _, address := range []string{
			path("product", "sku", id), path("order", "id", id), path("batch", "ref", id), path("ledger", "sku", id),
			path("queue", "sku", id), path("lot", "ref", id), path("products", "prefix", id),
			path("orders", "prefix", id),
		} {
			body := s.get(t, address, http.StatusOK)
			assert.NotContains(t, body, "<script>alert", "of %s", address)
		}
		body := s.get(t, path("product", "sku", id), http.StatusOK)
		assert.Contains(t, body, "<h1><bdi>"+escaped(id)+"</bdi></h1>")
		for _, link := range []string{"order?id=", "batch?ref="} {
			_, rest, found := strings.Cut(body, `href="`+link)
			require.True(t, found, "a link %s on the page of %q", link, id)
			address, _, _ := strings.Cut(rest, `"`)
			body := s.get(t, "/"+link+html.UnescapeString(address), http.StatusOK)
			assert.Contains(t, body, escaped(id), "the page of the link")
		}
	}
	body := s.get(t, "/outbox", http.StatusOK)
	assert.Contains(t, body, "&lt;i&gt;exchange&lt;/i&gt;")
}

// escaped writes a text as html/template does.
func escaped(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace(text)
}

func TestWrongAddressesGetAPlainPage(t *testing.T) {
	s := newShop(t, nil)
	for address, status := range map[string]int{
		"/nothing":                               http.StatusNotFound,
		"/product":                               http.StatusBadRequest,
		path("product", "sku", " "):              http.StatusBadRequest,
		path("product", "sku", "unknown"):        http.StatusNotFound,
		path("queue", "sku", "unknown"):          http.StatusNotFound,
		path("ledger", "sku", "unknown"):         http.StatusNotFound,
		path("batch", "ref", "unknown"):          http.StatusNotFound,
		"/batch?ref=B-1&from=nonsense":           http.StatusBadRequest,
		"/ledger?sku=chair&before=x":             http.StatusBadRequest,
		"/due?within=century":                    http.StatusBadRequest,
		"/due?kind=boredom":                      http.StatusBadRequest,
		"/due?from=%25":                          http.StatusBadRequest,
		"/order?id=%ff":                          http.StatusBadRequest,
		"/order?id=%zz":                          http.StatusBadRequest,
		"/order?id=" + strings.Repeat("x", 9999): http.StatusBadRequest,
		"/lot":                                   http.StatusBadRequest,
		"/products/":                             http.StatusNotFound,
		"/retry":                                 http.StatusNotFound,
	} {
		body := s.get(t, address, status)
		assert.Contains(t, body, "Back to the overview", "the page of %.60s", address)
		assert.NotContains(t, body, "allocation:", "internals on the page of %.60s", address)
	}
}

func TestOnlyReadersMethodsAreTaken(t *testing.T) {
	s := newShop(t, nil)
	for _, address := range []string{"/", "/style.css"} {
		w := httptest.NewRecorder()
		s.pages.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, address, nil))
		assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
		assert.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
	}
}

func TestTheConsoleWorksBelowAPrefix(t *testing.T) {
	s := newShop(t, nil)
	mux := http.NewServeMux()
	mux.Handle("/staff/console/", http.StripPrefix("/staff/console", s.pages))
	server := httptest.NewServer(mux)
	defer server.Close()
	defer server.Client().CloseIdleConnections()
	for address, status := range map[string]int{
		"/staff/console": http.StatusOK, "/staff/console/": http.StatusOK, "/staff/console/outbox": http.StatusOK,
		"/staff/console/product?sku=chair": http.StatusOK, "/staff/console/style.css": http.StatusOK,
		"/staff/console/icon.svg": http.StatusOK, "/staff/console/nothing": http.StatusNotFound,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+address, nil)
		require.NoError(t, err)
		answer, err := server.Client().Do(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		assert.Equal(t, status, answer.StatusCode, address)
	}
}

// plain is a store without any further ability.
type plain struct{ allocation.Store }

func TestAPageSaysWhichAbilityTheStoreLacks(t *testing.T) {
	s := newShop(t, nil)
	var err error
	s.pages, err = console.New(plain{s.store}, &console.Options{Now: s.clock.Now})
	require.NoError(t, err)
	for address, abilities := range map[string][]string{
		"/":                            {"outbox.Maintainer", "views.DueReader", "views.ListReader"},
		"/products":                    {"views.ListReader"},
		"/orders":                      {"views.ListReader"},
		"/due":                         {"views.DueReader"},
		"/outbox":                      {"outbox.Maintainer"},
		path("order", "id", "O-1"):     {"views.OrderReader"},
		path("batch", "ref", "B-1"):    {"views.LineReader"},
		path("lot", "ref", "L-7"):      {"views.LotReader"},
		path("ledger", "sku", "chair"): {"views.ListReader"},
		path("product", "sku", "chair"): {
			"views.StockReader", "views.BatchReader", "views.LineReader", "views.ListReader",
		},
	} {
		body := s.get(t, address, http.StatusOK)
		for _, ability := range abilities {
			assert.Contains(t, body, "has no <code>"+ability+"</code>", address)
		}
	}
	assert.Contains(t, s.get(t, path("queue", "sku", "table"), http.StatusOK), "O-4", "every store has queues")
}
