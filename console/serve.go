package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
)

// contentPolicy allows the style sheet and the icon of the console, and forms to the console. Everything else is
// forbidden: scripts, frames, fonts, and styles inside of a page.
const contentPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; " +
	"frame-ancestors 'none'"

// ServeHTTP answers a request.
func (c *console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	protect(w.Header())
	ctx, cancel := context.WithTimeout(r.Context(), c.Timeout)
	defer cancel()
	defer func() {
		if value := recover(); value != nil {
			c.failed(w, r, fmt.Errorf("panic: %v\n%s", value, debug.Stack()))
		}
	}()
	path := strings.TrimPrefix(r.URL.Path, "/")
	if file, known := files[path]; known {
		file.serve(w, r)
		return
	}
	if do, known := c.actions()[path]; known {
		c.act(ctx, w, r, do)
		return
	}
	p, known := c.pages[path]
	switch {
	case !known:
		c.problem(w, http.StatusNotFound, "There is no such page", "The address names no page of the console.")
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		c.wrongMethod(w, "GET, HEAD")
	default:
		c.show(ctx, w, r, p)
	}
}

// protect sets the headers of every answer.
func protect(h http.Header) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // with no-referrer a form would be sent with the Origin null
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// show reads and sends a page. Nothing is sent before the whole page was made.
func (c *console) show(ctx context.Context, w http.ResponseWriter, r *http.Request, p page) {
	q, err := c.query(r)
	if err != nil {
		c.failed(w, r, err)
		return
	}
	data, err := p.read(ctx, q)
	if err != nil {
		c.failed(w, r, err)
		return
	}
	f := c.frame(p.heading, p.section, q.at)
	f.Data, f.Notice = data, noticeOf(q.values)
	c.offer(w, r, p.offers, &f)
	c.send(w, r, http.StatusOK, p.template, f)
}

// send makes a page of a template and sends the page.
func (c *console) send(w http.ResponseWriter, r *http.Request, status int, name string, f frame) {
	var body bytes.Buffer
	if err := c.templates[name].ExecuteTemplate(&body, "layout", f); err != nil {
		c.failed(w, r, fmt.Errorf("template %s: %w", name, err))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // a reader who left needs no answer
}

// failed sends the page for an error. The page shows only mistakes of the reader; the cause is logged.
func (c *console) failed(w http.ResponseWriter, r *http.Request, err error) {
	var about *allocation.Error
	switch {
	case errors.Is(err, allocation.ErrInvalid) && errors.As(err, &about):
		c.problem(w, http.StatusBadRequest, "The address can't be read",
			fmt.Sprintf("The value of %q is missing or malformed.", about.Field))
		return
	case errors.Is(err, allocation.ErrNotFound) && errors.As(err, &about):
		c.problem(w, http.StatusNotFound, "Nothing has this name",
			fmt.Sprintf("The store knows no %s %q.", about.Field, fmt.Sprint(about.Value)))
		return
	}
	c.Logger.LogAttrs(r.Context(), slog.LevelError, "console", slog.String("path", r.URL.Path), slog.Any("error", err))
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		c.problem(w, http.StatusServiceUnavailable, "The store didn't answer in time", "Please try again in a moment.")
		return
	}
	c.problem(w, http.StatusInternalServerError, "The page can't be shown",
		"Something went wrong. The cause is in the log of the program that serves this page.")
}

// wrongMethod names the allowed methods.
func (c *console) wrongMethod(w http.ResponseWriter, allowed string) {
	w.Header().Set("Allow", allowed)
	c.problem(w, http.StatusMethodNotAllowed, "This can't be done here", "The address doesn't take this method.")
}

// problem sends a page with a sentence in place of data. Should the template fail, the heading is sent as plain text.
func (c *console) problem(w http.ResponseWriter, status int, heading, text string) {
	f := c.frame(heading, "", c.now())
	f.Data = text
	var body bytes.Buffer
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := c.templates["problem"].ExecuteTemplate(&body, "layout", f); err != nil {
		body.Reset()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		body.WriteString(heading)
	}
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

// query is the values of the address, and the time of the request.
type query struct {
	values url.Values
	at     time.Time
}

// query reads the address and the clock. All sections of a page have the time of the request.
func (c *console) query(r *http.Request) (query, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return query{}, badValue("query", err.Error())
	}
	return query{values: values, at: c.now()}, nil
}
