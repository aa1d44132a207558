package storetest

import (
	"fmt"
	"runtime"
	"slices"
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

func (r *recorder) FailNow() { runtime.Goexit() }

func (r *recorder) Skipf(format string, args ...any) {
	r.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// failures runs the rows of a topic, or only the named rows, and returns the messages of the failed rows by name.
func failures(t testing.TB, config Config, topic Topic, names ...string) map[string][]string {
	failed := map[string][]string{}
	for _, g := range groups {
		if g.topic != topic {
			continue
		}
		for _, r := range g.rows {
			if len(names) > 0 && !slices.Contains(names, r.name) {
				continue
			}
			record := &recorder{TB: t}
			runRecorded(record, r, config)
			if record.seen != nil {
				failed[r.name] = record.seen
			}
		}
	}
	return failed
}

// runRecorded runs a row on a goroutine of its own, which ends with FailNow and Skipf.
func runRecorded(record *recorder, r row, config Config) {
	var done sync.WaitGroup
	done.Go(func() { r.run(record, config) })
	done.Wait()
}
