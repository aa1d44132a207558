package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/cosmic-go/allocation/outbox"
)

// jobVariable makes the program a relay: it holds the job as JSON. The environment is nobody else's to see, and the
// DSN has a password.
const jobVariable = "ALLOCATION_RELAYING_JOB"

// job is what a relay is told.
type job struct {
	Engine  string
	DSN     string
	Address string // of the counter
	Relay   int
	Life    int // how often this relay was started before
	Lease   time.Duration
	Batch   int
	Workers int
	Profile string // file, "" for none
}

// spoiler makes what a relay works with worse than it is; what is nil stays.
type spoiler struct {
	store     func(outbox.Store) outbox.Store
	publisher func(outbox.Publisher) outbox.Publisher
}

// poll finds the products of relays that were killed.
const poll = 100 * time.Millisecond

// overtime is how long a relay may go on that was told to end.
const overtime = 10 * time.Second

// relay is the whole life of a relay process, in the exit code's terms. It ends with its input, and so with its parent.
func relay(text string, spoil spoiler) int {
	signal.Ignore(os.Interrupt, syscall.SIGTERM) // from the keyboard; the parent ends, and so do we
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		stop()
		time.Sleep(overtime)
		os.Exit(1)
	}()
	var j job
	err := json.Unmarshal([]byte(text), &j)
	if err == nil {
		err = j.run(ctx, spoil)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// run sends events until ctx ends, and then prints what it took.
func (j *job) run(ctx context.Context, spoil spoiler) (err error) {
	if j.Profile != "" {
		file, err := os.Create(j.Profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			return errors.Join(err, file.Close())
		}
		defer func() {
			pprof.StopCPUProfile()
			err = errors.Join(err, file.Close())
		}()
	}
	db, sqlStore, err := engines[j.Engine].open(j.DSN, j.Workers+1)
	if err != nil {
		return err
	}
	defer db.Close()
	var store outbox.Store = sqlStore
	if spoil.store != nil {
		store = spoil.store(store)
	}
	watched := &watch{store: store}
	sender := &postman{job: j, owner: watched.owner, idle: make(chan *route, j.Workers)}
	defer sender.close()
	watched.publisher = sender
	if spoil.publisher != nil {
		watched.publisher = spoil.publisher(sender)
	}
	logger := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	opts := &outbox.Options{Source: source, Lease: j.Lease, Batch: j.Batch, Workers: j.Workers, Poll: poll, Logger: logger}
	if err := outbox.NewRelay(watched, watched, opts).Run(ctx); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(watched.account())
}
