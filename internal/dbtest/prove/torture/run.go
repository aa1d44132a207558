package torture

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/sqlstore"
)

// run is one run of all of it.
type run struct {
	settings *settings
	engine   engine
	servers  []*servers.Server // none for a file, several for a cluster
	dsns     []string          // of the database on each server of a cluster
	dsn      string
	clients  []*process
	report   report
}

// process is a client and the processes that took its place after it was killed.
type process struct {
	harness.Process
	job job
}

// start starts the client, again if it has run before.
func (p *process) start(ctx context.Context) error {
	p.Job = p.job
	p.job.Start++
	return p.Start(ctx)
}

// torture runs clients against a database and reports what came of it. An error says that it couldn't be done; what
// is wrong with the database is in the report. The folder takes the journals, and SQLite's file.
func torture(ctx context.Context, s *settings, folder string) (found *report, err error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if s.Engine == galera && s.DSN == "" {
		return tortureCluster(ctx, s, folder)
	}
	e, err := find(s.Engine)
	if err != nil {
		return nil, err
	}
	if s.DSN != "" {
		return tortureAt(ctx, s, folder, e.At(s.DSN))
	}
	at, err := e.Start(ctx, &harness.Options{Fast: true, Settings: s.server(), Folder: folder})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, at.Stop()) }()
	return tortureAt(ctx, s, folder, at)
}

// tortureAt is torture on a place that has been started.
func tortureAt(ctx context.Context, s *settings, folder string, at *harness.Place) (*report, error) {
	dsn, err := at.Empty(ctx)
	if err != nil {
		return nil, err
	}
	e, err := find(s.Engine)
	if err != nil {
		return nil, err
	}
	r := &run{settings: s, engine: e, dsn: dsn}
	if at.Running != nil {
		r.servers = []*servers.Server{at.Running}
	}
	return tortureIn(ctx, folder, r)
}

// tortureIn is torture in an empty database.
func tortureIn(ctx context.Context, folder string, r *run) (*report, error) {
	db, store, err := r.engine.open(r.dsn, nil)
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
	if err := r.compareNodes(ctx); err != nil {
		return nil, err
	}
	return &r.report, nil
}

// stock makes the tables and what is in them at the start: two batches of each product in the warehouse, of which one
// expires after the run, and one under way.
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
			switch j {
			case sharedBatches - 1:
				b.Location, b.ETA = dock, own.Now().Add(24*time.Hour)
			case 0:
				b.Location, b.BestBefore = places[0], own.Now().Add(48*time.Hour)
			default:
				b.Location = places[1]
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
		p := &process{Process: harness.Process{Name: fmt.Sprint("client ", i), Command: commandName}, job: job{
			Settings: *r.settings, Process: i, DSN: r.dsn, Until: until,
			Journal: filepath.Join(folder, fmt.Sprintf("client-%d.jsonl", i)),
		}}
		if err := p.start(ctx); err != nil {
			return err
		}
		r.clients = append(r.clients, p)
	}
	sampling, stopSampling := context.WithCancel(ctx)
	var sampler sync.WaitGroup
	sampler.Go(func() { r.sample(sampling, db, r.settings.random(1<<60)) })
	defer sampler.Wait()
	defer stopSampling()

	if err := r.makeTrouble(ctx, began); err != nil {
		return err
	}
	for _, p := range r.clients {
		if err := p.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// end leaves no client behind, however the run ended.
func (r *run) end() {
	for _, p := range r.clients {
		_ = p.Kill() // what it did wrong has been told, or the run failed for another reason
	}
}

// histories reads all journals.
func (r *run) histories() (*history, error) {
	did := &history{callers: map[int][]*step{}}
	for _, p := range r.clients {
		entries, err := readJournal(p.job.Journal)
		if err != nil {
			return nil, err
		}
		did.add(entries)
		for _, line := range p.Printed {
			r.report.fault(surprise, "%s printed: %s", p.Name, line)
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
