// Command console shows package console over the data of the quickstart. Run it from the folder examples:
//
//	go run ./console               # fills console.db by the quickstart, if there is no such file
//	go run ./console -db other.db  # shows the data of another program on SQLite
//
// The program prints the address of the pages, answers on this machine alone, and ends on an interrupt. Whoever opens
// the pages may carry out every action, which is right on one's own machine and nowhere else.
//
// A reader learns how to mount the console below a prefix, and how to allow actions. main.go is the whole program, but
// for the receiver of the events in receiver.go: the receiver refuses the events of one product, so that there are dead
// letters to look at.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/console"
	"github.com/cosmic-go/allocation/sqlstore"
)

// A client that is slow to send or to read loses the connection.
const (
	readTime  = 5 * time.Second
	writeTime = 30 * time.Second
	stopTime  = 5 * time.Second // for requests under way when the program stops
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// command returns the exit code: 0 after an interrupt.
func command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("console", flag.ContinueOnError)
	flags.SetOutput(stderr)
	port := flags.Int("port", 8090, "`port` to answer on, 0 for any")
	file := flags.String("db", "console.db", "SQLite `file`; filled by the quickstart if there is no such file")
	refuse := flags.String("refuse", "HONEY-HEATHER-340G", "`SKU` whose events the receiver refuses")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil || flags.NArg() > 0:
		return 2
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	shop := shop{file: *file, port: *port, refuse: allocation.SKU(*refuse), log: log}
	if err := shop.run(ctx, stdout); err != nil {
		fmt.Fprintf(stderr, "console: %v\n", err)
		return 1
	}
	return 0
}

// shop is the program's settings.
type shop struct {
	file   string
	port   int
	refuse allocation.SKU
	log    *slog.Logger
}

// run serves the pages until the context ends.
func (s shop) run(ctx context.Context, stdout io.Writer) (err error) {
	if err := s.fill(ctx); err != nil {
		return err
	}
	db, store, err := openStore(ctx, s.file)
	if err != nil {
		return fmt.Errorf("open %s: %w", s.file, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }() // behind the relay, which ends first
	handler, err := s.handler(store)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	wait := s.relay(ctx, store)
	defer wait()
	defer stop()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "http://%s/console/\n", listener.Addr())
	return serve(ctx, listener, handler)
}

// handler mounts the console.
func (s shop) handler(store *sqlstore.Store) (http.Handler, error) {
	service, err := allocation.New(allocation.NewUnitOfWork(store, nil), nil)
	if err != nil {
		return nil, err
	}
	pages, err := console.New(store, &console.Options{
		Title:     "Quickstart",
		Authorize: func(*http.Request, console.Action) bool { return true },
		Sweep:     service.Sweep,
		Logger:    s.log,
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/console/", http.StripPrefix("/console", pages))
	mux.Handle("/{$}", http.RedirectHandler("/console/", http.StatusFound))
	return mux, nil
}

func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	web := &http.Server{Handler: handler, ReadTimeout: readTime, WriteTimeout: writeTime}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	waiting, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	return web.Shutdown(waiting)
}

// fill runs the quickstart if there is no file.
func (s shop) fill(ctx context.Context) error {
	if _, err := os.Stat(s.file); err == nil {
		return nil
	}
	file, err := filepath.Abs(s.file)
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, "go", "run", "./quickstart", "-db", file).CombinedOutput()
	if err != nil {
		return fmt.Errorf("go run ./quickstart, in the folder examples: %w\n%s", err, out)
	}
	return nil
}

// openStore opens an SQLite file, new or from an earlier run, and brings its tables up to date.
func openStore(ctx context.Context, file string) (*sql.DB, *sqlstore.Store, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, nil, err
	}
	dsn := url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(path), "/")}
	db, err := sql.Open("sqlite", dsn.String()+"?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)"+
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlstore.New(db, sqlstore.SQLite, nil)
	if err == nil {
		err = store.Migrate(ctx)
	}
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, store, nil
}
