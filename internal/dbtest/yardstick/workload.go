package main

import "time"

// workload is what callers do, and who is compared.
type workload struct {
	name    string
	callers int
	skus    int
	lines   int  // of an order; 1 if 0
	soldOut bool // there is nothing left
}

// pool is how many connections the library has, and the hand-written side that is given the same.
func (w workload) pool() int { return min(w.callers, 64) }

var workloads = []workload{
	{name: "many-1", callers: 1, skus: 1000},
	{name: "many-16", callers: 16, skus: 1000},
	{name: "many-64", callers: 64, skus: 1000},
	{name: "many-256", callers: 256, skus: 1000},
	{name: "one-1", callers: 1, skus: 1},
	{name: "one-16", callers: 16, skus: 1},
	{name: "one-64", callers: 64, skus: 1},
	{name: "one-256", callers: 256, skus: 1},
	{name: "orders-64", callers: 64, skus: 1000, lines: 5},
	{name: "sold-out-64", callers: 64, skus: 1, soldOut: true},
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
	wanted    func(w workload) bool
}

var (
	full = size{
		skus: 1000, slice: time.Second, rounds: 5, best: []int{2, 4, 8, 16, 32}, tries: 3, lines: 1_000_000, batches: 10_000, bulk: 100_000,
		processes: 4, shared: 5 * time.Second, wanted: func(workload) bool { return true },
	}
	small = size{
		skus: 1000, slice: 150 * time.Millisecond, rounds: 1, best: []int{2}, tries: 1, lines: 10_000, batches: 10_000, bulk: 2_000,
		processes: 2, shared: 500 * time.Millisecond, wanted: func(w workload) bool { return w.callers <= 64 },
	}
)
