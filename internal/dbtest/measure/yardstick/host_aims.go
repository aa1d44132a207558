package yardstick

import (
	"fmt"
	"io"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// figures are the sides of the workloads that were measured, by workload and name.
type figures map[string]map[string]*turn

// aim is the least ratio to by hand, with the same number of connections and with the best number; 0 for no aim.
type aim struct{ same, best float64 }

// aims are the aims of each engine, by workload and side.
var aims = map[string]map[[2]string]aim{
	"postgresql": {
		{"host-many-1", within}:     {0.85, 0},
		{"host-many-64", single}:    {1.3, 0},
		{"host-many-64", merged}:    {2.0, 0},
		{"host-many-64", pgxSingle}: {2.5, 0},
		{"host-one-64", within}:     {2.0, 1.0},
		{"host-one-64", single}:     {12, 6},
		{"host-one-64", merged}:     {20, 12},
	},
}

// pgxAims are the aims of pgx ÷ database/sql, in the order of hostWorkloads.
var pgxAims = []struct {
	above, below string
	least        []float64
}{
	{pgxAlone, alone, []float64{1.0, 1.0, 1.0}},
	{pgxSingle, single, []float64{1.3, 1.6, 1.9}},
}

// writeAims prints the ratios of the measured workloads with their aims. A figure that reaches its aim is bold.
func (p *place) writeAims(out io.Writer, found figures) {
	fmt.Fprintf(out, "| %s, ÷ by hand (aim) | same number of connections | best number | best number is | "+
		"fewest statements | failed |\n|---|---:|---:|---:|---:|---:|\n", p.Name)
	for _, w := range hostWorkloads {
		byName := found[w.Name]
		for _, way := range p.ways() {
			t, below := byName[way.name], byName[byHand]
			if t == nil || t == below {
				continue
			}
			least, fewer := aims[p.Name][[2]string{w.Name, way.name}], "–"
			if other := byName[fewest]; other != nil && t != other {
				fewer = compared(t, other, 0)
			}
			fmt.Fprintf(out, "| %s, %s | %s | %s | %d | %s | %d |\n", w.Name, way.name, compared(t, below, least.same),
				compared(t, byName[best], least.best), byName[best].connections, fewer,
				harness.Together(t.slices).Failed)
		}
	}
	fmt.Fprintln(out)
	if p.Name == "postgresql" {
		writePgxAims(out, found)
	}
}

// writePgxAims prints the ratios of pgx to database/sql.
func writePgxAims(out io.Writer, found figures) {
	fmt.Fprint(out, "| pgx ÷ database/sql (aim) |")
	for _, w := range hostWorkloads {
		fmt.Fprintf(out, " %s |", w.Name)
	}
	fmt.Fprint(out, "\n|---|---:|---:|---:|\n")
	for _, a := range pgxAims {
		fmt.Fprintf(out, "| %s ÷ %s |", a.above, a.below)
		for i, w := range hostWorkloads {
			cell := "–"
			if byName := found[w.Name]; byName != nil {
				cell = compared(byName[a.above], byName[a.below], a.least[i])
			}
			fmt.Fprintf(out, " %s |", cell)
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out)
}

// compared is a cell with the ratio of two sides, and the aim if there is one.
func compared(above, below *turn, least float64) string {
	ratio := above.over(below)
	switch {
	case least == 0:
		return fmt.Sprintf("%.2f", ratio)
	case ratio >= least:
		return fmt.Sprintf("**%.2f** (%.2f)", ratio, least)
	}
	return fmt.Sprintf("%.2f (%.2f)", ratio, least)
}
