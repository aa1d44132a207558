package console_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/console"
)

func all(*http.Request, console.Action) bool { return true }

// visitor is a browser that keeps cookies and sends forms as a browser would.
type visitor struct {
	shop   *shop
	cookie *http.Cookie
	token  string
	header http.Header
	ctx    context.Context //nolint:containedctx // of the forms; nil for that of the test
}

// visit opens a page with forms, and keeps its cookie and token.
func (s *shop) visit(t *testing.T, page string) *visitor {
	t.Helper()
	v := &visitor{shop: s, header: http.Header{"Sec-Fetch-Site": {"same-origin"}}}
	w := httptest.NewRecorder()
	s.pages.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, page, nil))
	cookies := w.Result().Cookies()
	require.Len(t, cookies, 1)
	v.cookie = cookies[0]
	assert.True(t, v.cookie.HttpOnly)
	assert.Equal(t, http.SameSiteLaxMode, v.cookie.SameSite)
	checkMarkup(t, w.Body.String())
	found := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(w.Body.String())
	require.NotNil(t, found, "a form on %s", page)
	v.token = found[1]
	return v
}

// post sends a form.
func (v *visitor) post(t *testing.T, address string, values ...string) *httptest.ResponseRecorder {
	t.Helper()
	form := url.Values{"token": {v.token}}
	for i := 0; i < len(values); i += 2 {
		form.Set(values[i], values[i+1])
	}
	ctx := cmp.Or(v.ctx, t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	r.Header = v.header.Clone()
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if v.cookie != nil {
		r.AddCookie(v.cookie)
	}
	w := httptest.NewRecorder()
	v.shop.pages.ServeHTTP(w, r)
	assert.NotEmpty(t, w.Header().Get("Content-Security-Policy"))
	return w
}

// leads checks that an action leads to a page with a notice.
func (v *visitor) leads(t *testing.T, w *httptest.ResponseRecorder, notice string) {
	t.Helper()
	require.Equal(t, http.StatusSeeOther, w.Code, "%s", w.Body)
	next := w.Header().Get("Location")
	assert.NotRegexp(t, `^([a-z]+:|/)`, next, "a relative address")
	assert.Contains(t, v.shop.get(t, "/"+next, http.StatusOK), notice)
}

func (s *shop) dead(t *testing.T, sku allocation.SKU) bool {
	t.Helper()
	failures, err := s.store.Failures(t.Context(), "", 100)
	require.NoError(t, err)
	for _, f := range failures {
		if f.SKU == sku {
			return f.Dead
		}
	}
	return false
}

func TestAnEventIsTriedAgain(t *testing.T) {
	s := newShop(t, &console.Options{Authorize: all})
	s.kill(t)
	v := s.visit(t, "/outbox")
	for _, sku := range append([]string{"chair"}, strange...) {
		require.True(t, s.dead(t, allocation.SKU(sku)))
		v.leads(t, v.post(t, "/retry", "sku", sku), "due for another try")
		assert.False(t, s.dead(t, allocation.SKU(sku)))
	}
	v.leads(t, v.post(t, "/retry", "sku", "unknown"), "Nothing was changed")
	assert.Equal(t, http.StatusBadRequest, v.post(t, "/retry", "sku", " ").Code)
}

func TestAnEventIsGivenUp(t *testing.T) {
	s := newShop(t, &console.Options{Authorize: all})
	s.kill(t)
	v := s.visit(t, "/outbox")
	v.leads(t, v.post(t, "/skip", "sku", "chair", "sequence", "1"), "only if the box is ticked")
	assert.True(t, s.dead(t, "chair"))
	assert.Equal(t, http.StatusBadRequest, v.post(t, "/skip", "sku", "chair", "sequence", "x", "sure", "yes").Code)
	v.leads(t, v.post(t, "/skip", "sku", "chair", "sequence", "2", "sure", "yes"), "Nothing was changed")
	assert.True(t, s.dead(t, "chair"))
	v.leads(t, v.post(t, "/skip", "sku", "chair", "sequence", "1", "sure", "yes"), "given up")
	assert.False(t, s.dead(t, "chair"))
	v.leads(t, v.post(t, "/skip", "sku", "chair", "sequence", "1", "sure", "yes"), "Nothing was changed")
}

func TestASweepSaysWhatItDid(t *testing.T) {
	s := newShop(t, nil)
	s.mount(t, &console.Options{Authorize: all, Sweep: s.service.Sweep})
	s.clock.Set(monday.Add(2 * time.Hour))
	v := s.visit(t, "/due")
	v.leads(t, v.post(t, "/sweep"), "concerned: 1.")
	v.leads(t, v.post(t, "/sweep"), "concerned: 0.")
	s.visit(t, "/")
}

func TestASweepMayEndBeforeItIsDone(t *testing.T) {
	s := newShop(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	s.mount(t, &console.Options{Authorize: all, Sweep: func(ctx context.Context) (int, error) {
		cancel()
		<-ctx.Done()
		return 7, ctx.Err()
	}})
	v := s.visit(t, "/due")
	v.ctx = ctx
	v.leads(t, v.post(t, "/sweep"), "Concerned so far: 7.")
}

func TestAFailedActionShowsNoInternals(t *testing.T) {
	s := newShop(t, nil)
	var log bytes.Buffer
	s.mount(t, &console.Options{
		Authorize: all, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Sweep: func(context.Context) (int, error) { return 0, errors.New("secret") },
	})
	v := s.visit(t, "/due")
	w := v.post(t, "/sweep")
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.NotContains(t, w.Body.String(), "secret")
	assert.Contains(t, log.String(), "secret")
}

func TestActionsNeedATokenOfTheSameBrowser(t *testing.T) {
	s := newShop(t, &console.Options{Authorize: all})
	s.kill(t)
	for name, spoil := range map[string]func(v *visitor){
		"no token":                     func(v *visitor) { v.token = "" },
		"a token that is no token":     func(v *visitor) { v.token = "%%%" },
		"another token":                func(v *visitor) { v.token = strings.Repeat("A", len(v.token)) },
		"a longer token":               func(v *visitor) { v.token += "AAAA" },
		"no cookie":                    func(v *visitor) { v.cookie = nil },
		"an empty cookie":              func(v *visitor) { v.cookie.Value = "" },
		"the token of another browser": func(v *visitor) { v.token = s.visit(t, "/outbox").token },
		"from another site":            func(v *visitor) { v.header.Set("Sec-Fetch-Site", "cross-site") },
		"from a neighbour":             func(v *visitor) { v.header.Set("Sec-Fetch-Site", "same-site") },
		"from another origin": func(v *visitor) {
			v.header = http.Header{"Origin": {"https://elsewhere.example"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := s.visit(t, "/outbox")
			spoil(v)
			w := v.post(t, "/retry", "sku", "chair")
			assert.Equal(t, http.StatusForbidden, w.Code)
			assert.Contains(t, w.Body.String(), "Nothing was changed")
			assert.True(t, s.dead(t, "chair"))
		})
	}
	v := s.visit(t, "/outbox")
	v.header = http.Header{"Origin": {"http://example.com"}} // of the request, for browsers without Sec-Fetch-Site
	v.leads(t, v.post(t, "/retry", "sku", "chair"), "due for another try")
}

func TestATokenInTheAddressDoesNotCount(t *testing.T) {
	s := newShop(t, &console.Options{Authorize: all})
	s.kill(t)
	v := s.visit(t, "/outbox")
	token := v.token
	v.token = ""
	assert.Equal(t, http.StatusForbidden, v.post(t, "/retry?sku=chair&token="+token).Code)
	v.token = token
	assert.Equal(t, http.StatusBadRequest, v.post(t, "/retry?sku=chair").Code, "nor does the rest of a form")
	assert.True(t, s.dead(t, "chair"))
}

func TestActionsNeedTheHostsConsent(t *testing.T) {
	var allowed []console.Action
	var log bytes.Buffer
	authorize := func(r *http.Request, a console.Action) bool {
		return slices.Contains(allowed, a)
	}
	s := newShop(t, nil)
	s.kill(t)
	s.mount(t, &console.Options{
		Authorize: authorize, Sweep: s.service.Sweep, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	body := s.get(t, "/outbox", http.StatusOK)
	assert.NotContains(t, body, `action="retry"`)
	assert.NotContains(t, body, `action="skip"`)
	allowed = []console.Action{console.Retry}
	body = s.get(t, "/outbox", http.StatusOK)
	assert.Contains(t, body, `action="retry"`)
	assert.NotContains(t, body, `action="skip"`)
	assert.NotContains(t, s.get(t, "/due", http.StatusOK), `action="sweep"`)

	v := s.visit(t, "/outbox")
	assert.Equal(t, http.StatusForbidden, v.post(t, "/skip", "sku", "chair", "sequence", "1", "sure", "yes").Code)
	assert.Equal(t, http.StatusForbidden, v.post(t, "/sweep").Code)
	assert.Contains(t, log.String(), "not authorized")
	assert.True(t, s.dead(t, "chair"))
	v.leads(t, v.post(t, "/retry", "sku", "chair"), "due for another try")
	assert.Contains(t, log.String(), `level=INFO msg=console action=retry sku=chair`)
}

func TestActionsTakeNothingButForms(t *testing.T) {
	s := newShop(t, &console.Options{Authorize: all})
	s.kill(t)
	w := httptest.NewRecorder()
	s.pages.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/retry?sku=chair", nil))
	assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
	assert.Equal(t, "POST", w.Header().Get("Allow"))
	v := s.visit(t, "/outbox")
	assert.Equal(t, http.StatusBadRequest, v.post(t, "/retry", "sku", strings.Repeat("x", 9000)).Code)
	assert.Equal(t, http.StatusNotFound, v.post(t, "/sweep").Code, "an action without a function")
	assert.True(t, s.dead(t, "chair"))
}

func TestProcessesShareAKey(t *testing.T) {
	s := newShop(t, nil)
	s.kill(t)
	options := func(b byte) *console.Options {
		return &console.Options{Authorize: all, Key: bytes.Repeat([]byte{b}, 32)}
	}
	s.mount(t, options(1))
	v := s.visit(t, "/outbox")
	s.mount(t, options(2))
	assert.Equal(t, http.StatusForbidden, v.post(t, "/retry", "sku", "chair").Code)
	s.mount(t, options(1))
	v.leads(t, v.post(t, "/retry", "sku", "chair"), "due for another try")
}

func TestANoticeSaysNothingOfAStranger(t *testing.T) {
	s := newShop(t, nil)
	body := s.get(t, "/outbox?notice="+url.QueryEscape(markup)+"&n=5", http.StatusOK)
	assert.NotContains(t, body, "notice")
	body = s.get(t, "/due?notice=swept&n="+url.QueryEscape(markup), http.StatusOK)
	assert.Contains(t, body, "concerned: 0.")
}
