package torture

import (
	"fmt"
	"slices"

	"github.com/cosmic-go/allocation"
)

// mode is how the clients' Services work.
type mode string

const (
	everything mode = "all"    // commands are committed in groups, on cached products
	alone      mode = "alone"  // every command is a commit of its own, and no product is cached
	unkept     mode = "unkept" // commands are committed in groups, and no product is cached
	locked     mode = "locked" // every client locks from the start, and no product is cached
)

var modes = []mode{everything, alone, unkept, locked}

func (m mode) check() error {
	if !slices.Contains(modes, m) {
		return fmt.Errorf("mode must be one of %q, not %q", modes, m)
	}
	return nil
}

// groups and caches say whether a mode has group commit and cached products.
func (m mode) groups() bool { return m != alone }
func (m mode) caches() bool { return m == everything }

// locksEvery is the number of clients of which one locks rows from the start. The others lock after a lost race.
const locksEvery = 4

// smallPage is the page size of every second client, so that lines which wait are served over several commits.
const smallPage = 3

// options are those of a client, 0 to Processes-1, and of its Service.
func (m mode) options(process int) (allocation.UnitOfWorkOptions, *allocation.ServiceOptions) {
	service := &allocation.ServiceOptions{NoGroupCommit: !m.groups()}
	if !m.caches() {
		service.CacheSize = -1
	}
	o := allocation.UnitOfWorkOptions{LockFirst: m == locked || process%locksEvery == locksEvery-1}
	if process%2 == 1 {
		o.PageSize = smallPage
	}
	return o, service
}
