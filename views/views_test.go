package views_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/cosmic-go/allocation/views"
)

func TestLineLapsesAtHeldUntil(t *testing.T) {
	for name, c := range map[string]struct {
		heldUntil time.Time
		want      bool
	}{
		"firm":                           {time.Time{}, false},
		"held":                           {noon.Add(time.Microsecond), false},
		"ends now":                       {noon, true},
		"ended":                          {noon.Add(-time.Microsecond), true},
		"ends now, in another time zone": {noon.In(time.FixedZone("east", 3600)), true},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, views.Line{HeldUntil: c.heldUntil}.Lapsed(noon))
		})
	}
}
