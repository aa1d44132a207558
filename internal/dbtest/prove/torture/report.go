package torture

import (
	"fmt"
	"io"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// The kinds of faults that a run can find.
const (
	oversold    harness.FaultKind = "oversold"    // more promised than there was
	lost        harness.FaultKind = "lost"        // acknowledged, and not there as answered
	doubled     harness.FaultKind = "doubled"     // there more than once
	leftover    harness.FaultKind = "leftover"    // refused or failed, and there
	torn        harness.FaultKind = "torn"        // an order of which a part is there
	untrue      harness.FaultKind = "untrue"      // a refusal with a wrong number
	unfit       harness.FaultKind = "unfit"       // units outside the terms of their line
	jumped      harness.FaultKind = "out of turn" // units for a line although another line comes first
	unserved    harness.FaultKind = "unserved"    // units left although somebody waits for them
	wrong       harness.FaultKind = "wrong"       // a change against the rules
	unexplained harness.FaultKind = "unexplained" // an event of which no journal knows
	drift       harness.FaultKind = "drift"       // accounts that disagree
	deadlocks   harness.FaultKind = "deadlocks"   // that reached a caller
	surprise    harness.FaultKind = "unexpected"  // errors that nobody foresaw
	stuck       harness.FaultKind = "stuck"       // commands that got no outcome long after the run
)

// report is what a run has counted and found. It is not safe for concurrent use.
type report struct {
	Commands, Attempts                   int
	Acknowledged, Refused                int
	Conflicts, Cancelled, Disconnected   int // failures, by reason
	Exhausted                            int // of the conflicts: deadlocks
	Unknown, Killed                      int // attempts without an answer
	CarriedOut                           int // of these
	Belated                              int // of these, after their repeat was refused
	Left                                 int // of the unknown ones: callers who left a commit under way
	Cut, Ended, Kills, Restarts, Samples int
	Events, Orders                       int
	Slips, Expired, Late, InTime, Handed int // events: slips, expiries, lines late and in time again, hand-overs
	Waited, Served, Dropped              int // events: lines that wait, were given units, and waited until NeededBy
	Tallies                              tallies

	faults harness.Faults
}

// kinds are all kinds of faults, in the order in which a report lists them.
var kinds = []harness.FaultKind{
	oversold, lost, doubled, leftover, torn, untrue, unfit, jumped, unserved, wrong, unexplained, drift,
	deadlocks, surprise, stuck,
}

// fault notes what is wrong.
func (r *report) fault(kind harness.FaultKind, format string, args ...any) {
	r.faults.Add(kind, format, args...)
}

// count adds the attempts of a command.
func (r *report) count(s *step) {
	r.Commands++
	r.Attempts += len(s.attempts)
	for _, a := range s.attempts {
		switch a.outcome {
		case acknowledged:
			r.Acknowledged++
		case refused:
			r.Refused++
		case unknown:
			r.Unknown++
			if a.why == left {
				r.Left++
			}
		case killed:
			r.Killed++
		case deadlocked:
			r.fault(deadlocks, "%s: %s", s, a.text)
		case unexpected:
			r.fault(surprise, "caller %d, command %d, %s: %s", s.caller, s.number, s.command.Verb, a.text)
		case failed:
			switch a.why {
			case conflict:
				r.Conflicts++
			case exhausted:
				r.Conflicts++
				r.Exhausted++
			case cancelled:
				r.Cancelled++
			default:
				r.Disconnected++
			}
		}
	}
	if s.open() {
		r.fault(stuck, "%s", s)
	}
}

// write prints the counts and, in detail, what is wrong.
func (r *report) write(w io.Writer, s *settings) {
	fmt.Fprintf(w, "%s, %s, seed %d: %d commands in %d attempts: %d acknowledged, %d refused\n",
		s.Engine, s.Mode, s.Seed, r.Commands, r.Attempts, r.Acknowledged, r.Refused)
	fmt.Fprintf(w, "  failed: %d conflicts (%d deadlocks), %d hung up, %d disconnected; ",
		r.Conflicts, r.Exhausted, r.Cancelled, r.Disconnected)
	fmt.Fprintf(w, "cured: %d lost races, %d deadlocks\n", r.Tallies.Lost, r.Tallies.Deadlocks)
	fmt.Fprintf(w,
		"  groups: %d commits of several callers; on cached products: %d commits, %d attempts found one outdated\n",
		r.Tallies.Groups, r.Tallies.Cached, r.Tallies.Outdated)
	fmt.Fprintf(w, "  attempts without an answer: %d of unknown outcome (%d callers left), %d killed; ",
		r.Unknown, r.Left, r.Killed)
	fmt.Fprintf(w, "%d of all were committed, %d after the repeat was refused\n", r.CarriedOut, r.Belated)
	fmt.Fprintf(w, "  troubles: %d connections cut, %d ended by the server, %d client kills, %d server restarts\n",
		r.Cut, r.Ended, r.Kills, r.Restarts)
	fmt.Fprintf(w, "  checked: %d samples, %d events, %d orders; ", r.Samples, r.Events, r.Orders)
	fmt.Fprintf(w, "%d batches slipped, %d expired, %d lines late, %d in time again, %d handed over\n",
		r.Slips, r.Expired, r.Late, r.InTime, r.Handed)
	fmt.Fprintf(w, "  waiting: %d times in line, %d times given units, %d times until it was too late\n",
		r.Waited, r.Served, r.Dropped)
	r.faults.Write(w, kinds)
}
