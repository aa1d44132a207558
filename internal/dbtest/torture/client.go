package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/cosmic-go/allocation"
)

// jobVariable makes the program a client: it holds the job as JSON. The environment is nobody else's to see, and the
// DSN has a password.
const jobVariable = "ALLOCATION_TORTURE_JOB"

// job is what a client is told.
type job struct {
	Settings settings
	Process  int // 0 to Processes-1
	Start    int // how often this client was started before
	DSN      string
	Journal  string // file
	Until    time.Time
}

// spoiler makes a store worse than it is; nil leaves it.
type spoiler func(allocation.Store) allocation.Store

// client is the whole life of a client process, in the exit code's terms. It ends with its input, too, so that it never
// outlives its parent.
func client(text string, spoil spoiler) int {
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(1)
	}()
	var j job
	err := json.Unmarshal([]byte(text), &j)
	if err == nil {
		err = j.run(context.Background(), spoil)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// run lets all callers of the client work side by side.
func (j *job) run(ctx context.Context, spoil spoiler) error {
	past, err := readJournal(j.Journal)
	if err != nil {
		return err
	}
	did := &history{callers: map[int][]*step{}}
	did.add(past)
	journal, err := openJournal(j.Journal)
	if err != nil {
		return err
	}
	defer journal.file.Close()

	cut := newCutter(&j.Settings, j.Process, j.Start, func(when string) { journal.write(entry{Cut: when}) })
	db, sqlStore, err := engines[j.Settings.Engine].open(j.DSN, cut)
	if err != nil {
		return err
	}
	defer db.Close()
	pool := (j.Settings.Callers + 1) / 2 // callers have to wait for each other's connections, too
	db.SetMaxOpenConns(pool)
	db.SetMaxIdleConns(pool)
	var store allocation.Store = sqlStore
	if spoil != nil {
		store = spoil(store)
	}

	var callers sync.WaitGroup
	h, err := newShop(j.Process, &j.Settings, journal, store, did)
	if err != nil {
		return err
	}
	for i := range j.Settings.Callers {
		id := 1 + j.Process*j.Settings.Callers + i
		c := newCaller(id, h, did.callers[id])
		callers.Go(func() { c.run(ctx, j.Until) })
	}
	callers.Wait()
	return nil
}
