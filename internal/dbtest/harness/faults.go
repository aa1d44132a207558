package harness

import (
	"fmt"
	"io"
	"strings"
)

// FaultKind is a kind of fault.
type FaultKind string

// Faults are the faults found by a run, in words, by kind. Faults are not safe for concurrent use.
type Faults map[FaultKind][]string

// Add notes a fault.
func (f *Faults) Add(kind FaultKind, format string, args ...any) {
	if *f == nil {
		*f = Faults{}
	}
	(*f)[kind] = append((*f)[kind], fmt.Sprintf(format, args...))
}

// faultsShown is how many texts of a kind are shown.
const faultsShown = 5

// Write prints the number of faults of each kind, and up to five faults of a kind in detail.
func (f Faults) Write(w io.Writer, kinds []FaultKind) {
	counts := make([]string, len(kinds))
	for i, kind := range kinds {
		counts[i] = fmt.Sprintf("%d %s", len(f[kind]), kind)
	}
	fmt.Fprintf(w, "  found: %s\n", strings.Join(counts, ", "))
	for _, kind := range kinds {
		for _, text := range f[kind][:min(len(f[kind]), faultsShown)] {
			fmt.Fprintf(w, "  %s: %s\n", kind, text)
		}
	}
}
