package dbtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
	"github.com/cosmic-go/allocation/outbox"
	"github.com/cosmic-go/allocation/pgxstore"
	"github.com/cosmic-go/allocation/sqlstore"
	"github.com/cosmic-go/allocation/views"
)

// failoversVariable is the number of failovers of each of four ways to connect, see make failover. By default there is
// one failover of each of three ways.
const failoversVariable = "ALLOCATION_FAILOVERS"

// shopStore is what a shop needs of a store.
type shopStore interface {
	allocation.Store
	allocation.Ledger
	outbox.Store
	outbox.Maintainer
	views.Reader
	Migrate(ctx context.Context) error
	CheckSchema(ctx context.Context) error
}

// wayToBoth is a way to connect to a primary and a standby.
type wayToBoth struct {
	name   string
	suffix string // of the DSN
	open   func(t *testing.T, dsn string) shopStore
}

const writable = "&target_session_attrs=read-write"

func overSQL(t *testing.T, dsn string) shopStore {
	connector, err := onPostgreSQL.connector(dsn)
	require.NoError(t, err)
	db := opened(t, connector)
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	store, err := sqlstore.New(db, sqlstore.PostgreSQL, nil)
	require.NoError(t, err)
	return store
}

func overPgx(t *testing.T, dsn string) shopStore {
	return pgxReach(t, dsn, &pgxstore.Options{Notify: true}, func(c *pgxpool.Config) { c.MaxConns = 8 }).Store
}

var waysToBoth = []wayToBoth{
	{"database/sql, any server", "", overSQL},
	{"pgx, any server", "", overPgx},
	{"database/sql, read-write", writable, overSQL},
	{"pgx, read-write", writable, overPgx},
}

// TestAFailoverLosesNothing kills the primary under load, and promotes the standby. Buyers, suppliers, a sweep and a
// relay follow by the DSN. In the end an asynchronous standby shows that the check finds lost commands.
func TestAFailoverLosesNothing(t *testing.T) {
	pair := servers.DedicatedPair(t, &servers.Options{Fast: true})
	ways, failovers := waysToBoth[:3], 1
	if text := os.Getenv(failoversVariable); text != "" {
		var err error
		failovers, err = strconv.Atoi(text)
		require.NoError(t, err)
		ways = waysToBoth
	}
	rejoin := func(*testing.T) {} // after the first failover
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			for range failovers {
				rejoin(t)
				failover(t, pair, way)
				rejoin = func(t *testing.T) { require.NoError(t, pair.Rejoin(t.Context())) }
			}
		})
	}
	t.Run("an asynchronous standby loses", func(t *testing.T) {
		rejoin(t)
		loss(t, pair)
	})
}

// loss is the control: the check finds commands that were acknowledged by a primary without a synchronous standby.
func loss(t *testing.T, pair *servers.Pair) {
	ctx := t.Context()
	s := openedMarket(t, pair, waysToBoth[0])
	s.await(t, 50)
	require.NoError(t, pair.Detach(ctx))
	s.await(t, 50)
	require.NoError(t, pair.Failover(ctx))
	s.await(t, 10)
	s.close()
	lost := 0
	for _, d := range s.done {
		if s.fault(ctx, t, d) != "" {
			lost++
		}
	}
	t.Logf("%d of %d acknowledged commands are lost", lost, len(s.done))
	assert.Positive(t, lost, "acknowledged commands that the check finds lost")
}

// openedMarket is a market in a new database, with everybody at work.
func openedMarket(t *testing.T, pair *servers.Pair, way wayToBoth) *market {
	ctx := t.Context()
	database, err := pair.Primary().CreateDatabase(ctx)
	require.NoError(t, err)
	store := way.open(t, pair.DSN(database.DSN)+way.suffix)
	require.NoError(t, store.Migrate(ctx))
	s := newMarket(t, store)
	s.open(ctx)
	return s
}

func failover(t *testing.T, pair *servers.Pair, way wayToBoth) {
	s := openedMarket(t, pair, way)
	s.await(t, 100)
	require.NoError(t, pair.Failover(t.Context()))
	s.await(t, 100)
	s.close()
	s.check(t)
}

// market is a load whose every answer is known.
type market struct {
	store     shopStore
	service   *allocation.Service
	publisher *collector
	relay     *outbox.Relay
	closing   context.CancelFunc
	working   sync.WaitGroup

	mu       sync.Mutex
	done     []deal
	units    map[allocation.SKU]allocation.Quantity // of acknowledged batches
	strange  []error
	progress *sync.Cond
}

// deal is a command of a buyer, with its final answer.
type deal struct {
	request allocation.Request
	answer  allocation.Allocation
	refused bool
}

var shopSKUs = []allocation.SKU{"plenty", "rare"}

func newMarket(t *testing.T, store shopStore) *market {
	s := &market{
		store: store, publisher: &collector{events: map[allocation.SKU][]int64{}},
		units: map[allocation.SKU]allocation.Quantity{},
	}
	s.progress = sync.NewCond(&s.mu)
	s.relay = outbox.NewRelay(store, s.publisher, &outbox.Options{
		Poll: 10 * time.Millisecond, Lease: 300 * time.Millisecond,
	})
	s.service = newService(t, allocation.NewUnitOfWork(store, nil), nil)
	s.add(t.Context(), allocation.Batch{Ref: "plenty-0", SKU: "plenty", Purchased: 1_000_000})
	s.add(t.Context(), allocation.Batch{Ref: "rare-0", SKU: "rare", Purchased: 5})
	return s
}

// open lets everybody work until close.
func (s *market) open(ctx context.Context) {
	ctx, s.closing = context.WithCancel(ctx)
	for buyer := range 6 {
		s.working.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				s.buy(ctx, buyer, n)
			}
		})
	}
	s.working.Go(func() {
		for n := 1; ctx.Err() == nil; n++ {
			s.add(ctx, allocation.Batch{Ref: allocation.BatchRef(fmt.Sprint("rare-", n)), SKU: "rare", Purchased: 3})
			harness.Rest(ctx, 20*time.Millisecond)
		}
	})
	s.working.Go(func() {
		for ctx.Err() == nil {
			_, err := s.service.Sweep(ctx)
			s.judge(ctx, err)
			harness.Rest(ctx, 20*time.Millisecond)
		}
	})
	s.working.Go(func() { _ = s.relay.Run(ctx) })
}

// close ends all work. A command under way has no final answer then, and counts as none.
func (s *market) close() {
	s.closing()
	s.working.Wait()
}

// await waits for so many more deals.
func (s *market) await(t *testing.T, more int) {
	stop := context.AfterFunc(t.Context(), s.progress.Broadcast)
	defer stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for until := len(s.done) + more; len(s.done) < until && t.Context().Err() == nil; {
		s.progress.Wait()
	}
}

// buy repeats a command until its answer is final.
func (s *market) buy(ctx context.Context, buyer, n int) {
	order := allocation.OrderID(fmt.Sprintf("order-%d-%d", buyer, n))
	r := firm(order, shopSKUs[n%2], allocation.Quantity(1+n%3))
	r.Wait = n%2 == 1 // for what is rare
	if n%5 == 0 {
		r.HoldFor = 30 * time.Millisecond
	}
	for ctx.Err() == nil {
		answers, err := s.service.Allocate(ctx, r)
		var short *allocation.OutOfStockError
		if err == nil || errors.As(err, &short) {
			d := deal{request: r, refused: err != nil}
			if err == nil {
				d.answer = answers[0]
			}
			s.mu.Lock()
			s.done = append(s.done, d)
			s.mu.Unlock()
			s.progress.Broadcast()
			return
		}
		s.judge(ctx, err)
		harness.Rest(ctx, 5*time.Millisecond)
	}
}

// add repeats an announcement until the answer is final.
func (s *market) add(ctx context.Context, b allocation.Batch) {
	for ctx.Err() == nil {
		err := s.service.AddBatch(ctx, b)
		if err == nil {
			s.mu.Lock()
			s.units[b.SKU] += b.Purchased
			s.mu.Unlock()
			return
		}
		s.judge(ctx, err)
		harness.Rest(ctx, 5*time.Millisecond)
	}
}

// judge keeps an error that a failover doesn't explain.
func (s *market) judge(ctx context.Context, err error) {
	if err == nil || ctx.Err() != nil || isOfServer(err) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.strange = append(s.strange, err)
}

// isOfServer reports whether an error may come of a lost connection, or of a server that is down, starts or refuses
// writes.
func isOfServer(err error) bool {
	for _, decided := range []error{
		allocation.ErrInvalid, allocation.ErrNotFound, allocation.ErrMismatch, allocation.ErrNotAllowed,
		allocation.ErrLapsed, allocation.ErrNotLoaded, allocation.ErrDuplicate,
	} {
		if errors.Is(err, decided) {
			return false
		}
	}
	var answer *pgconn.PgError
	return errors.Is(err, allocation.ErrUnknownOutcome) || errors.Is(err, allocation.ErrConflict) ||
		!errors.As(err, &answer) || strings.HasPrefix(answer.Code, "57P")
}

// collector is a publisher that notes the numbers of events.
type collector struct {
	mu     sync.Mutex
	events map[allocation.SKU][]int64
}

func (c *collector) Publish(_ context.Context, envelopes []outbox.Envelope) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range envelopes {
		c.events[e.Subject] = append(c.events[e.Subject], e.Sequence)
	}
	return len(envelopes), nil
}

// check compares all answers with the database, after a last round of the relay.
func (s *market) check(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	assert.Empty(t, s.strange, "errors that a failover doesn't explain")
	s.drain(ctx, t)
	placed := map[allocation.OrderID]int{} // LineAllocated events of each order
	kinds := map[string]int{}
	for _, sku := range shopSKUs {
		audit, err := s.service.Reconcile(ctx, sku)
		require.NoError(t, err)
		assert.False(t, audit.Drifted(), "%+v", audit)
		events, missing, err := harness.Events(ctx, s.store, sku)
		require.NoError(t, err)
		assert.Empty(t, missing, "events of %q that are missing", sku)
		var announced allocation.Quantity
		for _, event := range events {
			kinds[event.Kind()]++
			switch e := event.(type) {
			case allocation.BatchAdded:
				announced += e.Quantity
			case allocation.LineAllocated:
				placed[e.OrderID]++
			}
		}
		assert.GreaterOrEqual(t, announced, s.units[sku], "units of acknowledged batches of %q", sku)
		s.checkSent(t, sku, int64(len(events)))
	}
	assert.Positive(t, kinds["LineWaiting"], "lines that waited")
	assert.Positive(t, kinds["HoldLapsed"], "holds that lapsed")
	for _, d := range s.done {
		if d.request.HoldFor == 0 { // a command that is repeated after its hold has lapsed is given units again
			assert.LessOrEqual(t, placed[d.request.OrderID], 1, "how often %+v was given units", d.request)
		}
		assert.Empty(t, s.fault(ctx, t, d))
	}
}

// drain lets the relay send the rest.
func (s *market) drain(ctx context.Context, t *testing.T) {
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { _ = s.relay.Run(ctx) })
	defer running.Wait()
	defer stop()
	for {
		backlog, err := s.store.Backlog(ctx)
		require.NoError(t, err)
		if backlog.Events == 0 {
			return
		}
		harness.Rest(ctx, 10*time.Millisecond)
	}
}

// checkSent checks that all events were sent, and that none was sent before its predecessor.
func (s *market) checkSent(t *testing.T, sku allocation.SKU, last int64) {
	var sent int64
	for _, number := range s.publisher.events[sku] {
		require.LessOrEqual(t, number, sent+1, "an event of %q was passed over", sku)
		sent = max(sent, number)
	}
	assert.Equal(t, last, sent, "the last event of %q that was sent", sku)
}

// fault says in which way a line is neither as its buyer was answered, nor as the passing of time can have made the
// line since; "" for none.
func (s *market) fault(ctx context.Context, t *testing.T, d deal) string {
	lines, err := s.store.Order(ctx, d.request.OrderID)
	require.NoError(t, err)
	var units, waits allocation.Quantity
	for _, line := range lines {
		units, waits = units+line.Quantity, waits+line.Waiting
	}
	wanted := d.request.Quantity
	fits := units+waits == wanted && (d.answer.Waiting > 0 || waits == 0)
	switch {
	case d.refused:
		fits = units+waits == 0
	case d.request.HoldFor > 0:
		fits = units+waits <= wanted
	}
	if fits {
		return ""
	}
	return fmt.Sprintf("order %q, refused %t, answered %+v, has %d units, and %d to come",
		d.request.OrderID, d.refused, d.answer, units, waits)
}
