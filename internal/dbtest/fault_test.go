package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/sqlstore"
)

// rig is a store whose connections break, on one database that is put back for every case.
type rig struct {
	*engine
	opts    allocation.UnitOfWorkOptions
	breaker *breaker
	db      *sql.DB
	by      bystander
	store   *sqlstore.Store
}

// breaking returns a rig with the stock of prepareStock.
func (e *engine) breaking(t testing.TB) *rig {
	t.Helper()
	p := e.new(t)
	r := &rig{engine: e, by: p.unbroken(t)}
	service, _ := serviceOn(t, e.migrated(t, r.by.db))
	prepareStock(t, service, func(statement string) { exec(t, r.by.db, statement) })
	r.by.save(t)
	connector, err := p.connector(p.dsn)
	require.NoError(t, err)
	r.breaker = &breaker{Connector: connector, skips: e.dialect == sqlstore.MariaDB}
	r.refresh(t)
	return r
}

// refresh replaces the pool, so that nothing is connected or prepared.
func (r *rig) refresh(t testing.TB) {
	t.Helper()
	if r.db != nil {
		require.NoError(t, r.db.Close())
	}
	r.db = opened(t, r.breaker)
	r.store = r.engine.store(t, r.db, nil)
}

// commits says whether an exchange is one that makes changes last.
func (r *rig) commits(x exchange) bool {
	return x.kind == "commit" || !x.inTx && r.commit != "COMMIT" &&
		strings.HasPrefix(strings.TrimSpace(x.text), r.commit)
}

// run runs a command on a store.
func (r *rig) run(t testing.TB, c command, store allocation.Store) (value any, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return r.runIn(ctx, c, store)
}

func (r *rig) runIn(ctx context.Context, c command, store allocation.Store) (value any, err error) {
	opts := r.opts
	opts.Now = memory.NewClock(c.clock()).Now
	if !isJoined(store) {
		opts.Backoff = time.Microsecond
	}
	service, err := allocation.New(allocation.NewUnitOfWork(store, &opts), nil)
	if err != nil {
		return nil, err
	}
	return c.run(ctx, service)
}

// record is a command without faults.
type record struct {
	exchanges    []exchange
	states       []string // before, and after each commit
	first, again string   // what the command and its repeat answer
}

// recorded runs a command and its repeat, and demands that what others can see is one of its states all the time.
func (r *rig) recorded(t testing.TB, c command) record {
	t.Helper()
	r.by.restore(t)
	rec := record{states: []string{r.by.look(t)}}
	seen := 1
	r.breaker.look = func(x exchange) {
		state := r.by.look(t)
		changed := state != rec.states[len(rec.states)-1]
		if changed {
			seen++
		}
		if r.commits(x) && x.kind != "query" {
			rec.states = append(rec.states, state)
		} else {
			assert.False(t, changed, "%+v changed what others see", x)
		}
	}
	r.breaker.arm(math.MaxInt, nil, func(exchange) bool { return true })
	rec.first = answer(r.run(t, c, r.store))
	_, rec.exchanges, _ = r.breaker.disarm()
	r.breaker.look = nil
	assert.Equal(t, max(c.states, 2), seen, "states that others can see")
	rec.again = answer(r.run(t, c, r.store))
	assert.Equal(t, rec.last(), r.by.look(t), "state after the repeat")
	return rec
}

func (r record) last() string { return r.states[len(r.states)-1] }

// suits says whether a fault can happen to an exchange of a connection that is in use.
func (r *rig) suits(f judged, x exchange) bool {
	switch x.kind {
	case "connect", "prepare", "part":
		return false
	case "rows": // what they come from was carried out
		return f.done || !r.commits(x) && f.verdict != unsent && f.verdict != silent
	}
	return true
}

// try lets the n-th exchange of a command go wrong and judges what comes of it. It answers false if there were fewer.
func (r *rig) try(t testing.TB, c command, rec record, f judged, n int, suits func(exchange) bool) bool {
	t.Helper()
	r.by.restore(t)
	r.breaker.arm(n, &f.fault, suits)
	value, err := r.run(t, c, r.store)
	struck, before, after := r.breaker.disarm()
	if struck == nil {
		require.Equal(t, rec.first, answer(value, err), "answer without a fault")
		return false
	}
	where := fmt.Sprintf("%s at %d, %s (in a transaction: %t) %.60q", f.name, n, struck.kind, struck.inTx,
		strings.TrimSpace(struck.text))
	past := 0
	for _, x := range before {
		if r.commits(x) && x.kind != "query" {
			past++
		}
	}
	state := rec.last()
	switch want := r.outcome(f, *struck); want {
	case cured:
		require.Equal(t, rec.first, answer(value, err), "answer after %s", where)
	case unknown:
		require.ErrorIs(t, err, allocation.ErrUnknownOutcome, where)
		require.Empty(t, after, "what was sent after the %s", where)
		if state = rec.states[past]; f.done {
			state = rec.states[past+1]
		}
	default:
		require.Error(t, err, where)
		require.NotErrorIs(t, err, allocation.ErrUnknownOutcome, where)
		require.Equal(t, want == lostRace, isConflict(err), "%s: is %v a conflict?", where, err)
		state = rec.states[past]
	}
	if err != nil && r.outcome(f, *struck) != cured {
		require.ErrorIs(t, err, f.err, where)
	}
	require.Equal(t, state, r.by.look(t), "state after %s", where)
	require.Zero(t, r.db.Stats().InUse, "connections in use after %s", where)
	if f.leaves {
		require.True(t, r.breaker.victim.gone, "the connection stays in the pool after %s", where)
	}
	r.repeat(t, c, rec, state, where)
	return true
}

// repeat runs a command again, after which all is as if nothing had gone wrong.
func (r *rig) repeat(t testing.TB, c command, rec record, state, where string) {
	t.Helper()
	got := answer(r.run(t, c, r.store))
	switch state {
	case rec.last():
		require.Equal(t, rec.again, got, "answer to the repeat after %s", where)
	case rec.states[0]:
		require.Equal(t, rec.first, got, "answer to the repeat after %s", where)
	}
	require.Equal(t, rec.last(), r.by.look(t), "state after the repeat after %s", where)
	require.Zero(t, r.db.Stats().InUse, "connections in use after the repeat after %s", where)
}
