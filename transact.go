package allocation

import (
	"context"
	"slices"
)

// Transact carries out a transaction of the host, from its beginning to its end, together with commands of a Service
// inside. A host calls Within of a store, which has the type of the store's transaction; Transact is for the authors of
// stores, and package storetest tests their Within. The function transaction works like [Locker].Locked: it begins a
// transaction, runs fn with a store inside, commits if fn returns nil, and rolls back if fn returns an error, panics or
// ends the goroutine. It returns [ErrConflict] if a new transaction may succeed, and [ErrUnknownOutcome] if the answer
// to COMMIT was lost.
//
// Transact runs fn in the transaction, with the Service of [Service.Inside]. After an ErrConflict, of fn or of the
// transaction, another transaction begins, on fresh products and with locks if the store inside is a [Locker]; pauses
// and number of attempts are those of the unit of work of s. So fn may run several times, and must not leave traces
// outside of the transaction. An ErrUnknownOutcome is never tried again. Any other error of fn is returned unchanged.
//
// The given SKUs are a gate: callers of Transact that name a common SKU take turns, from before a transaction begins
// until it has ended, so that nobody races for these products in vain. Name the SKUs that many callers want at a time;
// the gate holds back neither commands outside nor other processes, and no connection is held while a caller waits.
// Locks of the host's own statements are taken behind the gate.
//
// After the commit, and outside of gate and transaction, Transact calls [UnitOfWorkOptions].Committed with the events
// of all commands inside. The context given to fn marks the transaction: commands of s itself, and a further Transact,
// are refused with that context ([ErrInvalid]), because such a command would wait for locks of the transaction. The
// hook Attempt of the unit of work hears of each transaction as "Transact", and of the commands inside as usual.
//
// A bad argument is an ErrInvalid before anything begins. So are guests of s: they belong to commands of the Service
// inside. A transaction on other data than those of s is an ErrInvalid before fn runs, as far as the store inside can
// tell. Over a host's own UnitOfWork Transact returns [errors.ErrUnsupported].
func (s *Service) Transact(
	ctx context.Context,
	transaction func(ctx context.Context, fn func(Store) error) error,
	fn func(ctx context.Context, inside *Service) error,
	skus ...SKU,
) error {
	const op = "Transact"
	u, err := s.hosting(op)
	if err != nil {
		return err
	}
	if err := u.check(ctx, op); err != nil {
		return err
	}
	if err := firstMistake(op, []mistake{
		{transaction == nil, "transaction", nil, "must not be nil"},
		{fn == nil, "function", nil, "must not be nil"},
	}); err != nil {
		return err
	}
	claims, err := gateClaims(op, skus)
	if err != nil {
		return err
	}
	t := &transacting{Service: s, unit: u, transaction: transaction, fn: fn}
	if len(claims) == 0 {
		err = t.run(ctx)
	} else if left := s.gate.Hold(ctx, claims, func() { err = t.run(ctx) }); left != nil {
		return leftError(op, left)
	}
	if err == nil {
		t.last.tell(ctx)
	}
	return err
}

// gateClaims returns the claims on the products of a transaction.
func gateClaims(op string, skus []SKU) ([]claim, error) {
	claims := make([]claim, len(skus))
	for i, sku := range skus {
		if err := checkID(op, "sku", sku); err != nil {
			return nil, err
		}
		claims[i].Key = key{ofProduct, string(sku)}
	}
	if sku, repeated := firstRepeated(skus); repeated {
		return nil, invalid(op, "sku", sku, "must not be repeated")
	}
	slices.SortFunc(claims, byKey)
	return claims, nil
}

// transacting is a call of Transact.
type transacting struct {
	*Service
	unit        *unit // outside
	transaction func(ctx context.Context, fn func(Store) error) error
	fn          func(ctx context.Context, inside *Service) error
	last        *transaction // of the present attempt
}

// run makes attempts until one commits, or fails for good.
func (t *transacting) run(ctx context.Context) error {
	duplicates := 0
	for attempt := 1; ; attempt++ {
		err := t.attempt(ctx, attempt)
		if err == nil {
			t.last.keep()
			return nil
		}
		if err := t.unit.again(ctx, "Transact", attempt, err, &duplicates); err != nil {
			return err
		}
	}
}

// attempt is one transaction.
func (t *transacting) attempt(ctx context.Context, number int) (err error) {
	ctx, end := t.unit.begin(ctx, "Transact", number)
	if end != nil {
		err = errUnfinished // stays if fn panics or ends its goroutine
		defer func() { end(err) }()
	}
	if err := t.unit.begun(ctx, "Transact"); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	done := false
	err = t.transaction(ctx, func(store Store) error {
		t.last = t.Service.transaction("Transact", store, number)
		if t.last.outer == nil {
			return ownUnit(t.last.service.units).mistake
		}
		err := t.fn(context.WithValue(ctx, transactionKey{t.unit}, true), t.last.service)
		done = err == nil
		return err
	})
	if err == nil && !done {
		return invalid("Transact", "transaction", nil, "must not return nil unless the function has returned nil")
	}
	return err
}
