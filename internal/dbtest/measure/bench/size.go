package bench

import "time"

// size is how much is done.
type size struct {
	lines   int // earlier ones, of the product that has a history
	batches int // used-up ones, of the same; a divisor of lines and a multiple of 20

	slices int // of the flat cost
	calls  int // of each side in such a slice

	pools   int // of connections, each the share of one process
	callers int // of each pool
	many    int // SKUs where there is no contention
	rounds  int // in which every way of locking has its slice
	slice   time.Duration
}

var (
	full = size{
		lines: 1_000_000, batches: 10_000, slices: 60, calls: 25,
		pools: 4, callers: 8, many: 1000, rounds: 3, slice: 1500 * time.Millisecond,
	}
	small = size{
		lines: 10_000, batches: 100, slices: 10, calls: 10,
		pools: 2, callers: 8, many: 100, rounds: 1, slice: 300 * time.Millisecond,
	}
)
