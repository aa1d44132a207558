package yardstick

import (
	"fmt"
	"io"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// figures are the sides of the measured workloads, by workload and name.
type figures map[string]map[string]*turn

// aim is the least ratio to by hand, with the same number of connections and with the best number; 0 for no aim.
type aim struct{ same, best float64 }

// aims are the aims of each engine, by workload and side. Those of MariaDB and SQLite were set after a first
// measurement.
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
	"mariadb": {
		{"host-many-1", within}:  {0.5, 0},
		{"host-many-64", single}: {1.3, 1.0},
		{"host-many-64", merged}: {1.5, 1.0},
		{"host-one-64", single}:  {5, 3},
		{"host-one-64", merged}:  {8, 5},
	},
	"sqlite": {
		{"host-many-1", within}:  {0.5, 0},
		{"host-many-64", single}: {4, 1.0},
		{"host-many-64", merged}: {4, 1.0},
		{"host-one-64", single}:  {20, 5},
		{"host-one-64", merged}:  {20, 5},
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

// writeAims prints the ratios of the measured workloads with the aims, a row for each way. A figure is bold if the aim
// is reached. Workloads with several callers have a second column, for by hand with the best number of connections.
func (p *place) writeAims(out io.Writer, found figures) {
	head, line := fmt.Sprintf("| %s, ÷ by hand (aim) |", p.Name), "|---|"
	for _, w := range hostWorkloads {
		byName := found[w.Name]
		if byName == nil {
			continue
		}
		head, line = head+" "+w.Name+" |", line+"---:|"
		if w.Callers > 1 {
			head, line = head+fmt.Sprintf(" best number, %d |", byName[best].connections), line+"---:|"
		}
	}
	fmt.Fprintf(out, "%s failed |\n%s---:|\n", head, line)
	for _, way := range p.ways() {
		if way.name != byHand {
			p.writeRow(out, way.name, found)
		}
	}
	fmt.Fprintln(out)
	if p.Name == "postgresql" {
		writePgxAims(out, found)
	}
}

// writeRow prints the row of a way.
func (p *place) writeRow(out io.Writer, name string, found figures) {
	fmt.Fprintf(out, "| %s |", name)
	failed := 0
	for _, w := range hostWorkloads {
		byName := found[w.Name]
		if byName == nil {
			continue
		}
		t, least := byName[name], aims[p.Name][[2]string{w.Name, name}]
		fmt.Fprintf(out, " %s |", compared(t, byName[byHand], least.same))
		if w.Callers > 1 {
			fmt.Fprintf(out, " %s |", compared(t, byName[best], least.best))
		}
		failed += harness.Together(t.slices).Failed
	}
	fmt.Fprintf(out, " %d |\n", failed)
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

// compared is a cell with the ratio of two sides, and the aim unless the aim is 0.
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
