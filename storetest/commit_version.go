package storetest

import (
	"errors"

	"github.com/cosmic-go/allocation"
)

var versionRows = []row{
	{"a commit on an outdated version is a conflict",
		"the second of two units of work would overwrite the first, and stock would be sold twice", commitStale},
	{"a commit on a version that doesn't exist yet is a conflict",
		"a commit may replace only the version that was read", commitFuture},
	{"a product can be created only once",
		"Read 0 means that there was no product; a second creation would be merged or lost", commitNewTwice},
	{"changing a product that doesn't exist is a conflict",
		"the change would be lost, or would create a product without its batches", commitMissing},
	{"the version of a product that was only read is checked",
		"a decision about one product may depend on another product, which has changed since", commitReadOnly},
	{"a check of a version changes nothing",
		"a new version without an event makes other commits lose races for nothing, and breaks the ledger " +
			"(R9)", commitCheckOnly},
	{"a conflict is found before a duplicate",
		"after a lost race a duplicate may only mean that the host's own earlier call succeeded", commitConflictFirst},
	{"a commit without changes succeeds",
		"a unit of work that found no product has nothing to check", commitNothing},
}

func commitStale(b *bench) {
	b.announce("apple", stock("a1", 10))
	one, two := b.allocation("apple", firm("o1", 1)), b.allocation("apple", firm("o2", 2))
	b.commit(one)
	b.refused(allocation.ErrConflict, two)
	b.allocate("apple", firm("o3", 1), firm("o4", 1))
	b.refused(allocation.ErrConflict, two)
	b.commit(b.allocation("apple", firm("o2", 2)))
}

func commitFuture(b *bench) {
	b.announce("apple", stock("a1", 10))
	c := b.allocation("apple", firm("o1", 1))
	c.Read, c.Version = c.Read+1, c.Version+1
	b.refused(allocation.ErrConflict, c)
}

func commitNewTwice(b *bench) {
	one, two := b.product("apple", stock("a1", 10)), b.product("apple", stock("a2", 20))
	b.commit(one.Changes())
	b.refused(allocation.ErrConflict, two.Changes())
	b.refused(allocation.ErrConflict, one.Changes())
}

func commitMissing(b *bench) {
	b.announce("apple", stock("a1", 10))
	c := b.allocation("apple", firm("o1", 1))
	c.SKU = "pear"
	c.Events = []allocation.Event{allocation.LowStockSet{SKU: "pear", At: noon, To: 1}}
	c.Batches, c.NewLines = nil, nil
	b.refused(allocation.ErrConflict, c)
	b.refused(allocation.ErrConflict, checkOnly(allocation.State{SKU: "pear", Version: 1}))
}

func commitReadOnly(b *bench) {
	b.announce("apple", stock("a1", 10))
	b.announce("pear", stock("p1", 10))
	for _, skus := range [][2]allocation.SKU{{"apple", "pear"}, {"pear", "apple"}} {
		read, changed := b.state(of(skus[0])), b.allocation(skus[1], firm("o1", 1))
		b.allocate(skus[0], firm("o2", 1))
		b.refused(allocation.ErrConflict, bySKU(checkOnly(read), changed)...)
		b.refused(allocation.ErrConflict, checkOnly(read))
		b.commit(b.cancellation(skus[0], "o2"))
	}
}

func commitCheckOnly(b *bench) {
	b.announce("apple", stock("a1", 10))
	b.announce("pear", stock("p1", 10))
	b.change(of("apple"), func(p *allocation.Product) error { return p.SetLowStock(3, noon) })
	before := b.load(of("apple"))
	b.commit(checkOnly(b.state(of("apple"))), b.allocation("pear", firm("o1", 1)))
	b.commit(checkOnly(b.state(of("apple"))))
	b.wantStates(b.load(of("apple")), before, "product %q after two checks", "apple")
	b.lineOf(b.state(of("pear", "o1")), "o1")
}

func commitConflictFirst(b *bench) {
	b.announce("apple", stock("a1", 10))
	b.announce("pear", stock("p1", 10))
	for _, skus := range [][2]allocation.SKU{{"apple", "pear"}, {"pear", "apple"}} {
		duplicate, conflict := b.allocation(skus[0], firm("o1", 1)), b.allocation(skus[1], firm("o2", 1))
		duplicate.NewBatches = append(duplicate.NewBatches, announcedAs(skus[0], stock("a1", 10)))
		conflict.Read, conflict.Version = conflict.Read-1, conflict.Version-1
		err := b.refused(allocation.ErrConflict, bySKU(duplicate, conflict)...)
		if errors.Is(err, allocation.ErrDuplicate) {
			b.errorf("Commit = %v, want an error that doesn't wrap ErrDuplicate", err)
		}
	}
	twice := b.allocation("apple", firm("o1", 1))
	b.commit(twice)
	b.refused(allocation.ErrConflict, twice)
}

func commitNothing(b *bench) {
	b.commit()
	b.announce("apple", stock("a1", 10))
	b.commit([]allocation.Changes{}...)
}
