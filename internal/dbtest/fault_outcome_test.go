package dbtest

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

// told is what the caller of a command is told.
type told int

const (
	cured    told = iota // nothing: it was tried again
	unknown              // ErrUnknownOutcome
	definite             // the driver's error: nothing was written
	lostRace             // ErrConflict: nothing was written, and attempts are used up
)

// outcome is what has to come of a fault.
func (r *rig) outcome(f judged, x exchange) told {
	commit := r.commits(x)
	switch {
	case f.verdict == curable && r.opts.Attempts == 1:
		return lostRace
	case f.verdict == curable, f.verdict == unsent && !x.inTx:
		return cured
	case commit && (f.verdict == silent || f.verdict == unsent): // a driver can't always tell whether COMMIT was sent
		return unknown
	case f.verdict == silent || f.verdict == unsent:
		return r.lost(x)
	}
	return definite
}

// lost is what has to come of a lost connection before the commit. On MariaDB, where such a connection may be one to a
// server that leaves its cluster, another connection is tried.
func (r *rig) lost(exchange) told {
	switch {
	case r.dialect != sqlstore.MariaDB:
		return definite
	case r.opts.Attempts == 1:
		return lostRace
	}
	return cured
}

func isConflict(err error) bool { return errors.Is(err, allocation.ErrConflict) }

// allFaults, set to 1, tries every fault at every step, which takes minutes.
const allFaults = "ALLOCATION_ALL_FAULTS"

func TestFaultsAtEveryStepOfEveryCommand(t *testing.T) {
	modes := []struct {
		name string
		opts allocation.UnitOfWorkOptions
	}{
		{"optimistic", allocation.UnitOfWorkOptions{Attempts: 3}},
		{"with locks", allocation.UnitOfWorkOptions{Attempts: 3, LockFirst: true}},
		{"one attempt", allocation.UnitOfWorkOptions{Attempts: 1}},
		{"one attempt with locks", allocation.UnitOfWorkOptions{Attempts: 1, LockFirst: true}},
	}
	sideBySide(t, engines, func(t *testing.T, e *engine) {
		s := sample{every: 19}
		switch {
		case os.Getenv(allFaults) == "1":
			s.every = 1
		case e == onSQLite: // whose driver is slow under the race detector
			s.every = 41
		}
		r := e.breaking(t)
		for _, mode := range modes {
			t.Run(mode.name, func(t *testing.T) {
				r.opts = mode.opts
				for _, c := range commands {
					if c.name == "Mend" && mode.opts.Attempts == 1 {
						continue // its audit is tried again whatever the attempts
					}
					t.Run(c.name, func(t *testing.T) { r.sweep(t, c, &s) })
				}
			})
		}
		t.Logf("tried %d of %d cases; %s=1 tries all", s.tried, s.seen, allFaults)
	})
}

// sample chooses among cases: one in so many, and what must never be left out.
type sample struct{ every, seen, tried int }

// sampled takes one case in so many, and all cases if allFaults is set.
func sampled(every int) sample {
	if os.Getenv(allFaults) == "1" {
		every = 1
	}
	return sample{every: every}
}

func (s *sample) takes(always bool) bool {
	s.seen++
	if !always && s.seen%s.every != 0 {
		return false
	}
	s.tried++
	return true
}

// sweep tries faults at the steps of a command.
func (r *rig) sweep(t *testing.T, c command, s *sample) {
	t.Helper()
	rec := r.recorded(t, c)
	for _, f := range r.faults() {
		if r.opts.Attempts == 1 && f.verdict != curable {
			continue // the same as with more
		}
		suits := func(x exchange) bool { return r.suits(f, x) }
		steps := 0
		for _, x := range rec.exchanges {
			if !suits(x) {
				continue
			}
			steps++
			if s.takes(f.done && r.commits(x) && !r.opts.LockFirst) {
				require.True(t, r.try(t, c, rec, f, steps, suits), "%s at %d never struck", f.name, steps)
			}
		}
		assert.Positive(t, steps, "steps at which there can be a %s", f.name)
		if s.every == 1 {
			require.False(t, r.try(t, c, rec, f, steps+1, suits), "%s struck beyond the last step", f.name)
		}
	}
}
