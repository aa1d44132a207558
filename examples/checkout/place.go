package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

// Order is a customer's basket.
type Order struct {
	ID       allocation.OrderID
	Customer string
	Items    []Item
}

// Item is so many units of a product.
type Item struct {
	SKU      allocation.SKU
	Quantity allocation.Quantity
}

// Shop sells the stock. A Shop is safe for concurrent use, also by several processes.
type Shop struct {
	db     *sql.DB
	engine engine
	store  *sqlstore.Store
	policy allocation.Policy // nil for the default

	between func(allocation.OrderID)                     // runs between the two writes of an order
	pause   func(ctx context.Context, attempt int) error // waits before the next attempt
}

// attempts is how often an order is tried before the last lost race is the answer.
const attempts = 20

// Place writes an order and promises its goods, both or neither. An order can be placed again after any error; if the
// first try was committed, the second changes nothing. The error for too little stock is an
// [*allocation.OutOfStockError], to be answered to the customer.
func (s *Shop) Place(ctx context.Context, o Order) ([]allocation.Allocation, error) {
	for attempt := 1; ; attempt++ {
		given, err := s.tryToPlace(ctx, o)
		if err == nil || attempt == attempts || !s.worthRepeating(err) {
			return given, err
		}
		if ended := s.pause(ctx, attempt); ended != nil {
			return nil, errors.Join(ended, err)
		}
	}
}

// tryToPlace is one transaction. An early return rolls back the transaction, and so does a panic.
//
// The order's row is written first, for the sake of SQLite: a transaction that begins by writing waits for its turn,
// while a transaction that begins by reading fails if another connection writes before it does. A refusal is rolled
// back as well, together with the event of the refusal.
func (s *Shop) tryToPlace(ctx context.Context, o Order) ([]allocation.Allocation, error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() // does nothing after Commit
	if _, err := tx.ExecContext(ctx, s.engine.insert, string(o.ID), o.Customer); err != nil {
		return nil, fmt.Errorf("write the order's row: %w", err)
	}
	s.between(o.ID)
	units := allocation.NewUnitOfWork(s.store.Join(tx), nil)
	service, err := allocation.New(units, &allocation.ServiceOptions{Policy: s.policy})
	if err != nil {
		return nil, err
	}
	given, err := service.Allocate(ctx, o.requests()...)
	if err != nil {
		return nil, err
	}
	if err := tx.Commit(); err != nil {
		return nil, s.unsure(err)
	}
	return given, nil
}

// worthRepeating reports whether a new transaction may succeed. The store's error then is ErrConflict; the shop's own
// statements return errors of the driver.
func (s *Shop) worthRepeating(err error) bool {
	return errors.Is(err, allocation.ErrConflict) || errors.Is(err, allocation.ErrUnknownOutcome) ||
		s.engine.lostRace(err)
}

// unsure translates the error of a failed COMMIT. Unless the engine refused, or COMMIT was never sent, the answer may
// have been lost. Placing the order again is safe, because the order is there as a whole or not at all.
func (s *Shop) unsure(err error) error {
	if s.engine.lostRace(err) || errors.Is(err, sql.ErrTxDone) {
		return err
	}
	return fmt.Errorf("%w: commit: %w", allocation.ErrUnknownOutcome, err)
}

// backOff waits for a random time, longer after each attempt, so that rivals don't meet again.
func backOff(ctx context.Context, attempt int) error {
	timer := time.NewTimer(rand.N(time.Millisecond << min(attempt, 6)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (o Order) requests() []allocation.Request {
	requests := make([]allocation.Request, len(o.Items))
	for i, item := range o.Items {
		requests[i].OrderLine = allocation.OrderLine{OrderID: o.ID, SKU: item.SKU, Quantity: item.Quantity}
	}
	return requests
}
