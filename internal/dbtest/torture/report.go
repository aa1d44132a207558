package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// faultKind is what a run can find wrong.
type faultKind string

const (
	oversold    faultKind = "oversold"    // more promised than there was
	lost        faultKind = "lost"        // acknowledged, and not there as answered
	doubled     faultKind = "doubled"     // there more than once
	leftover    faultKind = "leftover"    // refused or failed, and there
	torn        faultKind = "torn"        // an order of which a part is there
	untrue      faultKind = "untrue"      // a refusal with a wrong number
	wrong       faultKind = "wrong"       // a change against the rules
	unexplained faultKind = "unexplained" // an event of which no journal knows
	drift       faultKind = "drift"       // accounts that disagree
	deadlocks   faultKind = "deadlocks"   // that reached a caller
	surprise    faultKind = "unexpected"  // errors that nobody foresaw
	stuck       faultKind = "stuck"       // commands that got no outcome long after the run
)

// report is what a run has counted and found. It is not safe for concurrent use.
type report struct {
	Commands, Attempts                   int
	Acknowledged, Refused                int
	Conflicts, Cancelled, Disconnected   int // failures, by reason
	Unknown, Killed                      int // attempts without an answer
	CarriedOut                           int // of these
	Late                                 int // of these, after their repeat was refused
	Left                                 int // of the unknown ones: callers who left a commit under way
	Cut, Ended, Kills, Restarts, Samples int
	Events, Orders                       int
	Tallies                              tallies

	faults map[faultKind][]string
}

// faultsShown is how many texts of a kind are kept to be shown.
const faultsShown = 5

// fault notes what is wrong.
func (r *report) fault(kind faultKind, format string, args ...any) {
	if r.faults == nil {
		r.faults = map[faultKind][]string{}
	}
	r.faults[kind] = append(r.faults[kind], fmt.Sprintf(format, args...))
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
			r.fault(deadlocks, "caller %d, command %d: %s", s.caller, s.number, a.text)
		case unexpected:
			r.fault(surprise, "caller %d, command %d, %s: %s", s.caller, s.number, s.command.Verb, a.text)
		case failed:
			switch a.why {
			case conflict:
				r.Conflicts++
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
	fmt.Fprintf(w, "  failed: %d conflicts, %d hung up, %d disconnected; cured: %d lost races, %d deadlocks\n",
		r.Conflicts, r.Cancelled, r.Disconnected, r.Tallies.Lost, r.Tallies.Deadlocks)
	fmt.Fprintf(w, "  together: %d commits of several callers; on kept products: %d commits, %d attempts that found them outdated\n",
		r.Tallies.Groups, r.Tallies.Kept, r.Tallies.Outdated)
	fmt.Fprintf(w, "  without an answer: %d unknown outcomes (%d callers left), %d killed; %d of them carried out, %d after their repeat was refused\n",
		r.Unknown, r.Left, r.Killed, r.CarriedOut, r.Late)
	fmt.Fprintf(w, "  troubles: %d connections cut, %d ended by the server, %d client kills, %d server restarts\n",
		r.Cut, r.Ended, r.Kills, r.Restarts)
	fmt.Fprintf(w, "  checked: %d samples, %d events, %d orders\n", r.Samples, r.Events, r.Orders)
	var found []string
	for _, kind := range []faultKind{oversold, lost, doubled, leftover, torn, untrue, wrong, unexplained, drift, deadlocks, surprise, stuck} {
		found = append(found, fmt.Sprintf("%d %s", len(r.faults[kind]), kind))
	}
	fmt.Fprintf(w, "  found: %s\n", strings.Join(found, ", "))
	for _, kind := range slices.Sorted(maps.Keys(r.faults)) {
		texts := r.faults[kind]
		for _, text := range texts[:min(len(texts), faultsShown)] {
			fmt.Fprintf(w, "  %s: %s\n", kind, text)
		}
	}
	if len(r.faults) > 0 {
		fmt.Fprintf(w, "  again: %s\n", s)
	}
}
