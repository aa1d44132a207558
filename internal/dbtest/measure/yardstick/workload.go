package yardstick

import (
	"time"

	"github.com/cosmic-go/allocation/internal/dbtest/measure/sides"
)

var workloads = []sides.Workload{
	{Name: "many-1", Callers: 1, SKUs: 1000},
	{Name: "many-16", Callers: 16, SKUs: 1000},
	{Name: "many-64", Callers: 64, SKUs: 1000},
	{Name: "many-256", Callers: 256, SKUs: 1000},
	{Name: "one-1", Callers: 1, SKUs: 1},
	{Name: "one-16", Callers: 16, SKUs: 1},
	{Name: "one-64", Callers: 64, SKUs: 1},
	{Name: "one-256", Callers: 256, SKUs: 1},
	{Name: "orders-64", Callers: 64, SKUs: 1000, Lines: 5},
	{Name: "sold-out-64", Callers: 64, SKUs: 1, SoldOut: true},
}

// size is how much is done.
type size struct {
	skus      int // at most, of any workload
	slice     time.Duration
	rounds    int   // in which every side has its slice; one more warms up
	best      []int // sizes of pools that are tried for the hand-written side
	tries     int   // of each of them
	lines     int   // earlier ones, beside which the history's workload runs
	batches   int   // used-up ones, beside which it runs; a divisor of lines
	bulk      int   // lines
	processes int
	shared    time.Duration // that the processes work side by side
	wanted    func(w sides.Workload) bool

	// For the comparison of two commits.
	turn        time.Duration // of one side, in each round
	least, most int           // rounds; one more warms up
	past        int           // earlier lines of the history's workload; a multiple of usedUp
	usedUp      int           // batches of the history's workload
	bulkTurn    int           // lines that a turn of the bulk's workload places
}

var (
	full = size{
		skus: 1000, slice: time.Second, rounds: 5, best: []int{2, 4, 8, 16, 32}, tries: 3,
		lines: 1_000_000, batches: 10_000, bulk: 100_000, processes: 4, shared: 5 * time.Second,
		wanted: func(sides.Workload) bool { return true },
		turn:   150 * time.Millisecond, least: 24, most: 480, past: 100_000, usedUp: 1_000, bulkTurn: 4_000,
	}
	small = size{
		skus: 1000, slice: 150 * time.Millisecond, rounds: 1, best: []int{2}, tries: 1,
		lines: 10_000, batches: 10_000, bulk: 2_000, processes: 2, shared: 500 * time.Millisecond,
		wanted: func(w sides.Workload) bool { return w.Callers <= 64 },
		turn:   50 * time.Millisecond, least: 3, most: 6, past: 2_000, usedUp: 20, bulkTurn: 500,
	}
)
