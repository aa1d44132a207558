package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

// run is one run of all of it.
type run struct {
	settings  *settings
	engine    *engine
	place     *place
	processes []*process
	report    report
}

// torture runs clients against a database and reports what came of it. An error says that it couldn't be done; what
// is wrong with the database is in the report. The folder takes the journals, and SQLite's file.
func torture(ctx context.Context, s *settings, folder string) (found *report, err error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	e := engines[s.Engine]
	if e == nil {
		return nil, fmt.Errorf("unknown engine %q", s.Engine)
	}
	where, err := e.start(ctx, s, folder)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, where.stop()) }()
	return tortureAt(ctx, s, folder, where)
}

// tortureAt is torture on a database that is there, and empty.
func tortureAt(ctx context.Context, s *settings, folder string, where *place) (*report, error) {
	r := &run{settings: s, engine: engines[s.Engine], place: where}
	db, store, err := r.engine.open(where.dsn, nil)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if err := r.stock(ctx, store); err != nil {
		return nil, err
	}
	if err := r.work(ctx, db, folder); err != nil {
		return nil, err
	}
	did, err := r.histories()
	if err != nil {
		return nil, err
	}
	if err := r.check(ctx, db, store, did); err != nil {
		return nil, err
	}
	return &r.report, nil
}

// stock makes the tables and what is in them at the start: two batches of each product in the warehouse, one under way.
func (r *run) stock(ctx context.Context, store *sqlstore.Store) error {
	if err := store.Migrate(ctx); err != nil {
		return err
	}
	own := newClock(r.settings.owners(), 0, 0)
	service, err := allocation.New(allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: own.Now}), nil)
	if err != nil {
		return err
	}
	for i := range r.settings.SKUs {
		for j := range sharedBatches {
			b := allocation.Batch{Ref: sharedBatch(r.settings.sku(i), j), SKU: r.settings.sku(i), Purchased: 40}
			if j == sharedBatches-1 {
				b.ETA = own.Now().Add(24 * time.Hour)
			}
			if err := service.AddBatch(ctx, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// work lets the clients work and hits them meanwhile. It returns when all have ended.
func (r *run) work(ctx context.Context, db *sql.DB, folder string) error {
	began := time.Now()
	until := began.Add(r.settings.For)
	ctx, stop := context.WithDeadline(ctx, until.Add(2*patience))
	defer stop()
	defer r.end()
	for i := range r.settings.Processes {
		p := &process{job: job{
			Settings: *r.settings, Process: i, DSN: r.place.dsn, Until: until,
			Journal: filepath.Join(folder, fmt.Sprintf("client-%d.jsonl", i)),
		}}
		if err := p.start(ctx); err != nil {
			return err
		}
		r.processes = append(r.processes, p)
	}
	sampling, stopSampling := context.WithCancel(ctx)
	var sampler sync.WaitGroup
	sampler.Go(func() { r.sample(sampling, db, r.settings.random(1<<60)) })
	defer sampler.Wait()
	defer stopSampling()

	if err := r.strike(ctx, began); err != nil {
		return err
	}
	for _, p := range r.processes {
		if err := p.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// end leaves no client behind, however the run ended.
func (r *run) end() {
	for _, p := range r.processes {
		_ = p.kill() // what it did wrong has been told, or the run failed for another reason
	}
}

// histories reads all journals.
func (r *run) histories() (*history, error) {
	did := &history{callers: map[int][]*step{}}
	for _, p := range r.processes {
		entries, err := readJournal(p.job.Journal)
		if err != nil {
			return nil, err
		}
		did.add(entries)
		if text := p.stderr.String(); text != "" {
			r.report.fault(surprise, "client %d printed: %s", p.job.Process, text)
		}
	}
	r.report.Cut, r.report.Tallies = did.cuts, did.tallies
	for _, steps := range did.callers {
		for _, s := range steps {
			r.report.count(s)
		}
	}
	return did, nil
}
