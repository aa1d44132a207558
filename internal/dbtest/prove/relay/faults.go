package relay

import "github.com/cosmic-go/allocation/internal/dbtest/harness"

// The kinds of faults that a run can find.
const (
	lost       harness.FaultKind = "lost"       // in the ledger, and never arrived
	disordered harness.FaultKind = "disordered" // first arrived before an earlier event of its product
	altered    harness.FaultKind = "altered"    // not as it arrived before, or as it is in the ledger
	invented   harness.FaultKind = "invented"   // arrived, and not in the ledger
	leftover   harness.FaultKind = "left over"  // backlog, failures and leases after the end
	drift      harness.FaultKind = "drift"      // accounts that disagree
	stuck      harness.FaultKind = "stuck"      // nothing arrives any more, and not all is sent
	surprise   harness.FaultKind = "unexpected" // relays and commands that failed
)

// kinds are all kinds of faults, in the order in which a report lists them.
var kinds = []harness.FaultKind{lost, disordered, altered, invented, leftover, drift, stuck, surprise}
