package harness

import (
	"errors"
	"sync"
	"time"
)

// Slice is the work of some callers in one measurement.
type Slice struct {
	Done      int // orders placed, or refused where a refusal is the right answer
	Failed    int // orders without the right answer
	Took      time.Duration
	Latencies []time.Duration // of the orders in Done
}

// PerSecond is the throughput in orders.
func (s Slice) PerSecond() float64 { return float64(s.Done) / s.Took.Seconds() }

// Speeds are the throughputs of several slices.
func Speeds(slices []Slice) []float64 {
	speeds := make([]float64, len(slices))
	for i, s := range slices {
		speeds[i] = s.PerSecond()
	}
	return speeds
}

// Together adds up slices of callers who worked at the same time.
func Together(parts []Slice) Slice {
	sum := Slice{}
	for _, part := range parts {
		sum.Done, sum.Failed, sum.Took = sum.Done+part.Done, sum.Failed+part.Failed, max(sum.Took, part.Took)
		sum.Latencies = append(sum.Latencies, part.Latencies...)
	}
	return sum
}

// Order places one order and says whether the answer was the right one. An error ends the work of its caller.
type Order func() (done bool, err error)

// Work lets n callers place one order after the other until d has passed. An order begun by then is finished.
func Work(n int, d time.Duration, caller func(i int) Order) (Slice, error) {
	each, errs := make([]Slice, n), make([]error, n)
	began := time.Now()
	var all sync.WaitGroup
	for i := range each {
		place := caller(i)
		all.Go(func() { errs[i] = each[i].work(began.Add(d), place) })
	}
	all.Wait()
	sum := Together(each)
	sum.Took = time.Since(began)
	return sum, errors.Join(errs...)
}

func (s *Slice) work(until time.Time, place Order) error {
	for {
		began := time.Now()
		if !began.Before(until) {
			return nil
		}
		done, err := place()
		switch {
		case err != nil:
			return err
		case done:
			s.Done++
			s.Latencies = append(s.Latencies, time.Since(began))
		default:
			s.Failed++
		}
	}
}
