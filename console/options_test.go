package console_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/console"
	"github.com/cosmic-go/allocation/memory"
)

func sweep(context.Context) (int, error) { return 0, nil }

func TestBadOptionsAreErrors(t *testing.T) {
	key := make([]byte, 32)
	for name, c := range map[string]struct {
		store allocation.Store
		opts  *console.Options
		field string
	}{
		"no store":                {nil, nil, "store"},
		"sweep for nobody":        {memory.New(), &console.Options{Sweep: sweep}, "Sweep"},
		"a key for nobody":        {memory.New(), &console.Options{Key: key}, "Key"},
		"a short key":             {memory.New(), &console.Options{Authorize: all, Key: key[:31]}, "Key"},
		"an empty key":            {memory.New(), &console.Options{Authorize: all, Key: []byte{}}, "Key"},
		"nothing to authorize":    {plain{memory.New()}, &console.Options{Authorize: all}, "Authorize"},
		"a negative page":         {memory.New(), &console.Options{PageSize: -1}, "PageSize"},
		"a page that is too long": {memory.New(), &console.Options{PageSize: 501}, "PageSize"},
		"a negative time":         {memory.New(), &console.Options{Timeout: -time.Second}, "Timeout"},
		"a title of space":        {memory.New(), &console.Options{Title: " \t"}, "Title"},
	} {
		t.Run(name, func(t *testing.T) {
			pages, err := console.New(c.store, c.opts)
			require.ErrorIs(t, err, allocation.ErrInvalid)
			var about *allocation.Error
			require.ErrorAs(t, err, &about)
			assert.Equal(t, c.field, about.Field)
			assert.Nil(t, pages)
		})
	}
}

func TestOptionsMayBeLeftOut(t *testing.T) {
	pages, err := console.New(memory.New(), nil)
	require.NoError(t, err)
	w := httptest.NewRecorder()
	pages.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	assert.Equal(t, http.StatusOK, w.Code)
	_, err = console.New(plain{memory.New()}, &console.Options{Authorize: all, Sweep: sweep})
	require.NoError(t, err, "a store without an outbox can be swept")
}

func TestTheTitleIsOnEveryPage(t *testing.T) {
	s := newShop(t, &console.Options{Title: `Fish & "Chips"`})
	assert.Contains(t, s.get(t, "/", http.StatusOK), "<title>Overview · Fish &amp; &#34;Chips&#34;</title>")
	assert.Contains(t, s.get(t, "/nothing", http.StatusNotFound), "Fish &amp; &#34;Chips&#34;")
}

func TestThePageSizeBoundsLists(t *testing.T) {
	s := newShop(t, &console.Options{PageSize: 3})
	for address, item := range map[string]string{
		"/products": `href="product?sku=`, "/orders": `href="order?id=`,
	} {
		assert.Equal(t, 3, countOf(s.get(t, address, http.StatusOK), item), address)
	}
}
