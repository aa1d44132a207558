package allocation_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// journal is a hook that collects the events of each commit.
type journal struct{ commits [][]allocation.Event }

func (j *journal) hook(_ context.Context, events []allocation.Event) {
	j.commits = append(j.commits, events)
}

func TestCommittedGetsTheEventsBySKUAndInTheirOrder(t *testing.T) {
	j := &journal{}
	s, _, service := watched(t, allocation.UnitOfWorkOptions{Committed: j.hook})
	require.NoError(t, service.SetLowStock(t.Context(), "SOFA", 4))
	require.NoError(t, service.SetLowStock(t.Context(), "LAMP", 4))
	_, err := service.Allocate(t.Context(), want("o1", "SOFA", 3), want("o1", "LAMP", 2))
	require.NoError(t, err)
	require.Len(t, j.commits, 3)
	assert.Equal(t, []allocation.Event{
		allocation.LineAllocated{SKU: "LAMP", At: morning, OrderID: "o1", Batch: "b1", Quantity: 2},
		allocation.LowStockCrossed{SKU: "LAMP", At: morning, Available: 3, Threshold: 4, Low: true},
		allocation.LineAllocated{SKU: "SOFA", At: morning, OrderID: "o1", Batch: "b2", Quantity: 3},
		allocation.LowStockCrossed{SKU: "SOFA", At: morning, Available: 2, Threshold: 4, Low: true},
	}, j.commits[2])
	lamps, err := s.Events(t.Context(), "LAMP", 2, 10)
	require.NoError(t, err)
	assert.Equal(t, lamps, j.commits[2][:2], "they are those that the store has")
}

func TestCommittedIsOutsideTheUnitOfWork(t *testing.T) {
	var units allocation.UnitOfWork
	var left allocation.Quantity
	_, units, service := watched(t, allocation.UnitOfWorkOptions{
		Committed: func(ctx context.Context, _ []allocation.Event) {
			assert.NoError(t, units.Do(ctx, func(ctx context.Context, products allocation.Repository) error {
				lamp, err := products.Get(ctx, "LAMP")
				if err != nil {
					return err
				}
				left, err = lamp.Available(products.Now())
				return err
			}))
		},
	})
	_, err := service.Allocate(t.Context(), want("o1", "LAMP", 2))
	require.NoError(t, err)
	assert.Equal(t, allocation.Quantity(3), left, "it sees what was committed")
}

func TestCommittedGetsOnlyEventsKnownToBeWritten(t *testing.T) {
	failure := errors.New("disk full")
	tests := map[string]struct {
		do   func(*spy, *allocation.Service) error
		want error
	}{
		"a commit that fails": {func(s *spy, service *allocation.Service) error {
			s.FailCommit(failure)
			_, err := service.Allocate(context.Background(), want("o1", "LAMP", 1))
			return err
		}, failure},
		"an answer that is lost": {func(s *spy, service *allocation.Service) error {
			s.LoseAnswer()
			_, err := service.Allocate(context.Background(), want("o1", "LAMP", 1))
			return err
		}, allocation.ErrUnknownOutcome},
		"a command that is refused": {func(_ *spy, service *allocation.Service) error {
			_, err := service.Cancel(context.Background(), "o1")
			return err
		}, allocation.ErrNotFound},
		"a command that changes nothing": {func(_ *spy, service *allocation.Service) error {
			return service.AddBatch(context.Background(), stock("b1", "LAMP", 5))
		}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			j := &journal{}
			s, _, service := watched(t, allocation.UnitOfWorkOptions{Committed: j.hook})
			assert.ErrorIs(t, tt.do(s, service), tt.want)
			assert.Empty(t, j.commits)
		})
	}
}

func TestCommittedGetsOnlyEventsOfTheLastAttempt(t *testing.T) {
	j := &journal{}
	s, units, _ := watched(t, allocation.UnitOfWorkOptions{Committed: j.hook})
	s.FailCommit(allocation.ErrConflict)
	orders := []allocation.OrderID{"loser", "winner"}
	require.NoError(t, units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		order := orders[0]
		orders = orders[1:]
		return allocate(ctx, products, order, "LAMP")
	}))
	assert.Equal(t, [][]allocation.Event{{
		allocation.LineAllocated{SKU: "LAMP", At: morning, OrderID: "winner", Batch: "b1", Quantity: 1},
	}}, j.commits)
}

func TestTheCommitStandsWhateverCommittedDoes(t *testing.T) {
	s, _, service := watched(t, allocation.UnitOfWorkOptions{
		Committed: func(context.Context, []allocation.Event) { panic("away") },
	})
	assert.PanicsWithValue(t, "away", func() { _, _ = service.Allocate(t.Context(), want("o1", "LAMP", 1)) })
	state, _ := s.Product("LAMP")
	assert.Len(t, state.Lines, 1)
}

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func traceParent(text string) func(context.Context) string {
	return func(context.Context) string { return text }
}

func TestTraceParentIsStoredWithEachEvent(t *testing.T) {
	s, _, service := watched(t, allocation.UnitOfWorkOptions{TraceParent: traceParent(parent)})
	require.NoError(t, service.AddBatch(t.Context(), stock("b3", "DESK", 1)))
	require.NoError(t, service.SetLowStock(t.Context(), "LAMP", 4))
	_, err := service.Allocate(t.Context(), want("o1", "LAMP", 2), want("o1", "SOFA", 2))
	require.NoError(t, err)
	var stored [][]string
	for _, changes := range s.commits[len(s.commits)-3:] {
		for _, c := range changes {
			stored = append(stored, c.TraceParents)
			assert.Len(t, c.TraceParents, len(c.Events))
		}
	}
	assert.Equal(t, [][]string{{parent}, {parent}, {parent, parent}, {parent}}, stored)
}

type traceKey struct{}

// TraceParent gets the context of the caller, not of an attempt: callers who share a commit share the
// attempt, but each caller has a trace.
func TestTraceParentIsTheCallers(t *testing.T) {
	w := &watch{}
	s, _, service := watched(t, allocation.UnitOfWorkOptions{
		Attempt: w.hook,
		TraceParent: func(ctx context.Context) string {
			assert.Nil(t, ctx.Value(attemptKey{}))
			return ctx.Value(traceKey{}).(string)
		},
	})
	s.FailCommit(allocation.ErrConflict)
	_, err := service.Allocate(context.WithValue(t.Context(), traceKey{}, parent), want("o1", "LAMP", 2))
	require.NoError(t, err)
	assert.Equal(t, []string{parent}, s.commits[len(s.commits)-1][0].TraceParents)
}

// Events get the caller's trace parent even if the command names an order or a batch and loads the
// products while running.
func TestTraceParentReachesProductsThatACommandLooksUp(t *testing.T) {
	for name, verb := range map[string]func(context.Context, *allocation.Service) error{
		"Cancel": func(ctx context.Context, s *allocation.Service) error {
			_, err := s.Cancel(ctx, "o1")
			return err
		},
		"Ship": func(ctx context.Context, s *allocation.Service) error {
			_, err := s.Ship(ctx, "o1")
			return err
		},
		"ChangeBatchQuantity": func(ctx context.Context, s *allocation.Service) error {
			_, err := s.ChangeBatchQuantity(ctx, allocation.Count{Batch: "b1", Quantity: 4, At: morning})
			return err
		},
		"AddBatch": func(ctx context.Context, s *allocation.Service) error {
			return s.AddBatch(ctx, stock("b9", "LAMP", 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, service := watched(t, allocation.UnitOfWorkOptions{TraceParent: func(ctx context.Context) string {
				trace, _ := ctx.Value(traceKey{}).(string)
				return trace
			}})
			_, err := service.Allocate(t.Context(), want("o1", "LAMP", 2))
			require.NoError(t, err)
			require.NoError(t, verb(context.WithValue(t.Context(), traceKey{}, parent), service))
			assert.Equal(t, []string{parent}, s.commits[len(s.commits)-1][0].TraceParents)
		})
	}
}

func TestEventFromBeforeAddHasNoTraceParent(t *testing.T) {
	s, units, _ := watched(t, allocation.UnitOfWorkOptions{TraceParent: traceParent(parent)})
	require.NoError(t, units.Do(t.Context(), func(ctx context.Context, products allocation.Repository) error {
		desk, err := allocation.NewProduct("DESK")
		require.NoError(t, err)
		require.NoError(t, desk.AddBatch(stock("b3", "DESK", 1), products.Now()))
		require.NoError(t, products.Add(desk))
		return allocate(ctx, products, "o1", "DESK")
	}))
	assert.Equal(t, []string{"", parent}, s.commits[len(s.commits)-1][0].TraceParents, "as long as the events")
}

func TestMalformedTraceParentCountsAsNone(t *testing.T) {
	tests := map[string]string{
		"nothing":           "",
		"a later version":   "01" + parent[2:],
		"upper case":        strings.ToUpper(parent),
		"no hexadecimal":    strings.Replace(parent, "f", "g", 1),
		"a space":           " " + parent[1:],
		"too short":         parent[:len(parent)-1],
		"too long":          parent + "0",
		"no first hyphen":   parent[:2] + "0" + parent[3:],
		"no second hyphen":  parent[:35] + "0" + parent[36:],
		"no third hyphen":   parent[:52] + "0" + parent[53:],
		"a hyphen too many": parent[:10] + "-" + parent[11:],
		"beyond the digits": strings.Replace(parent, "9", ":", 1),
		"before the digits": strings.Replace(parent, "0a", "/a", 1),
		"before a":          strings.Replace(parent, "a", "`", 1),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			s, _, service := watched(t, allocation.UnitOfWorkOptions{TraceParent: traceParent(text)})
			_, err := service.Allocate(t.Context(), want("o1", "LAMP", 2))
			require.NoError(t, err)
			assert.Nil(t, s.commits[len(s.commits)-1][0].TraceParents)
		})
	}
	s, _, service := watched(t, allocation.UnitOfWorkOptions{})
	_, err := service.Allocate(t.Context(), want("o1", "LAMP", 2))
	require.NoError(t, err)
	assert.Nil(t, s.commits[len(s.commits)-1][0].TraceParents, "without the hook")
}

// written is a logger, and what it wrote without the times.
func written() (*slog.Logger, *bytes.Buffer) {
	var text bytes.Buffer
	return slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})), &text
}

func TestLoggerHearsOfLostRacesAndUnknownOutcomes(t *testing.T) {
	conflict := allocation.ErrConflict
	const lost = `level=DEBUG msg="allocation: lost a race" op=Allocate attempt=`
	tests := map[string]struct {
		faults []error
		want   []string
	}{
		"no error":    {nil, nil},
		"a lost race": {[]error{conflict}, []string{lost + `1 error="allocation: Commit: conflict"`}},
		"a duplicate": {
			[]error{allocation.ErrDuplicate}, []string{lost + `1 error="allocation: Commit: duplicate key"`},
		},
		"every race is lost": {slices.Repeat([]error{conflict}, 4), []string{
			lost + `1 error="allocation: Commit: conflict"`,
			lost + `2 error="allocation: Commit: conflict"`,
			lost + `3 error="allocation: Commit: conflict"`,
			`level=WARN msg="allocation: lost every race" op=Allocate attempt=4 error="allocation: Commit: conflict"`,
		}},
		"outcome unknown": {[]error{conflict, allocation.ErrUnknownOutcome}, []string{
			lost + `1 error="allocation: Commit: conflict"`,
			`level=WARN msg="allocation: the outcome of a commit is unknown" ` +
				`op=Allocate attempt=2 error="allocation: Commit: outcome unknown"`,
		}},
		"an error that the caller gets": {[]error{errors.New("disk full")}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			logger, text := written()
			s, _, service := watched(t, allocation.UnitOfWorkOptions{Logger: logger})
			s.FailCommit(tt.faults...)
			_, _ = service.Allocate(t.Context(), want("o1", "LAMP", 1))
			assert.Equal(t, tt.want, lines(text.String()))
		})
	}
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

func TestWithoutALoggerNothingIsLogged(t *testing.T) {
	logger, text := written()
	before := slog.Default()
	slog.SetDefault(logger)
	t.Cleanup(func() { slog.SetDefault(before) })
	s, _, service := watched(t, allocation.UnitOfWorkOptions{})
	s.FailCommit(allocation.ErrConflict, allocation.ErrUnknownOutcome)
	_, err := service.Allocate(t.Context(), want("o1", "LAMP", 1))
	require.ErrorIs(t, err, allocation.ErrUnknownOutcome)
	assert.Empty(t, text.String())
}
