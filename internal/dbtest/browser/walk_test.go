package browser

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// follow clicks on a link and waits for a heading.
//
//nolint:revive // t comes first, as in package require
func follow(t *testing.T, ctx context.Context, link, heading string) {
	t.Helper()
	do(t, ctx, chromedp.Click(`//a[normalize-space()="`+link+`"]`, chromedp.NodeVisible), arrived(heading))
}

// arrived waits for the heading of a page.
func arrived(heading string) chromedp.Action[chromedp.Void] {
	return chromedp.WaitVisible(`//h1[normalize-space()="` + heading + `"]`)
}

func TestAWalkThroughThePages(t *testing.T) {
	s := open(t)
	ctx := tab(t, phone)
	do(t, ctx, chromedp.Navigate(s.page("")), arrived("Overview"))
	follow(t, ctx, "Products", "Products")
	follow(t, ctx, "chair", "chair")
	follow(t, ctx, "B-100", "Batch B-100")
	follow(t, ctx, "More lines", "Batch B-100")
	follow(t, ctx, "From the beginning", "Batch B-100")
	follow(t, ctx, "O-2000", "Order O-2000")
	follow(t, ctx, "B-101", "Batch B-101")
	follow(t, ctx, "chair", "chair")
	follow(t, ctx, "Older events", "Ledger of chair")
	follow(t, ctx, "Older events", "Ledger of chair")
	follow(t, ctx, "The newest events", "Ledger of chair")
	follow(t, ctx, "Back to the product", "chair")
	follow(t, ctx, "More batches", "chair")
	follow(t, ctx, "Lots", "Lots and batches")
	do(t, ctx, chromedp.SendKeys(chromedp.CSS(`#lot-ref`), "lot 7\r"), arrived("Lot lot 7"))
	follow(t, ctx, "B-104", "Batch B-104")
	follow(t, ctx, "lot 7", "Lot lot 7")
	follow(t, ctx, "Orders", "Orders")
	do(t, ctx, chromedp.SendKeys(chromedp.CSS(`input[name=prefix]`), "O-20\r"))
	follow(t, ctx, "O-2000", "Order O-2000")
	follow(t, ctx, "Overview", "Overview")
	do(t, ctx, chromedp.SendKeys(chromedp.CSS(`#product-sku`), "table\r"), arrived("table"))
	follow(t, ctx, "The whole queue", "Queue for table")
	follow(t, ctx, "Those behind", "Queue for table")
	follow(t, ctx, "From the beginning", "Queue for table")
	follow(t, ctx, "W-2", "Order W-2")
	follow(t, ctx, "Due", "Due")
	do(t, ctx,
		chromedp.SetValue(chromedp.CSS(`select[name=within]`), "all"),
		chromedp.Click(chromedp.CSS(`form.filter button`)),
		chromedp.WaitVisible(`//a[normalize-space()="What is due later"]`))
	follow(t, ctx, "What is due later", "Due")
	follow(t, ctx, "Outbox", "Outbox")
	do(t, ctx, chromedp.Navigate(s.page("product", "sku", "nothing")), arrived("Nothing has this name"))
	follow(t, ctx, "Back to the overview", "Overview")
}

// dead returns the number of a product's dead event, 0 for none.
func (s *shop) dead(t *testing.T, sku allocation.SKU) int64 {
	t.Helper()
	failures, err := s.store.Failures(t.Context(), "", 100)
	require.NoError(t, err)
	for _, f := range failures {
		if f.SKU == sku && f.Dead {
			return f.Sequence
		}
	}
	return 0
}

func TestEveryActionByItsButton(t *testing.T) {
	s := open(t)
	ctx := tab(t, phone)
	require.NoError(t, s.kill(t.Context()))
	notice := func() string { return ask[string](t, ctx, `document.querySelector('.notice')?.textContent ?? ''`) }
	sent := chromedp.WaitVisible(chromedp.CSS(`.notice`))

	lamp, table := s.dead(t, "lamp"), s.dead(t, "table")
	again := fmt.Sprintf(`button[aria-label="Try event %d of lamp again"]`, lamp)
	do(t, ctx, chromedp.Navigate(s.page("outbox")), arrived("Outbox"), chromedp.Click(chromedp.CSS(again)), sent)
	assert.Contains(t, notice(), "due for another try")
	assert.Zero(t, s.dead(t, "lamp"))

	giveUp := fmt.Sprintf(`details:has([aria-label="Give up event %d of table"])`, table)
	do(t, ctx, chromedp.Navigate(s.page("outbox")), chromedp.Click(chromedp.CSS(giveUp+` summary`)),
		chromedp.WaitVisible(chromedp.CSS(giveUp+` button`)), chromedp.Click(chromedp.CSS(giveUp+` button`)))
	assert.Empty(t, notice(), "the browser asks for the tick first")
	assert.Equal(t, table, s.dead(t, "table"))
	do(t, ctx, chromedp.Click(chromedp.CSS(giveUp+` input[name=sure]`)),
		chromedp.Click(chromedp.CSS(giveUp+` button`)), sent)
	assert.Contains(t, notice(), "given up")
	assert.Zero(t, s.dead(t, "table"))

	do(t, ctx, chromedp.Navigate(s.page("due")), chromedp.Click(chromedp.CSS(`form[action=sweep] button`)), sent)
	assert.Contains(t, notice(), "The sweep is done")
}

func TestAFormWithoutItsCookieIsRefused(t *testing.T) {
	s := open(t)
	ctx := tab(t, desktop)
	do(t, ctx, chromedp.Navigate(s.page("outbox")), arrived("Outbox"))
	ask[any](t, ctx, `document.querySelectorAll('input[name=token]').forEach(e => e.value = 'x')`)
	do(t, ctx, chromedp.Click(chromedp.CSS(`form[action=retry] button`)), arrived("The form is out of date"))
}
