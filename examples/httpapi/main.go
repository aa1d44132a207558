package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Limits of time. A client that is slow to send or to read loses the connection.
const (
	headerTime  = 5 * time.Second
	readTime    = 10 * time.Second
	requestTime = 15 * time.Second // for the work of a request; then the work is rolled back
	writeTime   = 30 * time.Second // from the end of the request's header, the work included
	idleTime    = time.Minute
	stopTime    = 20 * time.Second // for requests under way when the server stops
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := program(ctx, os.Args[1:], os.Stderr)
	stop()
	os.Exit(code)
}

// program returns the exit code: 0 after a signal to stop.
func program(ctx context.Context, args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("httpapi", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:8080", "`host:port` to listen on")
	file := flags.String("db", "httpapi.db", "SQLite `file` to keep everything in")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "httpapi: unexpected argument %q\n", flags.Arg(0))
		return 2
	}
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	if err := run(ctx, *addr, *file, stopTime, log); err != nil {
		log.Error("ended", "error", err)
		return 1
	}
	return 0
}

// run serves until the context ends, and then lets the requests under way finish.
func run(ctx context.Context, addr, file string, grace time.Duration, log *slog.Logger) (err error) {
	db, err := openDatabase(file)
	if err != nil {
		return fmt.Errorf("open %s: %w", file, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	shop, err := newServer(db, log, time.Now)
	if err != nil {
		return err
	}
	if err := shop.migrate(ctx); err != nil {
		return fmt.Errorf("migrate %s: %w", file, err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	log.Info("listening", "addr", listener.Addr().String(), "db", file)
	web := &http.Server{
		Handler:           shop.routes(),
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       readTime,
		WriteTimeout:      writeTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	return serve(ctx, web, listener, grace, log)
}

func serve(ctx context.Context, web *http.Server, listener net.Listener, grace time.Duration, log *slog.Logger) error {
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	log.Info("stopping")
	waiting, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := web.Shutdown(waiting)
	if err != nil {
		err = fmt.Errorf("requests were cut off: %w", errors.Join(err, web.Close()))
	}
	if why := <-ended; !errors.Is(why, http.ErrServerClosed) {
		err = errors.Join(err, why)
	}
	return err
}
