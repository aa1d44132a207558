package sides

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// dml is the text of a hand-written side. Its tables are those of the library under another prefix, with the
// same indexes.
type dml struct {
	takeLine   string // the single statement: finds, takes and inserts; else
	take       string // finds a batch and takes the units,
	insert     string // and inserts the line
	find, lock string // the locking side: finds and locks a batch, takes the units of that one
	returns    bool   // take returns the batch, which insert needs
}

const (
	conditions = ` FROM hand_batches
		WHERE sku = %s AND open = 1 AND purchased - allocated >= 1 ORDER BY eta%s, ref LIMIT 1`
	columns = `
		INSERT INTO hand_lines (order_id, sku, part, batch_ref, quantity, shipped, split, held_until, sequence) `
)

// byHand is what a host would write, by engine.
var byHand = map[string]dml{
	"postgresql": {
		takeLine: `WITH taken AS (
				UPDATE hand_batches SET allocated = allocated + 1
				WHERE ref = (SELECT ref` + fmt.Sprintf(conditions, "$2", " NULLS FIRST") + `)
					AND purchased - allocated >= 1 RETURNING ref)
			` + columns + `SELECT $1, $2, 0, ref, 1, 0, 0, NULL, 1 FROM taken`,
		find:   `SELECT ref` + fmt.Sprintf(conditions, "$1", " NULLS FIRST") + ` FOR UPDATE`,
		lock:   `UPDATE hand_batches SET allocated = allocated + 1 WHERE ref = $1`,
		insert: columns + `VALUES ($1, $2, 0, $3, 1, 0, 0, NULL, 1)`,
	},
	"mariadb": {
		take: `UPDATE hand_batches SET allocated = allocated + 1
			WHERE sku = ? AND open = 1 AND purchased - allocated >= 1 AND (@ref := ref) IS NOT NULL
			ORDER BY eta, ref LIMIT 1`,
		find:   `SELECT ref` + fmt.Sprintf(conditions, "?", "") + ` FOR UPDATE`,
		lock:   `UPDATE hand_batches SET allocated = allocated + 1 WHERE ref = ?`,
		insert: columns + `VALUES (?, ?, 0, COALESCE(?, @ref), 1, 0, 0, NULL, 1)`,
	},
	"sqlite": {
		take: `UPDATE hand_batches SET allocated = allocated + 1
			WHERE ref = (SELECT ref` + fmt.Sprintf(conditions, "?", "") + `) RETURNING ref`,
		returns: true,
		insert:  columns + `VALUES (?, ?, 0, ?, 1, 0, 0, NULL, 1)`,
	},
}

// Locks says whether an engine has the side that locks the batch first.
func Locks(engine string) bool { return byHand[engine].find != "" }

// statements are a dml's, prepared.
type statements struct {
	dml
	db                                     *sql.DB
	takeLine, take, insertLine, find, lock *sql.Stmt
}

func (d dml) prepare(ctx context.Context, db *sql.DB) (*statements, error) {
	s := &statements{dml: d, db: db}
	var failed error
	for text, into := range map[string]**sql.Stmt{
		d.takeLine: &s.takeLine, d.take: &s.take, d.insert: &s.insertLine, d.find: &s.find, d.lock: &s.lock,
	} {
		if text == "" {
			continue
		}
		stmt, err := db.PrepareContext(ctx, text)
		*into, failed = stmt, errors.Join(failed, err)
	}
	return s, failed
}

// singleSide is the shortest way: one statement where the engine can, else the shortest transaction.
type singleSide struct{ *statements }

func (s singleSide) Place(ctx context.Context, lines []Line) error {
	if s.takeLine != nil && len(lines) == 1 {
		result, err := s.takeLine.ExecContext(ctx, lines[0].Order, lines[0].SKU)
		return taken(result, err)
	}
	return within(ctx, s.db, func(tx *sql.Tx) error {
		for _, l := range lines {
			if err := s.one(ctx, tx, l); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s singleSide) one(ctx context.Context, tx *sql.Tx, l Line) error {
	var ref any
	switch {
	case s.takeLine != nil:
		result, err := tx.StmtContext(ctx, s.takeLine).ExecContext(ctx, l.Order, l.SKU)
		return taken(result, err)
	case s.returns:
		var text string
		err := tx.StmtContext(ctx, s.take).QueryRowContext(ctx, l.SKU).Scan(&text)
		if errors.Is(err, sql.ErrNoRows) {
			return errShort
		}
		if err != nil {
			return err
		}
		ref = text
	default:
		result, err := tx.StmtContext(ctx, s.take).ExecContext(ctx, l.SKU)
		if err := taken(result, err); err != nil {
			return err
		}
	}
	_, err := tx.StmtContext(ctx, s.insertLine).ExecContext(ctx, l.Order, l.SKU, ref)
	return err
}

func taken(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, errShort)
	}
	return nil
}

// lockingSide locks the batch before it takes the units.
type lockingSide struct{ *statements }

func (s lockingSide) Place(ctx context.Context, lines []Line) error {
	return within(ctx, s.db, func(tx *sql.Tx) error {
		for _, l := range lines {
			var ref string
			err := tx.StmtContext(ctx, s.find).QueryRowContext(ctx, l.SKU).Scan(&ref)
			if errors.Is(err, sql.ErrNoRows) {
				return errShort
			}
			if err != nil {
				return err
			}
			if _, err := tx.StmtContext(ctx, s.lock).ExecContext(ctx, ref); err != nil {
				return err
			}
			if _, err := tx.StmtContext(ctx, s.insertLine).ExecContext(ctx, l.Order, l.SKU, ref); err != nil {
				return err
			}
		}
		return nil
	})
}

func within(ctx context.Context, db *sql.DB, fn func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
