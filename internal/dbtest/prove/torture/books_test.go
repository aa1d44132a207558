package torture

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// Caller 3 is one of the second client, whose clock shows times that leave 2 when divided by 3.
func TestAnEventBelongsToTheAttemptThatItNames(t *testing.T) {
	s := &settings{Processes: 2, Callers: 2}
	first := attempt{trace: traceOf(3, 1), from: 32, to: 62, outcome: unknown}
	again := attempt{trace: traceOf(3, 2), from: 92, to: 122, outcome: acknowledged}
	for name, row := range map[string]struct {
		verb verb
		why  string
		try  int
		at   int64
		want bool
	}{
		"while it was under way":                {try: 1, at: 35, want: true},
		"before it":                             {try: 1, at: 29},
		"after it":                              {try: 1, at: 65},
		"by another client's clock":             {try: 1, at: 36},
		"by a repeat":                           {try: 2, at: 95, want: true},
		"by nobody":                             {try: 3, at: 95},
		"in a commit that the caller left":      {why: left, try: 1, at: 110, want: true},
		"after the repeat of what was left":     {why: left, try: 1, at: 125},
		"in what nobody takes back and is left": {verb: sweep, why: left, try: 1, at: 125, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			first := first
			first.why = row.why
			did := &history{callers: map[int][]*step{3: {{
				caller: 3, number: 1, command: command{Verb: row.verb}, attempts: []attempt{first, again},
			}}}}
			b := newBooks(s, did, &report{})
			found := b.whose(traceOf(3, row.try), time.UnixMicro(row.at))
			assert.Equal(t, row.want, found != nil)
		})
	}
}
