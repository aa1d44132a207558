package allocation_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/memory"
)

var updateStories = flag.Bool("update", false, "write the stories of testdata/stories as they are told now")

// TestStories tells each story of testdata/stories again: commands with their answers, events and changes. A story
// names a rule, and shows everything that the commands do, so that no further field, event or read goes unnoticed.
// With -update the files are written anew; read the difference.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/stories/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		written, err := os.ReadFile(file)
		require.NoError(t, err)
		var told bytes.Buffer
		for i, text := range strings.Split(string(written), "\n== ") {
			if i == 0 {
				told.WriteString(text)
				continue
			}
			name, _, _ := strings.Cut(text, "\n")
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+"/"+name, func(t *testing.T) {
				again := tellStory(t, text)
				if fmt.Fprintf(&told, "\n== %s", again); !*updateStories {
					require.Equal(t, text, again)
				}
			})
		}
		if *updateStories {
			require.NoError(t, os.WriteFile(file, told.Bytes(), 0o600))
		}
	}
}

// tale is a story as it goes on: commands to a Service, or to a single Product without any store around.
type tale struct {
	verbs
	t       *testing.T
	out     *strings.Builder
	store   *countingStore
	clock   *memory.Clock
	service *allocation.Service // nil in a story of a product
	product *productVerbs       // nil in a story of a Service
	other   *allocation.Service // of another process
	facts   []string            // lines, batches and the product, as told last
	told    map[allocation.SKU]int64
}

// countingStore counts the calls of a store.
type countingStore struct {
	*memory.Store
	loads, commits int
}

func (s *countingStore) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	s.loads++
	return s.Store.Load(ctx, q)
}

func (s *countingStore) Commit(ctx context.Context, changes []allocation.Changes) error {
	s.commits++
	return s.Store.Commit(ctx, changes)
}

// tellStory carries out the commands of a story, which begin in the first column, and returns the text with what the
// commands do behind each, indented by a tab.
func tellStory(t *testing.T, text string) string {
	t.Helper()
	s := &tale{t: t, out: &strings.Builder{}, told: map[allocation.SKU]int64{}}
	s.begin(nil)
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "\t"):
			continue
		case i == 0 || line == "" || strings.HasPrefix(line, "#"):
			if i > 0 {
				s.out.WriteByte('\n')
			}
			s.out.WriteString(line)
			continue
		}
		s.out.WriteString("\n" + line)
		s.store.loads, s.store.commits = 0, 0
		answer, err := s.command(strings.Fields(line))
		s.tell(answer, err)
	}
	return s.out.String()
}

// begin opens the shop, with the settings of the story.
func (s *tale) begin(words []string) {
	a := storyArgs(words)
	s.store, s.clock = &countingStore{Store: memory.New()}, memory.NewClock(monday)
	options := func() (*allocation.UnitOfWorkOptions, *allocation.ServiceOptions) {
		return &allocation.UnitOfWorkOptions{
			Now: s.clock.Now, Attempts: 3, Backoff: 1, MaxBackoff: 1, PageSize: a.number("page"),
			LongestHold: a.duration("longest"),
		}, &allocation.ServiceOptions{NoGroupCommit: a.has("alone"), CacheSize: a.number("cache"), Policy: a.policy()}
	}
	open := func(store allocation.Store) *allocation.Service {
		units, opts := options()
		return newService(s.t, allocation.NewUnitOfWork(store, units), opts)
	}
	s.service, s.other = open(s.store), open(s.store.Store)
	s.verbs = s.service
}

// command carries out one command, and returns the answer.
func (s *tale) command(words []string) (answer any, err error) {
	ctx, a := s.t.Context(), storyArgs(words[1:])
	switch words[0] {
	case "shop":
		s.begin(words[1:])
		return nil, nil
	case "product":
		return nil, s.beginProduct(a)
	case "load":
		return nil, s.load(a)
	case "at":
		s.clock.Set(a.time(0))
		return nil, nil
	case "elsewhere": // in another process, whose answer is not told
		mine := s.verbs
		s.verbs = s.other
		_, err = s.command(words[1:])
		s.verbs = mine
		return nil, err
	case "fail":
		return nil, s.fail(a)
	case "available":
		units, err := s.product.p.Available(s.product.now())
		return units, err
	case "available-by":
		units, err := s.product.p.AvailableBy(a.time(0), s.product.now())
		return units, err
	case "lines":
		return s.product.p.Lines(a.order(0), s.product.now())
	}
	if bulk, able := s.verbs.(*allocation.Service); able {
		switch words[0] {
		case "each":
			var orders [][]allocation.Request
			for order := range strings.SplitSeq(strings.Join(words[1:], " "), " | ") {
				orders = append(orders, storyArgs(strings.Fields(order)).requests())
			}
			given, errs := bulk.AllocateEach(ctx, orders)
			return given, errors.Join(errs...)
		case "reconcile":
			return bulk.Reconcile(ctx, a.sku(0))
		case "mend":
			return bulk.Mend(ctx, a.sku(0))
		case "drift": // somebody changes counters by hand
			return nil, s.drift(a)
		}
	}
	return s.verb(ctx, words[0], a)
}

// verb carries out a command that both a Service and a Product have.
func (s *tale) verb(ctx context.Context, verb string, a storyArgs) (any, error) {
	switch verb {
	case "allocate":
		return s.Allocate(ctx, a.requests()...)
	case "change":
		return s.ChangeLine(ctx, a.line(0))
	case "cancel":
		return s.Cancel(ctx, a.order(0), a.skus(1)...)
	case "ship":
		return s.Ship(ctx, a.order(0), a.skus(1)...)
	case "ship-part":
		return s.ShipPart(ctx, a.line(0))
	case "confirm":
		return s.Confirm(ctx, a.order(0), a.skus(1)...)
	case "extend":
		return s.Extend(ctx, a.order(0), a.time(1), a.skus(2)...)
	case "hand-over":
		return s.HandOver(ctx, a.order(0), a.order(1), a.skus(2)...)
	case "batch":
		return nil, s.AddBatch(ctx, a.batch(0))
	case "split":
		return s.SplitBatch(ctx, allocation.BatchRef(a.text(0)), a.batch(1))
	case "count":
		return s.ChangeBatchQuantity(ctx, a.count(s.clock.Now()))
	case "receive":
		return s.ReceiveBatch(ctx, a.count(s.clock.Now()))
	case "eta":
		return s.ChangeBatchETA(ctx, allocation.BatchRef(a.text(0)), a.time(1))
	case "block":
		return s.BlockBatch(ctx, allocation.BatchRef(a.text(0)), a.text(1))
	case "unblock":
		return nil, s.UnblockBatch(ctx, allocation.BatchRef(a.text(0)))
	case "low-stock":
		return nil, s.SetLowStock(ctx, a.sku(0), a.quantity(1))
	case "sweep":
		return s.Sweep(ctx)
	}
	return nil, fmt.Errorf("no such command: %s", verb)
}

// fail lets the next call of the store fail.
func (s *tale) fail(a storyArgs) error {
	reason := map[string]error{
		"": errors.New("the disk is full"), "conflict": allocation.ErrConflict, "duplicate": allocation.ErrDuplicate,
		"unknown": allocation.ErrUnknownOutcome,
	}[a.text(1)]
	errs := make([]error, max(1, a.number("after")+1))
	errs[len(errs)-1] = reason
	switch a.text(0) {
	case "load":
		s.store.FailLoad(errs...)
	case "commit":
		s.store.FailCommit(errs...)
	}
	return nil
}

// drift moves counters of a batch in the store without any event.
func (s *tale) drift(a storyArgs) error {
	state, _ := s.store.Product(lamp)
	return s.store.Store.Commit(s.t.Context(), []allocation.Changes{{
		SKU: lamp, Read: state.Version, Version: state.Version + int64(a.number("skip")), Refused: state.Refused,
		LowStock: state.LowStock, Low: state.Low,
		Batches: []allocation.BatchChange{{
			Ref: allocation.BatchRef(a.text(0)), Purchased: a.quantity(1), Allocated: a.quantity(2), CountersOnly: true,
		}},
	}})
}

// verbs are the commands of a Service.
type verbs interface { //nolint:interfacebloat // a Service has as many commands
	Allocate(ctx context.Context, requests ...allocation.Request) ([]allocation.Allocation, error)
	ChangeLine(ctx context.Context, wanted allocation.OrderLine) (allocation.Allocation, error)
	Cancel(ctx context.Context, order allocation.OrderID, skus ...allocation.SKU) ([]allocation.Allocation, error)
	Ship(ctx context.Context, order allocation.OrderID, skus ...allocation.SKU) ([]allocation.Allocation, error)
	ShipPart(ctx context.Context, shipped allocation.OrderLine) (allocation.Allocation, error)
	Confirm(ctx context.Context, order allocation.OrderID, skus ...allocation.SKU) ([]allocation.Allocation, error)
	Extend(
		ctx context.Context, order allocation.OrderID, until time.Time, skus ...allocation.SKU,
	) ([]allocation.Allocation, error)
	HandOver(ctx context.Context, from, to allocation.OrderID, skus ...allocation.SKU) ([]allocation.Allocation, error)
	AddBatch(ctx context.Context, announced allocation.Batch) error
	SplitBatch(
		ctx context.Context, from allocation.BatchRef, part allocation.Batch,
	) ([]allocation.OrderLine, error)
	ChangeBatchQuantity(ctx context.Context, counted allocation.Count) ([]allocation.OrderLine, error)
	ReceiveBatch(ctx context.Context, counted allocation.Count) ([]allocation.OrderLine, error)
	ChangeBatchETA(ctx context.Context, ref allocation.BatchRef, eta time.Time) ([]allocation.OrderLine, error)
	BlockBatch(ctx context.Context, ref allocation.BatchRef, reason string) ([]allocation.OrderLine, error)
	UnblockBatch(ctx context.Context, ref allocation.BatchRef) error
	SetLowStock(ctx context.Context, sku allocation.SKU, threshold allocation.Quantity) error
	Sweep(ctx context.Context) (int, error)
}
