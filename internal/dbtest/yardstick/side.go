package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/sqlstore"
)

// library is the library with its defaults.
type library struct{ service *allocation.Service }

func (l library) place(ctx context.Context, lines []line) error {
	_, err := l.service.Allocate(ctx, requests(lines)...)
	var short *allocation.OutOfStockError
	if errors.As(err, &short) {
		return errShort
	}
	return err
}

func requests(lines []line) []allocation.Request {
	requests := make([]allocation.Request, len(lines))
	for i, l := range lines {
		requests[i].OrderLine = allocation.OrderLine{
			OrderID: allocation.OrderID(l.order), SKU: allocation.SKU(l.sku), Quantity: 1,
		}
	}
	return requests
}

// sideName says who is measured, and with how many connections.
type sideName struct {
	kind        string // "library", "single" or "locking"
	connections int
}

func (n sideName) String() string {
	return fmt.Sprintf("%s, %d connections", map[string]string{
		"library": "library", "single": "by hand, single statement", "locking": "by hand, FOR UPDATE",
	}[n.kind], n.connections)
}

// open opens a side with a pool of its own.
func (p *place) open(ctx context.Context, dsn string, name sideName) (side, *sql.DB, error) {
	db, err := p.Pool(dsn, name.connections)
	if err != nil {
		return nil, nil, err
	}
	if name.kind == "library" {
		store, err := sqlstore.New(db, p.Dialect, nil)
		if err != nil {
			return nil, nil, errors.Join(err, db.Close())
		}
		return library{allocation.New(allocation.NewUnitOfWork(store, nil), nil)}, db, nil
	}
	s, err := byHand[p.Name].prepare(ctx, db)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	if name.kind == "locking" {
		return locking{s}, db, nil
	}
	return single{s}, db, nil
}
