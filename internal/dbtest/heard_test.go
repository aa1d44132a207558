package dbtest

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/bus"
	"github.com/cosmic-go/allocation/memory"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/storetest"
)

// heardHost is a host with a table of its own, beside a store of an engine.
type heardHost struct {
	storetest.HostRows
	store  heardStore
	within func(ctx context.Context, s *allocation.Service, fn storetest.HostFunc, skus ...allocation.SKU) error

	// join runs fn in a transaction that the host begins and commits.
	join func(ctx context.Context, s *allocation.Service, fn storetest.HostFunc) error
}

// heardStore is a store from which a relay can read.
type heardStore interface {
	allocation.Store
	outbox.Store
}

// heardHosts are hosts on the engines, PostgreSQL with database/sql and with pgx.
var heardHosts = map[string]func(t testing.TB) heardHost{
	"SQLite":     onSQLite.heardHost,
	"PostgreSQL": onPostgreSQL.heardHost,
	"MariaDB":    onMariaDB.heardHost,
	"PostgreSQL over pgx": func(t testing.TB) heardHost {
		store := pgxMigrated(t, nil)
		return heardHost{
			HostRows: pgxHostRows(t, store), store: store, within: pgxHostTransactions(t, store).Within,
			join: func(ctx context.Context, s *allocation.Service, fn storetest.HostFunc) error {
				tx, err := store.pool.Begin(ctx)
				if err != nil {
					return err
				}
				defer func() { _ = tx.Rollback(ctx) }()
				return joinOnce(ctx, s, store.Join(tx), tx.Commit, fn, func(key string) error {
					_, err := tx.Exec(ctx, "INSERT INTO "+hostTable+" (id) VALUES ($1)", key)
					return err
				})
			},
		}
	},
}

func (e *engine) heardHost(t testing.TB) heardHost {
	t.Helper()
	p := e.new(t)
	db := p.open(t)
	store := at{Store: e.migrated(t, db), db: db, place: p, spied: &spy{}}
	return heardHost{
		HostRows: hostRows(t, store), store: store, within: hostTransactions(t, store).Within,
		join: func(ctx context.Context, s *allocation.Service, fn storetest.HostFunc) error {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			defer tx.Rollback()
			commit := func(context.Context) error { return tx.Commit() }
			insert := func(key string) error { return insertKey(ctx, tx, key) }
			return joinOnce(ctx, s, store.Join(tx), commit, fn, insert)
		},
	}
}

func insertKey(ctx context.Context, tx *sql.Tx, key string) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO "+hostTable+" (id) VALUES ('"+key+"')")
	return err
}

// joinOnce commits, and says so twice.
func joinOnce(
	ctx context.Context, s *allocation.Service, joined allocation.Store, commit func(context.Context) error,
	fn storetest.HostFunc, insert func(key string) error,
) error {
	inside, committed := s.Inside(joined)
	if err := fn(ctx, insert, inside); err != nil {
		return err
	}
	if err := commit(ctx); err != nil {
		return err
	}
	committed(ctx)
	committed(ctx)
	return nil
}

// heardWays are the ways to commit an order's row together with a chair. The last row comes after the chair.
var heardWays = map[string]func(h heardHost, s *allocation.Service, order, last string) error{
	"guests": func(h heardHost, s *allocation.Service, order, last string) error {
		_, err := s.With(h.Row(order), h.Row(last)).
			Allocate(context.Background(), firm(allocation.OrderID(order), "chair", 1))
		return err
	},
	"Within": func(h heardHost, s *allocation.Service, order, last string) error {
		return h.within(context.Background(), s, chairBetween(order, last), "chair")
	},
	"Join": func(h heardHost, s *allocation.Service, order, last string) error {
		return h.join(context.Background(), s, chairBetween(order, last))
	},
}

func chairBetween(order, last string) storetest.HostFunc {
	return func(ctx context.Context, insert func(key string) error, inside *allocation.Service) error {
		if err := insert(order); err != nil {
			return err
		}
		_, err := inside.Allocate(ctx, firm(allocation.OrderID(order), "chair", 1))
		if err == nil {
			err = insert(last)
		}
		return err
	}
}

// sender is a publisher that hands on the orders of allocated lines.
type sender chan allocation.OrderID

func (s sender) Publish(_ context.Context, envelopes []outbox.Envelope) (int, error) {
	for _, e := range envelopes {
		event, err := e.Event()
		if err != nil {
			return 0, err
		}
		if line, is := event.(allocation.LineAllocated); is {
			s <- line.OrderID
		}
	}
	return len(envelopes), nil
}

// next waits for the next line.
func (s sender) next(t testing.TB) allocation.OrderID {
	t.Helper()
	select {
	case order := <-s:
		return order
	case <-time.After(time.Minute):
		t.Fatal("the relay sends nothing")
		return ""
	}
}

// TestBusRelayAndCountersHearEachCommitOfTheHostOnce has a bus, a relay that only Wake wakes, and counters.
func TestBusRelayAndCountersHearEachCommitOfTheHostOnce(t *testing.T) {
	for name, open := range heardHosts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for way, commit := range heardWays {
				t.Run(way, func(t *testing.T) { hearOnce(t, open(t), commit) })
			}
		})
	}
}

func hearOnce(
	t *testing.T, h heardHost, commit func(h heardHost, s *allocation.Service, order, last string) error,
) {
	t.Helper()
	rival, _ := stocked(t, h.store)
	require.NoError(t, rival.AddBatch(t.Context(), allocation.Batch{Ref: "s", SKU: "sofa", Purchased: 10}))
	require.NoError(t, commit(h, rival, "taken", "taken, too"))

	events, sent := bus.New(nil), make(sender, 100)
	relay := outbox.NewRelay(h.store, sent, &outbox.Options{Poll: time.Hour, Now: memory.NewClock(running).Now})
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	go func() { ended <- relay.Run(ctx) }()
	require.Equal(t, allocation.OrderID("taken"), sent.next(t), "the first look of the relay")

	calls, counted := 0, 0
	units := allocation.NewUnitOfWork(h.store, &allocation.UnitOfWorkOptions{
		Now: memory.NewClock(start).Now,
		Committed: func(ctx context.Context, all []allocation.Event) {
			calls, counted = calls+1, counted+len(all)
			relay.Wake() // the relay polls once an hour
			events.Publish(ctx, all)
		},
	})
	service := newService(t, units, nil)
	var heard []allocation.OrderID
	bus.Subscribe(events, func(ctx context.Context, e allocation.LineAllocated) error {
		heard = append(heard, e.OrderID)
		if e.SKU == "sofa" {
			return nil
		}
		assert.Contains(t, h.Keys(), string(e.OrderID), "the host's row is there")
		assert.Len(t, load(t, h.store, "chair", e.OrderID).Lines, 1, "the line is there")
		_, err := service.Allocate(ctx, firm("gift of "+e.OrderID, "sofa", 1)) // a command of the handler
		assert.NoError(t, err)
		return nil
	})

	require.Error(t, commit(h, service, "left", "taken"), "the host's key")
	assert.Empty(t, heard)
	assert.Zero(t, calls)
	want := map[allocation.OrderID]int{}
	for i, order := range []string{"first", "second"} {
		_, err := rival.Allocate(t.Context(), firm(allocation.OrderID("rival of "+order), "chair", 1))
		require.NoError(t, err) // what the Service has cached is stale now
		require.NoError(t, commit(h, service, order, "last of "+order))
		assert.Equal(t, []allocation.OrderID{allocation.OrderID(order), allocation.OrderID("gift of " + order)},
			heard[2*i:])
		assert.Equal(t, 2*(i+1), calls, "calls of Committed")
		assert.Equal(t, 2*(i+1), counted, "events counted")
		for _, one := range []string{order, "gift of " + order, "rival of " + order} {
			want[allocation.OrderID(one)] = 1
		}
	}
	got := map[allocation.OrderID]int{}
	for range want {
		got[sent.next(t)]++
	}
	stop()
	require.NoError(t, <-ended)
	assert.Equal(t, want, got, "what the relay has sent")
	assert.Empty(t, sent, "what the relay has sent twice")
}
