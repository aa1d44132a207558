package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// quantile is the value below which the given part of the values lies; 0 of none. It sorts a copy.
func quantile[N cmp.Ordered](values []N, part float64) N {
	if len(values) == 0 {
		return *new(N)
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(part*float64(len(sorted))), len(sorted)-1)]
}

func median[N cmp.Ordered](values []N) N { return quantile(values, 0.5) }

// quotients are those of values that were measured side by side.
func quotients(above, below []float64) []float64 {
	of := make([]float64, len(above))
	for i := range above {
		of[i] = above[i] / below[i]
	}
	return of
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}
