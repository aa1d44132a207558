package yardstick

import (
	"fmt"
	"io"
	"math"

	"github.com/cosmic-go/allocation/internal/dbtest/harness"
)

// result is the result of a contest. The sides are new, old and old again, in this order.
type result struct {
	contest
	sides  []*contestant
	rounds int
}

// tolerance is how far a result may be from the truth.
const tolerance = 0.03

// comparison is the ratio of a side to others: the median of the rounds' ratios, and their quartiles.
type comparison struct {
	ratios            []float64
	rounds            int
	median, low, high float64
}

// compare compares a side with another side, or with two equal sides. With two, each round gives two ratios. A single
// ratio to their mean would be biased by skewed noise; a ratio of equal sides is above 1 as often as below.
func compare(above *contestant, below ...*contestant) comparison {
	c := comparison{rounds: len(above.speeds)}
	for _, one := range below {
		c.ratios = append(c.ratios, harness.Ratios(above.speeds, one.speeds)...)
	}
	c.median = harness.Median(c.ratios)
	c.low, c.high = harness.Quantile(c.ratios, 0.25), harness.Quantile(c.ratios, 0.75)
	return c
}

func (c comparison) String() string {
	return fmt.Sprintf("%.2f (%.2f to %.2f)", c.median, c.low, c.high)
}

// certain says whether the 95 % confidence interval of the median is within the tolerance. The interval lies between
// two of the ratios, and makes no assumption about their distribution. Two ratios of one round count as one, because
// both depend on the same turn.
func (c comparison) certain() bool {
	around := 0.98 / math.Sqrt(float64(c.rounds)) // 1.96 standard deviations of the share of ratios below the median
	width := harness.Quantile(c.ratios, min(0.5+around, 1)) - harness.Quantile(c.ratios, max(0.5-around, 0))
	return width/2 <= tolerance*c.median
}

func (r *result) ratio() comparison  { return compare(r.sides[0], r.sides[1], r.sides[2]) }
func (r *result) itself() comparison { return compare(r.sides[2], r.sides[1]) }

// certain says whether the figures can be trusted: the commit is as fast as itself, and the medians are certain.
func (r *result) certain() bool {
	itself := r.itself()
	return math.Abs(itself.median-1) <= tolerance && itself.certain() && r.ratio().certain()
}

// write prints a table, and a line with the ratios.
func (r *result) write(out io.Writer, engine string) {
	fmt.Fprintf(out, "| %s: %d callers, %d SKUs "+columns, r.Name, r.Callers*r.processes, r.SKUs)
	for _, one := range r.sides {
		fmt.Fprintf(out, "| %s | %.0f | %s | %s | %d |\n", one.name, harness.Median(one.speeds),
			harness.Milliseconds(harness.Median(one.p50)), harness.Milliseconds(harness.Median(one.p99)), one.failed)
	}
	fmt.Fprintf(out, "\nagainst %s %s %s, the commit against itself %s, %d rounds%s\n\n",
		engine, r.Name, r.ratio(), r.itself(), r.rounds, r.doubt())
}

func (r *result) doubt() string {
	if r.certain() {
		return ""
	}
	return ", uncertain"
}

// summary prints the ratios of all workloads of an engine together.
func summary(out io.Writer, engine string, results []*result) {
	fmt.Fprintf(out, "| %s | new ÷ old (quartiles) | old ÷ old | rounds |\n|---|---:|---:|---:|\n", engine)
	for _, r := range results {
		fmt.Fprintf(out, "| %s | %s | %s | %d%s |\n", r.Name, r.ratio(), r.itself(), r.rounds, r.doubt())
	}
	fmt.Fprintln(out)
}
