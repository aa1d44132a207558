package torture

import (
	"fmt"
	"slices"

	"github.com/cosmic-go/allocation"
)

// mode is how the clients' Services work.
type mode string

const (
	everything mode = "all"    // commands are committed together, on products that were kept
	alone      mode = "alone"  // every command is a commit of its own, and nothing is kept
	unkept     mode = "unkept" // commands are committed together, on products that are read each time
	locked     mode = "locked" // everybody locks from the start, and nothing is kept
)

var modes = []mode{everything, alone, unkept, locked}

func (m mode) check() error {
	if !slices.Contains(modes, m) {
		return fmt.Errorf("mode must be one of %q, not %q", modes, m)
	}
	return nil
}

// groups and keeps say what a mode leaves switched on.
func (m mode) groups() bool { return m != alone }
func (m mode) keeps() bool  { return m == everything }

// locksEvery is how many clients there are to one that locks what it reads from the start. The others do so after
// a lost race.
const locksEvery = 4

// options are those of a client, 0 to Processes-1, and of its Service.
func (m mode) options(process int) (allocation.UnitOfWorkOptions, *allocation.ServiceOptions) {
	service := &allocation.ServiceOptions{NoGroupCommit: !m.groups()}
	if !m.keeps() {
		service.CacheSize = -1
	}
	return allocation.UnitOfWorkOptions{LockFirst: m == locked || process%locksEvery == locksEvery-1}, service
}
