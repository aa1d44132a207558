package relay

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"runtime/pprof"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/outbox"
)

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

// child is the whole life of a relay process, in terms of an exit code.
func child(spoil spoiler) int {
	var j job
	return harness.Live(&j, overtime, func(ctx context.Context) error { return j.run(ctx, spoil) })
}

// muteDriver keeps MariaDB's driver from printing a line for each lost connection.
func muteDriver() { _ = mysql.SetLogger(&mysql.NopLogger{}) } // only nil is an error

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
	muteDriver()
	e, err := harness.ByName(j.Engine)
	if err != nil {
		return err
	}
	db, sqlStore, err := e.Open(j.DSN, j.Workers+1, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	var store outbox.Store = sqlStore
	if spoil.store != nil {
		store = spoil.store(store)
	}
	watched := &watch{store: store}
	out := &sender{job: j, owner: watched.owner, idle: make(chan *route, j.Workers)}
	defer out.close()
	watched.publisher = out
	if spoil.publisher != nil {
		watched.publisher = spoil.publisher(out)
	}
	logger := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	opts := &outbox.Options{
		Source: source, Lease: j.Lease, Batch: j.Batch, Workers: j.Workers, Poll: poll, Logger: logger,
	}
	if err := outbox.NewRelay(watched, watched, opts).Run(ctx); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(watched.account())
}
