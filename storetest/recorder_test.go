package storetest

import (
	"fmt"
	"sync"
	"testing"
)

// recorder is a testing.TB that records the failures of a row instead of failing the test.
type recorder struct {
	testing.TB
	mu      sync.Mutex
	seen    []string
	skipped string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, fmt.Sprintf(format, args...))
}

func (r *recorder) FailNow() { panic(rowEnded{}) }

func (r *recorder) Skipf(format string, args ...any) {
	r.skipped = fmt.Sprintf(format, args...)
	panic(rowEnded{})
}

type rowEnded struct{}

// failures runs the rows of a topic, and returns the messages of the failed rows by name.
func failures(t testing.TB, config Config, topic Topic) map[string][]string {
	failed := map[string][]string{}
	for _, g := range groups {
		if g.topic != topic {
			continue
		}
		for _, r := range g.rows {
			record := &recorder{TB: t}
			runRecorded(record, r, config)
			if record.seen != nil {
				failed[r.name] = record.seen
			}
		}
	}
	return failed
}

func runRecorded(record *recorder, r row, config Config) {
	defer func() {
		if cause := recover(); cause != nil && cause != (rowEnded{}) {
			record.Errorf("panic: %v", cause)
		}
	}()
	r.run(record, config)
}
