package storetest

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/cosmic-go/allocation"
)

// apart returns a fault of instances that keep data for themselves. Each instance calls replace.
func apart(fault, row string, replace func(s *faulty)) broken {
	return broken{
		fault: fault, row: row, new: with(replace),
		second: func(first allocation.Store) allocation.Store { return over(first.(*faulty).Store, replace) },
	}
}

// own are values that an instance keeps, by the key.
type own[Key comparable, Value any] struct {
	mu     sync.Mutex
	values map[Key]Value
}

func (o *own[Key, Value]) set(key Key, value Value) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.values == nil {
		o.values = map[Key]Value{}
	}
	o.values[key] = value
}

func (o *own[Key, Value]) get(key Key) Value {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.values[key]
}

// noting calls note for each of the changes that the instance commits. No load of the instance comes in between.
func noting(s *faulty, note func(c allocation.Changes)) {
	s.commit = func(ctx context.Context, changes []allocation.Changes) error {
		s.noted.Lock()
		defer s.noted.Unlock()
		err := s.Store.Commit(ctx, changes)
		for _, c := range changes {
			if err == nil && c.Version != c.Read {
				note(c)
			}
		}
		return err
	}
}

// seeing calls spoil for each state that the instance loads.
func seeing(s *faulty, spoil func(state *allocation.State)) {
	s.load = func(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
		s.noted.RLock()
		defer s.noted.RUnlock()
		states, err := s.Store.Load(ctx, q)
		for i := range states {
			spoil(&states[i])
		}
		return states, err
	}
}

const rowOfTheQueue = "lines that begin to wait through one instance are read, placed, served and ended through another"

var brokenProcesses = []broken{
	apart("versions are counted by the instance", processRows[0].name, func(s *faulty) {
		var versions own[allocation.SKU, int64]
		noting(s, func(c allocation.Changes) { versions.set(c.SKU, c.Version) })
		seeing(s, func(state *allocation.State) {
			if mine := versions.get(state.SKU); mine > 0 {
				state.Version = mine
			}
		})
	}),
	apart("an instance checks versions against its own commits", processRows[2].name, func(s *faulty) {
		var mu sync.Mutex
		versions := map[allocation.SKU]int64{}
		s.commit = func(ctx context.Context, changes []allocation.Changes) error {
			mu.Lock()
			defer mu.Unlock()
			changes = copyOf(changes)
			for i := range changes {
				c := &changes[i]
				last, mine := whole(s.Store, c.SKU).Version, versions[c.SKU]
				if last > 0 && c.Read != last && (mine == 0 || mine == c.Read) {
					c.Read, c.Version = last, last+int64(len(c.Events))
				}
			}
			err := s.Store.Commit(ctx, changes)
			for _, c := range changes {
				if err == nil {
					versions[c.SKU] = c.Version
				}
			}
			return err
		}
	}),
	apart("lines that wait are kept by the instance", rowOfTheQueue, func(s *faulty) {
		var mine own[allocation.LineKey, bool]
		noting(s, func(c allocation.Changes) {
			for _, l := range c.NewWaiting {
				mine.set(l.Key(), true)
			}
		})
		seeing(s, func(state *allocation.State) {
			dropWaiting(state, func(l allocation.Allocation) bool { return !mine.get(l.Key()) })
		})
	}),
	apart("the place where serving goes on is kept by the instance", rowOfTheQueue, func(s *faulty) {
		var marks own[allocation.SKU, allocation.Rank]
		noting(s, func(c allocation.Changes) { marks.set(c.SKU, c.Serving) })
		seeing(s, func(state *allocation.State) { state.Serving = marks.get(state.SKU) })
	}),
	apart("whether lines wait is counted by the instance", rowOfTheQueue, func(s *faulty) {
		var lines own[allocation.SKU, int]
		noting(s, func(c allocation.Changes) {
			lines.set(c.SKU, lines.get(c.SKU)+len(c.NewWaiting)-len(c.EndedWaiting))
		})
		seeing(s, func(state *allocation.State) { state.AnyWaiting = lines.get(state.SKU) > 0 })
	}),
}

// Each instance by itself keeps the promises of all other topics, so only rows with two instances find the fault.
func TestFaultsBetweenInstancesAreFoundByTwoInstancesOnly(t *testing.T) {
	if raceDetector {
		t.Skip("four times as slow under the race detector; make cover and go test ./storetest run the broken stores")
	}
	for _, s := range brokenProcesses {
		t.Run(s.fault, func(t *testing.T) {
			for _, topic := range []Topic{Load, Values, Commit, Isolation, Aggregate, Ledger} {
				for name, seen := range failures(t, s.config(), topic) {
					t.Errorf("%s/%s: %s", topic, name, strings.Join(seen, "\n"))
				}
			}
		})
	}
}
