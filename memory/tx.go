package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cosmic-go/allocation"
)

// Tx is a transaction of the host, in place of a database's transaction in a test. Others see nothing of the commands
// inside until the transaction is committed, and the commands inside see what others have committed meanwhile, as at
// READ COMMITTED. Nothing is locked: Commit returns [allocation.ErrConflict] if somebody else has changed a product of
// the transaction. A Tx is not safe for concurrent use.
type Tx struct {
	store   *Store
	own     map[allocation.SKU]*product // copies of the products written inside
	base    map[allocation.SKU]int64    // committed versions of the products written or checked inside
	changes []allocation.Changes        // written inside, in their order
	undo    []func()
	spoilt  error // the transaction must be rolled back, because of this error
	ended   bool
}

// Begin begins a transaction. The host ends it with Commit or Rollback. [Store.Within] does so by itself.
func (s *Store) Begin() *Tx {
	return &Tx{store: s, own: map[allocation.SKU]*product{}, base: map[allocation.SKU]int64{}}
}

// Within runs fn in a transaction, with a Service inside, as Within of package sqlstore does with a database's
// transaction; see [allocation.Service.Transact]. So a test can run the host's code on this store. The unit of work of
// the service must be over s. The faults of [Store.FailLoad], [Store.FailCommit] and [Store.LoseAnswer] strike inside,
// too.
func (s *Store) Within(
	ctx context.Context, service *allocation.Service,
	fn func(ctx context.Context, tx *Tx, inside *allocation.Service) error, skus ...allocation.SKU,
) error {
	const op = "Within"
	if err := s.checkMade(op); err != nil {
		return err
	}
	switch {
	case service == nil:
		return invalid(op, "service", nil, "must not be nil")
	case fn == nil:
		return invalid(op, "function", nil, "must not be nil")
	}
	var tx *Tx
	transaction := func(ctx context.Context, do func(allocation.Store) error) error {
		tx = s.Begin()
		defer tx.Rollback()
		if err := do(s.Join(tx)); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return tx.Commit()
	}
	return service.Transact(ctx, transaction, func(ctx context.Context, inside *allocation.Service) error {
		return fn(ctx, tx, inside)
	}, skus...)
}

// Do writes a row of the host, such as an entry of a map in a test. Do calls do at once, and returns its error. If do
// returns nil, the end of the transaction calls undo, unless the transaction is committed; the last undo comes first.
// If do returns an error, do has written nothing.
func (tx *Tx) Do(do func() error, undo func()) error {
	switch {
	case tx.isOver():
		return tx.over("Do")
	case do == nil || undo == nil:
		return invalid("Do", "function", nil, "must not be nil")
	}
	if err := do(); err != nil {
		return err
	}
	tx.undo = append(tx.undo, undo)
	return nil
}

// Commit makes everything visible, or rolls back and returns an error: [allocation.ErrConflict] if somebody else has
// changed a product of the transaction, or the next error of [Store.FailCommit]. After [Store.LoseAnswer] everything is
// visible, and the error is [allocation.ErrUnknownOutcome].
func (tx *Tx) Commit() error {
	if tx.isOver() {
		return tx.over("Commit")
	}
	defer tx.Rollback() // nothing is left to undo after success
	s := tx.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := tx.refused(); err != nil {
		return err
	}
	for _, c := range tx.changes {
		s.apply(c)
	}
	tx.ended = true
	return s.faults.answer()
}

// refused returns the reason why the transaction can't be committed. The store's lock is held.
func (tx *Tx) refused() error {
	if tx.spoilt != nil {
		return mustRollBack("Commit", tx.spoilt)
	}
	if err := tx.store.faults.nextCommit(); err != nil {
		return err
	}
	committed := view{Store: tx.store}
	for sku, version := range tx.base {
		if err := committed.checkVersion(allocation.Changes{SKU: sku, Read: version}); err != nil {
			return err
		}
	}
	for _, c := range tx.changes {
		for _, b := range c.NewBatches {
			if tx.store.owners[b.Ref] != nil { // announced by somebody else since
				reason := fmt.Errorf("%w: %w", allocation.ErrConflict, allocation.ErrDuplicate)
				return &allocation.Error{Op: "Commit", Field: "batch", Value: b.Ref, Err: reason}
			}
		}
	}
	return nil
}

// Rollback ends the transaction: nothing was written, and the functions undo of [Tx.Do] and Undo of guests, see [Func],
// are called, the last first. After the end of the transaction Rollback does nothing.
func (tx *Tx) Rollback() {
	if tx.isOver() {
		return
	}
	tx.ended = true
	for _, undo := range tx.undo {
		defer undo() // the last first, and also after the panic of another
	}
}

func (tx *Tx) isOver() bool { return tx == nil || tx.store == nil || tx.ended }

func (tx *Tx) over(op string) error {
	return invalid(op, "transaction", nil, "must be made by Begin, and must not have ended")
}

func mustRollBack(op string, cause error) error {
	return &allocation.Error{
		Op: op, Field: "transaction", Err: fmt.Errorf("must be rolled back after: %w", cause),
	}
}

// Join returns a store inside a transaction, as Join of package sqlstore does; see [allocation.Service.Inside]. As on a
// database, the transaction has to be rolled back after any error of the store other than [allocation.ErrConflict] and
// a guest that failed, and the store refuses every further call. The store is an [allocation.Ledger] and an
// [allocation.GuestStore].
func (s *Store) Join(tx *Tx) allocation.Store { return joined{store: s, tx: tx} }

// joined is a store in a transaction.
type joined struct {
	store *Store
	tx    *Tx
}

var (
	_ allocation.Ledger     = joined{}
	_ allocation.GuestStore = joined{}
)

// Joined tells [allocation.NewUnitOfWork] that only the host can begin again.
func (joined) Joined() {}

// IsWithin reports whether the transaction is one of the store outside, for [allocation.Service.Inside]; true for a
// store of another type, such as a wrapper.
func (j joined) IsWithin(outside allocation.Store) bool {
	store, known := outside.(*Store)
	return !known || store == j.store
}

// do runs fn on the data as the transaction sees the data.
func (j joined) do(ctx context.Context, op string, fn func(view) error) error {
	if err := j.store.check(ctx, op); err != nil {
		return err
	}
	switch {
	case j.tx.isOver():
		return j.tx.over(op)
	case j.tx.store != j.store:
		return invalid(op, "transaction", nil, "must be of the same store")
	}
	j.store.mu.Lock()
	defer j.store.mu.Unlock()
	if j.tx.spoilt != nil {
		return mustRollBack(op, j.tx.spoilt)
	}
	err := fn(view{Store: j.store, own: j.tx.own})
	if err != nil && !errors.Is(err, allocation.ErrConflict) && !errors.As(err, new(*allocation.GuestError)) {
		j.tx.spoilt = err
	}
	return err
}

func (j joined) Load(ctx context.Context, q allocation.Query) (states []allocation.State, err error) {
	err = j.do(ctx, "Load", func(v view) error {
		states, err = v.load(q)
		return err
	})
	return states, err
}

func (j joined) Commit(ctx context.Context, changes []allocation.Changes) error {
	return j.commit(ctx, changes, nil)
}

// commit carries out the guests between the checks and the writes, which can't fail.
func (j joined) commit(ctx context.Context, changes []allocation.Changes, guests []allocation.Guest) error {
	return j.do(ctx, "Commit", func(v view) error {
		if err := v.faults.nextCommit(); err != nil {
			return err
		}
		if err := v.checkAll(changes); err != nil {
			return err
		}
		if err := runAll(guests); err != nil {
			return err
		}
		for _, guest := range guests {
			if undo := guest.(Func).Undo; undo != nil {
				j.tx.undo = append(j.tx.undo, undo)
			}
		}
		for _, c := range changes {
			if _, known := j.tx.base[c.SKU]; !known {
				j.tx.base[c.SKU] = c.Read
			}
			c = copyChanges(c)
			v.write(c)
			j.tx.changes = append(j.tx.changes, c)
		}
		return nil
	})
}

func (j joined) Audit(ctx context.Context, sku allocation.SKU) (a allocation.Audit, err error) {
	err = j.do(ctx, "Audit", func(v view) error {
		if p := v.product(sku); p != nil {
			a = p.audit()
		}
		return nil
	})
	if err == nil && a.SKU == "" {
		err = unknown(sku)
	}
	return a, err
}

func (j joined) Events(
	ctx context.Context, sku allocation.SKU, after int64, limit int,
) (events []allocation.Event, err error) {
	err = j.do(ctx, "Events", func(v view) error {
		events = v.product(sku).eventsOf(after, limit)
		return nil
	})
	return events, err
}

// copyChanges returns changes that share no memory with c.
func copyChanges(c allocation.Changes) allocation.Changes {
	c.NewBatches, c.Batches, c.Removed = slices.Clone(c.NewBatches), slices.Clone(c.Batches), slices.Clone(c.Removed)
	c.Events, c.TraceParents = slices.Clone(c.Events), slices.Clone(c.TraceParents)
	c.NewWaiting, c.Waiting = slices.Clone(c.NewWaiting), slices.Clone(c.Waiting)
	c.EndedWaiting = slices.Clone(c.EndedWaiting)
	for _, lines := range []*[]allocation.Allocation{&c.NewLines, &c.Lines} {
		*lines = slices.Clone(*lines)
		for i, l := range *lines {
			(*lines)[i] = copyLine(l)
		}
	}
	return c
}
