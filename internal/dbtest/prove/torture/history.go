package torture

import "fmt"

// step is one command of a caller, with all of its attempts.
type step struct {
	caller, number int
	command        command
	attempts       []attempt
}

// attempt is one call of the service. What it committed, it committed between from and to on the client's clock, unless
// its caller left a commit that it shared with others.
type attempt struct {
	trace    string // in the ledger
	from, to int64
	outcome  outcome
	why      string
	text     string // of the error
	answer   answer
	told     int // events
}

// last is the attempt that counts.
func (s *step) last() *attempt { return &s.attempts[len(s.attempts)-1] }

// open says that nobody knows what became of the command: an attempt had no answer, and none since was definite.
func (s *step) open() bool {
	switch s.last().outcome {
	case unknown, killed:
		return true
	case failed:
		for _, a := range s.attempts {
			if a.outcome == unknown || a.outcome == killed {
				return true
			}
		}
	}
	return false
}

// history is what all callers of a journal did, each in the order in which it did it.
type history struct {
	callers map[int][]*step
	cuts    int
	tallies tallies
}

// add reads a client's journal. What has no outcome was killed.
func (h *history) add(entries []entry) {
	for _, e := range entries {
		if e.Cut != "" {
			h.cuts++
			continue
		}
		steps := h.callers[e.Caller]
		if e.Command == nil {
			last := steps[len(steps)-1].last()
			last.to, last.outcome, last.why, last.text, last.answer = e.At, e.Outcome, e.Why, e.Text, e.Answer
			last.told = e.Told
			h.tallies.add(e.Tallies)
			continue
		}
		if len(steps) == 0 || steps[len(steps)-1].number != e.Number {
			steps = append(steps, &step{caller: e.Caller, number: e.Number, command: *e.Command})
			h.callers[e.Caller] = steps
		} else if last := steps[len(steps)-1].last(); last.outcome == killed {
			last.to = e.At
		}
		s := steps[len(steps)-1]
		s.attempts = append(s.attempts, attempt{trace: e.Trace, from: e.At, to: forever, outcome: killed})
	}
}

// end is the last moment that anybody has noted.
func (h *history) end() (last int64) {
	for _, steps := range h.callers {
		for _, s := range steps {
			for _, a := range s.attempts {
				last = max(last, a.from)
				if a.outcome != killed {
					last = max(last, a.to)
				}
			}
		}
	}
	return last
}

// forever is when an attempt ends that was killed, as far as its caller knows.
const forever = 1<<63 - 1

// String names the command in a report.
func (s *step) String() string {
	return fmt.Sprintf("caller %d, command %d, %s of order %q", s.caller, s.number, s.command.Verb, s.command.Order)
}
