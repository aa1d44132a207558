package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/cosmic-go/allocation"
)

// Join returns a store inside a transaction of the host, for [allocation.Service.Inside]: the host's writes and the
// allocations become visible together, or not at all. Only the host commits, rolls back and retries; [Store.Within]
// does so for the host. Nothing else may use the transaction during a call of the store, not even the open rows of a
// query, and the store is not safe for concurrent use.
//
// A version conflict undoes the Commit only. After a database error, of the store or of the host, the host must
// roll back: the server may have ended the transaction. The store refuses every call after an error of its own. A
// unit of work on the store makes one attempt. The store is an [allocation.Ledger], and an [allocation.Locker] whose
// locks stay until the host ends the transaction. With a nil transaction every method returns
// [allocation.ErrInvalid].
//
// Lapsed holds that a command clears are cleared in the host's transaction, so a rollback takes the clearing back.
func (s *Store) Join(tx *sql.Tx) allocation.Store {
	if tx == nil || s == nil || s.engine == nil {
		return s.join(nil)
	}
	return s.join(&sqlTransaction{tx: tx, engine: s.engine})
}

// join is Join for the transaction of any driver's interface; nil for a nil transaction.
func (s *Store) join(tx driverTransaction) allocation.Store {
	return s.joinTransaction(&transaction{driverTransaction: tx})
}

func (s *Store) joinTransaction(t *transaction) joined {
	in := &inside{store: s, transaction: t}
	if s != nil && s.engine != nil {
		in.savepoint = s.engine.savepoint
	}
	return joined{in}
}

// joined is a store in a host's transaction.
type joined struct{ *inside }

// Joined tells [allocation.NewUnitOfWork] that only the host can retry.
func (joined) Joined() {}

// IsWithin reports whether the store outside has the same tables, for [allocation.Service.Inside]; true for a store of
// another type, such as a wrapper.
func (j joined) IsWithin(outside allocation.Store) bool {
	other, known := outside.(interface{ self() *Store })
	return !known || other.self().hasTablesOf(j.store)
}

// self is also a method of a type that embeds a *Store.
func (s *Store) self() *Store { return s }

// hasTablesOf reports whether two stores have the same tables, on the same pool of connections.
func (s *Store) hasTablesOf(other *Store) bool {
	if s == nil || other == nil || s.engine == nil || other.engine == nil {
		return true // and every method says what is wrong
	}
	return s.engine == other.engine && s.templates.schema == other.templates.schema &&
		s.templates.prefix == other.templates.prefix && isSame(s.db.pool(), other.db.pool())
}

// isSame compares pools; true for pools that can't be compared.
func isSame(a, b any) bool { return !reflect.ValueOf(a).Comparable() || a == b }

// Locked runs fn with a store in the same transaction that locks the products before reading. The locks stay until the
// host ends the transaction; Locked commits nothing.
func (j joined) Locked(ctx context.Context, fn func(allocation.Store) error) error {
	const op = "Locked"
	if err := j.check(ctx, op); err != nil {
		return err
	}
	if first := j.store.statements.lockAll; first != nil {
		if _, err := j.transaction.exec(ctx, first); err != nil {
			return j.explain(ctx, op, err)
		}
	}
	locking := *j.inside
	locking.locks = j.store.statements.lockRows != nil
	return fn(&locking)
}

var (
	_ allocation.Ledger = joined{}
	_ allocation.Locker = joined{}
	_ allocation.Locker = (*Store)(nil)
)

// Locked runs fn with a store inside a transaction that locks the products before reading, see [allocation.Locker].
// Locked holds one connection until fn returns. SQLite has no row locks: Locked locks the whole database.
func (s *Store) Locked(ctx context.Context, fn func(allocation.Store) error) error {
	const op = "Locked"
	if err := s.check(ctx, op); err != nil {
		return err
	}
	return s.inLocking(ctx, op, func(t *transaction) error {
		return fn(&inside{store: s, transaction: t, locks: s.statements.lockRows != nil})
	})
}

// inside is a store in a transaction that the caller ends.
type inside struct {
	store       *Store
	transaction *transaction
	locks       bool // Load locks products before reading
	savepoint   bool // begins a commit; false in a transaction of the store's own
}

// check returns an error if the store can't be used any more.
func (in *inside) check(ctx context.Context, op string) error {
	if err := in.store.check(ctx, op); err != nil {
		return err
	}
	switch {
	case in.transaction.driverTransaction == nil:
		return invalid(op, "transaction", nil, "must not be nil")
	case in.transaction.spoilt != nil:
		return &allocation.Error{
			Op: op, Field: "transaction", Value: in.store.engine.name,
			Err: fmt.Errorf("must be rolled back after: %w", in.transaction.spoilt),
		}
	}
	return nil
}

// explain returns the meaning of an error, and remembers the first error after which the transaction is unusable.
func (in *inside) explain(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if !in.savepoint { // a transaction of the store's own
		err = in.store.retryable(ctx, err)
	}
	err = in.store.meaning(ctx, op, in.withOpenRows(err))
	if in.transaction.broken != nil {
		in.transaction.spoilt = err
	}
	return err
}

func (in *inside) Load(ctx context.Context, q allocation.Query) ([]allocation.State, error) {
	const op = "Load"
	if err := in.check(ctx, op); err != nil {
		return nil, err
	}
	var parts []allocation.Query
	if in.locks {
		locked, err := in.lock(ctx, q)
		if err != nil {
			return nil, in.explain(ctx, op, err)
		}
		if in.store.statements.choice(q) == nil && in.store.parts(q) != nil {
			q.SKUs = locked // no locked product changes between the parts
			parts = in.store.parts(q)
		}
	}
	states, err := in.store.load(ctx, in.transaction, q, parts)
	return states, in.explain(ctx, op, err)
}

// lock locks products in the order of the SKUs. Another statement reads the products afterwards: a statement that
// waited for a lock may have read other rows before the wait. lock returns the products that exist.
func (in *inside) lock(ctx context.Context, q allocation.Query) (locked []allocation.SKU, err error) {
	skus := slices.Clone(q.SKUs)
	if choice := in.store.statements.choice(q); choice != nil {
		l := newLoading(q)
		err := in.transaction.each(ctx, choice, choice.args(l.arg), func(rows scanner) error {
			skus = append(skus, "")
			return rows.Scan(&skus[len(skus)-1])
		})
		if err != nil {
			return nil, err
		}
	}
	if len(skus) == 0 {
		return nil, nil
	}
	slices.Sort(skus)
	lock := in.store.statements.lockRows
	for _, some := range cutIDs(in.store.engine, skus) {
		err := in.transaction.each(ctx, lock, []any{idList(some)}, func(row scanner) error {
			if in.store.engine.longest == 0 { // the list isn't needed
				return nil
			}
			var sku allocation.SKU
			var version int64
			err := row.Scan(&sku, &version)
			locked = append(locked, sku)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return locked, nil
}

func (in *inside) Commit(ctx context.Context, changes []allocation.Changes) error {
	const op = "Commit"
	if err := in.check(ctx, op); err != nil {
		return err
	}
	if len(changes) == 0 {
		return nil
	}
	rows, err := relationsOf(changes)
	if err == nil {
		err = in.write(ctx, rows)
	}
	return in.explain(ctx, op, err)
}

// write undoes its own writes after a lost race. Without a savepoint the end of the transaction does so, which must
// then be a rollback.
func (in *inside) write(ctx context.Context, rows *relations) error {
	t := in.transaction
	if in.savepoint {
		if _, err := t.exec(ctx, in.store.statements.plain(setSavepoint)); err != nil {
			return err
		}
	}
	err := in.store.statements.writer.write(ctx, t, rows)
	switch {
	case err == nil || in.store.engine.oneStatement:
		return err
	case !in.savepoint:
		t.note(err)
		return err
	}
	if _, undone := t.exec(ctx, in.store.statements.plain(backToSavepoint)); undone != nil {
		return errors.Join(err, undone)
	}
	return err
}

func (in *inside) Audit(ctx context.Context, sku allocation.SKU) (allocation.Audit, error) {
	const op = "Audit"
	if err := in.check(ctx, op); err != nil {
		return allocation.Audit{}, err
	}
	a, err := in.store.audit(ctx, in.transaction, sku)
	return a, in.explain(ctx, op, err)
}

func (in *inside) Events(ctx context.Context, sku allocation.SKU, after int64, limit int) ([]allocation.Event, error) {
	const op = "Events"
	if err := in.check(ctx, op); err != nil {
		return nil, err
	}
	events, err := in.store.events(ctx, in.transaction, sku, after, limit)
	return events, in.explain(ctx, op, err)
}

// withOpenRows adds the reason to a driver's error about open rows of the host.
func (in *inside) withOpenRows(err error) error {
	if err == nil {
		return nil
	}
	for _, text := range openRows {
		if strings.Contains(err.Error(), text) {
			return fmt.Errorf("the rows of a query are still open in the transaction, close them first: %w", err)
		}
	}
	if in.savepoint && errors.Is(err, driver.ErrBadConn) { // go-sql-driver doesn't tell the reasons apart
		return fmt.Errorf("the connection was lost, or the rows of a query are still open in the transaction: %w", err)
	}
	return err
}

// openRows is what drivers say about a statement while the rows of a query are open on the same connection:
// go-sql-driver, pgx and lib/pq. SQLite allows such statements.
var openRows = []string{"busy buffer", "commands out of sync", "conn busy", "unexpected Parse response"}
