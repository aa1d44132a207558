package dbtest

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cosmic-go/allocation"
)

// Statements are prepared, and connections made, before anything is written, so that a failure is a definite one.
func TestFaultsWhileConnectingAndPreparing(t *testing.T) {
	refused := judged{fault{name: "connection refused", err: errors.New("connection refused")}, incurable}
	order := command{name: "Allocate an order", run: allocating(firm("o", "chair", 2), firm("o", "table", 3))}
	each(t, engines, func(t *testing.T, e *engine) {
		s := sampled(11)
		r := e.breaking(t)
		for _, r.opts = range []allocation.UnitOfWorkOptions{{Attempts: 3}, {Attempts: 3, LockFirst: true}} {
			rec := r.recorded(t, order)
			for _, f := range r.faults() {
				r.sweepCold(t, order, rec, f, "prepare", &s)
			}
			r.sweepCold(t, order, rec, refused, "connect", &s)
		}
		t.Logf("tried %d of %d cases; %s=1 tries all", s.tried, s.seen, allFaults)
	})
}

// sweepCold tries a fault on pools that are new, each with nothing prepared.
func (r *rig) sweepCold(t *testing.T, c command, rec record, f judged, kind string, s *sample) {
	t.Helper()
	suits := func(x exchange) bool { return x.kind == kind }
	r.refresh(t)
	r.by.restore(t)
	r.breaker.arm(math.MaxInt, nil, suits)
	require.Equal(t, rec.first, answer(r.run(t, c, r.store)))
	_, exchanges, _ := r.breaker.disarm()
	n := 0
	for _, x := range exchanges {
		if !suits(x) {
			continue
		}
		if n++; s.takes(kind == "connect") {
			r.refresh(t)
			assert.True(t, r.try(t, c, rec, f, n, suits), "%s at %d never struck", f.name, n)
		}
	}
}
