package storetest

import (
	"errors"

	"github.com/cosmic-go/allocation"
)

var versionRows = []row{
	{"a version that was outdated meanwhile is a conflict",
		"the second of two units of work would overwrite the first, which is how stock is sold twice", commitStale},
	{"a version that doesn't exist yet is a conflict",
		"only the very version that was read may be replaced", commitFuture},
	{"a product is new only once",
		"Read 0 says that there was none; two beginnings would be merged or lost", commitNewTwice},
	{"a product that isn't there can't be changed",
		"the change would be lost, or start a product without its batches", commitMissing},
	{"a product that was only read is checked as well",
		"a decision about one product may rest on another one that changed meanwhile", commitReadOnly},
	{"a check changes nothing",
		"a version that moves without an event makes others lose races for nothing, and breaks the ledger (R9)", commitCheckOnly},
	{"a conflict is found before a duplicate",
		"after a lost race a duplicate may only say that the host's own earlier call went through", commitConflictFirst},
	{"a commit of nothing succeeds",
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
			b.errorf("Commit = %v, which is an ErrDuplicate too", err)
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
