package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/outbox"
)

// board is another program: a board that shows how many units of each product are promised, from events alone.
type board struct {
	db *sql.DB

	// saw is called with each event, and with true if the event is a repeat.
	saw func(e outbox.Envelope, repeat bool)
}

const boardTable = `CREATE TABLE IF NOT EXISTS promised (
	sku      TEXT    NOT NULL PRIMARY KEY,
	units    INTEGER NOT NULL,
	sequence INTEGER NOT NULL -- number of the last event that is counted
)`

// countIn counts an event, unless this or a later event of the product is counted already. Guard and effect must be one
// statement or one transaction: a number stored elsewhere could be ahead of the units, or behind.
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

// take counts the event of a message. An event that take can't read, perhaps of a kind newer than this program, becomes
// a dead letter. The sum then stays wrong until a person corrects it: the guard lets no event be counted late.
func (b *board) take(msg *message.Message) error {
	var e outbox.Envelope
	if err := json.Unmarshal(msg.Payload, &e); err != nil {
		return fmt.Errorf("%w: %w", allocation.ErrInvalid, err)
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

// promised is the number on the board for a product.
func (b *board) promised(ctx context.Context, sku allocation.SKU) (units allocation.Quantity, err error) {
	err = b.db.QueryRowContext(ctx, `SELECT units FROM promised WHERE sku = ?`, string(sku)).Scan(&units)
	return units, err
}
