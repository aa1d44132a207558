package torture

import (
	"context"
	"sync"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

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

// client is the whole life of a client process, in terms of an exit code.
func client(spoil spoiler) int {
	var j job
	return harness.Live(&j, 0, func(ctx context.Context) error { return j.run(ctx, spoil) })
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
	e, err := find(j.Settings.Engine)
	if err != nil {
		return err
	}
	pool := (j.Settings.Callers + 1) / 2 // callers have to wait for each other's connections, too
	store, closing, err := e.pooled(ctx, j.DSN, cut, pool, j.Settings.Pgx)
	if err != nil {
		return err
	}
	defer closing()
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
