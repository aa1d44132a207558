package main

import (
	"context"
	"database/sql"
	"errors"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// board is another program: it shows how many units of each product are promised, and knows it from events only.
type board struct {
	db *sql.DB

	// saw is told of each event that arrived, and whether it was a repeat.
	saw func(e outbox.Envelope, repeat bool)
}

const boardTable = `CREATE TABLE IF NOT EXISTS promised (
	sku      TEXT    NOT NULL PRIMARY KEY,
	units    INTEGER NOT NULL,
	sequence INTEGER NOT NULL -- number of the last event that is counted
)`

// countIn counts an event unless it, or a later one of the product, is counted already. Guard and effect are
// one statement, or else one transaction: a number that is kept elsewhere could be ahead of the units, or behind.
const countIn = `INSERT INTO promised (sku, units, sequence) VALUES (?, ?, ?)
	ON CONFLICT (sku) DO UPDATE SET units = units + excluded.units, sequence = excluded.sequence
	WHERE excluded.sequence > promised.sequence`

// openBoard opens the board's own database.
func openBoard(ctx context.Context, path string, saw func(e outbox.Envelope, repeat bool)) (*board, error) {
	db, err := openFile(path)
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, boardTable); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &board{db, saw}, nil
}

// take counts the event of a message. One that it can't read, of a kind that is newer than this program perhaps,
// becomes a dead letter, and the sum is wrong until somebody sees to it: the guard lets no event be counted late.
func (b *board) take(msg *message.Message) error {
	var e outbox.Envelope
	if err := decode(msg.Payload, &e); err != nil {
		return err
	}
	event, err := e.Event()
	if err != nil {
		return err
	}
	_, _, units := event.Movement()
	result, err := b.db.ExecContext(msg.Context(), countIn, string(e.Subject), int64(units), e.Sequence)
	if err != nil {
		return err
	}
	counted, err := result.RowsAffected()
	if err != nil {
		return err
	}
	b.saw(e, counted == 0)
	return nil
}

// promised is what the board shows of a product.
func (b *board) promised(ctx context.Context, sku allocation.SKU) (units allocation.Quantity, err error) {
	err = b.db.QueryRowContext(ctx, `SELECT units FROM promised WHERE sku = ?`, string(sku)).Scan(&units)
	return units, err
}
