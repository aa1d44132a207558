package browser

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// everyPage are the addresses of all pages.
func (s *shop) everyPage() map[string]string {
	return map[string]string{
		"overview": s.page(""), "products": s.page("products"), "low": s.page("products", "low", "yes"),
		"product": s.page("product", "sku", "chair"), "table": s.page("product", "sku", "table"),
		"ledger": s.page("ledger", "sku", "chair"), "queue": s.page("queue", "sku", "table"),
		"batch": s.page("batch", "ref", "B-100"), "lots": s.page("lots"), "lot": s.page("lot", "ref", "lot 7"),
		"orders": s.page("orders"), "order": s.page("order", "id", "O-2000"), "due": s.page("due", "within", "all"),
		"outbox": s.page("outbox"), "markup": s.page("product", "sku", markup),
		"slashes": s.page("order", "id", slashes),
		"foreign": s.page("batch", "ref", foreign), "longest": s.page("product", "sku", longest),
		"problem": s.page("nothing"),
	}
}

// The colours of text and of the ground below, and how much they differ, after the formulas of WCAG 2.
const paleText = `(() => {
	const parse = c => { const v = c.match(/[\d.]+/g).map(Number); return v.length < 4 ? [...v, 1] : v };
	const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
		.map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const ground = e => {
		for (; e; e = e.parentElement) {
			const c = parse(getComputedStyle(e).backgroundColor);
			if (c[3] > 0) return c;
		}
		return [255, 255, 255, 1];
	};
	const pale = new Set();
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walker.nextNode()) {
		const e = walker.currentNode.parentElement;
		if (!walker.currentNode.data.trim() || !e.getClientRects().length || e.closest('svg')) continue;
		const a = light(parse(getComputedStyle(e).color)), b = light(ground(e));
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (ratio < 4.5) pale.add(e.tagName + '.' + e.className + ' ' + ratio.toFixed(2));
	}
	return [...pale];
})()`

// wide lists what reaches beyond the window.
const wide = `(() => {
	if (document.documentElement.scrollWidth <= innerWidth) return [];
	return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
		.map(e => e.tagName + '.' + e.className).slice(0, 5).concat('page');
})()`

// small lists what is too small for a finger: controls less than 24 pixels high.
const small = `[...document.querySelectorAll('button, input:not([type=hidden]), select, summary, nav a')]
	.filter(e => e.getClientRects().length && Math.max(e.getBoundingClientRect().height,
		e.closest('label')?.getBoundingClientRect().height ?? 0) < 24).map(e => e.outerHTML)`

// TestEveryPageSuitsEveryReader looks at each page on the smallest phone by day and on a desk by night. On the phone
// tables are laid out as cards, and are to stay tables for a screen reader.
func TestEveryPageSuitsEveryReader(t *testing.T) {
	for name, w := range map[string]window{"phone": {320, false}, "desk": {1280, true}} {
		t.Run(name, func(t *testing.T) {
			ctx := tab(t, w)
			s := open(t)
			heard := listen(t, ctx)
			for page, address := range s.everyPage() {
				do(t, ctx, chromedp.Navigate(address))
				assert.Empty(t, ask[[]string](t, ctx, wide), "beyond the window on %s", page)
				assert.Empty(t, ask[[]string](t, ctx, paleText), "text with too little contrast on %s", page)
				assert.Empty(t, ask[[]string](t, ctx, small), "controls that are too small on %s", page)
				assert.Zero(t, ask[int](t, ctx, active), "scripts and styles on %s", page)
				assert.NotEqual(t, "stolen", ask[string](t, ctx, `document.title`), "what a name did to %s", page)
				checkHeadings(t, ask[[]int](t, ctx, headings), page)
				checkNames(t, ctx, page)
			}
			ask[any](t, ctx, `document.body.innerHTML += '<p style="margin:0">'`)
			heard.check(t, s)
		})
	}
}

// active counts what the content security policy forbids, and headings lists the levels of headings.
const (
	active   = `document.scripts.length + document.querySelectorAll('[style], style').length`
	headings = `[...document.querySelectorAll('h1, h2, h3')].map(h => +h.tagName[1])`
)

func checkHeadings(t *testing.T, levels []int, page string) {
	t.Helper()
	assert.Equal(t, 1, levels[0], "the first heading of %s", page)
	for i := 1; i < len(levels); i++ {
		assert.LessOrEqual(t, levels[i], levels[i-1]+1, "levels of headings on %s", page)
		assert.Greater(t, levels[i], 1, "a second h1 on %s", page)
	}
}

// named are the roles that need a name.
var named = []string{
	"table", "img", "image", "textbox", "combobox", "checkbox", "button", "link", "heading", "navigation", "search",
	"rowheader", "columnheader", "DisclosureTriangle",
}

// checkNames checks what a screen reader hears of a page.
//
//nolint:revive // t comes first, as in package require
func checkNames(t *testing.T, ctx context.Context, page string) {
	t.Helper()
	tree, err := chromedp.Call(ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	require.NoError(t, err)
	roles := map[string]int{}
	for _, node := range tree.Nodes {
		if node.Ignored || node.Role == nil {
			continue
		}
		role := strings.Trim(string(node.Role.Value), `"`)
		roles[role]++
		if slices.Contains(named, role) {
			assert.True(t, node.Name != nil && string(node.Name.Value) != `""`, "the name of a %s on %s", role, page)
		}
	}
	assert.Equal(t, 1, roles["main"], "main on %s", page)
	for role, elements := range map[string]string{"table": "table", "row": "tr", "rowheader": "tbody th"} {
		count := ask[int](t, ctx, `document.querySelectorAll('`+elements+`').length`)
		assert.Equal(t, count, roles[role], "elements of role %s on %s", role, page)
	}
}

// heard are the requests of a tab, and what the browser complained about.
type heard struct {
	sync.Mutex
	requests, complaints []string
}

//nolint:revive // t comes first, as in package require
func listen(t *testing.T, ctx context.Context) *heard {
	t.Helper()
	h := &heard{}
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		h.Lock()
		defer h.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			h.requests = append(h.requests, e.Request.URL)
		case *log.EventEntryAdded:
			if !strings.Contains(e.Entry.Text, "404") { // of the page for a problem
				h.complaints = append(h.complaints, e.Entry.Text)
			}
		}
	}))
	return h
}

// check expects requests to the console alone, and a complaint about the style that the test added at the end.
func (h *heard) check(t *testing.T, s *shop) {
	t.Helper()
	h.Lock()
	defer h.Unlock()
	assert.Greater(t, len(h.requests), len(s.everyPage()), "requests")
	for _, address := range h.requests {
		assert.True(t, strings.HasPrefix(address, s.address), "a request to %s", address)
	}
	if assert.Len(t, h.complaints, 1, "complaints of the browser") {
		assert.Contains(t, h.complaints[0], "Content Security Policy")
	}
}

func TestNamesOfStrangersLeadToTheirPages(t *testing.T) {
	s := open(t)
	ctx := tab(t, desktop)
	for _, id := range strange {
		do(t, ctx, chromedp.Navigate(s.page("product", "sku", id)))
		assert.Equal(t, id, ask[string](t, ctx, heading))
		for link, name := range map[string]string{"batch": "Batch ", "order": "Order "} {
			do(t, ctx, chromedp.Navigate(s.page("product", "sku", id)))
			address := ask[string](t, ctx, `document.querySelector('main a[href^="`+link+`?"]').href`)
			do(t, ctx, chromedp.Navigate(address))
			assert.Equal(t, name+id, ask[string](t, ctx, heading))
		}
	}
}

const heading = `document.querySelector('h1 bdi').textContent`

func TestAKeyboardIsEnough(t *testing.T) {
	s := open(t)
	ctx := tab(t, desktop)
	do(t, ctx, chromedp.Navigate(s.page("")), chromedp.KeyEvent("\t"))
	assert.Equal(t, "skip", ask[string](t, ctx, `document.activeElement.className`))
	assert.GreaterOrEqual(t, ask[float64](t, ctx, `document.activeElement.getBoundingClientRect().bottom`), 10.0)
	do(t, ctx, chromedp.KeyEvent("\r"))
	assert.Equal(t, "content", ask[string](t, ctx, `document.activeElement.id`))
	stops := map[string]bool{}
	do(t, ctx, chromedp.Navigate(s.page("outbox")))
	for range 40 {
		do(t, ctx, chromedp.KeyEvent("\t"))
		if ask[bool](t, ctx, `document.activeElement === document.body`) {
			break
		}
		stops[ask[string](t, ctx, `document.activeElement.tagName`)] = true
		assert.NotEqual(t, "none", ask[string](t, ctx, `getComputedStyle(document.activeElement).outlineStyle`),
			"the mark of the focus")
	}
	assert.Equal(t, map[string]bool{"A": true, "BUTTON": true, "SUMMARY": true}, stops)
}

// TestPageTimes measures how long the server takes for each page, beside the history.
func TestPageTimes(t *testing.T) {
	tab(t, desktop) // skips without a browser, so that the shop is made for a reason
	s := open(t)
	for page, address := range s.everyPage() {
		address = strings.TrimPrefix(address, strings.TrimSuffix(s.address, "/"))
		var times []time.Duration
		for range 11 {
			began := time.Now()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
			s.pages.ServeHTTP(httptest.NewRecorder(), r)
			times = append(times, time.Since(began))
		}
		slices.Sort(times)
		t.Logf("%-9s median %v", page, times[len(times)/2].Round(10*time.Microsecond))
		assert.Less(t, times[0], time.Second, "the fastest %s beside %d shipped lines", page, history)
	}
}

// shotsVariable names a folder for pictures of all pages.
const shotsVariable = "ALLOCATION_SHOTS"

func TestShots(t *testing.T) {
	folder := os.Getenv(shotsVariable)
	if folder == "" {
		t.Skip(shotsVariable + " names no folder for pictures")
	}
	s := open(t)
	for name, w := range map[string]window{
		"phone": phone, "desktop": desktop, "phone-dark": {390, true}, "desktop-dark": {1280, true},
	} {
		ctx := tab(t, w)
		for page, address := range s.everyPage() {
			do(t, ctx, chromedp.Navigate(address))
			picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(folder, page+"-"+name+".png"), picture, 0o600))
		}
	}
}
