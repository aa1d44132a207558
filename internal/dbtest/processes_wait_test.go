package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/sqlstore"
)

// roundsVariable is the number of rounds in which walk-ins race for a unit that somebody waits for. The default run has
// few rounds; make waiting has 200.
const roundsVariable = "ALLOCATION_ROUNDS"

// patient is a request that may wait.
func patient(order allocation.OrderID, sku allocation.SKU, units allocation.Quantity) allocation.Request {
	r := firm(order, sku, units)
	r.Wait = true
	return r
}

// walkIns is how many callers want the unit in each round.
const walkIns = 64

// ticket names the product of a round, of which there is one unit.
func ticket(round int) allocation.SKU { return allocation.SKU(fmt.Sprint("ticket-", round)) }

// openRound announces the units of a round, and places the lines that are there before the race.
func openRound(
	t *testing.T, service *allocation.Service, round int, units allocation.Quantity, before ...allocation.Request,
) {
	t.Helper()
	batch := allocation.Batch{Ref: allocation.BatchRef(ticket(round)), SKU: ticket(round), Purchased: units}
	require.NoError(t, service.AddBatch(t.Context(), batch))
	for _, r := range before {
		_, err := service.Allocate(t.Context(), r)
		require.NoError(t, err)
	}
}

// inRounds lets the processes begin each round of the task together.
func (w *worker) inRounds(ctx context.Context, play func(round int) error) error {
	rounds, err := strconv.Atoi(w.Detail)
	for round := 0; err == nil && round < rounds; round++ {
		if err = w.meet(ctx, fmt.Sprint("round-", round)); err == nil {
			err = play(round)
		}
	}
	return err
}

// atOnce lets so many callers call side by side, and returns their errors.
func atOnce(callers int, call func(caller int) error) error {
	errs := make([]error, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() { errs[i] = call(i) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// walkIn is the role of two processes: in every round half of the walk-ins ask for the only unit, before and after the
// owner cancels, which the first process does. The answer is how many walk-ins were given a unit.
func walkIn(ctx context.Context, w *worker) (any, error) {
	var given atomic.Int64
	share := walkIns / w.Of
	err := w.inRounds(ctx, func(round int) error {
		return atOnce(share+1, func(i int) error {
			if i == share {
				if w.Number > 0 {
					return nil
				}
				_, err := w.service.Cancel(ctx, cart("owner", round))
				return err
			}
			for try := range 2 {
				order := cart(fmt.Sprintf("walk-in-%d-%d-%d", w.Number, i, try), round)
				_, err := w.service.Allocate(ctx, firm(order, ticket(round), 1))
				switch {
				case err == nil:
					given.Add(1)
				case !errors.As(err, new(*allocation.OutOfStockError)):
					return err
				}
			}
			return nil
		})
	})
	return given.Load(), err
}

// roundsToPlay is the number of rounds.
func roundsToPlay(t *testing.T) int {
	t.Helper()
	text := os.Getenv(roundsVariable)
	if text == "" {
		return 3
	}
	rounds, err := strconv.Atoi(text)
	require.NoError(t, err, roundsVariable)
	return rounds
}

// inTwoProcesses plays a role in two processes, and returns their answers.
func inTwoProcesses[T any](t *testing.T, p place, role string, rounds int, ahead time.Duration) []T {
	t.Helper()
	return together[T](t, p, role, 2, func(j *task) { j.Detail, j.Ahead = strconv.Itoa(rounds), ahead })
}

// requireServed demands that in every round the waiter, and nobody else, was given the unit, in the commit of an event
// that freed the unit, and returns the number of rounds.
func requireServed(t *testing.T, store *sqlstore.Store, rounds int, freed allocation.Event) (served int) {
	t.Helper()
	service, _ := serviceOn(t, store)
	for round := range rounds {
		events, _, err := harness.Events(t.Context(), store, ticket(round))
		require.NoError(t, err)
		for i, event := range events {
			if e, is := event.(allocation.LineAllocated); is && e.Waited {
				assert.Equal(t, cart("waiter", round), e.OrderID, "round %d", round)
				assert.IsType(t, freed, events[i-1], "the event before, in round %d", round)
				assert.Equal(t, events[i-1].Time(), e.At, "the time of the commit, in round %d", round)
				served++
			}
		}
		requireClean(t, service, ticket(round))
	}
	assert.Equal(t, rounds, served, "rounds in which the waiter was given the unit")
	return served
}

func TestB1_NoWalkInOfAnotherProcessGetsWhatTheQueueWaitsFor(t *testing.T) {
	rounds := roundsToPlay(t)
	sideBySide(t, engines, func(t *testing.T, e *engine) {
		p := e.new(t)
		store := e.migrated(t, p.open(t))
		service, _ := serviceOn(t, store)
		for round := range rounds {
			openRound(t, service, round, 1,
				firm(cart("owner", round), ticket(round), 1), patient(cart("waiter", round), ticket(round), 1))
		}
		for n, given := range inTwoProcesses[int](t, p, "walk in", rounds, 0) {
			assert.Zero(t, given, "walk-ins of process %d that were given a unit", n)
		}
		served := requireServed(t, store, rounds, allocation.LineDeallocated{})
		t.Logf("the waiter had the unit in %d of %d rounds; %s sets the rounds", served, rounds, roundsVariable)
	})
}

// serveQueue frees units for those who wait, one line for each commit, and goes on until everybody was served.
func serveQueue(ctx context.Context, s *allocation.Service) error {
	if _, err := s.Cancel(ctx, "owner"); err != nil && !errors.Is(err, allocation.ErrNotFound) {
		return err // a repeat finds no line
	}
	if err := s.AddBatch(ctx, allocation.Batch{Ref: "b2", SKU: "lamp", Purchased: 5}); err != nil {
		return err
	}
	_, err := s.Sweep(ctx)
	return err
}

// servingPage lets a commit serve one line.
const servingPage = 1

// dieServing is the role of a process that is killed before the n-th exchange of serveQueue with the database.
func dieServing(ctx context.Context, w *worker) (any, error) {
	last, err := strconv.Atoi(w.Detail)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(engines, func(e *engine) bool { return strings.ToLower(e.name) == w.Engine })
	e := engines[at]
	connector, err := e.connector(w.DSN)
	if err != nil {
		return nil, err
	}
	b := &breaker{Connector: connector, skips: e.dialect == sqlstore.MariaDB}
	b.arm(1, nil, func(exchange) bool {
		if last--; last == 0 {
			p, err := os.FindProcess(os.Getpid())
			panic(errors.Join(err, p.Kill(), errors.New("the process goes on after SIGKILL")))
		}
		return false
	})
	db := sql.OpenDB(b)
	defer db.Close()
	store, err := sqlstore.New(db, e.dialect, nil)
	if err != nil {
		return nil, err
	}
	units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{Now: w.clock.Now, PageSize: servingPage})
	service, err := allocation.New(units, nil)
	if err != nil {
		return nil, err
	}
	return true, serveQueue(ctx, service)
}

func TestB9_AKillBetweenAnyTwoStatementsLosesNoUnitAndNoPlace(t *testing.T) {
	every := 7
	if os.Getenv(allFaults) == "1" {
		every = 1
	}
	sideBySide(t, engines, func(t *testing.T, e *engine) {
		p := e.new(t)
		by := p.unbroken(t)
		store := e.migrated(t, by.db)
		service, _ := serviceOn(t, store)
		require.NoError(t, service.AddBatch(t.Context(), allocation.Batch{Ref: "b1", SKU: "lamp", Purchased: 4}))
		_, err := service.Allocate(t.Context(), firm("owner", "lamp", 4))
		require.NoError(t, err)
		for i, units := range []allocation.Quantity{2, 3, 1, 1, 2} {
			r := patient(cart("waiter", i), "lamp", units)
			r.Priority = i % 2
			_, err := service.Allocate(t.Context(), r)
			require.NoError(t, err)
		}
		by.save(t)
		finish := func() string {
			units := allocation.NewUnitOfWork(store, &allocation.UnitOfWorkOptions{
				Now: func() time.Time { return start }, PageSize: servingPage,
			})
			require.NoError(t, serveQueue(t.Context(), newService(t, units, nil)))
			requireClean(t, service, "lamp")
			return served(t, store)
		}
		want := finish()
		require.NotEmpty(t, want)
		tried := 0
		for n := 1; ; n += every {
			by.restore(t)
			process := &harness.Process{Name: fmt.Sprint("killed at ", n), Command: childOfTests, Job: task{
				Role: "die serving", Of: 1, Engine: strings.ToLower(e.name), DSN: p.dsn, Detail: strconv.Itoa(n),
			}}
			require.NoError(t, process.Start(t.Context()))
			err := process.Wait(t.Context())
			if process.Exited() {
				require.NoError(t, err)
				require.Equal(t, want, finish(), "without a kill")
				break
			}
			requireClean(t, service, "lamp")
			require.Equal(t, want, finish(), "after a kill at exchange %d", n)
			tried++
		}
		require.Greater(t, tried, 1)
		t.Logf("killed at %d of the exchanges; %s=1 tries all", tried, allFaults)
	})
}

// served tells who was given units after having waited, in the order of the events.
func served(t *testing.T, store allocation.Ledger) (order string) {
	t.Helper()
	events, _, err := harness.Events(t.Context(), store, "lamp")
	require.NoError(t, err)
	for _, event := range events {
		if e, is := event.(allocation.LineAllocated); is && e.Waited {
			order += fmt.Sprintf("%s: %d of %s\n", e.OrderID, e.Quantity, e.Batch)
		}
	}
	return order
}
