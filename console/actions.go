package console

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"

	"github.com/cosmic-go/allocation"
)

// longestForm is the largest body of a POST, in bytes.
const longestForm = 8 << 10

// deed carries out an allowed action, and returns the page to show next, with a notice.
type deed struct {
	action Action
	do     func(ctx context.Context, form url.Values) (next string, err error)
}

// actions lists the possible actions by path: none without Authorize, retry and skip with an outbox, sweep with Sweep.
func (c *console) actions() map[string]deed {
	able := map[string]deed{}
	if c.Authorize == nil {
		return able
	}
	if c.outbox != nil {
		able["retry"] = deed{Retry, c.retry}
		able["skip"] = deed{Skip, c.skip}
	}
	if c.Sweep != nil {
		able["sweep"] = deed{Sweep, c.sweep}
	}
	return able
}

// act carries out an action, and leads the browser to a page, since loading a page again has no effect.
func (c *console) act(ctx context.Context, w http.ResponseWriter, r *http.Request, d deed) {
	if r.Method != http.MethodPost {
		c.wrongMethod(w, "POST")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, longestForm)
	if err := r.ParseForm(); err != nil {
		c.problem(w, http.StatusBadRequest, "The form can't be read", "Please go back, and send the form again.")
		return
	}
	if !c.forms.check(r) {
		c.record(ctx, slog.LevelWarn, d.action, r.PostForm, errors.New("no valid token, or sent from another site"))
		c.problem(w, http.StatusForbidden, "The form is out of date",
			"Nothing was changed. Please go back, load the page again, and send the form again.")
		return
	}
	if !c.Authorize(r, d.action) {
		c.record(ctx, slog.LevelWarn, d.action, r.PostForm, errors.New("not authorized"))
		c.problem(w, http.StatusForbidden, "This is not allowed", "You may not do this. Nothing was changed.")
		return
	}
	next, err := d.do(ctx, r.PostForm)
	if err != nil {
		c.failed(w, r, err)
		return
	}
	c.record(ctx, slog.LevelInfo, d.action, r.PostForm, nil)
	w.Header().Set("Location", next) // relative, since http.Redirect doesn't know the prefix
	w.WriteHeader(http.StatusSeeOther)
}

// record logs an action.
func (c *console) record(ctx context.Context, level slog.Level, action Action, form url.Values, err error) {
	attrs := []slog.Attr{slog.String("action", string(action))}
	for _, name := range []string{"sku", "sequence"} {
		if value := form.Get(name); value != "" {
			attrs = append(attrs, slog.String(name, value))
		}
	}
	if err != nil {
		attrs = append(attrs, slog.Any("error", err))
	}
	c.Logger.LogAttrs(ctx, level, "console", attrs...)
}

// retry makes the event due; the try is left to the next relay with a claim on the product.
func (c *console) retry(ctx context.Context, form url.Values) (string, error) {
	sku := allocation.SKU(form.Get("sku"))
	if err := sku.Validate(); err != nil {
		return "", err
	}
	return afterOutbox("retried", c.outbox.Retry(ctx, sku))
}

// skip gives up the event with the number in the form and no other: a repeated form doesn't give up the next event. The
// tick is asked for here, too, since a program may send the form without.
func (c *console) skip(ctx context.Context, form url.Values) (string, error) {
	sku := allocation.SKU(form.Get("sku"))
	sequence, err := strconv.ParseInt(form.Get("sequence"), 10, 64)
	switch {
	case sku.Validate() != nil:
		return "", sku.Validate()
	case err != nil:
		return "", badValue("sequence", form.Get("sequence"))
	case form.Get("sure") != "yes":
		return "outbox?notice=unsure", nil
	}
	return afterOutbox("skipped", c.outbox.Skip(ctx, sku, sequence))
}

// afterOutbox leads back to the failed events. A missing event was sent or decided upon meanwhile.
func afterOutbox(notice string, err error) (string, error) {
	if errors.Is(err, allocation.ErrNotFound) {
		return "outbox?notice=gone", nil
	}
	return "outbox?notice=" + notice, err
}

// sweep may end by the limit of time: everything swept until then counts, and the next sweep goes on.
func (c *console) sweep(ctx context.Context, _ url.Values) (string, error) {
	swept, err := c.Sweep(ctx)
	if swept > 0 && err != nil && ctx.Err() != nil {
		return "due?notice=partly-swept&n=" + strconv.Itoa(swept), nil
	}
	return "due?notice=swept&n=" + strconv.Itoa(swept), err
}

// noticeOf returns the sentence about the last action. The address chooses among fixed sentences, so a stranger who
// makes up an address can't add words to a page.
func noticeOf(values url.Values) string {
	swept := "The sweep is done. Holds, batches and lines concerned: "
	n, err := strconv.Atoi(values.Get("n"))
	if err != nil {
		n = 0
	}
	switch values.Get("notice") {
	case "retried":
		return "The event is due for another try. The next relay that is running takes it."
	case "skipped":
		return "The event was given up. The later events of the product go on."
	case "gone":
		return "Nothing was changed: the event had been sent or decided upon meanwhile."
	case "unsure":
		return "Nothing was changed: an event is given up only if the box is ticked."
	case "swept":
		return swept + grouped(n) + "."
	case "partly-swept":
		return "The sweep was not done in time, and can be repeated. Concerned so far: " + grouped(n) + "."
	}
	return ""
}

// badValue is the error for a malformed value in an address or a form.
func badValue(field, value string) error {
	return &allocation.Error{Op: "console", Field: field, Value: value, Err: allocation.ErrInvalid}
}
