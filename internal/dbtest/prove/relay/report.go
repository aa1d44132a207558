package relay

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// report is what came of a run.
type report struct {
	Told, Events, Duplicates, Kills, Left int
	Failures                              int           // of the database, which were borne
	Took                                  time.Duration // from the first event to the last

	takeovers []time.Duration // sorted
	effort    effort
	logged    map[string][]string // lines, by what they say
	faults    harness.Faults
}

func (r *run) report() *report {
	a := r.arrivals
	found := &report{
		Told: a.recorded, Events: a.events, Duplicates: a.duplicates, Kills: r.kills, Left: r.left,
		Took:      a.last.Sub(a.first),
		takeovers: slices.Sorted(slices.Values(a.takeovers)),
		effort:    r.effort, logged: map[string][]string{}, faults: a.faults,
	}
	found.Failures, _ = r.patience.failed()
	for _, p := range r.processes {
		for _, line := range p.Printed {
			found.read(line)
		}
	}
	return found
}

// read takes a line that a relay has logged. It says nothing else unless it panics.
func (r *report) read(line string) {
	var entry struct {
		Level string `json:"level"`
		Msg   string `json:"msg"`
	}
	if json.Unmarshal([]byte(line), &entry) != nil || entry.Level == "ERROR" {
		r.faults.Add(surprise, "a relay printed: %s", line)
		return
	}
	r.logged[entry.Msg] = append(r.logged[entry.Msg], line)
}

// rate is in events per second.
func (r *report) rate() float64 { return float64(r.Events) / max(r.Took.Seconds(), 1e-6) }

// write prints the figures and, in detail, what is wrong.
func (r *report) write(w io.Writer, s *settings, p plan) {
	if p.kill {
		fmt.Fprintf(w, "%s, %d relays, one killed every %s, lease %s: %d of %d events, %d came again\n",
			s.Engine, p.relays, s.Every, s.Lease, r.Events, r.Told, r.Duplicates)
		r.writeTakeovers(w)
		if r.Failures > 0 {
			fmt.Fprintf(w, "  %d commands failed and were repeated\n", r.Failures)
		}
	} else {
		fmt.Fprintf(w, "%s, %d undisturbed, batch %d: %.0f events/s, %d of %d events, %d came again\n",
			s.Engine, p.relays, s.Batch, r.rate(), r.Events, r.Told, r.Duplicates)
		r.writeEffort(w)
	}
	for _, message := range slices.Sorted(maps.Keys(r.logged)) {
		lines := r.logged[message]
		fmt.Fprintf(w, "  logged %d times: %s\n    %s\n", len(lines), message, lines[len(lines)/2])
	}
	r.faults.Write(w, kinds)
	if p.kill {
		fmt.Fprintf(w, "relay %s rate %.0f events/s, duplicates %d, kills %d\n",
			s.Engine, r.rate(), r.Duplicates, r.Kills)
	}
}

func (r *report) writeTakeovers(w io.Writer) {
	if n := len(r.takeovers); n > 0 {
		fmt.Fprintf(w, "  %d products were taken over, after %s in the median and %s at most; ",
			n, rounded(r.takeovers[n/2]), rounded(r.takeovers[n-1]))
		fmt.Fprintf(w, "killed relays still had %d leases in the end\n", r.Left)
	}
}

func (r *report) writeEffort(w io.Writer) {
	e := r.effort
	per := func(n, of int) float64 { return float64(n) / float64(max(of, 1)) }
	fmt.Fprintf(w, "  %d claims of %.1f products with %.1f events each, %s; %d that brought nothing, %s\n",
		e.Claims.Calls, per(e.Products, e.Claims.Calls), per(e.Events, e.Products), rounded(e.Claims.mean()),
		e.Empty.Calls, rounded(e.Empty.mean()))
	fmt.Fprintf(w, "  %d publishes, %s; %d settlements, %s\n",
		e.Publishes.Calls, rounded(e.Publishes.mean()), e.Settles.Calls, rounded(e.Settles.mean()))
}

func rounded(d time.Duration) time.Duration {
	if d < 100*time.Millisecond {
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Millisecond)
}
