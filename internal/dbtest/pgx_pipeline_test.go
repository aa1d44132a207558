package dbtest

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
	"github.com/cosmic-go/allocation/storetest"
)

// pgxShop is a host with a table of its own beside a store over pgx with 1,000 chairs.
type pgxShop struct {
	pgxAt
	storetest.HostRows
	service *allocation.Service
}

func newPgxShop(t *testing.T, settings ...func(*pgxpool.Config)) pgxShop {
	t.Helper()
	store := pgxMigrated(t, nil, settings...)
	service, _ := serviceOn(t, store)
	ctx := context.Background()
	require.NoError(t, service.AddBatch(ctx, allocation.Batch{Ref: "b", SKU: "chair", Purchased: 1000}))
	_, err := service.Allocate(ctx, firm("first", "chair", 1)) // the chairs are cached from here on
	require.NoError(t, err)
	return pgxShop{pgxAt: store, HostRows: pgxHostRows(t, store), service: service}
}

// place allocates a chair with guests.
func (s pgxShop) place(ctx context.Context, order string, guests ...allocation.Guest) error {
	_, err := s.service.With(guests...).Allocate(ctx, firm(allocation.OrderID(order), "chair", 1))
	return err
}

// want compares the host's rows, and the orders that have a line.
func (s pgxShop) want(t *testing.T, rows, orders []string) {
	t.Helper()
	assert.ElementsMatch(t, rows, s.Keys(), "rows of the host")
	answer, err := s.pool.Query(context.Background(), "SELECT order_id FROM allocation_lines WHERE order_id <> 'first'")
	require.NoError(t, err)
	lines, err := pgx.CollectRows(answer, pgx.RowTo[string])
	require.NoError(t, err)
	assert.ElementsMatch(t, orders, lines, "orders with a line")
}

// sentTexts collects what pgx sends: a batch as one entry, and apart from that the statements of all batches.
type sentTexts struct {
	mu      sync.Mutex
	texts   []string
	batched []string
}

func (s *sentTexts) add(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts = append(s.texts, text)
}

func (s *sentTexts) TraceQueryStart(
	ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData,
) context.Context {
	s.add(data.SQL)
	return ctx
}

func (s *sentTexts) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (s *sentTexts) TraceBatchStart(
	ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData,
) context.Context {
	s.add("batch of " + strconv.Itoa(data.Batch.Len()))
	return ctx
}

func (s *sentTexts) TraceBatchQuery(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batched = append(s.batched, data.SQL)
}

func (s *sentTexts) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

func TestACommitWithGuestsOverPgxIsOneRoundTrip(t *testing.T) {
	sent := &sentTexts{}
	s := newPgxShop(t, func(c *pgxpool.Config) { c.ConnConfig.Tracer = sent })
	sent.texts = nil
	require.NoError(t, s.place(t.Context(), "o", s.Row("a"), s.Row("bb")))
	assert.Equal(t, []string{"batch of 3"}, sent.texts)
	s.want(t, []string{"a", "bb"}, []string{"o"})
}

func TestEveryStatementOfAPipelineIsInTheGoldenFile(t *testing.T) {
	sent := &sentTexts{}
	s := newPgxShop(t, func(c *pgxpool.Config) { c.ConnConfig.Tracer = sent })
	require.NoError(t, s.place(t.Context(), "plain", s.Row("a")))
	held := firm("held", "chair", 1)
	held.HoldUntil = start.Add(time.Hour)
	_, err := s.service.With(s.Row("b")).Allocate(t.Context(), held)
	require.NoError(t, err)
	_, errs := s.service.With(s.Row("c"), s.Row("d")).AllocateEach(t.Context(),
		[][]allocation.Request{{firm("one", "chair", 1)}, {firm("two", "chair", 1)}})
	require.Equal(t, []error{nil, nil}, errs)

	g, names := readGolden("postgresql", sqlstore.PostgreSQL), map[string]bool{}
	for _, text := range sent.batched {
		if name, known := g.whole[normal(text)]; known {
			names[name] = true
		} else {
			assert.Contains(t, text, hostTable, "a statement that is not in sqlstore/testdata")
		}
	}
	for _, name := range g.whole {
		assert.Equal(t, strings.HasSuffix(name, inPipeline), names[name], "a pipeline sends %q", name)
	}
}

func TestALostRaceOverPgxLeavesNoGuest(t *testing.T) {
	s := newPgxShop(t)
	other, _ := serviceOn(t, pgxReach(t, s.dsn, nil))
	_, err := other.Allocate(t.Context(), firm("other", "chair", 1)) // the cached chairs of s are stale now
	require.NoError(t, err)
	require.NoError(t, s.place(t.Context(), "o", s.Row("a")))
	s.want(t, []string{"a"}, []string{"other", "o"})

	states, err := s.Load(t.Context(), allocation.Query{SKUs: []allocation.SKU{"chair"}})
	require.NoError(t, err)
	version := states[0].Version
	stale := []allocation.Changes{{SKU: "chair", Read: version - 1, Version: version}}
	require.ErrorIs(t, s.CommitWith(t.Context(), stale, []allocation.Guest{s.Row("b")}), allocation.ErrConflict)
	s.want(t, []string{"a"}, []string{"other", "o"})
}

// TestAGuestOverPgxThatFails has guests that fail at each step of a pipeline: while pgx encodes arguments or prepares
// statements, on the server, and at the commit.
func TestAGuestOverPgxThatFails(t *testing.T) {
	s := newPgxShop(t)
	ctx := t.Context()
	for _, text := range []string{
		"CREATE TABLE parents (id INT PRIMARY KEY)",
		"CREATE TABLE children (id INT REFERENCES parents DEFERRABLE INITIALLY DEFERRED)",
	} {
		_, err := s.pool.Exec(ctx, text)
		require.NoError(t, err)
	}
	for name, guest := range map[string]allocation.Guest{
		"syntax":    sqlstore.Statement{SQL: "INSERT INTO"},
		"table":     sqlstore.Row{Insert: "INSERT INTO missing (id)", Values: []any{1}},
		"argument":  sqlstore.Row{Insert: "INSERT INTO parents (id)", Values: []any{"many"}},
		"type":      sqlstore.Row{Insert: "INSERT INTO parents (id)", Values: []any{struct{ x chan int }{}}},
		"panic":     sqlstore.Row{Insert: "INSERT INTO parents (id)", Values: []any{angry{}}},
		"number":    sqlstore.Statement{SQL: "INSERT INTO parents VALUES ($1)", Args: []any{1, 2, 3}},
		"check":     sqlstore.Statement{SQL: "SELECT 1 / 0"},
		"logarithm": sqlstore.Statement{SQL: "SELECT ln(0)"},
		"elsewhere": sqlstore.Statement{SQL: "INSERT INTO elsewhere.public.orders VALUES (1)"},
		"foreign":   raising("08001"), // a server behind the server can't be reached
		"internal":  raising("XX000"),
	} {
		for _, before := range [][]allocation.Guest{nil, {s.Row("x"), s.Row("yy")}} {
			t.Run(name+" behind "+strconv.Itoa(len(before)), func(t *testing.T) {
				err := s.place(ctx, "o", append(before, guest)...)
				var typed *allocation.Error
				require.ErrorAs(t, err, &typed)
				assert.Equal(t, "guest", typed.Field)
				assert.Equal(t, len(before), typed.Value)
				require.NotErrorIs(t, err, allocation.ErrConflict)
				require.NotErrorIs(t, err, allocation.ErrUnknownOutcome)
				s.want(t, nil, nil)
			})
		}
	}
	t.Run("deferred", func(t *testing.T) {
		err := s.place(ctx, "o", sqlstore.Row{Insert: "INSERT INTO children (id)", Values: []any{1}}, s.Row("x"))
		var answer *pgconn.PgError
		require.ErrorAs(t, err, &answer)
		assert.Equal(t, "23503", answer.Code)
		require.NotErrorIs(t, err, allocation.ErrUnknownOutcome)
		s.want(t, nil, nil)
	})
	t.Run("none", func(t *testing.T) {
		lock := sqlstore.Statement{SQL: "LOCK TABLE parents"} // needs BEGIN
		named := sqlstore.Statement{
			SQL: "INSERT INTO " + hostTable + " VALUES (@key)", Args: []any{pgx.NamedArgs{"key": "z"}},
		}
		require.NoError(t, s.place(ctx, "o", s.Row("x"), lock, named))
		s.want(t, []string{"x", "z"}, []string{"o"})
	})
}

// raising is a guest that fails with a state.
func raising(state string) sqlstore.Statement {
	return sqlstore.Statement{SQL: "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '" + state + "'; END $$"}
}

// angry is an argument that panics.
type angry struct{}

func (angry) Value() (any, error) { panic("no value") }

func TestCallersOverPgxShareACommitAndFailAlone(t *testing.T) {
	sent := &sentTexts{}
	s := newPgxShop(t, func(c *pgxpool.Config) { c.ConnConfig.Tracer = sent })
	var callers sync.WaitGroup
	var rows, orders []string
	for i := range 64 {
		order := "o" + strconv.Itoa(i)
		guests := []allocation.Guest{s.Row(order)}
		if i%8 == 0 {
			guests = append(guests, sqlstore.Statement{SQL: "SELECT 1 / 0"})
		} else {
			rows, orders = append(rows, order), append(orders, order)
		}
		callers.Go(func() {
			err := s.place(context.Background(), order, guests...)
			if i%8 != 0 {
				assert.NoError(t, err)
				return
			}
			var answer *pgconn.PgError
			if assert.ErrorAs(t, err, &answer) {
				assert.Equal(t, "22012", answer.Code)
			}
		})
	}
	callers.Wait()
	s.want(t, rows, orders)
}

// answering are the modes of pgx in which the next answer is that of the commit.
var answering = []pgx.QueryExecMode{
	pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe,
	pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
}

// TestALostAnswerIsAnUnknownOutcomeOverPgx cuts the connection when the answer to a commit is about to be read, with
// and without a guest. In some modes pgx then says that nothing was sent.
func TestALostAnswerIsAnUnknownOutcomeOverPgx(t *testing.T) {
	for _, mode := range answering {
		t.Run(mode.String(), func(t *testing.T) {
			var cut atomic.Bool
			s := newPgxShop(t, inMode(mode), func(c *pgxpool.Config) { deafen(c.ConnConfig, &cut) })
			ctx := t.Context()
			require.NoError(t, s.place(ctx, "o", s.Row("a"))) // prepared and cached
			cut.Store(true)
			require.ErrorIs(t, s.place(ctx, "p", s.Row("b")), allocation.ErrUnknownOutcome)
			require.NoError(t, s.place(ctx, "p", s.Row("b"))) // a repeat carries out the guest at most once
			require.NoError(t, s.place(ctx, "q"))
			cut.Store(true)
			require.ErrorIs(t, s.place(ctx, "r"), allocation.ErrUnknownOutcome)
			require.NoError(t, s.place(ctx, "r"))
			require.False(t, cut.Load())
			s.want(t, []string{"a", "b"}, []string{"o", "p", "q", "r"})
		})
	}
}

// TestALostAnswerIsAnUnknownOutcomeOverDatabaseSQL is the same with the driver of pgx, and without guests.
func TestALostAnswerIsAnUnknownOutcomeOverDatabaseSQL(t *testing.T) {
	for _, mode := range answering {
		t.Run(mode.String(), func(t *testing.T) {
			p := onPostgreSQL.new(t)
			healthy := p.migrated(t, p.open(t))
			_, _ = stocked(t, healthy)
			config, err := pgx.ParseConfig(p.dsn)
			require.NoError(t, err)
			config.DefaultQueryExecMode = mode
			var cut atomic.Bool
			deafen(config, &cut)
			service, _ := serviceOn(t, p.store(t, opened(t, stdlib.GetConnector(*config)), nil))
			for _, order := range []allocation.OrderID{"a", "b"} { // prepared and cached
				_, err = service.Allocate(t.Context(), firm(order, "chair", 1))
				require.NoError(t, err)
			}
			cut.Store(true)
			_, err = service.Allocate(t.Context(), firm("c", "chair", 1))
			require.ErrorIs(t, err, allocation.ErrUnknownOutcome)
			assert.Len(t, load(t, healthy, "chair", "c").Lines, 1, "the commit has happened")
		})
	}
}

// deafen makes the connections of a configuration lose the next answer when cut is set.
func deafen(c *pgx.ConnConfig, cut *atomic.Bool) {
	dial := c.DialFunc
	c.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		return deaf{conn, cut}, err
	}
}

// deaf is a connection that loses the next answer and ends when cut is set.
type deaf struct {
	net.Conn
	cut *atomic.Bool
}

var errDeaf = errors.New("the connection is cut")

func (d deaf) Read(b []byte) (int, error) {
	n, err := d.Conn.Read(b)
	if d.cut.CompareAndSwap(true, false) {
		_ = d.Close()
		return 0, errDeaf
	}
	return n, err
}

// TestAContextThatEndsDuringAPipelineOverPgx ends the context of a commit whose guest waits for a row of somebody else.
func TestAContextThatEndsDuringAPipelineOverPgx(t *testing.T) {
	s := newPgxShop(t)
	background := context.Background()
	tx, err := s.pool.Begin(background)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(background) })
	_, err = tx.Exec(background, "INSERT INTO "+hostTable+" VALUES ('b')")
	require.NoError(t, err)
	states, err := s.Load(background, allocation.Query{SKUs: []allocation.SKU{"chair"}})
	require.NoError(t, err)
	version := states[0].Version
	next := []allocation.Changes{{SKU: "chair", Read: version, Version: version + 1, Events: []allocation.Event{
		allocation.LowStockSet{SKU: "chair", At: time.Unix(1, 0), To: 1},
	}}}
	ctx, cancel := context.WithCancel(background)
	ended := make(chan error, 1)
	go func() { ended <- s.CommitWith(ctx, next, []allocation.Guest{s.Row("b")}) }()
	require.Eventually(t, func() bool {
		var waiting int
		err := s.pool.QueryRow(background, `
			SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
		`).Scan(&waiting)
		return err == nil && waiting > 0
	}, time.Minute, 10*time.Millisecond)
	cancel()
	err = <-ended
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, allocation.ErrUnknownOutcome)
}
