package relay

import (
	"context"
	"database/sql"
	"errors"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/sqlstore"
)

// plan is what happens to the relays of a run.
type plan struct {
	relays int
	kill   bool // and then half of the events are told meanwhile

	server *servers.Server // that crashes once, in the middle of the kills; nil for none
}

// run is one run on one database.
type run struct {
	settings *settings
	plan     plan
	db       *sql.DB
	store    *sqlstore.Store
	shop     *shop
	patience *patience
	arrivals *arrivals
	counter  *counter

	processes []*process
	ended     map[string]bool // owners of leases that ended as they should
	effort    effort          // of these
	kills     int
	left      int // leases of killed relays that nobody had to take over
}

// relaying tells events in an empty database, lets relays send them, and reports what came of it. An error says that it
// couldn't be done; what is wrong with the relays is in the report.
func relaying(
	ctx context.Context, s *settings, e *harness.Engine, dsn string, p plan,
) (found *report, err error) {
	db, store, err := e.Open(dsn, 2*sellers, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	r := &run{
		settings: s, plan: p, db: db, store: store, arrivals: newArrivals(), ended: map[string]bool{},
		patience: &patience{limit: s.Patience},
	}
	if r.shop, err = newShop(s, store, r.patience); err != nil {
		return nil, err
	}
	if r.counter, err = newCounter(ctx, r.arrivals); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.counter.close()) }()
	for i := range p.relays {
		r.processes = append(r.processes, newProcess(job{
			Engine: s.Engine, DSN: dsn, Address: r.counter.address(), Relay: i,
			Lease: s.Lease, Batch: s.Batch, Workers: s.Workers,
		}, s.profiles(p)))
	}
	if err := r.do(ctx); err != nil {
		return nil, err
	}
	return r.report(), nil
}

// profiles is where those of undisturbed relays go; the others don't live to write them.
func (s *settings) profiles(p plan) string {
	if p.kill {
		return ""
	}
	return s.Profiles
}

func (r *run) do(ctx context.Context) error {
	if err := r.store.Migrate(ctx); err != nil {
		return err
	}
	if err := r.shop.stock(ctx); err != nil {
		return err
	}
	before := r.shop.commits()
	if r.plan.kill {
		before /= 2
	}
	if err := r.shop.sell(ctx, 0, before, false); err != nil {
		return err
	}
	if err := r.send(ctx, before); err != nil {
		return err
	}
	if err := r.counter.close(); err != nil {
		return err
	}
	return r.check(ctx)
}

// send lets relays work until all is sent, or nothing arrives any more.
func (r *run) send(ctx context.Context, sold int) error {
	defer r.end()
	for _, p := range r.processes {
		if err := p.start(ctx); err != nil {
			return err
		}
	}
	if err := r.supervise(ctx, sold); err != nil {
		return err
	}
	for _, p := range r.processes {
		a, err := p.stop(ctx)
		if err != nil {
			r.arrivals.fault(surprise, "%s", err)
		}
		r.ended[a.Owner] = true
		r.effort = r.effort.plus(a.Did)
	}
	return nil
}

// end leaves no relay behind, however the run ended.
func (r *run) end() {
	for _, p := range r.processes {
		_ = p.Kill() // the run failed for another reason
	}
}
