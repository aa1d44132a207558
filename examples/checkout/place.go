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

// Shop sells what is in stock. It is safe for concurrent use, by several processes as well.
type Shop struct {
	db     *sql.DB
	engine engine
	store  *sqlstore.Store
	policy allocation.Policy // nil for the default

	between func(allocation.OrderID)                     // runs between the two writes of an order
	pause   func(ctx context.Context, attempt int) error // waits before the next attempt
}

// attempts is how often a transaction is tried that loses its race each time.
const attempts = 20

// Place writes an order and promises its goods, both or neither. To place an order again is safe after any error and
// changes nothing if it went through. If there is too little stock the error is an
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

// tryToPlace is one transaction. Whatever it returns early for, a panic included, takes back what it wrote.
//
// The order's row is written first, for the sake of SQLite: a transaction that begins by writing waits for its turn,
// while one that has read first fails if anybody else wrote since. A refusal is rolled back as well, and the
// event that tells of it with it.
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

// worthRepeating tells whether a fresh transaction may go through. The store says so by ErrConflict. Errors of the
// shop's own statements are the driver's.
func (s *Shop) worthRepeating(err error) bool {
	return errors.Is(err, allocation.ErrConflict) || errors.Is(err, allocation.ErrUnknownOutcome) || s.engine.lostRace(err)
}

// unsure says what a failed COMMIT means. Its answer may have been lost, unless the engine said no or it was never
// sent. Then the order is simply placed again, since it is there as a whole or not at all.
func (s *Shop) unsure(err error) error {
	if s.engine.lostRace(err) || errors.Is(err, sql.ErrTxDone) {
		return err
	}
	return fmt.Errorf("%w: commit: %w", allocation.ErrUnknownOutcome, err)
}

// backOff waits for a random time, longer after each attempt, so that those who raced don't meet again.
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
