package dbtest

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/pgxstore"
)

// wireFault is a way in which an exchange over the wire goes wrong.
type wireFault struct {
	name  string
	stage wireStage
	state string // the server's answer, if it refuses
}

// wireFaults are all of them.
var wireFaults = []wireFault{
	{name: "cut before it is sent", stage: beforeSending},
	{name: "cut on the way", stage: onTheWay},
	{name: "cut before the answer", stage: beforeAnswer},
	{name: "cut in the answer", stage: withinAnswer},
	{name: "cut before the end of the answer", stage: beforeReady},
	{name: "context ends before it is sent", stage: leavesBefore},
	{name: "context ends before the answer", stage: leavesAfter},
	{name: "40001", stage: refuses, state: "40001"},
	{name: "40P01", stage: refuses, state: "40P01"},
	{name: "25006", stage: refuses, state: "25006"},
	{name: "57P01", stage: shutsDown},
	{name: "53100", stage: refuses, state: "53100"},
}

// arrives says whether the server carries out an exchange to which this happens.
func (f wireFault) arrives() bool {
	return f.stage == beforeAnswer || f.stage == withinAnswer || f.stage == beforeReady
}

// leaves says whether the caller's context ends.
func (f wireFault) leaves() bool { return f.stage == leavesBefore || f.stage == leavesAfter }

// isCurable says whether a fresh attempt may succeed.
func (f wireFault) isCurable() bool {
	return f.stage == shutsDown || f.stage == refuses && f.state != "53100"
}

// wireRig is a store over pgx whose wire breaks, on one database that is put back for every case.
type wireRig struct {
	*engine
	by    bystander
	wire  *wire
	pool  *pgxpool.Pool
	store *pgxstore.Store
	mode  wireMode
}

// wireMode says how a pool and its store send statements.
type wireMode struct {
	name  string
	cold  bool // a case begins without connections, and all exchanges count, those to connect and to prepare as well
	set   func(*pgxpool.Config)
	opts  pgxstore.Options
	units allocation.UnitOfWorkOptions
	few   bool // few commands are enough

	// silent says that pgx doesn't tell whether a batch was never sent.
	silent bool
}

// wired returns a rig with the stock of prepareStock and a table of the host's.
func wired(t testing.TB, mode wireMode) *wireRig {
	t.Helper()
	p := onPostgreSQL.new(t)
	r := &wireRig{engine: onPostgreSQL, by: p.unbroken(t), wire: &wire{}, mode: mode}
	require.NoError(t, r.engine.store(t, r.by.db, &mode.opts.Options).Migrate(t.Context()))
	service, _ := serviceOn(t, r.engine.store(t, r.by.db, nil))
	prepareStock(t, service, func(statement string) { exec(t, r.by.db, statement) })
	makeHostTable(t, r.by.db)
	r.by.save(t)
	settings := []func(*pgxpool.Config){r.wire.between}
	if mode.set != nil {
		settings = append(settings, mode.set)
	}
	r.pool = pgxPool(t, p.dsn, settings...)
	store, err := pgxstore.New(r.pool, &mode.opts)
	require.NoError(t, err)
	r.store = store
	return r
}

// restore puts the database back.
func (r *wireRig) restore(t testing.TB) {
	t.Helper()
	r.by.restore(t)
	exec(t, r.by.db, "DELETE FROM "+hostTable)
	if r.mode.cold {
		r.pool.Reset()
	}
}

// look returns all rows of the library and of the host.
func (r *wireRig) look(t testing.TB) string {
	t.Helper()
	rows := texts(t, r.by.db, "SELECT id FROM "+hostTable+" ORDER BY id")
	return r.by.look(t) + fmt.Sprint("rows of the host: ", rows)
}

// service returns a Service that knows nothing so far.
func (r *wireRig) service(t testing.TB, clock time.Time) *allocation.Service {
	t.Helper()
	opts := r.mode.units
	opts.Now, opts.Backoff, opts.Attempts = memory.NewClock(clock).Now, time.Microsecond, 3
	return newService(t, allocation.NewUnitOfWork(r.store, &opts), nil)
}

// commits says whether an exchange makes changes last.
func (r *wireRig) commits(x exchange) bool {
	return x.kind == "commit" || !x.inTx && (strings.HasPrefix(x.text, r.commit) ||
		strings.HasPrefix(x.text, "SELECT allocation_commit_line_"))
}

// counts says whether an exchange counts.
func (r *wireRig) counts(x exchange) bool {
	return x.text != ping && (r.mode.cold || x.kind != "connect" && x.kind != "prepare")
}

// wireCase is a command as a caller gives it.
type wireCase struct {
	name   string
	clock  time.Time
	before func(ctx context.Context, s *allocation.Service) error // nil for nothing
	run    func(ctx context.Context, r *wireRig, s *allocation.Service) (any, error)
}

// begin puts the database back, and returns a Service that has done what comes before the case.
func (r *wireRig) begin(t testing.TB, c wireCase) *allocation.Service {
	t.Helper()
	r.restore(t)
	service := r.service(t, c.clock)
	if c.before != nil {
		require.NoError(t, c.before(t.Context(), service))
	}
	return service
}

func (r *wireRig) run(t testing.TB, c wireCase, s *allocation.Service) (value any, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return c.run(ctx, r, s)
}

// recorded runs a case and its repeat without a fault, and demands that others see a change only after a commit.
func (r *wireRig) recorded(t testing.TB, c wireCase) record {
	t.Helper()
	service := r.begin(t, c)
	rec := record{states: []string{r.look(t)}}
	r.wire.look = func(x exchange) {
		state := r.look(t)
		if r.commits(x) {
			rec.states = append(rec.states, state)
			return
		}
		assert.Equal(t, rec.last(), state, "%+v changed what others see", x)
	}
	r.wire.arm(math.MaxInt, nil, func(exchange) bool { return true })
	rec.first = answer(r.run(t, c, service))
	_, rec.exchanges, _ = r.wire.disarm()
	r.wire.look = nil
	rec.again = answer(r.run(t, c, service))
	require.Equal(t, rec.last(), r.look(t), "state after the repeat")
	r.reconcile(t)
	return rec
}

// reconcile demands that the ledger of each product adds up, but for the lamp whose counter was changed by hand.
func (r *wireRig) reconcile(t testing.TB) {
	t.Helper()
	service, _ := serviceOn(t, r.engine.store(t, r.by.db, nil))
	for audit, err := range service.ReconcileAll(t.Context(), "") {
		require.NoError(t, err)
		for _, tally := range audit.Tallies {
			require.Equal(t, audit.SKU == "lamp" && tally.Allocated == 1, tally.Drifted(), "%s: %+v", audit.SKU, tally)
		}
	}
}

// returned demands that all connections are back in the pool. Lost connections leave the pool in the background.
func (r *wireRig) returned(t testing.TB, where string) {
	t.Helper()
	idle := func() bool { return r.pool.Stat().AcquiredConns() == 0 }
	if !idle() {
		require.Eventually(t, idle, 10*time.Second, time.Millisecond, "connections in use after %s", where)
	}
}

// strike lets the n-th exchange of a call go wrong, and returns a description; struck is nil if there were fewer.
func (r *wireRig) strike(
	t testing.TB, f wireFault, n int, call func(ctx context.Context),
) (struck *exchange, before, after []exchange, where string) {
	t.Helper()
	ctx, leave := context.WithTimeout(t.Context(), time.Minute)
	defer leave()
	ctx, r.wire.leave = context.WithCancel(ctx)
	defer r.wire.leave()
	r.wire.stage, r.wire.state = f.stage, f.state
	r.wire.arm(n, &fault{name: f.name}, r.counts)
	call(ctx)
	struck, before, after = r.wire.disarm()
	if struck == nil {
		return nil, before, after, "no fault"
	}
	return struck, before, after, fmt.Sprintf("%s at %d, %s (in a transaction: %t) %.60q", f.name, n, struck.kind,
		struck.inTx, struck.text)
}

// try lets the n-th exchange of a case go wrong and judges what comes of it. It answers false if there were fewer.
func (r *wireRig) try(t testing.TB, c wireCase, rec record, f wireFault, n int) bool {
	t.Helper()
	service := r.begin(t, c)
	var value any
	var err error
	struck, before, after, where := r.strike(t, f, n, func(ctx context.Context) { value, err = c.run(ctx, r, service) })
	if struck == nil {
		require.Equal(t, rec.first, answer(value, err), "answer without a fault")
		return false
	}
	r.returned(t, where)
	commits := 0
	for _, x := range before {
		if r.commits(x) {
			commits++
		}
	}
	state := r.look(t)
	same := answer(value, err) == rec.first && !isUnknown(err) &&
		(err == nil || state == rec.last()) // a refusal may be told without having been recorded
	r.judge(t, f, *struck, rec, commits, same, err, state, where)
	for _, x := range after {
		require.False(t, isUnknown(err) && r.commits(x), "%q was sent after %s", x.text, where)
	}
	if f.state == "25006" {
		require.True(t, r.wire.victimOf.isClosed(), "the connection stays in the pool after %s", where)
	}
	got := answer(r.run(t, c, service))
	switch state {
	case rec.last():
		require.Equal(t, rec.again, got, "answer to the repeat after %s", where)
	case rec.states[0]:
		require.Equal(t, rec.first, got, "answer to the repeat after %s", where)
	}
	require.Equal(t, rec.last(), r.look(t), "state after the repeat after %s", where)
	r.returned(t, "the repeat after "+where)
	return true
}
