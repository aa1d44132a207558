package yardstick

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"

	"github.com/cosmic-go/allocation/internal/dbtest/measure/sides"
)

// orderByHand is the transaction that a host would write: find and lock a batch, take the units, insert the line and
// the order. SQLite has no row locks: one statement finds a batch and takes the units, so that the transaction begins
// with a write.
type orderByHand struct {
	db                                  *sql.DB
	find, take, insertLine, insertOrder *sql.Stmt
}

// openByHand opens a pool and prepares the statements.
func openByHand(ctx context.Context, p *place, dsn string, connections int) (sides.Side, func() error, error) {
	db, err := p.Pool(dsn, connections)
	if err != nil {
		return nil, nil, err
	}
	const open = ` FROM hand_batches WHERE sku = ? AND open = 1 AND purchased - allocated >= 1 ORDER BY eta`
	const take = `UPDATE hand_batches SET allocated = allocated + 1 WHERE ref = `
	o := &orderByHand{db: db}
	statements := map[string]**sql.Stmt{
		`INSERT INTO hand_lines (order_id, sku, part, batch_ref, quantity, shipped, split, held_until, sequence)
			VALUES (?, ?, 0, ?, 1, 0, 0, NULL, 1)`: &o.insertLine,
		`INSERT INTO hand_orders (id, customer) VALUES (?, ?)`: &o.insertOrder,
	}
	switch p.Name {
	case "sqlite":
		statements[take+`(SELECT ref`+open+`, ref LIMIT 1) RETURNING ref`] = &o.find
	case "postgresql":
		statements[`SELECT ref`+open+` NULLS FIRST, ref LIMIT 1 FOR UPDATE`] = &o.find
		statements[take+`?`] = &o.take
	default:
		statements[`SELECT ref`+open+`, ref LIMIT 1 FOR UPDATE`] = &o.find
		statements[take+`?`] = &o.take
	}
	var failed error
	for text, into := range statements {
		if p.Name == "postgresql" {
			text = numbered(text)
		}
		stmt, err := db.PrepareContext(ctx, text)
		*into, failed = stmt, errors.Join(failed, err)
	}
	return o, db.Close, failed
}

// numbered replaces each question mark by PostgreSQL's placeholder.
func numbered(text string) string {
	for n := 1; strings.Contains(text, "?"); n++ {
		text = strings.Replace(text, "?", "$"+strconv.Itoa(n), 1)
	}
	return text
}

// errNoUnit is the answer to an order that can't be met.
var errNoUnit = errors.New("out of stock")

func (o *orderByHand) Place(ctx context.Context, lines []sides.Line) error {
	tx, err := o.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := o.write(ctx, tx, lines[0]); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// write carries out the statements between BEGIN and COMMIT.
func (o *orderByHand) write(ctx context.Context, tx *sql.Tx, l sides.Line) error {
	var ref string
	err := tx.StmtContext(ctx, o.find).QueryRowContext(ctx, l.SKU).Scan(&ref)
	if errors.Is(err, sql.ErrNoRows) {
		return errNoUnit
	}
	if err != nil {
		return err
	}
	if o.take != nil {
		if _, err := tx.StmtContext(ctx, o.take).ExecContext(ctx, ref); err != nil {
			return err
		}
	}
	if _, err := tx.StmtContext(ctx, o.insertLine).ExecContext(ctx, l.Order, l.SKU, ref); err != nil {
		return err
	}
	_, err = tx.StmtContext(ctx, o.insertOrder).ExecContext(ctx, l.Order, "customer")
	return err
}
