package harness

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Quantile is the value above the given part of the values; 0 for no values. Quantile sorts a copy.
func Quantile[N cmp.Ordered](values []N, part float64) N {
	if len(values) == 0 {
		return *new(N)
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(part*float64(len(sorted))), len(sorted)-1)]
}

// Median is the value in the middle.
func Median[N cmp.Ordered](values []N) N { return Quantile(values, 0.5) }

// Ratios are the ratios of values measured side by side.
func Ratios[N ~int64 | ~float64](above, below []N) []float64 {
	of := make([]float64, len(above))
	for i := range above {
		of[i] = float64(above[i]) / float64(below[i])
	}
	return of
}

// Milliseconds is how tables print a duration.
func Milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

// Cells are the cells of a table's row for some slices: the median throughput, p50 and p99 over all latencies.
func Cells(slices []Slice) string {
	all := Together(slices).Latencies
	return fmt.Sprintf("%.0f | %s | %s", Median(Speeds(slices)),
		Milliseconds(Quantile(all, 0.5)), Milliseconds(Quantile(all, 0.99)))
}
