package main

import "fmt"

// faultKind is what a run can find wrong.
type faultKind string

const (
	lost       faultKind = "lost"       // in the ledger, and never arrived
	disordered faultKind = "disordered" // first arrived before an earlier event of its product
	altered    faultKind = "altered"    // not as it arrived before, or as it is in the ledger
	invented   faultKind = "invented"   // arrived, and not in the ledger
	leftover   faultKind = "left over"  // backlog, failures and leases after the end
	drift      faultKind = "drift"      // accounts that disagree
	stuck      faultKind = "stuck"      // nothing arrives any more, and not all is sent
	surprise   faultKind = "unexpected" // relays and commands that failed
)

// faults are what is wrong, in words.
type faults map[faultKind][]string

func (f faults) add(kind faultKind, format string, args ...any) {
	f[kind] = append(f[kind], fmt.Sprintf(format, args...))
}
