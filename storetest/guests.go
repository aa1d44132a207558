package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/cosmic-go/allocation"
)

// HostRows is a table of the host's in the storage of a store, for the topic [Guests]. A row has a key.
type HostRows struct {
	// Row returns a guest that inserts a row, and fails if the table has a row with the key already.
	Row func(key string) allocation.Guest

	// Keys returns the keys of all committed rows, in any order.
	Keys func() []string
}

var guestRows = []row{
	{"changes and guests become visible together",
		"the host's order row would stand without its allocation, or the allocation without its order", guestsCommit},
	{"guests are carried out in their order",
		"of two callers with the same row the first must win, and a row may refer to an earlier row", guestsOrder},
	{"a guest that fails takes the changes and all other guests back",
		"half of an order would be written (R5)", guestsFail},
	{"every guest at fault is named, and no other",
		"a caller would hear an error of somebody else, or the group would begin again for each failure", guestsNamed},
	{"a broken constraint of a guest is neither a conflict nor a duplicate",
		"the unit of work would try again what can never succeed", guestsNoConflict},
	{"a conflict and a duplicate of the changes are found before a guest fails",
		"a lost race would reach a caller as the failure of the caller's own row", guestsAfterChecks},
	{"CommitWith without guests is Commit",
		"a unit of work may find at the end that no guest is left", guestsNone},
	{"a guest of an unknown kind, and no guest, are refused as invalid",
		"the mistake has to show before anything is written", guestsUnknown},
	{"CommitWith with an ended context or a nil context writes nothing",
		"after the error the caller assumes that nothing was written", guestsContext},
	{"guests inside Locked, or inside a host's transaction, last if the transaction does",
		"after a lost race the next attempt locks, and its guests must be the same", guestsInside},
	{"the store works after guests that failed",
		"a lock or a connection that stays behind stops the shop", guestsAfter},
	{"for callers of a Service on a busy product, rows and lines agree",
		"an order without stock, or stock without an order, is found by the customer", guestsOfCallers},
}

// guestStore returns the store as an allocation.GuestStore.
func (b *bench) guestStore() allocation.GuestStore {
	b.Helper()
	return b.asGuestStore(b.store)
}

func (b *bench) asGuestStore(store allocation.Store) allocation.GuestStore {
	b.Helper()
	able, is := store.(allocation.GuestStore)
	if !is {
		b.fatalf("the store declares topic %q, and a store of type %T doesn't implement allocation.GuestStore", Guests,
			store)
	}
	return able
}

// hostRows calls Config.Guests.
func (b *bench) hostRows() HostRows {
	b.Helper()
	b.guestStore()
	return b.config.Guests(b.TB, b.store)
}

// rowsOf returns a guest for each key.
func (h HostRows) rowsOf(keys ...string) []allocation.Guest {
	guests := make([]allocation.Guest, len(keys))
	for i, key := range keys {
		guests[i] = h.Row(key)
	}
	return guests
}

// wantRows checks the committed rows.
func (b *bench) wantRows(host HostRows, want ...string) {
	b.Helper()
	got := slices.Sorted(slices.Values(host.Keys()))
	if !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		b.errorf("the host's committed rows = %q, want %q", got, want)
	}
}

// orderWith commits an order of one unit of both products with guests.
func (b *bench) orderWith(store allocation.Store, order allocation.OrderID, guests ...allocation.Guest) error {
	b.Helper()
	changes, err := b.allocateOn(b.store, ofSKUs("apple", "pear"), order)
	b.must(err, "Allocate")
	return b.asGuestStore(store).CommitWith(b.Context(), changes, guests)
}

// wantGuilty checks that an error is a GuestError for exactly these guests.
func (b *bench) wantGuilty(err error, guests int, guilty ...int) {
	b.Helper()
	var failed *allocation.GuestError
	if !errors.As(err, &failed) {
		b.errorf("CommitWith with guests %d at fault = %v, want an *allocation.GuestError", guilty, err)
		return
	}
	var named []int
	for i, cause := range failed.Errs {
		if cause != nil {
			named = append(named, i)
		}
	}
	if len(failed.Errs) != guests || !slices.Equal(named, guilty) {
		b.errorf("CommitWith names guests %d of %d (%v), want %d of %d", named, len(failed.Errs), err, guilty, guests)
	}
}

func guestsCommit(b *bench) {
	b.appleAndPear()
	host := b.hostRows()
	b.must(b.orderWith(b.store, "o1", host.Row("r1")), "CommitWith with a guest")
	b.wantSold([]allocation.OrderID{"o1"})
	b.wantRows(host, "r1")
	want, guests := []string{"r1"}, []allocation.Guest(nil)
	for i := range 70 {
		want = append(want, fmt.Sprint("many ", i))
		guests = append(guests, host.Row(want[i+1]))
	}
	b.must(b.orderWith(b.store, "o2", guests...), "CommitWith with many guests")
	b.wantSold([]allocation.OrderID{"o1", "o2"})
	b.wantRows(host, want...)
	only := checkOnly(b.state(of("apple")))
	b.must(b.guestStore().CommitWith(b.Context(), []allocation.Changes{only}, host.rowsOf("checked")),
		"CommitWith of a version check alone")
	b.must(b.guestStore().CommitWith(b.Context(), nil, host.rowsOf("alone")), "CommitWith without changes")
	b.wantRows(host, append(want, "checked", "alone")...)
}

func guestsOrder(b *bench) {
	b.appleAndPear()
	host := b.hostRows()
	b.wantGuilty(b.orderWith(b.store, "o1", host.rowsOf("a", "b", "a", "c", "b")...), 5, 2, 4)
	b.wantSold(nil, "o1")
	b.wantRows(host)
}

func guestsFail(b *bench) {
	b.appleAndPear()
	host := b.hostRows()
	b.must(b.orderWith(b.store, "o1", host.Row("taken")), "CommitWith")
	for _, keys := range [][]string{{"taken"}, {"taken", "r1"}, {"r1", "taken"}, {"r1", "taken", "r2"}} {
		if err := b.orderWith(b.store, "o2", host.rowsOf(keys...)...); err == nil {
			b.errorf("CommitWith with guests %q = nil, want an error: there is a row %q", keys, "taken")
		}
		b.wantSold([]allocation.OrderID{"o1"}, "o2")
		b.wantRows(host, "taken")
	}
}

func guestsNamed(b *bench) {
	b.appleAndPear()
	host := b.hostRows()
	b.must(b.orderWith(b.store, "o1", host.rowsOf("taken", "gone")...), "CommitWith")
	for _, c := range []struct {
		keys   []string
		guilty []int
	}{
		{[]string{"taken"}, []int{0}},
		{[]string{"r1", "taken", "r2"}, []int{1}},
		{[]string{"taken", "r1", "gone", "r2", "taken"}, []int{0, 2, 4}},
	} {
		b.wantGuilty(b.orderWith(b.store, "o2", host.rowsOf(c.keys...)...), len(c.keys), c.guilty...)
	}
}

func guestsNoConflict(b *bench) {
	b.appleAndPear()
	host := b.hostRows()
	b.must(b.orderWith(b.store, "o1", host.Row("taken")), "CommitWith")
	err := b.orderWith(b.store, "o2", host.rowsOf("r1", "taken")...)
	for _, never := range []error{allocation.ErrConflict, allocation.ErrDuplicate, allocation.ErrUnknownOutcome} {
		if errors.Is(err, never) {
			b.errorf("CommitWith with a guest that breaks a constraint = %v, want no %q", err, never)
		}
	}
}

func guestsAfterChecks(b *bench) {
	both := b.appleAndPear()
	host := b.hostRows()
	b.must(b.orderWith(b.store, "o1", host.Row("taken")), "CommitWith")
	stale, err := b.allocateOn(b.store, both, "o2")
	b.must(err, "Allocate")
	b.must(b.sellOn(b.store, both, "o3"), "Commit")
	duplicate := b.allocation("pear", firm("o2", 1))
	duplicate.NewBatches = []allocation.Batch{announcedAs("pear", stock("a1", 1))}
	for want, changes := range map[error][]allocation.Changes{
		allocation.ErrConflict: stale, allocation.ErrDuplicate: bySKU(b.allocation("apple", firm("o2", 1)), duplicate),
	} {
		for _, keys := range [][]string{{"r1"}, {"r1", "taken", "r2"}} {
			err := b.guestStore().CommitWith(b.Context(), changes, host.rowsOf(keys...))
			b.wantError(err, want, "CommitWith of %s with guests %q", shownChanges(changes), keys)
			b.wantRows(host, "taken")
			b.wantSold([]allocation.OrderID{"o1", "o3"}, "o2")
		}
	}
}

func guestsNone(b *bench) {
	both := b.appleAndPear()
	b.hostRows()
	b.must(b.orderWith(b.store, "o1"), "CommitWith without guests")
	b.wantSold([]allocation.OrderID{"o1"})
	stale, err := b.allocateOn(b.store, both, "o2")
	b.must(err, "Allocate")
	b.must(b.orderWith(b.store, "o3"), "CommitWith without guests")
	err = b.guestStore().CommitWith(b.Context(), stale, nil)
	b.wantError(err, allocation.ErrConflict, "CommitWith of stale changes")
	b.must(b.guestStore().CommitWith(b.Context(), nil, nil), "CommitWith of nothing")
	b.wantSold([]allocation.OrderID{"o1", "o3"}, "o2")
}

// stranger is a guest that no store knows.
type stranger struct{}

func (stranger) Guest() {}

func guestsUnknown(b *bench) {
	b.appleAndPear()
	host := b.hostRows()
	b.must(b.guestStore().CheckGuest(host.Row("r1")), "CheckGuest of a known guest")
	for _, unknown := range []allocation.Guest{stranger{}, nil} {
		b.wantInvalid(calm(func() error { return b.guestStore().CheckGuest(unknown) }), "CheckGuest of a %T", unknown)
		if err := calm(func() error { return b.orderWith(b.store, "o1", host.Row("r1"), unknown) }); err == nil {
			b.errorf("CommitWith with a guest of type %T = nil, want an error", unknown)
		}
		b.wantSold(nil, "o1")
		b.wantRows(host)
	}
}

func guestsContext(b *bench) {
	both := b.appleAndPear()
	host := b.hostRows()
	changes, err := b.allocateOn(b.store, both, "o1")
	b.must(err, "Allocate")
	for want, ctx := range b.endedContexts() {
		err := b.guestStore().CommitWith(ctx, changes, host.rowsOf("r1", "r1"))
		b.wantError(err, want, "CommitWith with an ended context")
		b.wantSold(nil, "o1")
		b.wantRows(host)
	}
	var none context.Context
	err = calm(func() error { return b.guestStore().CommitWith(none, changes, host.rowsOf("r1")) })
	b.wantInvalid(err, "CommitWith")
	b.wantRows(host)
}

// guestsInside tests the transactions that the store has: of Locked, of Config.Join, of both or of none.
func guestsInside(b *bench) {
	both := b.appleAndPear()
	host := b.hostRows()
	transactions := map[string]func(fn func(allocation.Store) error) error{}
	if isLocker(b.store) {
		transactions["locked "] = func(fn func(allocation.Store) error) error { return b.lock(b.Context(), fn) }
	}
	if b.config.Join != nil {
		transactions["joined "] = b.join
	}
	var rows []string
	var sold []allocation.OrderID
	for name, transact := range transactions {
		order := allocation.OrderID(name + "o")
		sell := func(inside allocation.Store, keys ...string) error {
			changes, err := b.allocateOn(inside, both, order)
			if err != nil {
				return err
			}
			return b.asGuestStore(inside).CommitWith(b.Context(), changes, host.rowsOf(keys...))
		}
		within := errNotCalled
		_ = transact(func(inside allocation.Store) error {
			within = sell(inside, name+"r")
			return errors.New("the host rolls back")
		})
		b.must(within, "CommitWith inside a transaction")
		b.wantRows(host, rows...)
		b.wantSold(sold, order)
		_ = transact(func(inside allocation.Store) error {
			within = sell(inside, name+"a", name+"b", name+"a")
			return within
		})
		b.wantGuilty(within, 3, 2)
		b.wantRows(host, rows...)
		b.wantSold(sold, order)
		b.must(transact(func(inside allocation.Store) error { return sell(inside, name+"r", name+"s") }),
			"a transaction with guests")
		rows, sold = append(rows, name+"r", name+"s"), append(sold, order)
		b.wantRows(host, rows...)
		b.wantSold(sold)
	}
}

func guestsAfter(b *bench) {
	both := b.appleAndPear()
	host := b.hostRows()
	b.must(b.orderWith(b.store, "o1", host.Row("taken")), "CommitWith")
	for range 20 {
		if err := b.orderWith(b.store, "o2", host.rowsOf("r1", "taken", "r2")...); err == nil {
			b.errorf("CommitWith with a guest that fails = nil, want an error")
		}
	}
	limited, stop := context.WithTimeout(b.Context(), deadlockPatience)
	defer stop()
	changes, err := b.allocateOn(b.store, both, "o2")
	b.must(err, "Load after guests that failed")
	b.must(b.guestStore().CommitWith(limited, changes, host.rowsOf("r1", "r2")), "CommitWith after guests that failed")
	b.wantSold([]allocation.OrderID{"o1", "o2"})
	b.wantRows(host, "taken", "r1", "r2")
}

func guestsOfCallers(b *bench) {
	const callers, each = 8, 6
	b.announce("apple", stock("a1", 1000))
	host := b.hostRows()
	b.must(b.guestStore().CommitWith(b.Context(), nil, host.rowsOf("taken")), "CommitWith without changes")
	service, err := allocation.New(allocation.NewUnitOfWork(b.store, nil), nil)
	b.must(err, "New")
	var done sync.WaitGroup
	errs := make([][each]error, callers)
	name := func(caller, i int) string { return fmt.Sprintf("o-%d-%d", caller, i) }
	for caller := range callers {
		done.Go(func() {
			for i := range each {
				keys := []string{name(caller, i)}
				if i == caller%each {
					keys = append(keys, "taken")
				}
				r := line("apple", firm(allocation.OrderID(keys[0]), 1))
				errs[caller][i] = calm(func() error {
					_, err := service.With(host.rowsOf(keys...)...).Allocate(b.Context(), r)
					return err
				})
			}
		})
	}
	done.Wait()
	want, orders := []string{"taken"}, []allocation.OrderID(nil)
	for caller := range callers {
		for i := range each {
			err, key := errs[caller][i], name(caller, i)
			if i != caller%each {
				b.must(err, "Allocate with a guest")
				want, orders = append(want, key), append(orders, allocation.OrderID(key))
			} else if err == nil {
				b.errorf("Allocate with a guest that fails = nil, want an error")
			}
		}
	}
	b.wantRows(host, want...)
	q := of("apple", orders...)
	b.wantLines(b.state(q), q, orders...)
	if got := b.batchOf(b.state(q), "a1").Allocated; got != allocation.Quantity(len(orders)) {
		b.errorf("allocated units = %d, want %d", got, len(orders))
	}
}
