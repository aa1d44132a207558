package browser

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// requireVariable, set to 1, makes a missing browser a failure, as it does for a missing database server.
const requireVariable = "ALLOCATION_REQUIRE_SERVERS"

// chromium is the browser of all tests of the package. The browser starts at the first call of tab, and TestMain stops
// the browser.
var chromium struct {
	sync.Once
	ctx  context.Context //nolint:containedctx // chromedp keeps the browser in a context
	stop func()
	err  error
}

// startChromium starts the browser with a profile of its own.
func startChromium() {
	path, err := exec.LookPath("chromium")
	if err != nil {
		chromium.err = err
		return
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, // root has no sandbox, and all pages are ours
		chromedp.Flag("disable-dev-shm-usage", true),
	)
	allocator, freeAllocator := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, stop := chromedp.NewContext(allocator)
	chromium.ctx, chromium.err = ctx, chromedp.Do(ctx)
	chromium.stop = func() {
		_ = chromedp.Cancel(ctx) // closes the browser and waits for the end
		stop()
		freeAllocator()
	}
}

// window is the size and the colours of a tab.
type window struct {
	width int64
	dark  bool
}

var (
	phone   = window{width: 390}
	desktop = window{width: 1280}
)

// tab opens a tab for a test. Without a browser the test is skipped, or fails if the environment requires browsers.
func tab(t *testing.T, w window) context.Context {
	t.Helper()
	chromium.Do(startChromium)
	if chromium.err != nil {
		if os.Getenv(requireVariable) == "1" {
			t.Fatal("no browser:", chromium.err)
		}
		t.Skip("no browser:", chromium.err)
	}
	ctx, closeTab := chromedp.NewContext(chromium.ctx)
	t.Cleanup(closeTab)
	require.NoError(t, chromedp.Do(ctx)) // opens the tab, which lives as long as this context
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	scheme := "light"
	if w.dark {
		scheme = "dark"
	}
	do(t, ctx, chromedp.EmulateViewport(w.width, 800))
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	require.NoError(t, err)
	return ctx
}

// do carries out steps in a tab.
//
//nolint:revive // t comes first, as in package require
func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	require.NoError(t, chromedp.Do(ctx, steps...))
}

// ask evaluates an expression in the page of a tab.
//
//nolint:revive // t comes first, as in package require
func ask[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	require.NoError(t, err, expression)
	return value
}

func TestMain(m *testing.M) {
	code := m.Run()
	if chromium.stop != nil {
		chromium.stop()
		if s, err := opened(); err == nil {
			s.stop()
		}
	}
	os.Exit(code)
}
