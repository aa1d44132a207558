package console_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/console"
)

// faulty is a store whose Load does something else.
type faulty struct {
	allocation.Store
	load func(ctx context.Context) error
}

func (f faulty) Load(ctx context.Context, _ allocation.Query) ([]allocation.State, error) {
	return nil, f.load(ctx)
}

func TestFailuresShowNoInternals(t *testing.T) {
	s := newShop(t, nil)
	for name, c := range map[string]struct {
		load   func(ctx context.Context) error
		status int
		logged string
	}{
		"an error":  {func(context.Context) error { return errors.New("secret: dial 10.0.0.1") }, 500, "secret"},
		"a panic":   {func(context.Context) error { panic("secret") }, 500, "secret"},
		"a timeout": {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 503, "deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			var err error
			s.pages, err = console.New(faulty{s.store, c.load}, &console.Options{
				Logger: slog.New(slog.NewTextHandler(&log, nil)), Timeout: time.Millisecond,
			})
			require.NoError(t, err)
			body := s.get(t, path("product", "sku", "chair"), c.status)
			assert.NotContains(t, body, "secret")
			assert.Contains(t, log.String(), c.logged)
			assert.Contains(t, log.String(), "path=/product")
		})
	}
}

func TestAReaderWhoLeftEndsTheReading(t *testing.T) {
	s := newShop(t, nil)
	ctx, leave := context.WithCancel(t.Context())
	pages, err := console.New(faulty{s.store, func(ctx context.Context) error {
		leave()
		<-ctx.Done()
		return ctx.Err()
	}}, nil)
	require.NoError(t, err)
	w := httptest.NewRecorder()
	pages.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, path("product", "sku", "chair"), nil))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
}
