package sides

import "fmt"

// Workload is a load that callers put on one side.
type Workload struct {
	Name    string
	Callers int
	SKUs    int
	Lines   int  // of an order; 1 if 0
	SoldOut bool // no unit is left, so that a refusal is the right answer
}

// Pool is the number of connections that the library gets, and a hand-written side of the same size.
func (w Workload) Pool() int { return min(w.Callers, 64) }

// SKU names a product of the workload, counted from 0.
func (w Workload) SKU(i int) string { return fmt.Sprintf("sku-%s-%04d", w.Name, i) }
