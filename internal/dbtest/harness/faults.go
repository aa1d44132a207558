package harness

import (
	"fmt"
	"io"
	"strings"
)

// FaultKind is a kind of fault that a run can find.
type FaultKind string

// Faults are the faults that a run has found, in words. They are not safe for concurrent use.
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

// Write prints how many faults there are of each kind, and some of them in detail.
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
