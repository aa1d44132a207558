package console

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/views"
)

// bar is the bar of one batch, as long as the batch is large. The lengths are percent of the longest bar.
type bar struct {
	Promised float64
	Free     float64
	Closed   float64 // neither promised nor for sale
}

// FreeFrom and ClosedFrom are where the second and the third part of the bar begin.
func (b bar) FreeFrom() float64   { return b.Promised }
func (b bar) ClosedFrom() float64 { return b.Promised + b.Free }

// barOf divides a batch. The units of lapsed holds are free, though still counted as allocated.
func barOf(b views.Batch, longest allocation.Quantity) bar {
	length := func(n allocation.Quantity) float64 {
		return math.Round(float64(max(0, n))/float64(max(1, longest))*1e4) / 100
	}
	promised := min(b.Allocated, b.Purchased-b.Free)
	return bar{
		Promised: length(promised),
		Free:     length(b.Free),
		Closed:   length(b.Purchased - b.Free - promised),
	}
}

// plot is the availability of a product over the coming weeks.
type plot struct {
	Line, Area string // the path of the line, and of the area below, on a canvas of plotWidth × plotHeight
	Levels     []string
	Weeks      []time.Time
	Steps      []step
	Hidden     int // steps left out of the table
	Last       step
}

// step is the arrival of units, and how many are available from then on.
type step struct {
	At        time.Time // zero for units in the warehouse
	Arriving  allocation.Quantity
	Available allocation.Quantity
	Overdue   bool
}

// The plot's canvas, in units of the picture, and the length of time shown.
const (
	plotWidth  = 1000
	plotHeight = 200
	plotWeeks  = 12
	plotLevels = 4
)

// plotOf draws the stock as of now. Units of overdue shipments count from the beginning, as for
// [views.Stock.AvailableBy].
func plotOf(stock views.Stock, now time.Time, most int) plot {
	var p plot
	steps := stepsOf(stock, now)
	p.Last = steps[len(steps)-1]
	shown := min(len(steps), most)
	p.Steps, p.Hidden = steps[:shown], len(steps)-shown
	for week := range plotWeeks {
		p.Weeks = append(p.Weeks, now.AddDate(0, 0, 7*week))
	}
	end := now.AddDate(0, 0, 7*plotWeeks)
	highest := float64(stock.AvailableBy(end))
	level := levelOf(highest)
	for i := plotLevels; i >= 0; i-- {
		p.Levels = append(p.Levels, short(level*float64(i)))
	}
	p.Line, p.Area = draw(steps, now, end, level*plotLevels)
	return p
}

// stepsOf adds up the arrivals. A sum beyond the largest quantity is the largest quantity.
func stepsOf(stock views.Stock, now time.Time) []step {
	sum := stock.InWarehouse
	steps := []step{{Arriving: sum, Available: sum}}
	for _, a := range stock.Arriving {
		sum += min(a.Quantity, math.MaxInt64-sum)
		steps = append(steps, step{At: a.ETA, Arriving: a.Quantity, Available: sum, Overdue: a.ETA.Before(now)})
	}
	return steps
}

// draw returns the paths of the line and of the area below. Steps on the same vertical are one step, so that the length
// of the paths is bounded.
func draw(steps []step, now, end time.Time, top float64) (line, area string) {
	var path strings.Builder
	height := func(n allocation.Quantity) int {
		return plotHeight - int(math.Round(float64(n)/top*plotHeight))
	}
	x, y := 0, plotHeight
	rise := func(to int) {
		switch {
		case path.Len() == 0:
			fmt.Fprintf(&path, "M0 %d", y)
		case x > 0:
			fmt.Fprintf(&path, "V%d", y)
		}
		fmt.Fprintf(&path, "H%d", to)
	}
	for _, s := range steps {
		if s.At.After(end) {
			break
		}
		to := 0
		if s.At.After(now) {
			to = int(float64(s.At.Sub(now)) / float64(end.Sub(now)) * plotWidth)
		}
		if to > x {
			rise(to)
		}
		x, y = to, height(s.Available)
	}
	rise(plotWidth)
	return path.String(), fmt.Sprintf("%sV%dH0Z", path.String(), plotHeight)
}

// levelOf returns the distance of the lines behind a plot: a round number, large enough for the highest line to be
// above the plot.
func levelOf(highest float64) float64 {
	if highest <= plotLevels {
		return 1
	}
	least := highest / plotLevels
	ten := math.Pow(10, math.Floor(math.Log10(least)))
	for _, round := range []float64{1, 2, 2.5, 5, 10} {
		if level := round * ten; level >= least && level == math.Trunc(level) {
			return level
		}
	}
	return math.Ceil(least)
}

// short writes a number for an axis.
func short(n float64) string {
	if n < 1e5 {
		return grouped(int64(n))
	}
	suffix := ""
	for _, s := range []string{"k", "M", "G", "T", "P", "E"} {
		n, suffix = n/1000, s
		if n < 1000 {
			break
		}
	}
	return strconv.FormatFloat(n, 'f', -1, 64) + " " + suffix
}
