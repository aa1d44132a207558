package dbtest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/pgxstore"
)

// crashPool is how many connections are idle when a server crashes: more than the callers use up while it is down.
const crashPool = 60

// crashers are the ways to a server that crashes. By default pgx asks the server on a connection that was idle for a
// second whether the connection lives; the test does without, as if every server were back within the second.
var crashers = []struct {
	name    string
	server  *servers.Engine
	locking bool // some callers lock
	open    func(t *testing.T, dsn string) (store shopStore, fill func())
}{
	{"PostgreSQL", servers.PostgreSQL, true, func(t *testing.T, dsn string) (shopStore, func()) {
		config, err := pgx.ParseConfig(dsn)
		require.NoError(t, err)
		return crashSQL(t, onPostgreSQL, stdlib.GetConnector(*config, stdlib.OptionShouldPing(
			func(context.Context, stdlib.ShouldPingParams) bool { return false })))
	}},
	// Callers that lock would use up the dead connections while the server is down: pgx says of a BEGIN on a dead
	// connection that nothing was sent, and the store tries the next connection.
	{"PostgreSQL over pgx", servers.PostgreSQL, false, func(t *testing.T, dsn string) (shopStore, func()) {
		at := pgxReach(t, dsn, &pgxstore.Options{}, func(c *pgxpool.Config) {
			c.MaxConns = crashPool
			c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec // a lost PREPARE would be sent again
			c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
		})
		return at.Store, func() {
			var taken []*pgxpool.Conn
			for range crashPool {
				conn, err := at.pool.Acquire(t.Context())
				require.NoError(t, err)
				taken = append(taken, conn)
			}
			for _, conn := range taken {
				conn.Release()
			}
		}
	}},
	{"MariaDB", servers.MariaDB, true, func(t *testing.T, dsn string) (shopStore, func()) {
		connector, err := onMariaDB.connector(dsn)
		require.NoError(t, err)
		return crashSQL(t, onMariaDB, connector)
	}},
}

func crashSQL(t *testing.T, e *engine, connector driver.Connector) (store shopStore, fill func()) {
	db := opened(t, connector)
	t.Cleanup(func() { _ = db.Close() }) // before the Close that demands no error: connections died with the server
	db.SetMaxOpenConns(crashPool)
	db.SetMaxIdleConns(crashPool)
	return e.store(t, db, nil), func() {
		var taken []*sql.Conn
		for range crashPool {
			conn, err := db.Conn(t.Context())
			require.NoError(t, err)
			taken = append(taken, conn)
		}
		for _, conn := range taken {
			require.NoError(t, conn.Close())
		}
	}
}

// A server is killed under load and starts again. Commands of the time in between have done nothing and say so, and
// once the server is back no caller gets an error, though the pool is full of dead connections.
func TestACrashedServerThatIsBackFailsNobody(t *testing.T) {
	for _, way := range crashers {
		t.Run(way.name, func(t *testing.T) {
			server := servers.Dedicated(t, way.server, &servers.Options{Fast: true})
			store, fill := way.open(t, server.Database(t))
			require.NoError(t, store.Migrate(t.Context()))
			c := newCrash(t, store)
			if !way.locking {
				c.locking = c.plain
			}
			c.work(t.Context())
			c.each(c.started)
			fill()
			require.NoError(t, server.Kill())
			c.each(c.failed)
			close(c.down)
			c.each(c.failed)
			require.NoError(t, server.Start(t.Context()))
			close(c.back)
			c.working.Wait()
			c.check(t)
		})
	}
}

const (
	crashCallers = 6
	crashRepeats = 20 // of each caller, after the crash
)

// moment is when a command began.
type moment string

const (
	living moment = "before the crash"
	dead   moment = "after the crash"
	back   moment = "after the restart"
)

// crash is the load before, during and after a crash.
type crash struct {
	store           shopStore
	plain, locking  *allocation.Service
	started, failed chan struct{} // one signal of each caller
	down, back      chan struct{} // closed when the server is down, and up again
	working         sync.WaitGroup

	mu      sync.Mutex
	answers []crashAnswer
}

// crashAnswer is the answer to an order.
type crashAnswer struct {
	order allocation.OrderID
	began moment
	err   error
}

func newCrash(t *testing.T, store shopStore) *crash {
	c := &crash{
		store: store, started: make(chan struct{}, crashCallers), failed: make(chan struct{}, crashCallers),
		down: make(chan struct{}), back: make(chan struct{}),
	}
	c.plain = newService(t, allocation.NewUnitOfWork(store, nil), nil)
	c.locking = newService(t, allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{LockFirst: true}), nil)
	for i := range crashCallers {
		sku := crashSKU(i)
		batch := allocation.Batch{Ref: allocation.BatchRef(sku), SKU: sku, Purchased: 1_000_000}
		require.NoError(t, c.plain.AddBatch(t.Context(), batch))
	}
	return c
}

func crashSKU(caller int) allocation.SKU { return allocation.SKU(fmt.Sprint("sku-", caller)) }

// each waits for a signal of each caller.
func (c *crash) each(signal chan struct{}) {
	for range crashCallers {
		<-signal
	}
}

// work lets callers place orders: until the first error, once while the server is down, and more often when the server
// is back. Some callers lock.
func (c *crash) work(ctx context.Context) {
	for caller := range crashCallers {
		service := c.plain
		if caller%3 == 0 {
			service = c.locking
		}
		c.working.Go(func() {
			n := 0
			for ; c.step(ctx, service, caller, n, living) == nil; n++ {
				if n == 5 {
					c.started <- struct{}{}
				}
			}
			c.failed <- struct{}{}
			<-c.down
			_ = c.step(ctx, service, caller, n+1, dead)
			c.failed <- struct{}{}
			<-c.back
			for more := range crashRepeats {
				_ = c.step(ctx, service, caller, n+2+more, back)
			}
		})
	}
}

// step places an order and reads a page.
func (c *crash) step(ctx context.Context, service *allocation.Service, caller, n int, began moment) error {
	order := allocation.OrderID(fmt.Sprintf("order-%d-%d", caller, n))
	_, err := service.Allocate(ctx, firm(order, crashSKU(caller), 1))
	if _, unread := c.store.Order(ctx, order); unread != nil && began == back {
		err = errors.Join(err, fmt.Errorf("a page: %w", unread))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers = append(c.answers, crashAnswer{order, began, err})
	return err
}

// check compares the answers with the database.
func (c *crash) check(t *testing.T) {
	met := map[moment]int{}
	for _, a := range c.answers {
		lines, err := c.store.Order(context.Background(), a.order)
		require.NoError(t, err)
		if a.err == nil {
			assert.NotEqual(t, dead, a.began, "order %q, acknowledged by a dead server", a.order)
			assert.Len(t, lines, 1, "lines of the acknowledged order %q", a.order)
			continue
		}
		met[a.began]++
		if a.began == living && errors.Is(a.err, allocation.ErrUnknownOutcome) {
			continue // the commit may have been sent
		}
		assert.NotErrorIs(t, a.err, allocation.ErrUnknownOutcome, "order %q, %s", a.order, a.began)
		assert.Empty(t, lines, "lines of order %q, which failed with %v", a.order, a.err)
		if a.began == back {
			require.NoError(t, a.err, "order %q, %s", a.order, a.began)
		}
	}
	assert.Equal(t, crashCallers, met[living], "commands that met the crash")
	assert.Equal(t, crashCallers, met[dead], "commands that met the dead server")
}
