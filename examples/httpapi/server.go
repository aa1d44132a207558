package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/console"
	"github.com/cosmic-go/allocation/sqlstore"
)

// server is the shop behind the front door. A server is safe for concurrent use, and several servers may share a file.
type server struct {
	db      *sql.DB
	store   *sqlstore.Store
	log     *slog.Logger
	now     func() time.Time
	service *allocation.Service
	console http.Handler // read only, since the shop knows no users

	inFlight sync.Map // the idempotency keys of requests under way
}

func newServer(db *sql.DB, log *slog.Logger, now func() time.Time) (*server, error) {
	store, err := sqlstore.New(db, sqlstore.SQLite, nil)
	if err != nil {
		return nil, err
	}
	s := &server{db: db, store: store, log: log, now: now}
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: now, Logger: log})
	if s.service, err = allocation.New(units, nil); err != nil {
		return nil, err
	}
	s.console, err = console.New(store, &console.Options{Title: "Shop", Now: now, Logger: log})
	return s, err
}

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]handler{
		"POST /batches":                         s.writes(addBatch),
		"PUT /batches/{ref}/quantity":           s.writes(countBatch),
		"POST /batches/{ref}/split":             s.writes(splitBatch),
		"PUT /batches/{ref}/blocked":            s.writes(blockBatch),
		"DELETE /batches/{ref}/blocked":         s.writes(unblockBatch),
		"POST /orders/{id}/allocation":          s.writes(allocate),
		"POST /orders/{id}/allocation/confirm":  s.writes(confirm),
		"POST /orders/{id}/allocation/handover": s.writes(handOver),
		"DELETE /orders/{id}/allocation":        s.writes(cancel),
		"GET /orders/{id}/allocation":           s.showOrder,
		"GET /products/{sku}/availability":      s.showProduct,
		"GET /availability":                     s.showProducts,
		"GET /healthz":                          s.ready,
		"GET /livez":                            alive,
	} {
		mux.Handle(pattern, s.handle(h))
	}
	mux.Handle("/console/", http.StripPrefix("/console", s.console))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if no, pattern := mux.Handler(r); pattern == "" {
			s.handle(unrouted(w, no)).ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// handler answers a request. problemFor translates an error into the answer.
type handler func(ctx context.Context, r *http.Request) (reply, error)

// handle does the work common to all requests: an identifier, a limit of time and size, one line in the log, and
// problems for errors and panics. Nothing is sent before the handler has returned.
func (s *server) handle(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := s.now()
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), requestID{}, newID()), requestTime)
		defer cancel()
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		answer, err := guarded(ctx, r, h)
		if err != nil {
			answer = problemFor(err, idOf(ctx)).reply()
		}
		answer.send(w, idOf(ctx))
		s.record(ctx, r, answer, s.now().Sub(began), err)
	})
}

// requestID is the key of the request's identifier in its context.
type requestID struct{}

func idOf(ctx context.Context) string {
	id, _ := ctx.Value(requestID{}).(string)
	return id
}

// guarded turns a panic into an error.
func guarded(ctx context.Context, r *http.Request, h handler) (answer reply, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("panic: %v\n%s", value, debug.Stack())
		}
	}()
	return h(ctx, r)
}

// record writes the request's line in the log, the only place that shows the cause of a failure.
func (s *server) record(ctx context.Context, r *http.Request, answer reply, took time.Duration, err error) {
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("id", idOf(ctx)), slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.Int("status", answer.status), slog.Float64("seconds", took.Seconds()),
		slog.Bool("replayed", answer.replayed),
	}
	if err != nil {
		attrs = append(attrs, slog.Any("error", err))
	}
	if answer.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	s.log.LogAttrs(ctx, level, "request", attrs...)
}

// newID is a random UUID, version 4.
func newID() string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // never fails
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
