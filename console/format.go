package console

import (
	"fmt"
	"strconv"
	"time"

	"github.com/cosmic-go/allocation"
)

// grouped writes a number with a comma between groups of three digits.
func grouped[N ~int64 | ~int](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	sign := ""
	if n < 0 {
		sign, digits = "−", digits[1:]
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return sign + digits
}

// signed writes a difference with a sign; "" for none, and a column without differences stays empty.
func signed(n allocation.Quantity) string {
	switch {
	case n == 0:
		return ""
	case n > 0:
		return "+" + grouped(n)
	}
	return grouped(n)
}

// stamp writes a time in UTC, with seconds if there are any.
func stamp(t time.Time) string {
	if t.Second() == 0 {
		return t.UTC().Format("2006-01-02 15:04")
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// day writes a date as on the axis of a plot.
func day(t time.Time) string { return t.UTC().Format("2 Jan") }

// machine writes a time for programs.
func machine(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// since says how far a time lies from now, in the largest unit with a number of at least 2.
func since(now, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	away := t.Sub(now)
	if away.Abs() < time.Second {
		return "just now"
	}
	if away < 0 {
		return span(-away) + " ago"
	}
	return "in " + span(away)
}

// span writes a length of time in the largest unit with a number of at least 2.
func span(d time.Duration) string {
	const aDay = 24 * time.Hour
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{7 * aDay, "weeks"}, {aDay, "days"}, {time.Hour, "hours"}, {time.Minute, "minutes"}} {
		if d >= 2*unit.of {
			return fmt.Sprintf("%s %s", grouped(int64(d/unit.of)), unit.name)
		}
	}
	if d >= time.Second && d < 2*time.Second {
		return "1 second"
	}
	return fmt.Sprintf("%d seconds", d/time.Second)
}
